/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How fast a connection with bbr may send, where it sends far more than its link carries (decision 0051). bbr begins at
 * 2.9 times the rate that it has found, until that hasn't grown by a quarter for three round trips. Where packets are
 * lost at random, what it finds swings by as much now and then, so its beginning may go on for half a minute: more than
 * half of what it sends is dropped by the link's queue, what it sends again, too, and little arrives in order. Bounded
 * to a little more than the link has delivered it comes to its end. Pure.
 */
#ifndef BRAID_POLICY_OVERSHOOT_H
#define BRAID_POLICY_OVERSHOOT_H

#include <stdbool.h>
#include <stdint.h>

/* Begins with zeros, whenever the connection is given bbr. */
struct overshoot {
	uint64_t looked_at_us;       /* 0: not yet; and what had been sent by then, as below */
	uint64_t sent_bytes, retransmitted_bytes, delivered_bytes;
	uint64_t best_bytes_per_s;   /* the most that was delivered from one look to the next; what is older counts
				      * less */
	uint64_t bound_bytes_per_s;  /* it may send so fast; 0: as fast as it will */
	uint64_t least_bytes_per_s;  /* where it is bound: to no less */
	uint8_t n_looks;             /* since it was bound last, as far as it matters */
};

/* What the kernel tells of the connection. */
struct overshoot_facts {
	uint64_t now_us;
	uint32_t rtt_us, min_rtt_us;                 /* smoothed, as it is now; the shortest; 0: not known */
	uint64_t sent_bytes, retransmitted_bytes;    /* since it began; sent: retransmissions included */
	uint64_t delivered_bytes;                    /* of these have arrived, in order or not, each once */
};

/* To be asked more often than a round trip is long. True: the bound isn't what it was. */
bool overshoot_look(struct overshoot *overshoot, const struct overshoot_facts *facts);

#endif
