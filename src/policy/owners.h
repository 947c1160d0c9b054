/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whose an address is, where each prefix is one party's and none holds another. Pure. */
#ifndef BRAID_POLICY_OWNERS_H
#define BRAID_POLICY_OWNERS_H

#include <stddef.h>
#include <stdint.h>
#include "base/address.h"

struct owned {
	struct prefix prefix;
	uint32_t owner;           /* the caller's own number */
};

/* Into the order that the others need. */
void owners_sort(struct owned *list, size_t n);
/* Of a sorted list: the first that has addresses in common with the one before it; NULL: none has, and owners_find()
 * may be asked. */
const struct owned *owners_overlap(const struct owned *list, size_t n);
/* NULL: nobody's. */
const struct owned *owners_find(const struct owned *list, size_t n, const struct address *address);

#endif
