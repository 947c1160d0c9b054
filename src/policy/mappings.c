/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/mappings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/util.h"
#include "policy/mappings_index.h"

int mappings_new(const struct mappings_options *options, struct mappings **out)
{
	_cleanup_(mappings_freep) struct mappings *mappings = calloc(1, sizeof(*mappings));
	uint32_t n_most;

	if (!mappings)
		return -ENOMEM;
	mappings->options = *options;
	mappings->n_ports = options->last_port - options->first_port + 1u;
	n_most = mappings->n_ports + MAPPINGS_STATICS;
	for (mappings->n_buckets = 1; mappings->n_buckets < n_most; mappings->n_buckets *= 2)
		;
	mappings->ports = calloc(mappings->n_ports, sizeof(*mappings->ports));
	mappings->buckets = calloc(mappings->n_buckets, sizeof(*mappings->buckets));
	mappings->heap = calloc(mappings->n_ports, sizeof(*mappings->heap));
	if (!mappings->ports || !mappings->buckets || !mappings->heap ||
	    slab_init(&mappings->entries, sizeof(struct entry), n_most))
		return -ENOMEM;
	*out = mappings;
	mappings = NULL;
	return 0;
}

void mappings_freep(struct mappings **out)
{
	struct mappings *mappings = *out;

	if (!mappings)
		return;
	slab_fini(&mappings->entries);
	free(mappings->ports);
	free(mappings->buckets);
	free(mappings->heap);
	free(mappings->owners);
	free(mappings);
	*out = NULL;
}

static void tell(const struct mappings *mappings, enum mappings_change change, const struct entry *entry)
{
	if (mappings->options.on_change)
		mappings->options.on_change(mappings->options.context, change, &entry->mapping);
}

/* From here on its port is held. */
static void end(struct mappings *mappings, struct entry *entry, uint64_t now_s)
{
	mappings_set_held(mappings, entry, true);
	entry->mapping.ends_at_s = now_s + mappings->options.hold_s;
	mappings_reorder(mappings, entry);
	tell(mappings, MAPPINGS_ENDED, entry);
}

/* At once, and nothing is held. */
static void remove_entry(struct mappings *mappings, struct entry *entry)
{
	if (!entry->held) {
		if (!entry->mapping.is_static)
			mappings_set_held(mappings, entry, true);
		tell(mappings, MAPPINGS_ENDED, entry);
	}
	mappings_unlink(mappings, entry);
}

void mappings_turn(struct mappings *mappings, uint64_t now_s)
{
	while (mappings->n_heap) {
		struct entry *first = mappings_entry(mappings, mappings->heap[0]);

		if (first->mapping.ends_at_s > now_s)
			return;
		if (first->held)
			mappings_unlink(mappings, first);
		else
			end(mappings, first, first->mapping.ends_at_s);
	}
}

uint64_t mappings_turn_at_s(const struct mappings *mappings)
{
	return mappings->n_heap ? mappings_entry(mappings, mappings->heap[0])->mapping.ends_at_s : MAPPINGS_FOR_EVER;
}

static bool has_filter(const struct mapping *mapping, const struct mapping_filter *filter)
{
	for (size_t i = 0; i < mapping->n_filters; i++) {
		const struct mapping_filter *one = &mapping->filters[i];

		if (one->from.n_bits == filter->from.n_bits && one->port == filter->port &&
		    !memcmp(one->from.ip, filter->from.ip, sizeof(one->from.ip)))
			return true;
	}
	return false;
}

/* The mapping with the filters that the request adds; false: too many. One that is there already adds nothing: a
 * request is sent again when its answer is lost, and with each renewal. */
static bool add_filters(struct mapping *mapping, const struct mappings_request *request)
{
	if (request->clear_filters)
		mapping->n_filters = 0;
	for (size_t i = 0; i < request->n_filters; i++) {
		if (has_filter(mapping, &request->filters[i]))
			continue;
		if (mapping->n_filters == MAPPINGS_FILTERS)
			return false;
		mapping->filters[mapping->n_filters++] = request->filters[i];
	}
	return true;
}

static uint64_t end_of(const struct mappings *mappings, const struct mappings_request *request, uint64_t now_s)
{
	uint32_t least_s = mappings->options.least_s, most_s = mappings->options.most_s, asked_s = request->lifetime_s;

	return now_s + (asked_s < least_s ? least_s : asked_s > most_s ? most_s : asked_s);
}

static bool is_as_suggested(const struct mappings_request *request, const struct address *external)
{
	return request->suggested.port == external->port &&
	       (address_is_unspecified(&request->suggested) || address_equal_ip(&request->suggested, external));
}

static int renew(struct mappings *mappings, struct entry *entry, const struct mappings_request *request, uint64_t now_s,
		 struct mapping *out)
{
	struct mapping next = entry->mapping;

