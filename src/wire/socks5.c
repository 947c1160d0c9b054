/* SPDX-License-Identifier: MIT */
#include "wire/socks5.h"

#include <string.h>

enum { TYPE_V4 = 1, TYPE_NAME = 3, TYPE_V6 = 4 };   /* RFC 1928, 5 */

#define V4_AT 12   /* in struct address */

/* Whether the first byte that is there already is another one. */
static bool begins_otherwise(const uint8_t *bytes, size_t n_bytes, uint8_t version)
{
	return n_bytes && bytes[0] != version;
}

/* A length and so many bytes. */
static struct bytes get_string(struct cursor *c)
{
	return cursor_take(c, cursor_get_u8(c));
}

static bool is_string(struct bytes string)
{
	return string.n && string.n <= SOCKS5_STRING_BYTES;
}

static void put_string(struct cursor_out *out, struct bytes string)
{
	cursor_put_u8(out, (uint8_t)string.n);
	cursor_put_bytes(out, string.at, string.n);
}

static size_t written(const struct cursor_out *out)
{
	return cursor_out_failed(out) ? 0 : out->n_written;
}

int socks5_methods_get(struct socks5_methods *out, const void *bytes, size_t n_bytes)
{
	struct cursor c = cursor_of(bytes, n_bytes);

	*out = (struct socks5_methods){ .n_bytes = 0 };
	if (begins_otherwise(bytes, n_bytes, SOCKS5_VERSION))
		return SOCKS5_E_VERSION;
	cursor_skip(&c, 1);
	out->methods = get_string(&c);
	if (cursor_failed(&c))
		return SOCKS5_E_SHORT;
	out->n_bytes = n_bytes - c.n_left;
	return out->methods.n ? 0 : SOCKS5_E_MALFORMED;
}

size_t socks5_methods_put(const struct socks5_methods *methods, void *room, size_t n_room)
{
	struct cursor_out out = cursor_into(room, n_room);

	if (!is_string(methods->methods))
		return 0;
	cursor_put_u8(&out, SOCKS5_VERSION);
	put_string(&out, methods->methods);
	return written(&out);
}

/* A version and one byte. */
static int pair_get(uint8_t version, uint8_t *value, const void *bytes, size_t n_bytes)
{
	struct cursor c = cursor_of(bytes, n_bytes);

	if (begins_otherwise(bytes, n_bytes, version))
		return SOCKS5_E_VERSION;
	cursor_skip(&c, 1);
	*value = cursor_get_u8(&c);
	return cursor_failed(&c) ? SOCKS5_E_SHORT : 0;
}

static size_t pair_put(uint8_t version, uint8_t value, void *room, size_t n_room)
{
	struct cursor_out out = cursor_into(room, n_room);

	cursor_put_u8(&out, version);
	cursor_put_u8(&out, value);
	return written(&out);
}

int socks5_choice_get(uint8_t *method, const void *bytes, size_t n_bytes)
{
	return pair_get(SOCKS5_VERSION, method, bytes, n_bytes);
}

size_t socks5_choice_put(uint8_t method, void *room, size_t n_room)
{
	return pair_put(SOCKS5_VERSION, method, room, n_room);
}

int socks5_status_get(uint8_t *status, const void *bytes, size_t n_bytes)
{
	return pair_get(SOCKS5_PASSWORD_VERSION, status, bytes, n_bytes);
}

size_t socks5_status_put(uint8_t status, void *room, size_t n_room)
{
	return pair_put(SOCKS5_PASSWORD_VERSION, status, room, n_room);
}

