/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * golden_convert FILE: decodes the messages of a golden file and compares what is seen with what it says; with
 * GOLDEN_UPDATE=1 in the environment it writes the file anew. The format stands at the head of tests/golden/convert.txt.
 */
#include "unit.h"

#include <inttypes.h>
#include "wire/convert.h"

struct record {
	char name[160];
	struct unit_bytes bytes;
	char expected[8192];
};

static void show_hex(FILE *out, struct bytes bytes)
{
	for (size_t i = 0; i < bytes.n; i++)
		fprintf(out, "%02x", bytes.at[i]);
}

static void show_value(FILE *out, const char *what, struct bytes bytes)
{
	fprintf(out, "%s%s", what, bytes.n ? " " : "");
	show_hex(out, bytes);
	fputc('\n', out);
}

static void show_options(FILE *out, struct bytes options)
{
	struct cursor c = cursor_of(options.at, options.n);
	struct convert_option option;

	while (convert_option_next(&c, &option)) {
		fprintf(out, " option %u", option.kind);
		fputs(option.content.n ? "=" : "", out);
		show_hex(out, option.content);
	}
	fprintf(out, "%s\n", cursor_failed(&c) ? " and what is no option" : "");
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
	case CONVERT_BRAID_DSCP:
		fprintf(out, "text DSCP %u%s\n", m->dscp, m->plain ? ", plain TCP" : "");
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
	default:
		fprintf(out, "text type %u:", tlv->type);
		show_value(out, "", tlv->value);
	}
}

static void show_message(FILE *out, const struct unit_bytes *in, const struct convert_message *m)
{
	struct cursor c = cursor_of(m->tlvs.at, m->tlvs.n);
	uint8_t room[CONVERT_MESSAGE_BYTES];
	struct convert_writer w = convert_begin(room, sizeof(room));
	struct convert_tlv tlv;
	size_t n;

	fprintf(out, "text message of %zu bytes, %zu follow\n", m->n_bytes, in->n - m->n_bytes);
	while (convert_tlv_next(&c, &tlv)) {
		show_tlv(out, m, &tlv);
		convert_put_again(&w, m, &tlv);
	}
	n = convert_end(&w);
	if (n == m->n_bytes && !memcmp(room, in->at, n))
		fputs("text written back the same\n", out);
	else
		show_value(out, "text written back", (struct bytes){ room, n });
}

static void show_record(FILE *out, const struct record *record)
{
	static const char *const errors[] = {
		[CONVERT_E_SHORT] = "more bytes are needed", [CONVERT_E_VERSION] = "another version",
		[CONVERT_E_MALFORMED] = "malformed", [CONVERT_E_RESERVED] = "reserved type",
	};
	uint8_t *copy = unit_copy(record->bytes.at, record->bytes.n);
	struct convert_message message;
	int r = convert_message_get(&message, copy, record->bytes.n);

	if (r)
		fprintf(out, "text %s\n", errors[r]);
	else
		show_message(out, &record->bytes, &message);
	free(copy);
}

/* Compares, and returns how many differ (0 or 1). updated: the file as it should be. */
static int finish_record(struct record *record, FILE *updated)
{
	char *seen = NULL;
	size_t n_seen;
	FILE *out;
	int differs;

	if (!record->name[0])
		return 0;
	out = open_memstream(&seen, &n_seen);
	show_record(out, record);
	fclose(out);
	fputs(seen, updated);
	differs = strcmp(seen, record->expected) != 0;
	if (differs)
		fprintf(stderr, "%s\nexpected:\n%sseen:\n%s\n", record->name, record->expected, seen);
	free(seen);
	*record = (struct record){ .name = "" };
	return differs;
}

static int read_file(FILE *in, FILE *updated, unsigned int *n_records)
{
	struct record record = { .name = "" };
	char line[400];
	int n_differ = 0;

	while (fgets(line, sizeof(line), in)) {
		if (!strncmp(line, "text ", 5)) {
			strncat(record.expected, line, sizeof(record.expected) - strlen(record.expected) - 1);
			continue;   /* comes again from what is seen */
		}
		if (line[0] == '\n')
			n_differ += finish_record(&record, updated);
		fputs(line, updated);
		line[strcspn(line, "\n")] = 0;
		if (!strncmp(line, "name ", 5)) {
			snprintf(record.name, sizeof(record.name), "%.159s", line + 5);
			++*n_records;
		} else if (!strncmp(line, "hex ", 4)) {
			unit_hex_add(&record.bytes, line + 4);
		}
	}
	return n_differ + finish_record(&record, updated);
}

static int update(const char *path, const char *text)
{
	FILE *out = fopen(path, "w");

	if (!out || fputs(text, out) < 0 || fclose(out)) {
		perror(path);
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	FILE *in = argc == 2 ? fopen(argv[1], "r") : NULL, *updated;
	unsigned int n_records = 0;
	char *text = NULL;
	size_t n_text;
	int n_differ;

	if (!in) {
		fprintf(stderr, "usage: golden_convert FILE\n");
		return 2;
	}
	updated = open_memstream(&text, &n_text);
	n_differ = read_file(in, updated, &n_records);
	fclose(in);
	fclose(updated);
	printf("%u messages, %d differ\n", n_records, n_differ);
	if (n_differ && getenv("GOLDEN_UPDATE"))
		n_differ = update(argv[1], text);
	free(text);
	return n_differ || !n_records;
}
