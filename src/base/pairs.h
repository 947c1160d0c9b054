/* SPDX-License-Identifier: MIT */
/* Connections by their two ends: those objects of a slab that were put in a table are found by two addresses that
 * stand in them. Pure. */
#ifndef BRAID_BASE_PAIRS_H
#define BRAID_BASE_PAIRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/address.h"
#include "base/slab.h"

/* Offsets in an object. */
struct pairs_fields {
	size_t one, other;       /* struct address, both; they stay as they are while the object is in the table */
	size_t next;             /* uint32_t, the table's own */
};

struct pairs {
	const struct slab *slab; /* borrowed, as what follows */
	uint32_t *buckets;       /* the first object of each: an index of the slab, or SLAB_NONE */
	size_t n_buckets;
	struct pairs_fields fields;
};

/* An empty table. The slab itself may be made later. */
void pairs_init(struct pairs *pairs, const struct slab *slab, struct pairs_fields fields, uint32_t *buckets,
		size_t n_buckets);
/* Of several the one that came last; NULL: there is none. */
void *pairs_find(const struct pairs *pairs, const struct address *one, const struct address *other);
void pairs_add(struct pairs *pairs, void *object);
/* To be called before the object is given back. False: it wasn't in the table. */
bool pairs_remove(struct pairs *pairs, void *object);

#endif
