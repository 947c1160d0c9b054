/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A set of prefixes of both families as sorted ranges that neither overlap nor touch: made once, then only asked. A
 * hundred thousand prefixes are asked in 17 steps. Pure.
 */
#ifndef BRAID_POLICY_PREFIXES_H
#define BRAID_POLICY_PREFIXES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/address.h"

struct prefixes_v4 { uint32_t first, last; };       /* host order */
struct prefixes_v6 { uint8_t first[16], last[16]; };

struct prefixes {
	struct prefixes_v4 *v4;
	size_t n_v4;
	struct prefixes_v6 *v6;
	size_t n_v6;
};

/* Sorts and merges; borrows all. 0 or -ENOMEM (then *out is empty). */
int prefixes_make(struct prefixes *out, const struct prefix *all, size_t n);
void prefixes_end(struct prefixes *prefixes);   /* empty afterwards */

static inline bool prefixes_empty(const struct prefixes *prefixes) { return !prefixes->n_v4 && !prefixes->n_v6; }
bool prefixes_have(const struct prefixes *prefixes, const struct address *address);   /* its port doesn't matter */
/* Whether every address of the range is in the set. */
bool prefixes_have_v4(const struct prefixes *prefixes, const struct prefixes_v4 *range);
bool prefixes_have_v6(const struct prefixes *prefixes, const struct prefixes_v6 *range);

#endif
