/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How mappings are found: by host, by port, by subscriber, by end. Private to mappings.c and mappings_index.c. */
#ifndef BRAID_POLICY_MAPPINGS_INDEX_H
#define BRAID_POLICY_MAPPINGS_INDEX_H

#include "base/slab.h"
#include "policy/mappings.h"

/* A place in the slab, counted from 1; 0: none. */
typedef uint32_t entry_ref;

/* LIVE, or HELD: it has ended, and its port is kept from others for a while; ends_at_s is then the end of that. */
struct entry {
	struct mapping mapping;
	bool held;
	entry_ref next_in_bucket;
	entry_ref own_next, own_before;  /* of the same subscriber's */
	uint32_t heap_at;                /* its place there; static ones have none */
};

/* What belongs to one subscriber; static ones count for nobody. */
struct owner {
	entry_ref first;
	uint32_t n_live, n_all;
};

struct mappings {
	struct mappings_options options;
	struct slab entries;
	uint32_t n_ports, n_ports_taken, n_live, n_statics;
	entry_ref *ports;                /* of the range, from the first one */
	entry_ref *buckets;
	uint32_t n_buckets;              /* a power of two */
	entry_ref *heap;                 /* the one that ends first is the first */
	uint32_t n_heap;
	struct owner *owners;            /* by the subscriber's number */
	uint32_t n_owners;
};

struct entry *mappings_entry(const struct mappings *mappings, entry_ref ref);   /* NULL for 0 */

/* Of the host's address, protocol and port: the live one (nonce NULL), or the held one that has the nonce. */
struct entry *mappings_lookup(const struct mappings *mappings, uint32_t subscriber, uint8_t protocol,
			      const struct address *internal, const uint8_t *nonce);
/* Where the port's reference is; NULL: none that is given out. */
entry_ref *mappings_port(const struct mappings *mappings, const struct address *external);
struct owner *mappings_owner(struct mappings *mappings, uint32_t subscriber);   /* NULL without memory */

/* A new live entry that can be found by all there is. Owner, port and place are there: there is a place for every
 * port, and for MAPPINGS_STATICS besides. */
struct entry *mappings_link(struct mappings *mappings, const struct mapping *mapping);
void mappings_unlink(struct mappings *mappings, struct entry *entry);   /* and gives its place back */
/* Its end has changed. */
void mappings_reorder(struct mappings *mappings, struct entry *entry);
/* Counts it as live no longer, or again. */
void mappings_set_held(struct mappings *mappings, struct entry *entry, bool held);

#endif
