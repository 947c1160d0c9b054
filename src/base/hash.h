/* SPDX-License-Identifier: MIT */
/* Spreads what is known by its bytes over a table: FNV-1a, 32 bits. Whoever may choose the bytes can choose them to
 * fall together. Pure. */
#ifndef BRAID_BASE_HASH_H
#define BRAID_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>
#include "base/address.h"

#define HASH_BEGIN 2166136261u

/* The hash of what there was, HASH_BEGIN at first, and these. */
static inline uint32_t hash_add(uint32_t hash, const void *bytes, size_t n_bytes)
{
	const uint8_t *at = bytes;

	for (size_t i = 0; i < n_bytes; i++)
		hash = (hash ^ at[i]) * 16777619u;
	return hash;
}

static inline uint32_t hash_add_address(uint32_t hash, const struct address *address)
{
	return hash_add(hash_add(hash, address->ip, sizeof(address->ip)), &address->port, sizeof(address->port));
}

/* Where it stands in a table of so many places: the upper bits are the better ones. */
static inline size_t hash_place(uint32_t hash, size_t n_places)
{
	return (hash ^ hash >> 16) % n_places;
}

#endif
