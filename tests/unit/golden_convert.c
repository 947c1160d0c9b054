/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * golden_convert FILE: decodes the messages of a golden file and compares what is seen with what it says; with
 * GOLDEN_UPDATE=1 in the environment it writes the file anew. The format stands at the head of
 * tests/golden/convert.txt.
 */
#include "unit_golden.h"

#include <inttypes.h>
#include "wire/convert.h"

static void show_value(FILE *out, const char *what, struct bytes bytes)
{
	fprintf(out, "%s%s", what, bytes.n ? " " : "");
	golden_show_hex(out, bytes);
	fputc('\n', out);
}

static void show_options(FILE *out, struct bytes options)
{
	struct cursor c = cursor_of(options.at, options.n);
	struct convert_option option;

	while (convert_option_next(&c, &option)) {
		fprintf(out, " option %u", option.kind);
		fputs(option.content.n ? "=" : "", out);
		golden_show_hex(out, option.content);
	}
	fprintf(out, "%s\n", cursor_failed(&c) ? " and what is no option" : "");
}

static void show_ours(FILE *out, const struct convert_message *m, const struct convert_tlv *tlv)
{
	char text[ADDRESS_TEXT_BYTES];

	switch (tlv->type) {
	case CONVERT_BRAID_DSCP:
		fprintf(out, "text DSCP %u%s%s", m->dscp, m->plain ? ", plain TCP" : "", m->raced ? ", raced" : "");
		fprintf(out, m->instead ? ", instead %u\n" : "\n", m->instead);
		break;
	case CONVERT_BRAID_WATCH:
		fprintf(out, "text watch %016" PRIx64 "\n", m->watch);
		break;
	case CONVERT_BRAID_NONCE:
		show_value(out, "text nonce", m->nonce);
		break;
	case CONVERT_BRAID_SOURCE:
		fprintf(out, "text source %s\n", address_format_ip(&m->source, text));
		break;
	case CONVERT_BRAID_CLAIM:
		show_value(out, "text claim", m->claim);
		break;
	case CONVERT_BRAID_HOST:
		fprintf(out, "text host %s\n", address_format(&m->host, text));
		break;
	case CONVERT_BRAID_LIMITED:
		fprintf(out, "text limited by the links%s%s%s\n", m->limited & CONVERT_LIMITED_SPOILT ? ", spoilt" : "",
			m->limited & CONVERT_LIMITED_LATE ? ", late" : "",
			m->limited & CONVERT_LIMITED_NO_LIMITS ? ", no limits" : "");
		break;
	case CONVERT_BRAID_PCP:
		fprintf(out, "text PCP %u %s", m->pcp.id, address_format(&m->pcp.host, text));
		show_value(out, "", m->pcp.message);
		break;
	case CONVERT_BRAID_LEG:
		fprintf(out, "text leg %u", m->leg);
		show_value(out, " of", m->session);
		break;
	case CONVERT_BRAID_FIRST:
		fprintf(out, "text first %u", m->first.n);
		show_value(out, "", m->first.bytes);
		break;
	case CONVERT_BRAID_PROOF:
		show_value(out, "text proof", m->proof);
		break;
	default:
		fprintf(out, "text type %u:", tlv->type);
		show_value(out, "", tlv->value);
	}
}

static void show_tlv(FILE *out, const struct convert_message *m, const struct convert_tlv *tlv)
{
	char text[ADDRESS_TEXT_BYTES];

	switch (tlv->type) {
	case CONVERT_INFO:
		fputs("text info\n", out);
		break;
	case CONVERT_CONNECT:
		fprintf(out, "text connect %s", address_format(&m->connect.remote, text));
		show_options(out, m->connect.options);
		break;
	case CONVERT_EXTENDED_TCP_HEADER:
		fputs("text extended TCP header", out);
		show_options(out, m->extended);
		break;
	case CONVERT_SUPPORTED_TCP_EXTENSIONS:
		show_value(out, "text supported", m->supported);
		break;
	case CONVERT_COOKIE:
		show_value(out, "text cookie", m->cookie);
		break;
	case CONVERT_ERROR:
		fprintf(out, "text error %u:", m->error.code);
		show_value(out, "", m->error.value);
		break;
	default:
		show_ours(out, m, tlv);
	}
}

static void show_message(FILE *out, struct bytes in, const struct convert_message *m)
{
	struct cursor c = cursor_of(m->tlvs.at, m->tlvs.n);
	uint8_t room[CONVERT_MESSAGE_BYTES];
	struct convert_writer w = convert_begin(room, sizeof(room));
	struct convert_tlv tlv;
	size_t n;

	fprintf(out, "text message of %zu bytes, %zu follow\n", m->n_bytes, in.n - m->n_bytes);
	while (convert_tlv_next(&c, &tlv)) {
		show_tlv(out, m, &tlv);
		convert_put_again(&w, m, &tlv);
	}
	n = convert_end(&w);
	if (n == m->n_bytes && !memcmp(room, in.at, n))
		fputs("text written back the same\n", out);
	else
		show_value(out, "text written back", (struct bytes){ room, n });
}

static void show_record(FILE *out, struct bytes in)
{
	static const char *const errors[] = {
		[CONVERT_E_SHORT] = "more bytes are needed", [CONVERT_E_VERSION] = "another version",
		[CONVERT_E_MALFORMED] = "malformed", [CONVERT_E_RESERVED] = "reserved type",
	};
	struct convert_message message;
	int r = convert_message_get(&message, in.at, in.n);

	if (r)
		fprintf(out, "text %s\n", errors[r]);
	else
		show_message(out, in, &message);
}

int main(int argc, char **argv)
{
	return golden_main(argc, argv, show_record);
}
