/* SPDX-License-Identifier: MIT */
#include "wire/natpmp.h"

#include "base/cursor.h"

#define RESPONSE 0x80u

int natpmp_request_get(struct natpmp_request *out, const void *bytes, size_t n_bytes)
{
	struct cursor c = cursor_of(bytes, n_bytes);
	uint8_t version = cursor_get_u8(&c);

	*out = (struct natpmp_request){ .opcode = cursor_get_u8(&c) };
	if (cursor_failed(&c) || out->opcode & RESPONSE)
		return NATPMP_E_SILENT;
	if (version != NATPMP_VERSION)
		return NATPMP_E_VERSION;
	if (out->opcode == NATPMP_ADDRESS)
		return 0;
	if (out->opcode > NATPMP_MAP_TCP)
		return NATPMP_E_OPCODE;
	cursor_skip(&c, 2);
	out->internal_port = cursor_get_u16be(&c);
	out->external_port = cursor_get_u16be(&c);
	out->lifetime_s = cursor_get_u32be(&c);
	return cursor_failed(&c) ? NATPMP_E_SILENT : 0;
}

size_t natpmp_response_put(const struct natpmp_response *response, uint8_t room[NATPMP_RESPONSE_BYTES])
{
	struct cursor_out out = cursor_into(room, NATPMP_RESPONSE_BYTES);

	cursor_put_u8(&out, NATPMP_VERSION);
	cursor_put_u8(&out, (uint8_t)(response->opcode | RESPONSE));
	cursor_put_u16be(&out, response->result);
	cursor_put_u32be(&out, response->epoch_s);
	if (response->result == NATPMP_UNSUPPORTED_VERSION || response->result == NATPMP_UNSUPPORTED_OPCODE)
		return out.n_written;
	if (response->opcode == NATPMP_ADDRESS) {
		cursor_put_bytes(&out, response->external_ip, sizeof(response->external_ip));
		return out.n_written;
	}
	cursor_put_u16be(&out, response->internal_port);
	cursor_put_u16be(&out, response->external_port);
	cursor_put_u32be(&out, response->lifetime_s);
	return out.n_written;
}