	*out = entry->mapping;
	if (!next.is_static && memcmp(next.nonce, request->nonce, sizeof(next.nonce)))
		return MAPPINGS_E_NONCE;
	if (request->prefer_failure && !is_as_suggested(request, &next.external))
		return MAPPINGS_E_EXTERNAL;
	if (next.is_static)
		return 0;
	if (!add_filters(&next, request))
		return MAPPINGS_E_FILTERS;
	next.ends_at_s = end_of(mappings, request, now_s);
	entry->mapping = next;
	mappings_reorder(mappings, entry);
	tell(mappings, MAPPINGS_RENEWED, entry);
	*out = next;
	return 0;
}

static bool is_free(const struct mappings *mappings, const struct address *external)
{
	const entry_ref *port = mappings_port(mappings, external);

	return port && !*port;
}

/* The first free one from there on, round the range; false: all are taken. */
static bool search(const struct mappings *mappings, uint32_t from, struct address *external)
{
	if (mappings->n_ports_taken == mappings->n_ports)
		return false;
	do
		external->port = (uint16_t)(mappings->options.first_port + from++ % mappings->n_ports);
	while (!is_free(mappings, external));
	return true;
}

/* The suggested port, else the one that the host has inside, else one that the nonce, being random, points at: a
 * port says nothing of how many there are. */
static int choose(const struct mappings *mappings, const struct mappings_request *request, struct address *external)
{
	uint32_t from;

	*external = mappings->options.external;
	external->port = request->suggested.port;
	if (is_as_suggested(request, external) && is_free(mappings, external))
		return 0;
	if (request->prefer_failure)
		return MAPPINGS_E_EXTERNAL;
	external->port = request->internal.port;
	if (is_free(mappings, external))
		return 0;
	memcpy(&from, request->nonce, sizeof(from));
	return search(mappings, from % mappings->n_ports, external) ? 0 : MAPPINGS_E_FULL;
}

/* Ports that are held count, too: who makes and ends mappings all day may not have the whole range so. Of his that
 * one is let go whose time is over next. */
static void make_room(struct mappings *mappings, const struct owner *owner, uint32_t most)
{
	struct entry *entry = mappings_entry(mappings, owner->first), *least = NULL;

	if (owner->n_all < most)
		return;
	for (; entry; entry = mappings_entry(mappings, entry->own_next))
		if (entry->held && (!least || entry->mapping.ends_at_s < least->mapping.ends_at_s))
			least = entry;
	mappings_unlink(mappings, least);   /* fewer than the most are live */
}

/* The same host's, port's and nonce's, which had ended: its port is still its own. */
static void revive(struct mappings *mappings, struct entry *entry, const struct mapping *mapping)
{
	struct address external = entry->mapping.external;

	entry->mapping = *mapping;
	entry->mapping.external = external;
	mappings_set_held(mappings, entry, false);
	mappings_reorder(mappings, entry);
	tell(mappings, MAPPINGS_MADE, entry);
}

/* Where all of his hosts together have fewer than one may have, none is looked at. */
static bool host_has_enough(const struct mappings *mappings, const struct owner *owner,
			    const struct mappings_request *request)
{
	struct entry *entry = mappings_entry(mappings, owner->first);
	uint32_t n = 0;

	if (!request->most_of_host || owner->n_live < request->most_of_host)
		return false;
	for (; entry; entry = mappings_entry(mappings, entry->own_next))
		n += !entry->held && address_equal_ip(&entry->mapping.internal, &request->internal);
	return n >= request->most_of_host;
}

static int make(struct mappings *mappings, const struct mappings_request *request, uint64_t now_s, struct mapping *out)
{
	struct owner *owner = mappings_owner(mappings, request->subscriber);
	struct entry *entry = mappings_lookup(mappings, request->subscriber, request->protocol, &request->internal,
					      request->nonce);
	struct mapping mapping = { .subscriber = request->subscriber, .protocol = request->protocol,
				   .internal = request->internal };
	int r;

	memcpy(mapping.nonce, request->nonce, sizeof(mapping.nonce));
	mapping.ends_at_s = end_of(mappings, request, now_s);
	if (!owner)
		return MAPPINGS_E_FULL;
	if (owner->n_live >= request->most || host_has_enough(mappings, owner, request))
		return MAPPINGS_E_QUOTA;
	if (!add_filters(&mapping, request))
		return MAPPINGS_E_FILTERS;
	if (entry && (!request->prefer_failure || is_as_suggested(request, &entry->mapping.external))) {
		revive(mappings, entry, &mapping);
	} else {
		r = choose(mappings, request, &mapping.external);
		if (r)
			return r;
		make_room(mappings, owner, request->most);
		entry = mappings_link(mappings, &mapping);   /* there is a place for every port */
		tell(mappings, MAPPINGS_MADE, entry);
	}
	*out = entry->mapping;
	return 0;
}

int mappings_map(struct mappings *mappings, const struct mappings_request *request, uint64_t now_s, struct mapping *out)
{
	struct entry *entry;

	mappings_turn(mappings, now_s);
	entry = mappings_lookup(mappings, request->subscriber, request->protocol, &request->internal, NULL);
	return entry ? renew(mappings, entry, request, now_s, out) : make(mappings, request, now_s, out);
}

