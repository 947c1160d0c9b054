/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which host behind which subscriber's gateway a connection to an address and port of the converter is for.
 * Immutable once made. Pure. */
#ifndef BRAID_POLICY_FORWARDS_H
#define BRAID_POLICY_FORWARDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/address.h"
#include "policy/mappings.h"

/* Of connections that the gateway hasn't claimed yet. */
struct forward_limits {
	uint32_t waiting, new_per_s;
};

struct forward {
	struct address external;   /* the converter's, where remote hosts connect to */
	uint32_t subscriber;       /* his number */
	struct address host;       /* behind his gateway */
	bool faithful;             /* accepted when the host has accepted */
	struct forward_limits own, of_subscriber;
	size_t n_filters;          /* 0: everybody may come */
	const struct mapping_filter *filters;
};

struct forwards;

enum { FORWARDS_E_TWICE = 1 };

/* Copies the list, in any order, with its filters. 0, FORWARDS_E_TWICE where two have the same external address and
 * port, or -ENOMEM. */
int forwards_new(const struct forward *list, size_t n, struct forwards **out);
void forwards_freep(struct forwards **forwards);   /* NULL is fine, here and below: there are none */

/* NULL: nobody's. Borrowed. */
const struct forward *forwards_find(const struct forwards *forwards, const struct address *external);
bool forward_admits(const struct forward *forward, const struct address *remote);

/* All of them, in the order of their external addresses. */
size_t forwards_n(const struct forwards *forwards);
bool forwards_any_faithful(const struct forwards *forwards);
const struct forward *forwards_at(const struct forwards *forwards, size_t i);

#endif
