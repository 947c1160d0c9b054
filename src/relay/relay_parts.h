/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The relay's inside. Private to relay.c (events, ends), opening.c (how sessions come into being, and change a leg),
 * turn.c (who runs, and how much), waiting.c (who can't, and for how long), pacing.c (who may not yet) and moving.c
 * (who goes elsewhere). */
#ifndef BRAID_RELAY_RELAY_PARTS_H
#define BRAID_RELAY_RELAY_PARTS_H

#include "relay/account.h"
#include "relay/session.h"

struct session_queue {
	uint32_t first, last;          /* meaningless when empty */
	uint32_t n;
};

struct relay {
	struct loop *loop;
	struct relay_options options;
	uint8_t handler;
	struct slab sessions;
	struct session_queue light, heavy;
	uint32_t reap_first;
	uint32_t blocked_first;
	uint64_t timer_at_us;          /* CLOCK_NEVER_US: none is set */
	uint64_t rescue_at_us;
	struct half_tools tools;
	struct relay_account **accounts;   /* by their places, less one */
	uint32_t n_accounts;
	struct relay_counters counters;
};

static inline uint32_t relay_index_of(const struct relay *relay, const struct session *s)
{
	return slab_name_of(&relay->sessions, s).index;
}

static inline struct session *relay_session_at(const struct relay *relay, uint32_t index)
{
	return slab_at(&relay->sessions, index);
}

/* The only writer of s->state. */
void session_set_state(struct session *s, enum session_state next);
struct loop_ref relay_leg_ref(const struct relay *relay, const struct session *s, enum session_part part);
/* NULL where the name is stale, or the session has ended within this turn. */
struct session *relay_session(const struct relay *relay, struct slab_name name);
/* To be run at the end of this turn, or of one of the next. */
void relay_queue(struct relay *relay, struct session *s);
/* The only writer of s->bulk, with the number of such sessions. */
void relay_set_bulk(struct relay *relay, struct session *s, bool is_bulk);
/* Runs who is queued, light ones first, for about a millisecond, one of each kind at least; says loop_again() where
 * some are left. */
void relay_run_turn(struct relay *relay);
/* Both halves move what they still can. */
void relay_pass_on(struct relay *relay, struct session *s);
/* The near leg is plain TCP, which its peer may not know: what it acknowledges it may yet give up, and what it
 * brings may come twice (decision 0016). */
bool relay_is_unknown_plain(const struct session *s);
/* The timer looks after it, from now on; no longer. Both may be called again. */
void relay_block(struct relay *relay, struct session *s);
void relay_unblock(struct relay *relay, struct session *s);
void relay_on_timer(void *context, struct loop_ref ref, uint64_t now_us);
/* Closes the descriptors now, and gives the memory back at the end of the turn, or when the queue comes to it:
 * events for them may still be in this turn's batch. */
void relay_session_end(struct relay *relay, struct session *s, enum session_end end);
/* The same without the descriptors, and without a word to anybody. */
void relay_session_retire(struct relay *relay, struct session *s, enum session_end end);
/* Out of all lists and queues; its memory is given back at the end of the turn. */
void relay_session_put_away(struct relay *relay, struct session *s);
/* Both legs tell of all that happens. 0 or a negative errno. */
int relay_watch(struct relay *relay, struct session *s, bool near_watched, bool far_watched);
/* It has run. Whether it went to another relay. */
bool relay_moves(struct relay *relay, struct session *s, uint64_t n_moved_bytes);
/* A half has failed. What the other leg has already sent is passed on once more: an answer followed by a reset is an
 * answer. The session goes on, failed, until a near leg whose handshake hasn't ended can take that. */
void relay_session_fail(struct relay *relay, struct session *s);

#endif
