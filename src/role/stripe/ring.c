/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/stripe/ring.h"

#include <stdlib.h>
#include <string.h>
#include "base/util.h"

static size_t chunk_of(uint64_t offset)
{
	return (size_t)(offset / RING_CHUNK_BYTES % RING_CHUNKS);
}

static size_t left_in_chunk(uint64_t offset)
{
	return RING_CHUNK_BYTES - (size_t)(offset % RING_CHUNK_BYTES);
}

static void give_chunk(struct ring *ring, size_t i)
{
	if (!ring->chunks[i])
		return;
	free(ring->chunks[i]);
	ring->chunks[i] = NULL;
	ring->n_chunks--;
}

uint8_t *ring_room(struct ring *ring, uint64_t offset, size_t *n)
{
	uint8_t **chunk = &ring->chunks[chunk_of(offset)];

	if (!*chunk) {
		*chunk = malloc(RING_CHUNK_BYTES);
		if (!*chunk)
			return NULL;
		ring->n_chunks++;
	}
	*n = size_min(*n, left_in_chunk(offset));
	return *chunk + offset % RING_CHUNK_BYTES;
}

struct bytes ring_bytes(const struct ring *ring, uint64_t offset, size_t n)
{
	return (struct bytes){ ring->chunks[chunk_of(offset)] + offset % RING_CHUNK_BYTES,
			       size_min(n, left_in_chunk(offset)) };
}

bool ring_put(struct ring *ring, uint64_t offset, struct bytes bytes)
{
	while (bytes.n) {
		size_t n = bytes.n;
		uint8_t *room = ring_room(ring, offset, &n);

		if (!room)
			return false;
		memcpy(room, bytes.at, n);
		offset += n;
		bytes = (struct bytes){ bytes.at + n, bytes.n - n };
	}
	return true;
}

void ring_get(const struct ring *ring, uint64_t offset, uint8_t *out, size_t n)
{
	while (n) {
		struct bytes some = ring_bytes(ring, offset, n);

		memcpy(out, some.at, some.n);
		out += some.n;
		offset += some.n;
		n -= some.n;
	}
}

void ring_give_up(struct ring *ring, uint64_t from, uint64_t to, bool none)
{
	for (uint64_t at = from - from % RING_CHUNK_BYTES; at + RING_CHUNK_BYTES <= to; at += RING_CHUNK_BYTES)
		give_chunk(ring, chunk_of(at));
	if (none)
		give_chunk(ring, chunk_of(to));
}

void ring_free(struct ring *ring)
{
	for (size_t i = 0; i < RING_CHUNKS; i++)
		give_chunk(ring, i);
}
