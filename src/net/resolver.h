/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names to addresses in the loop's thread, which never waits: c-ares, with the servers of /etc/resolv.conf, as they
 * were when the first name was asked for, and what /etc/hosts says.
 */
#ifndef BRAID_NET_RESOLVER_H
#define BRAID_NET_RESOLVER_H

#include <stddef.h>
#include <stdint.h>
#include "base/address.h"
#include "base/clock.h"
#include "base/cursor.h"
#include "loop/loop.h"

#define RESOLVER_ADDRESSES 8         /* of a name; further ones are left out */
#define RESOLVER_NAME_BYTES 255
#define RESOLVER_PATIENCE_US (5 * US_PER_S)   /* for an asker: a name server may answer, and another one after it */
/* Names under way at once: whose asker has gone meanwhile is under way still. Each is two questions, whose numbers
 * are of 65536, and c-ares seeks a free one until it finds it. */
#define RESOLVER_QUERIES 4096

enum {
	RESOLVER_E_NAME = 1,         /* no such name, or none that could be one, or one without an address */
	RESOLVER_E_FAILED,           /* nobody could tell in time, or RESOLVER_QUERIES are under way */
};

struct resolver;

/* Borrows loop. on_answer is called once for each resolver_ask() that went well, later, with r 0 and n > 0
 * addresses, which have no ports, or with RESOLVER_E_*; not for those that are under way when the resolver goes. 0
 * or -ENOMEM. */
int resolver_new(struct loop *loop,
		 void (*on_answer)(void *context, struct loop_ref asker, int r, const struct address *all, size_t n),
		 void *context, struct resolver **out);
void resolver_freep(struct resolver **resolver);

/* The servers may be others now: they are looked up again with the next name that is asked for while no answer is
 * awaited. */
void resolver_renew(struct resolver *resolver);

/* asker comes back with the answer. The name isn't completed by a search list; an IPv4 address in the place of a
 * name is its own answer. 0, RESOLVER_E_*, or a negative errno. */
int resolver_ask(struct resolver *resolver, struct bytes name, struct loop_ref asker);

#endif
