/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests of two hosts, one after the other: whatever comes, the answer is a response to it, and an error has
 * changed nothing. */
#include "fuzz.h"

#include "signalling/pcp_server.h"

#define MOST 4u

static struct mappings *new_table(struct address external)
{
	struct mappings_options options = { .external = external, .first_port = 20000, .last_port = 20005, .least_s = 1,
					    .most_s = 100, .hold_s = 2 };
	struct mappings *table;

	expect(!mappings_new(&options, &table));
	return table;
}

static void ask(const struct pcp_server *server, uint8_t choices, struct bytes request, uint64_t now_s)
{
	uint8_t out[PCP_MESSAGE_BYTES];
	struct pcp_asker asker = { .subscriber = choices & 1, .most = choices & 2 ? 0 : MOST,
				   .proven = !(choices & 4) };
	struct pcp_response response;
	size_t n_before, n;

	if (request.n >= 24 && !(choices & 8))
		memcpy(asker.source.ip, request.at + 8, sizeof(asker.source.ip));
	mappings_turn(server->table, now_s);
	n_before = mappings_count(server->table);
	n = pcp_server_answer(server, &asker, request, now_s, out);
	expect(n <= PCP_MESSAGE_BYTES && mappings_count(server->table) <= 2 * MOST);
	if (!n)
		return;
	expect(n >= PCP_HEADER_BYTES && n % 4 == 0 && out[0] == PCP_VERSION && out[1] == (request.at[1] | 0x80) &&
	       out[3] < PCP_RESULTS);
	expect(!out[3] || mappings_count(server->table) == n_before);
	expect(out[3] || !pcp_response_get(&response, out, n));
}

/* Pieces, each with a byte of choices and its length in words in front. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct pcp_server server = { .external = address_from_v4(htonl(0xc6336401), 0) };
	struct cursor c = cursor_of(bytes, n);

	server.table = new_table(server.external);
	for (uint64_t now_s = 1; c.n_left; now_s++) {
		uint8_t choices = cursor_get_u8(&c);
		size_t n_piece = cursor_get_u8(&c) * 4u;
		struct bytes piece = cursor_take(&c, n_piece < c.n_left ? n_piece : c.n_left);
		uint8_t *copy = fuzz_copy(piece.at, piece.n);

		ask(&server, choices, (struct bytes){ copy, piece.n }, now_s);
		free(copy);
	}
	mappings_freep(&server.table);
	return 0;
}
