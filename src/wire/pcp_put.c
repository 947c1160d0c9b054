/* SPDX-License-Identifier: MIT */
#include "wire/pcp.h"

#include <string.h>

#define WORD_BYTES 4
#define RESPONSE 0x80u
#define RESERVED_AT 12                    /* in a response's header, to its end */

static void put_mapping(struct cursor_out *out, uint8_t opcode, const struct pcp_mapping *mapping)
{
	if (opcode != PCP_MAP && opcode != PCP_PEER)
		return;
	cursor_put_bytes(out, mapping->nonce, sizeof(mapping->nonce));
	cursor_put_u8(out, mapping->protocol);
	cursor_put_zeros(out, 3);
	cursor_put_u16be(out, mapping->internal_port);
	cursor_put_u16be(out, mapping->external.port);
	cursor_put_bytes(out, mapping->external.ip, sizeof(mapping->external.ip));
	if (opcode != PCP_PEER)
		return;
	cursor_put_u16be(out, mapping->remote.port);
	cursor_put_zeros(out, 2);
	cursor_put_bytes(out, mapping->remote.ip, sizeof(mapping->remote.ip));
}

static void put_option_head(struct cursor_out *out, uint8_t code, uint16_t n_bytes)
{
	cursor_put_u8(out, code);
	cursor_put_u8(out, 0);
	cursor_put_u16be(out, n_bytes);
}

static void put_filter(struct cursor_out *out, const struct pcp_filter *filter)
{
	put_option_head(out, PCP_FILTER, 4 + sizeof(filter->remote.ip));
	cursor_put_u8(out, 0);
	cursor_put_u8(out, filter->n_bits);
	cursor_put_u16be(out, filter->remote.port);
	cursor_put_bytes(out, filter->remote.ip, sizeof(filter->remote.ip));
}

static struct cursor_out into(void *room, size_t n_room_bytes)
{
	return cursor_into(room, n_room_bytes < PCP_MESSAGE_BYTES ? n_room_bytes : PCP_MESSAGE_BYTES);
}

static size_t length(const struct cursor_out *out)
{
	return cursor_out_failed(out) ? 0 : out->n_written;
}

size_t pcp_request_put(const struct pcp_request *request, void *room, size_t n_room_bytes)
{
	struct cursor_out out = into(room, n_room_bytes);

	cursor_put_u8(&out, request->version);
	cursor_put_u8(&out, request->opcode);
	cursor_put_zeros(&out, 2);
	cursor_put_u32be(&out, request->lifetime_s);
	cursor_put_bytes(&out, request->client.ip, sizeof(request->client.ip));
	put_mapping(&out, request->opcode, &request->mapping);
	if (request->has_third_party) {
		put_option_head(&out, PCP_THIRD_PARTY, sizeof(request->third_party.ip));
		cursor_put_bytes(&out, request->third_party.ip, sizeof(request->third_party.ip));
	}
	if (request->prefer_failure)
		put_option_head(&out, PCP_PREFER_FAILURE, 0);
	for (size_t i = 0; i < request->n_filters; i++)
		put_filter(&out, &request->filters[i]);
	return length(&out);
}

static void put_head(struct cursor_out *out, uint8_t opcode, uint8_t result, uint32_t lifetime_s, uint32_t epoch_s)
{
	cursor_put_u8(out, PCP_VERSION);
	cursor_put_u8(out, (uint8_t)(opcode | RESPONSE));
	cursor_put_u8(out, 0);
	cursor_put_u8(out, result);
	cursor_put_u32be(out, lifetime_s);
	cursor_put_u32be(out, epoch_s);
}

size_t pcp_response_put(const struct pcp_response *response, void *room, size_t n_room_bytes)
{
	struct cursor_out out = into(room, n_room_bytes);

	put_head(&out, response->opcode, response->result, response->lifetime_s, response->epoch_s);
	cursor_put_zeros(&out, 12);
	put_mapping(&out, response->opcode, &response->mapping);
	cursor_put_bytes(&out, response->options.at, response->options.n);
	return length(&out);
}

size_t pcp_error_put(struct bytes request, enum pcp_result result, bool is_parsed, uint32_t lifetime_s,
		     uint32_t epoch_s, void *room, size_t n_room_bytes)
{
	uint8_t copy[PCP_MESSAGE_BYTES] = { 0 };
	size_t n = request.n < sizeof(copy) ? request.n : sizeof(copy);
	size_t n_padded = n < PCP_HEADER_BYTES ? PCP_HEADER_BYTES : (n + WORD_BYTES - 1) / WORD_BYTES * WORD_BYTES;
	struct cursor_out out = into(room, n_room_bytes);

	memcpy(copy, request.at, n);
	put_head(&out, copy[1], (uint8_t)result, lifetime_s, epoch_s);
	if (is_parsed)
		cursor_put_zeros(&out, PCP_HEADER_BYTES - RESERVED_AT);
	else
		/* the end of the client's address (7.2) */
		cursor_put_bytes(&out, copy + RESERVED_AT, PCP_HEADER_BYTES - RESERVED_AT);
	cursor_put_bytes(&out, copy + PCP_HEADER_BYTES, n_padded - PCP_HEADER_BYTES);
	return length(&out);
}