static bool is_meant(const struct mapping *mapping, const struct mappings_request *request)
{
	return address_equal_ip(&mapping->internal, &request->internal) &&
	       (!request->protocol || mapping->protocol == request->protocol) &&
	       !memcmp(mapping->nonce, request->nonce, sizeof(mapping->nonce));
}

static void unmap_all(struct mappings *mappings, const struct mappings_request *request, uint64_t now_s)
{
	struct owner *owner = request->subscriber < mappings->n_owners ? &mappings->owners[request->subscriber] : NULL;
	struct entry *entry = owner ? mappings_entry(mappings, owner->first) : NULL;

	for (; entry; entry = mappings_entry(mappings, entry->own_next))
		if (!entry->held && is_meant(&entry->mapping, request))
			end(mappings, entry, now_s);
}

int mappings_unmap(struct mappings *mappings, const struct mappings_request *request, uint64_t now_s,
		   struct mapping *out)
{
	struct entry *entry;

	mappings_turn(mappings, now_s);
	if (!request->internal.port) {
		unmap_all(mappings, request, now_s);
		return 0;
	}
	entry = mappings_lookup(mappings, request->subscriber, request->protocol, &request->internal, NULL);
	if (!entry)
		return 0;
	*out = entry->mapping;
	if (entry->mapping.is_static)
		return MAPPINGS_E_STATIC;
	if (memcmp(entry->mapping.nonce, request->nonce, sizeof(request->nonce)))
		return MAPPINGS_E_NONCE;
	end(mappings, entry, now_s);
	return 0;
}

bool mappings_find(const struct mappings *mappings, uint32_t subscriber, uint8_t protocol,
		   const struct address *internal, struct mapping *out)
{
	const struct entry *entry = mappings_lookup(mappings, subscriber, protocol, internal, NULL);

	if (entry)
		*out = entry->mapping;
	return entry;
}

int mappings_restore(struct mappings *mappings, const struct mapping *mapping, uint64_t now_s)
{
	struct mapping restored = *mapping;

	if (!mappings_port(mappings, &mapping->external))
		return MAPPINGS_E_EXTERNAL;
	if (!is_free(mappings, &mapping->external) || !mappings_owner(mappings, mapping->subscriber) ||
	    mappings_lookup(mappings, mapping->subscriber, mapping->protocol, &mapping->internal, NULL))
		return MAPPINGS_E_FULL;
	restored.is_static = false;
	restored.n_filters = size_min(mapping->n_filters, MAPPINGS_FILTERS);
	if (restored.ends_at_s > now_s + mappings->options.most_s)   /* the clock was another one */
		restored.ends_at_s = now_s + mappings->options.most_s;
	mappings_link(mappings, &restored);
	return 0;
}

int mappings_add_static(struct mappings *mappings, const struct mapping *mapping, uint64_t now_s)
{
	struct mapping fixed = *mapping;
	struct entry *entry = mappings_lookup(mappings, mapping->subscriber, mapping->protocol, &mapping->internal,
					      NULL);
	entry_ref *port = mappings_port(mappings, &mapping->external);

	if (mappings->n_statics == MAPPINGS_STATICS ||
	    (port && *port && mappings_entry(mappings, *port)->mapping.is_static))
		return MAPPINGS_E_FULL;
	fixed.is_static = true;
	fixed.ends_at_s = MAPPINGS_FOR_EVER;
	memset(fixed.nonce, 0, sizeof(fixed.nonce));
	fixed.n_filters = size_min(mapping->n_filters, MAPPINGS_FILTERS);
	if (entry && !entry->mapping.is_static)
		end(mappings, entry, now_s);
	if (port && *port)
		remove_entry(mappings, mappings_entry(mappings, *port));
	tell(mappings, MAPPINGS_MADE, mappings_link(mappings, &fixed));
	return 0;
}

void mappings_drop_statics(struct mappings *mappings)
{
	for (uint32_t i = 0; i < mappings->entries.n_touched; i++) {
		struct entry *entry = slab_at(&mappings->entries, i);

		if (entry && entry->mapping.is_static)
			remove_entry(mappings, entry);
	}
}

void mappings_end_all(struct mappings *mappings, uint32_t subscriber, uint64_t now_s)
{
	struct owner *owner = subscriber < mappings->n_owners ? &mappings->owners[subscriber] : NULL;
	struct entry *entry = owner ? mappings_entry(mappings, owner->first) : NULL;

	for (; entry; entry = mappings_entry(mappings, entry->own_next))
		if (!entry->held)
			end(mappings, entry, now_s);
}

const struct mapping *mappings_next(const struct mappings *mappings, uint32_t *at)
{
	while (*at < mappings->entries.n_touched) {
		const struct entry *entry = slab_at(&mappings->entries, (*at)++);

		if (entry && !entry->held)
			return &entry->mapping;
	}
	return NULL;
}

size_t mappings_count(const struct mappings *mappings)
{
	return mappings->n_live;
}
