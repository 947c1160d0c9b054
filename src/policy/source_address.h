/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From which address a converter connects to a destination, which is the address that the server sees (decision 0021,
 * doc/addresses.md). Pure.
 */
#ifndef BRAID_POLICY_SOURCE_ADDRESS_H
#define BRAID_POLICY_SOURCE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/address.h"

enum source_mode { SOURCE_SHARED, SOURCE_PRESERVE, SOURCE_PREFIX, SOURCE_N_MODES };

/* A subscriber's. */
struct source_settings {
	uint32_t mode;              /* enum source_mode */
	bool has_address, has_prefix;
	struct address address;     /* IPv4, its own; with SOURCE_PRESERVE, and maybe with SOURCE_PREFIX */
	struct prefix prefix;       /* IPv6, of its hosts; with SOURCE_PREFIX */
};

/* The addresses that subscribers share, of both families in any order; borrowed. */
struct source_pool {
	const struct address *at;
	size_t n;
};

struct source_choice {
	struct address address;     /* without a port; unspecified: the system's choice */
	bool transparent;           /* it need not be this machine's */
};

enum { SOURCE_E_NOT_ITS_OWN = 1 };  /* the host's address isn't one of the subscriber's prefix, or wasn't told */

/*
 * name: of the subscriber, which its place in the pool follows from, and from nothing else: it is the same after a
 * restart, at each converter with the same pool, and for all but a few when an address comes into the pool or leaves
 * it. settings: NULL and name "" for those that are let in without a key. host: the host's own address as the gateway
 * tells it; unspecified: it doesn't. 0 or SOURCE_E_NOT_ITS_OWN.
 */
int source_address_choose(const struct source_settings *settings, const char *name, const struct source_pool *pool,
			  const struct address *destination, const struct address *host, struct source_choice *out);

/* The address of the pool that goes with the name, of one family; NULL: the pool has none. */
const struct address *source_address_of_pool(const struct source_pool *pool, const char *name, bool v4);

/* Whether an address, or all of a prefix, can be a source in the Internet at all: not loopback, link-local,
 * multicast, reserved or unspecified. Private ones can, for there are networks that are. */
bool source_address_is_usable(const struct address *address);
bool source_prefix_is_usable(const struct prefix *prefix);
/* Whether there is an address that both have: then one of them holds the other. */
bool source_prefixes_overlap(const struct prefix *a, const struct prefix *b);

const char *source_mode_name(enum source_mode mode);   /* "shared", ... */

#endif
