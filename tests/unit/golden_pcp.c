/* SPDX-License-Identifier: GPL-2.0-or-later */
/* golden_pcp FILE: as golden_convert, for PCP messages. The format stands at the head of tests/golden/pcp.txt. */
#include "unit_golden.h"

#include "wire/pcp.h"

static const char *const errors[] = {
	[PCP_E_SILENT] = "to be dropped", [PCP_E_VERSION] = "another version", [PCP_E_REQUEST] = "malformed",
	[PCP_E_OPCODE] = "unknown opcode", [PCP_E_OPTION] = "unknown option",
	[PCP_E_OPTION_MALFORMED] = "malformed option",
};
static const char *const opcodes[] = { "ANNOUNCE", "MAP", "PEER" };

static void show_mapping(FILE *out, uint8_t opcode, const struct pcp_mapping *mapping)
{
	char text[ADDRESS_TEXT_BYTES];

	if (opcode == PCP_ANNOUNCE)
		return;
	fputs("text nonce ", out);
	golden_show_hex(out, (struct bytes){ mapping->nonce, sizeof(mapping->nonce) });
	fprintf(out, " protocol %u internal port %u external %s\n", mapping->protocol, mapping->internal_port,
		address_format(&mapping->external, text));
	if (opcode == PCP_PEER)
		fprintf(out, "text remote %s\n", address_format(&mapping->remote, text));
}

static void show_options(FILE *out, struct bytes options)
{
	struct cursor c = cursor_of(options.at, options.n);
	struct pcp_option option;

	while (pcp_option_next(&c, &option)) {
		fprintf(out, "text option %u:", option.code);
		fputs(option.value.n ? " " : "", out);
		golden_show_hex(out, option.value);
		fputc('\n', out);
	}
}

static void show_written(FILE *out, const struct bytes *in, const uint8_t *room, size_t n)
{
	fputs("text written back ", out);
	if (n == in->n && !memcmp(room, in->at, n))
		fputs("the same", out);
	else
		golden_show_hex(out, (struct bytes){ room, n });
	fputc('\n', out);
}

static void show_request(FILE *out, const struct bytes *in, const struct pcp_request *request)
{
	uint8_t room[PCP_MESSAGE_BYTES];
	char text[ADDRESS_TEXT_BYTES];

	fprintf(out, "text request %s lifetime %u from %s\n", opcodes[request->opcode], request->lifetime_s,
		address_format(&request->client, text));
	show_mapping(out, request->opcode, &request->mapping);
	if (request->has_third_party)
		fprintf(out, "text for %s\n", address_format(&request->third_party, text));
	if (request->prefer_failure)
		fputs("text prefers failure\n", out);
	for (size_t i = 0; i < request->n_filters; i++)
		fprintf(out, "text filter %s / %u\n", address_format(&request->filters[i].remote, text),
			request->filters[i].n_bits);
	show_options(out, request->options);
	show_written(out, in, room, pcp_request_put(request, room, sizeof(room)));
}

static void show_response(FILE *out, const struct bytes *in, const struct pcp_response *response)
{
	uint8_t room[PCP_MESSAGE_BYTES];

	fprintf(out, "text response %s result %u lifetime %u epoch %u\n", opcodes[response->opcode], response->result,
		response->lifetime_s, response->epoch_s);
	show_mapping(out, response->opcode, &response->mapping);
	show_options(out, response->options);
	show_written(out, in, room, pcp_response_put(response, room, sizeof(room)));
}

static void show(FILE *out, struct bytes in)
{
	struct pcp_request request;
	struct pcp_response response;
	int r = pcp_request_get(&request, in.at, in.n);

	if (!r)
		show_request(out, &in, &request);
	else if (!pcp_response_get(&response, in.at, in.n))
		show_response(out, &in, &response);
	else
		fprintf(out, "text %s\n", errors[r]);
}

int main(int argc, char **argv)
{
	return golden_main(argc, argv, show);
}
