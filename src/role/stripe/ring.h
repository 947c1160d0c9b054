/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bytes of a stream that somebody may want still, by their places in it: as much memory as they need, in chunks
 * that come and go. */
#ifndef BRAID_ROLE_STRIPE_RING_H
#define BRAID_ROLE_STRIPE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/cursor.h"
#include "policy/stripe.h"

#define RING_CHUNK_BYTES (32u << 10)
#define RING_CHUNKS (STRIPE_WIDE_WINDOW_BYTES / RING_CHUNK_BYTES + 1)   /* one more, as the first and the last are
									 * used in part */

/* Begins with zeros. */
struct ring {
	uint8_t *chunks[RING_CHUNKS];
	size_t n_chunks;               /* that are there */
};

/* Room for bytes from there on, as far as one chunk goes: *n, of which as much as is wanted goes in. NULL without
 * memory. */
uint8_t *ring_room(struct ring *ring, uint64_t offset, size_t *n);
/* The bytes there, which were put there, as far as one chunk goes: n at most. */
struct bytes ring_bytes(const struct ring *ring, uint64_t offset, size_t n);
/* Several chunks, if need be. False without memory. */
bool ring_put(struct ring *ring, uint64_t offset, struct bytes bytes);
void ring_get(const struct ring *ring, uint64_t offset, uint8_t *out, size_t n);
/* Nobody wants what is before to, of which what is before from was given up earlier; none: nor is there anything
 * behind it. */
void ring_give_up(struct ring *ring, uint64_t from, uint64_t to, bool none);
void ring_free(struct ring *ring);

#endif
