/* SPDX-License-Identifier: MIT */
/*
 * A bounded place in a byte string, for parsing and for writing. The first access beyond the end sticks: from
 * then on reads give zero, writes do nothing, and cursor_failed() tells. So a codec handles all fields in a row and
 * asks once. The bytes are borrowed. Pure.
 */
#ifndef BRAID_BASE_CURSOR_H
#define BRAID_BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes {
	const uint8_t *at;
	size_t n;
};

struct cursor {          /* reads */
	const uint8_t *at;
	size_t n_left;
	bool failed;
};

struct cursor_out {      /* writes */
	uint8_t *at;
	size_t n_left;
	size_t n_written;
	bool failed;
};

struct cursor cursor_of(const void *bytes, size_t n_bytes);
uint8_t cursor_get_u8(struct cursor *c);
uint16_t cursor_get_u16be(struct cursor *c);
uint32_t cursor_get_u32be(struct cursor *c);
uint64_t cursor_get_u64be(struct cursor *c);
void cursor_get_bytes(struct cursor *c, void *out, size_t n_bytes);   /* zeros on failure */
void cursor_skip(struct cursor *c, size_t n_bytes);
struct cursor cursor_sub(struct cursor *c, size_t n_bytes);           /* takes n_bytes out of c, as a cursor of its
								       * own */
struct bytes cursor_take(struct cursor *c, size_t n_bytes);           /* borrowed; {NULL, 0} on failure */
struct bytes cursor_rest(struct cursor *c);                           /* everything left, borrowed; c is then empty */

struct cursor_out cursor_into(void *bytes, size_t n_bytes);
void cursor_put_u8(struct cursor_out *c, uint8_t value);
void cursor_put_u16be(struct cursor_out *c, uint16_t value);
void cursor_put_u32be(struct cursor_out *c, uint32_t value);
void cursor_put_u64be(struct cursor_out *c, uint64_t value);
void cursor_put_bytes(struct cursor_out *c, const void *bytes, size_t n_bytes);
void cursor_put_zeros(struct cursor_out *c, size_t n_bytes);

static inline bool cursor_failed(const struct cursor *c) { return c->failed; }
static inline bool cursor_out_failed(const struct cursor_out *c) { return c->failed; }

#endif
