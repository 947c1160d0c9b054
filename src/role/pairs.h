/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where what is known by two addresses stands in a table of n places: FNV-1a. */
#ifndef BRAID_ROLE_PAIRS_H
#define BRAID_ROLE_PAIRS_H

#include "base/address.h"

static inline size_t pair_place(const struct address *one, const struct address *other, size_t n)
{
	const struct address *both[] = { one, other };
	uint32_t hash = 2166136261u;

	for (size_t a = 0; a < 2; a++) {
		for (size_t i = 0; i < sizeof(both[a]->ip); i++)
			hash = (hash ^ both[a]->ip[i]) * 16777619u;
		hash = (hash ^ both[a]->port) * 16777619u;
	}
	return (hash ^ hash >> 16) % n;
}

#endif
