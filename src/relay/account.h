/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What sessions of one owner have in common: the bytes that they have moved, and how fast they may. An account belongs
 * to one relay, so that counting takes no locked instruction; the paces belong to all relays' accounts of the owner, so
 * that all of his sessions are slowed down together.
 */
#ifndef BRAID_RELAY_ACCOUNT_H
#define BRAID_RELAY_ACCOUNT_H

#include <stdint.h>

enum relay_way { RELAY_UP, RELAY_DOWN, RELAY_N_WAYS };

/* One direction of one owner. Atomics; anyone may set per_s, and says so to each relay with relay_paces_changed(). */
struct relay_pace {
	uint64_t per_s;              /* bytes; 0: no limit, and full_at_ns isn't touched */
	uint64_t full_at_ns;         /* a bucket of policy/bucket.h; 0: full */
};

/* Sessions that wait for their pace, whoever waits longest first. The relay's own. */
struct relay_lane {
	uint32_t first, last;        /* SLAB_NONE: none */
	uint64_t timer_at_us;        /* CLOCK_NEVER_US: none is set */
};

/* Zeroed but for paces. It has to stay where it is as long as the relay does. */
struct relay_account {
	struct relay_pace *paces;    /* RELAY_N_WAYS of them; borrowed */
	uint64_t n_bytes[RELAY_N_WAYS];   /* that were passed on; as of base/counter.h */
	uint32_t place;              /* the relay's own: among its accounts, from 1 */
	struct relay_lane lanes[RELAY_N_WAYS];
};

#endif
