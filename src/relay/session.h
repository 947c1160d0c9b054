/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A relayed session and its states. Private to the relay. */
#ifndef BRAID_RELAY_SESSION_H
#define BRAID_RELAY_SESSION_H

#include <assert.h>
#include "policy/placement.h"
#include "relay/account.h"
#include "relay/half.h"
#include "relay/relay.h"

/* HELD: the up half runs, the far leg's bytes are somebody else's. RELAYING: both halves run. CLOSING: out of the
 * loop, its descriptors closed, reaped at the end of the turn or when its turn in a queue comes. Each may follow the
 * one before; CLOSING may follow any. */
enum session_state { SESSION_HELD, SESSION_RELAYING, SESSION_CLOSING };

enum session_part { SESSION_NEAR, SESSION_FAR, SESSION_NEAR_OTHER };   /* loop_ref.part; OTHER: of a leg that took
								        * another one's place */

/* In its owner's lane. */
struct pacing_place {
	bool waits;
	bool had_turn;              /* it has read since it was settled last */
	uint32_t next, before;      /* SLAB_NONE */
};

struct session {
	enum session_state state;
	bool queued : 1;            /* in one of the worker's run queues */
	bool heavy : 1;             /* it moved much when it ran last: others go first */
	bool bulk : 1;              /* and had more to move: counted in half_tools.n_bulk */
	bool blocked : 1;           /* in the list of those that wait to write */
	bool rescued : 1;           /* queued by the timer that backs the events, no event since */
	bool near_mptcp : 1, far_mptcp : 1;
	bool near_spoke : 1;        /* bytes have come over the near leg since it was opened */
	bool near_opening : 1;      /* the near leg was accepted before its handshake had ended, as far as we know */
	bool up_waits : 1;          /* in HELD: nothing goes up */
	bool inbound : 1;           /* the far end began it */
	uint8_t near_instead : 3;   /* the opener's */
	bool routed : 1;            /* nothing is said between the proxies */
	bool in_pieces : 1;         /* the leg between the proxies is a connection in this process */
	uint8_t near_part;          /* enum session_part */
	uint8_t link;
	int near_fd, far_fd;
	struct half up, down;       /* up: near to far */
	uint32_t next;              /* in the run queue or the list of those to be reaped */
	uint32_t blocked_next, blocked_before;   /* in the list of those that wait to write; SLAB_NONE */
	uint32_t owner;
	struct session_name name;
	struct placement placement;
	uint64_t tag;
	struct relay_account *account;   /* NULL: nobody's */
	struct pacing_place pacing[RELAY_N_WAYS];
	uint64_t opened_at_us;
	uint64_t failed_at_us;      /* 0: it hasn't */
	struct address source, destination;
};

static_assert(sizeof(struct session) <= 448,
	      "a session's user memory is part of what Braid promises (1 KiB when idle)");

#endif
