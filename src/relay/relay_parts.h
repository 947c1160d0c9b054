/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The relay's inside. Private to relay.c (running sessions) and opening.c (how they come into being, and change a leg). */
#ifndef BRAID_RELAY_RELAY_PARTS_H
#define BRAID_RELAY_RELAY_PARTS_H

#include "relay/session.h"

struct relay {
	struct loop *loop;
	struct relay_options options;
	uint8_t handler;
	struct slab sessions;
	uint32_t run_first, run_last;
	uint32_t reap_first;
	uint32_t blocked_first;
	uint64_t timer_at_us;          /* CLOCK_NEVER_US: none is set */
	uint64_t rescue_at_us;
	struct half_tools tools;
	struct relay_counters counters;
};

/* The only writer of s->state. */
void session_set_state(struct session *s, enum session_state next);
struct loop_ref relay_leg_ref(const struct relay *relay, const struct session *s, enum session_part part);
/* NULL where the name is stale, or the session has ended within this turn. */
struct session *relay_session(const struct relay *relay, struct slab_name name);
/* To be run at the end of this turn. */
void relay_queue(struct relay *relay, struct session *s);
/* Closes the descriptors now, and the memory at the end of the turn: events for them may still be in this turn's batch. */
void relay_session_end(struct relay *relay, struct session *s, enum session_end end);
/* A half has failed. What the other leg has already sent is passed on once more: an answer followed by a reset is an answer. */
void relay_session_fail(struct relay *relay, struct session *s);

#endif
