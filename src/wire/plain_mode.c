/* SPDX-License-Identifier: MIT */
#include "wire/plain_mode.h"

#include <string.h>
#include "base/cursor.h"

#define HEAD_BYTES 4
#define PORT_BYTES 2
#define IS_SOURCE 2u
#define IS_LAST 1u

static const uint8_t magic[PLAIN_MODE_MAGIC_BYTES] = { 0xfa, 0xa8, 0xfa, 0xa8 }, zeros[4];

struct element {
	bool is_source, is_last;
	struct address address;
};

/* 0: no element is so long. */
static size_t address_bytes(size_t n_element)
{
	switch (n_element) {
	case HEAD_BYTES + 4:
	case HEAD_BYTES + 4 + PORT_BYTES:
		return 4;
	case HEAD_BYTES + 16:
	case HEAD_BYTES + 16 + PORT_BYTES:
		return 16;
	default:
		return 0;
	}
}

static size_t padding_of(size_t n_element)
{
	return -n_element % 4;
}

/* Behind the head. An IPv4 address has a form of its own, and what isn't there has no port: each address is written
 * in one way. */
static int body_get(struct cursor *c, size_t n_element, struct address *out)
{
	size_t n_address = address_bytes(n_element), n_port = n_element - HEAD_BYTES - n_address;
	uint8_t padding[sizeof(zeros)] = { 0 };

	*out = address_from_v4(0, 0);
	cursor_get_bytes(c, out->ip + sizeof(out->ip) - n_address, n_address);
	out->port = n_port ? cursor_get_u16be(c) : 0;
	cursor_get_bytes(c, padding, padding_of(n_element));
	if (cursor_failed(c))
		return PLAIN_MODE_E_SHORT;
	if ((n_port && !out->port) || memcmp(padding, zeros, sizeof(zeros)) != 0 ||
	    (n_address == 16 && address_is_v4(out)))
		return PLAIN_MODE_E_MALFORMED;
	return 0;
}

static int element_get(struct cursor *c, struct element *out)
{
	uint8_t type = cursor_get_u8(c), length = cursor_get_u8(c);
	uint16_t flags = cursor_get_u16be(c);

	if (cursor_failed(c))
		return PLAIN_MODE_E_SHORT;
	if (type || !address_bytes(length) || flags & ~(IS_SOURCE | IS_LAST))
		return PLAIN_MODE_E_MALFORMED;
	out->is_source = flags & IS_SOURCE;
	out->is_last = flags & IS_LAST;
	return body_get(c, length, &out->address);
}

/* The second is the last, and of the other kind. */
static void take(struct plain_mode *message, const struct element *element)
{
	message->source_first |= element->is_source && !message->has_destination;
	if (element->is_source) {
		message->has_source = true;
		message->source = element->address;
	} else {
		message->has_destination = true;
		message->destination = element->address;
	}
}

static int elements_get(struct cursor *c, struct plain_mode *out)
{
	struct element first, second;
	int r = element_get(c, &first);

	if (r)
		return r;
	take(out, &first);
	if (first.is_last)
		return 0;
	r = element_get(c, &second);
	if (r)
		return r;
	if (!second.is_last || second.is_source == first.is_source)
		return PLAIN_MODE_E_MALFORMED;
	take(out, &second);
	return 0;
}

int plain_mode_get(struct plain_mode *out, const void *bytes, size_t n_bytes)
{
	size_t n_magic = n_bytes < sizeof(magic) ? n_bytes : sizeof(magic);
	struct cursor c = cursor_of(bytes, n_bytes);
	int r;

	*out = (struct plain_mode){ 0 };
	if (n_magic && memcmp(bytes, magic, n_magic) != 0)
		return PLAIN_MODE_E_MALFORMED;
	cursor_skip(&c, sizeof(magic));
	r = elements_get(&c, out);
	out->n_bytes = n_bytes - c.n_left;
	return r;
}

static void element_put(struct cursor_out *out, const struct address *address, bool is_source, bool is_last)
{
	size_t n_address = address_is_v4(address) ? 4 : 16,
	       n_element = HEAD_BYTES + n_address + (address->port ? PORT_BYTES : 0);

	cursor_put_u8(out, 0);
	cursor_put_u8(out, (uint8_t)n_element);
	cursor_put_u16be(out, (is_source ? IS_SOURCE : 0) | (is_last ? IS_LAST : 0));
	cursor_put_bytes(out, address->ip + sizeof(address->ip) - n_address, n_address);
	if (address->port)
		cursor_put_u16be(out, address->port);
	cursor_put_zeros(out, padding_of(n_element));
}

size_t plain_mode_put(const struct plain_mode *message, uint8_t room[PLAIN_MODE_BYTES])
{
	struct cursor_out out = cursor_into(room, PLAIN_MODE_BYTES);
	bool both = message->has_destination && message->has_source;

	cursor_put_bytes(&out, magic, sizeof(magic));
	if (both)
		element_put(&out, message->source_first ? &message->source : &message->destination,
			    message->source_first, false);
	if (both ? message->source_first : message->has_destination)
		element_put(&out, &message->destination, false, true);
	else
		element_put(&out, &message->source, true, true);
	return out.n_written;
}
