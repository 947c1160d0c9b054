/* SPDX-License-Identifier: MIT */
#include "base/cursor.h"

#include <string.h>

struct cursor cursor_of(const void *bytes, size_t n_bytes)
{
	return (struct cursor){ .at = bytes, .n_left = n_bytes };
}

/* NULL, with the failure sticking, where fewer than n_bytes are left. */
static const uint8_t *advance(struct cursor *c, size_t n_bytes)
{
	const uint8_t *from = c->at;

	if (c->failed || n_bytes > c->n_left) {
		c->failed = true;
		return NULL;
	}
	if (n_bytes)
		c->at += n_bytes;
	c->n_left -= n_bytes;
	return from;
}

static uint64_t get_be(struct cursor *c, size_t n_bytes)
{
	const uint8_t *from = advance(c, n_bytes);
	uint64_t value = 0;

	for (size_t i = 0; from && i < n_bytes; i++)
		value = value << 8 | from[i];
	return value;
}

uint8_t cursor_get_u8(struct cursor *c) { return (uint8_t)get_be(c, 1); }
uint16_t cursor_get_u16be(struct cursor *c) { return (uint16_t)get_be(c, 2); }
uint32_t cursor_get_u32be(struct cursor *c) { return (uint32_t)get_be(c, 4); }
uint64_t cursor_get_u64be(struct cursor *c) { return get_be(c, 8); }

void cursor_get_bytes(struct cursor *c, void *out, size_t n_bytes)
{
	const uint8_t *from = advance(c, n_bytes);

	if (!n_bytes)
		return;
	if (from)
		memcpy(out, from, n_bytes);
	else
		memset(out, 0, n_bytes);
}

void cursor_skip(struct cursor *c, size_t n_bytes)
{
	advance(c, n_bytes);
}

struct bytes cursor_take(struct cursor *c, size_t n_bytes)
{
	const uint8_t *from = advance(c, n_bytes);

	return from ? (struct bytes){ from, n_bytes } : (struct bytes){ NULL, 0 };
}

struct cursor cursor_sub(struct cursor *c, size_t n_bytes)
{
	struct bytes part = cursor_take(c, n_bytes);

	return (struct cursor){ .at = part.at, .n_left = part.n, .failed = c->failed };
}

struct bytes cursor_rest(struct cursor *c)
{
	return cursor_take(c, c->n_left);
}

struct cursor_out cursor_into(void *bytes, size_t n_bytes)
{
	return (struct cursor_out){ .at = bytes, .n_left = n_bytes };
}

static uint8_t *advance_out(struct cursor_out *c, size_t n_bytes)
{
	uint8_t *to = c->at;

	if (c->failed || n_bytes > c->n_left) {
		c->failed = true;
		return NULL;
	}
	if (n_bytes)
		c->at += n_bytes;
	c->n_left -= n_bytes;
	c->n_written += n_bytes;
	return to;
}

static void put_be(struct cursor_out *c, uint64_t value, size_t n_bytes)
{
	uint8_t *to = advance_out(c, n_bytes);

	for (size_t i = n_bytes; to && i-- > 0; value >>= 8)
		to[i] = (uint8_t)value;
}

void cursor_put_u8(struct cursor_out *c, uint8_t value) { put_be(c, value, 1); }
void cursor_put_u16be(struct cursor_out *c, uint16_t value) { put_be(c, value, 2); }
void cursor_put_u32be(struct cursor_out *c, uint32_t value) { put_be(c, value, 4); }
void cursor_put_u64be(struct cursor_out *c, uint64_t value) { put_be(c, value, 8); }

void cursor_put_bytes(struct cursor_out *c, const void *bytes, size_t n_bytes)
{
	uint8_t *to = advance_out(c, n_bytes);

	if (to && n_bytes)
		memcpy(to, bytes, n_bytes);
}

void cursor_put_zeros(struct cursor_out *c, size_t n_bytes)
{
	uint8_t *to = advance_out(c, n_bytes);

	if (to && n_bytes)
		memset(to, 0, n_bytes);
}
