/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A converter of a gateway's: where it is, who we are there, and what was found out about it. Whoever has a reference
 * to it (a view, a connection on its way) goes on with it, whatever becomes of the list of converters meanwhile.
 */
#ifndef BRAID_ROLE_GATEWAY_UPSTREAM_H
#define BRAID_ROLE_GATEWAY_UPSTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/address.h"
#include "conf/conf.h"

#define UPSTREAM_NAME_BYTES 48

/* What connections have shown of a server that the watch can't ask. MUTE: a connection was taken, and neither
 * answered nor ended. STRANGE: it was answered as nobody does who speaks the scheme. */
enum upstream_doubt { UPSTREAM_DOUBT_NONE, UPSTREAM_DOUBT_MUTE, UPSTREAM_DOUBT_STRANGE };

struct upstream {
	unsigned int n_refs;             /* atomic */
	char name[UPSTREAM_NAME_BYTES];  /* "gateway.converter"; a section's; "LINK's DHCP". The main thread's, which
					  * may change it */
	bool provisioned;                /* DHCP has told of it */
	struct conf_upstream at;         /* its addresses, and who we are there */

	/* Atomics: what was found out, by its watch but where said otherwise. */
	uint64_t watch;                  /* where it offers to tell outcomes early (role/converter/early.h); 0: it
					  * doesn't */
	uint8_t watch_link;              /* that the watch began on */
	bool wants_source;               /* it has asked to be told hosts' addresses */
	bool kin;                        /* it is Braid, has our key, and serves a ticket once */
	bool takes_wide;                 /* it has said that it takes legs of streams that are wide (policy/stripe.h) */
	bool spoken;                     /* it has accepted a connection in the scheme of gateway.signalling, as that
					  * one found */
	uint64_t heard_at_us;            /* it has answered a connection's first packet, as that one found */
	uint32_t n_unspoken;             /* connections that it has ended without a word, as long as it has accepted
					  * none */
	uint64_t no_legs_until_us;       /* it knows no legs of sessions in pieces, or has no place for more, as one
					  * found (role/stripe) */
	uint8_t doubt;                   /* enum upstream_doubt, whether it does speak it, as connections found; the
					  * watch is to set it back */
};

/* As far as is known: no_legs_until_us. */
static inline bool upstream_takes_legs(const struct upstream *upstream, uint64_t now_us)
{
	return now_us >= __atomic_load_n(&upstream->no_legs_until_us, __ATOMIC_RELAXED);
}

void upstream_set_name(struct upstream *upstream, const char *name);
/* One reference; NULL without memory. */
struct upstream *upstream_new(const char *name, const struct conf_upstream *at, bool provisioned);
struct upstream *upstream_ref(struct upstream *upstream);   /* NULL: NULL */
void upstream_unref(struct upstream *upstream);             /* or NULL */
/* The same place, and the same of us. */
bool upstream_is(const struct upstream *upstream, const struct conf_upstream *at, bool provisioned);
/* It is one that anybody on a link may have named, and we have a key: it is believed when it has shown that it has
 * that, too. */
bool upstream_must_prove(const struct upstream *upstream);

#endif
