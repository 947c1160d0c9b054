/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When the end of a stream may go over a Multipath TCP leg. Linux (6.18) takes no new subflow for a connection that is
 * half closed (doc/assumptions.md): an end that goes before the other links have joined leaves the rest of the session,
 * the other direction's bytes too, to one link. So:
 *
 * the end that joins (gateway): waits for the second subflow, but not for long: a few round trips; the end that is
 * joined (converter): can't know whether a subflow is to come; waits while much is under way, and nothing waits for
 * what is short.
 *
 * Once the other direction has ended nothing is to be had by waiting. Pure.
 */
#ifndef BRAID_POLICY_ENDING_H
#define BRAID_POLICY_ENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ending {
	bool joins;                  /* subflows are ours to begin, and there is more than one link */
	uint64_t since_us;           /* that the end waits; 0: not yet */
	uint64_t look_at_us;         /* when to ask again; 0: it doesn't wait, or waits for the answer */
	uint32_t queued_bytes;       /* at the last look */
	uint8_t fruitless;           /* looks in a row that found no less */
};

struct ending_facts {
	uint64_t now_us;
	size_t n_subflows;           /* established */
	uint32_t queued_bytes;       /* sent, or to be sent, and not acknowledged by DATA_ACK */
	uint32_t rtt_us;
	bool answered;               /* the peer has said yes to the session: until then no subflow can come */
	bool other_ended;            /* the other direction's end has come */
};

/* Whether the end may go now; if not, ending->look_at_us says when to ask again. Before the answer nothing is gained
 * by asking: 0. */
bool ending_may_pass(struct ending *ending, const struct ending_facts *facts);

#endif