int socks5_password_get(struct socks5_password *out, const void *bytes, size_t n_bytes)
{
	struct cursor c = cursor_of(bytes, n_bytes);

	*out = (struct socks5_password){ .n_bytes = 0 };
	if (begins_otherwise(bytes, n_bytes, SOCKS5_PASSWORD_VERSION))
		return SOCKS5_E_VERSION;
	cursor_skip(&c, 1);
	out->user = get_string(&c);
	if (cursor_failed(&c))
		return SOCKS5_E_SHORT;
	if (!out->user.n)
		return SOCKS5_E_MALFORMED;
	out->password = get_string(&c);
	if (cursor_failed(&c))
		return SOCKS5_E_SHORT;
	out->n_bytes = n_bytes - c.n_left;
	return out->password.n ? 0 : SOCKS5_E_MALFORMED;
}

size_t socks5_password_put(const struct socks5_password *password, void *room, size_t n_room)
{
	struct cursor_out out = cursor_into(room, n_room);

	if (!is_string(password->user) || !is_string(password->password))
		return 0;
	cursor_put_u8(&out, SOCKS5_PASSWORD_VERSION);
	put_string(&out, password->user);
	put_string(&out, password->password);
	return written(&out);
}

static int address_get(struct cursor *c, uint8_t type, struct socks5_endpoint *out)
{
	switch (type) {
	case TYPE_V4:
		out->address = address_from_v4(0, 0);
		cursor_get_bytes(c, out->address.ip + V4_AT, sizeof(out->address.ip) - V4_AT);
		return 0;
	case TYPE_V6:
		cursor_get_bytes(c, out->address.ip, sizeof(out->address.ip));
		return 0;
	case TYPE_NAME:
		out->name = get_string(c);
		if (!cursor_failed(c) && (!out->name.n || memchr(out->name.at, 0, out->name.n)))
			return SOCKS5_E_MALFORMED;
		return 0;
	default:
		return SOCKS5_E_ADDRESS_TYPE;
	}
}

int socks5_endpoint_get(struct socks5_endpoint *out, const void *bytes, size_t n_bytes)
{
	struct cursor c = cursor_of(bytes, n_bytes);
	uint8_t reserved, type;
	int r;

	*out = (struct socks5_endpoint){ .n_bytes = 0 };
	if (begins_otherwise(bytes, n_bytes, SOCKS5_VERSION))
		return SOCKS5_E_VERSION;
	cursor_skip(&c, 1);
	out->code = cursor_get_u8(&c);
	reserved = cursor_get_u8(&c);
	if (reserved)
		return SOCKS5_E_MALFORMED;
	type = cursor_get_u8(&c);
	if (cursor_failed(&c))
		return SOCKS5_E_SHORT;
	r = address_get(&c, type, out);
	if (r)
		return r;
	out->address.port = cursor_get_u16be(&c);
	if (cursor_failed(&c))
		return SOCKS5_E_SHORT;
	out->n_bytes = n_bytes - c.n_left;
	return 0;
}

/* A v4-mapped address is IPv4. An unspecified one is IPv4's, so that every peer can read it. */
static void put_address(struct cursor_out *out, const struct address *address)
{
	if (address_is_v4(address) || address_is_unspecified(address)) {
		cursor_put_u8(out, TYPE_V4);
		cursor_put_bytes(out, address->ip + V4_AT, sizeof(address->ip) - V4_AT);
	} else {
		cursor_put_u8(out, TYPE_V6);
		cursor_put_bytes(out, address->ip, sizeof(address->ip));
	}
}

size_t socks5_endpoint_put(const struct socks5_endpoint *endpoint, void *room, size_t n_room)
{
	struct cursor_out out = cursor_into(room, n_room);

	if (endpoint->name.n && (!is_string(endpoint->name) || memchr(endpoint->name.at, 0, endpoint->name.n)))
		return 0;
	cursor_put_u8(&out, SOCKS5_VERSION);
	cursor_put_u8(&out, endpoint->code);
	cursor_put_u8(&out, 0);
	if (endpoint->name.n) {
		cursor_put_u8(&out, TYPE_NAME);
		put_string(&out, endpoint->name);
	} else {
		put_address(&out, &endpoint->address);
	}
	cursor_put_u16be(&out, endpoint->address.port);
	return written(&out);
}
