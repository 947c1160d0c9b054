/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where what is known by two addresses stands in a table of n places. */
#ifndef BRAID_ROLE_PAIRS_H
#define BRAID_ROLE_PAIRS_H

#include "base/hash.h"

static inline size_t pair_place(const struct address *one, const struct address *other, size_t n)
{
	return hash_place(hash_add_address(hash_add_address(HASH_BEGIN, one), other), n);
}

#endif
