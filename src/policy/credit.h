/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How much is written to a Multipath TCP leg before its peer's window is looked at again (decision 0058). Linux takes
 * the window to be wider than it is where a subflow misses a packet and the other subflows' data is acknowledged: the
 * acknowledgement moves on, the window that it is added to is the old one. What is sent beyond the true window is
 * dropped by a receiver that doesn't read, the subflows take that for loss, and are still waiting for their next try
 * when it reads on.
 *
 * While the window is wide an error in it doesn't matter: credit is given in small shares of it. A peer that has taken
 * less than it was sent, so that three quarters of its widest window are gone, is given more only while no more than
 * half of what is left is under way, and is believed to have more room again only when all has arrived, or when it says
 * more than an error can be. Pure.
 */
#ifndef BRAID_POLICY_CREDIT_H
#define BRAID_POLICY_CREDIT_H

#include <stdbool.h>
#include <stdint.h>

#define CREDIT_FIRST_BYTES 65536u    /* that is written before the first look: short transfers need none */

struct credit {
	uint64_t until_bytes;        /* of what the leg has taken; less than CREDIT_FIRST_BYTES: that */
	uint64_t edge;               /* where the peer's window ends, in DATA_ACKs, as it was known last; 0: unknown */
	uint32_t waits_since_ms;     /* of a clock that goes round; 0: something is under way, or there is credit */
	uint8_t widest_units;        /* that the window was, in 128 KiB, 255 at most */
};

struct credit_facts {
	uint64_t now_us;
	uint64_t n_bytes;            /* that the leg has taken */
	uint64_t acknowledged;       /* by DATA_ACK: MPTCP's snd_una */
	uint32_t queued_bytes;       /* not acknowledged by DATA_ACK */
	uint32_t window_bytes;       /* that the peer offers */
	uint32_t window_heard_ms;    /* how long ago it said so; UINT32_MAX: it isn't known */
	bool window_sure;            /* or else it may be wider than it is */
};

/* What may be written now. */
uint64_t credit_left_bytes(const struct credit *credit, uint64_t n_bytes);

/* When nothing is left. False: no more for now, look again. */
bool credit_look(struct credit *credit, const struct credit_facts *facts);

/* When nothing is left, and something is to be sent for its acknowledgement's sake: n_bytes, if the window is known to
 * have room for them. */
void credit_nudge(struct credit *credit, const struct credit_facts *facts, uint32_t n_bytes);

#endif
