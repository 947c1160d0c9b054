/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/mappings_index.h"

#include <stdlib.h>
#include <string.h>
#include "base/hash.h"
#include "base/util.h"

#define OWNERS_STEP 64u

struct entry *mappings_entry(const struct mappings *mappings, entry_ref ref)
{
	return ref ? slab_at(&mappings->entries, ref - 1) : NULL;
}

static entry_ref ref_of(const struct mappings *mappings, const struct entry *entry)
{
	return slab_name_of(&mappings->entries, entry).index + 1;
}

/* A subscriber can have his own mappings in one bucket, and no more of them than he may have. */
static entry_ref *bucket_of(const struct mappings *mappings, uint32_t subscriber, uint8_t protocol,
			    const struct address *internal)
{
	uint32_t hash = hash_add(HASH_BEGIN, &subscriber, sizeof(subscriber));

	hash = hash_add(hash, &protocol, sizeof(protocol));
	hash = hash_add_address(hash, internal);
	return &mappings->buckets[hash_place(hash, mappings->n_buckets)];
}

struct entry *mappings_lookup(const struct mappings *mappings, uint32_t subscriber, uint8_t protocol,
			      const struct address *internal, const uint8_t *nonce)
{
	struct entry *entry = mappings_entry(mappings, *bucket_of(mappings, subscriber, protocol, internal));

	for (; entry; entry = mappings_entry(mappings, entry->next_in_bucket)) {
		const struct mapping *m = &entry->mapping;

		if (m->subscriber == subscriber && m->protocol == protocol && address_equal(&m->internal, internal) &&
		    entry->held == !!nonce && (!nonce || !memcmp(m->nonce, nonce, sizeof(m->nonce))))
			return entry;
	}
	return NULL;
}

entry_ref *mappings_port(const struct mappings *mappings, const struct address *external)
{
	const struct mappings_options *options = &mappings->options;

	if (!address_equal_ip(external, &options->external) || external->port < options->first_port ||
	    external->port > options->last_port)
		return NULL;
	return &mappings->ports[external->port - options->first_port];
}

struct owner *mappings_owner(struct mappings *mappings, uint32_t subscriber)
{
	uint32_t n = subscriber / OWNERS_STEP * OWNERS_STEP + OWNERS_STEP;
	struct owner *owners;

	if (subscriber < mappings->n_owners)
		return &mappings->owners[subscriber];
	owners = n ? reallocarray(mappings->owners, n, sizeof(*owners)) : NULL;
	if (!owners)
		return NULL;
	memset(owners + mappings->n_owners, 0, (n - mappings->n_owners) * sizeof(*owners));
	mappings->owners = owners;
	mappings->n_owners = n;
	return &owners[subscriber];
}

static uint64_t end_at(const struct mappings *mappings, uint32_t at)
{
	return mappings_entry(mappings, mappings->heap[at])->mapping.ends_at_s;
}

static void heap_put(struct mappings *mappings, uint32_t at, entry_ref ref)
{
	mappings->heap[at] = ref;
	mappings_entry(mappings, ref)->heap_at = at;
}

static void heap_swap(struct mappings *mappings, uint32_t a, uint32_t b)
{
	entry_ref one = mappings->heap[a];

	heap_put(mappings, a, mappings->heap[b]);
	heap_put(mappings, b, one);
}

static void heap_settle(struct mappings *mappings, uint32_t at)
{
	for (uint32_t parent = (at - 1) / 2; at && end_at(mappings, at) < end_at(mappings, parent);
	     at = parent, parent = (at - 1) / 2)
		heap_swap(mappings, at, parent);
	for (uint32_t child = 2 * at + 1; child < mappings->n_heap; child = 2 * at + 1) {
		if (child + 1 < mappings->n_heap && end_at(mappings, child + 1) < end_at(mappings, child))
			child++;
		if (end_at(mappings, at) <= end_at(mappings, child))
			return;
		heap_swap(mappings, at, child);
		at = child;
	}
}

static void heap_remove(struct mappings *mappings, uint32_t at)
{
	uint32_t last = --mappings->n_heap;

	if (at == last)
		return;
	heap_put(mappings, at, mappings->heap[last]);
	heap_settle(mappings, at);
}

void mappings_reorder(struct mappings *mappings, struct entry *entry)
{
	heap_settle(mappings, entry->heap_at);
}

void mappings_set_held(struct mappings *mappings, struct entry *entry, bool held)
{
	struct owner *owner = &mappings->owners[entry->mapping.subscriber];

	entry->held = held;
	owner->n_live += held ? -1u : 1u;
	mappings->n_live += held ? -1u : 1u;
}

static void own(struct mappings *mappings, struct entry *entry)
{
	struct owner *owner = &mappings->owners[entry->mapping.subscriber];
	struct entry *next = mappings_entry(mappings, owner->first);

	entry->own_next = owner->first;
	owner->first = ref_of(mappings, entry);
	if (next)
		next->own_before = owner->first;
	owner->n_live++;
	owner->n_all++;
}

static void disown(struct mappings *mappings, struct entry *entry)
{
	struct owner *owner = &mappings->owners[entry->mapping.subscriber];
	struct entry *before = mappings_entry(mappings, entry->own_before),
		     *next = mappings_entry(mappings, entry->own_next);

	if (before)
		before->own_next = entry->own_next;
	else
		owner->first = entry->own_next;
	if (next)
		next->own_before = entry->own_before;
	owner->n_live -= !entry->held;
	owner->n_all--;
}

struct entry *mappings_link(struct mappings *mappings, const struct mapping *mapping)
{
	struct entry *entry = slab_take(&mappings->entries);
	entry_ref *bucket = bucket_of(mappings, mapping->subscriber, mapping->protocol, &mapping->internal);
	entry_ref *port = mappings_port(mappings, &mapping->external);

	entry->mapping = *mapping;
	entry->next_in_bucket = *bucket;
	*bucket = ref_of(mappings, entry);
	mappings->n_live++;
	if (port) {
		*port = *bucket;
		mappings->n_ports_taken++;
	}
	if (!mapping->is_static) {
		own(mappings, entry);
		heap_put(mappings, mappings->n_heap++, *bucket);
		mappings_reorder(mappings, entry);
	}
	mappings->n_statics += mapping->is_static;
	return entry;
}

void mappings_unlink(struct mappings *mappings, struct entry *entry)
{
	const struct mapping *m = &entry->mapping;
	entry_ref ref = ref_of(mappings, entry), *at = bucket_of(mappings, m->subscriber, m->protocol, &m->internal);
	entry_ref *port = mappings_port(mappings, &m->external);

	while (*at != ref)
		at = &mappings_entry(mappings, *at)->next_in_bucket;
	*at = entry->next_in_bucket;
	if (port) {
		*port = 0;
		mappings->n_ports_taken--;
	}
	mappings->n_live -= !entry->held;
	mappings->n_statics -= m->is_static;
	if (!m->is_static) {
		disown(mappings, entry);
		heap_remove(mappings, entry->heap_at);
	}
	slab_give(&mappings->entries, entry);
}
