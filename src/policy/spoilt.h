/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether a bad link keeps a sender's good one waiting (decision 0031). What is sent has to arrive in order, so
 * everything waits for what a slow link has in its queue, and a good link stands idle meanwhile, once the window or the
 * send buffer is used up. The sender sees that: it is refused what it wants to send all the time, one subflow is at
 * work all the time, and another one, faster while it works, isn't. If that one alone, at work all the time, would
 * bring more than all do, the slow one does harm; unless that is about to end, as it delivers ever more: it has just
 * begun. Where there is room for all that waits, all are at work, and yet less arrives in order than the fast one
 * carries by itself: the slow one was given more than it can carry in that time. That is harm as well, where it has
 * been so for some seconds. Pure.
 */
#ifndef BRAID_POLICY_SPOILT_H
#define BRAID_POLICY_SPOILT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "policy/leg_facts.h"

/* Of the stretches since the subflows have been these: what has arrived in order, and what the best of those that
 * are faster than the slow one has carried. */
struct spoilt_course {
	uint64_t us, arrived_bytes, best_bytes;
	uint64_t shortest_rtt_us;          /* that any of them had at the end of one */
};

/* Begin with zeros. */
struct spoilt {
	uint64_t begun_us;                 /* of the stretch that is looked at; 0: none */
	uint64_t end_us;                   /* when it is to be judged */
	size_t n_subflows;
	struct leg_subflow subflows[LEG_SUBFLOWS];   /* as they were then */
	uint64_t rates_bps[LEG_SUBFLOWS];               /* while they were at work, in the stretch before that; 0:
							 * not known */
	uint64_t n_bytes[LEG_SUBFLOWS];                 /* what they had delivered in it */
	uint64_t arrived;                  /* as it was then */
	struct spoilt_course course;
};

struct spoilt_verdict {
	bool spoilt;
	size_t slow;                       /* the subflow that the others wait for, by its place in the facts */
	uint64_t had_bps, could_bps;       /* of all; of the best one alone. Of a course where that shows it */
};

/* Sending was not refused just now: a stretch begins anew. */
void spoilt_moved(struct spoilt *spoilt);
/* Whether spoilt_look() is due, sending being refused. */
bool spoilt_due(const struct spoilt *spoilt, uint64_t now_us);
/* Judges the stretch that has ended, and begins the next one. */
struct spoilt_verdict spoilt_look(struct spoilt *spoilt, const struct leg_facts *facts);

#endif
