/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who runs in a turn of the loop, and how much. Those that move little go first, and bulk transfers take turns in
 * what time is left: a small request waits for a turn of TURN_US, not for every transfer's share. */
#include "base/clock.h"
#include "base/counter.h"
#include "net/mptcp_info.h"
#include "net/mptcp_send.h"
#include "net/socket.h"
#include "policy/share.h"
#include "relay/ending_step.h"
#include "relay/limits.h"
#include "relay/pacing.h"
#include "relay/steadying.h"
#include "relay/widening.h"

#define TURN_US (1 * US_PER_MS)
#define HEAVY_BYTES (32u << 10)   /* who has moved as much in a run waits behind those that didn't, the next time */

static void put(struct relay *relay, struct session_queue *queue, struct session *s)
{
	s->queued = true;
	s->next = SLAB_NONE;
	if (!queue->n++)
		queue->first = relay_index_of(relay, s);
	else
		relay_session_at(relay, queue->last)->next = relay_index_of(relay, s);
	queue->last = relay_index_of(relay, s);
}

static struct session *take(struct relay *relay, struct session_queue *queue)
{
	struct session *s = relay_session_at(relay, queue->first);

	queue->first = s->next;
	queue->n--;
	s->queued = false;
	return s;
}

void relay_queue(struct relay *relay, struct session *s)
{
	if (!s->queued)
		put(relay, s->heavy ? &relay->heavy : &relay->light, s);
}

void relay_set_bulk(struct relay *relay, struct session *s, bool is_bulk)
{
	relay->tools.n_bulk += (uint32_t)is_bulk - (uint32_t)s->bulk;
	s->bulk = is_bulk;
}

static size_t stride_bytes(const struct relay *relay)
{
	struct share_facts facts = {
		.n_others = relay->heavy.n, .held_bytes = relay->tools.n_held_bytes,
		.held_most_bytes = relay->options.max_held_bytes,
	};

	return share_stride_bytes(&facts);
}

/* Runs one half and counts what it moved. */
static int step(struct relay *relay, struct session *s, enum relay_way way, size_t most_bytes)
{
	struct half *half = way == RELAY_UP ? &s->up : &s->down;
	const struct half *other = way == RELAY_UP ? &s->down : &s->up;
	uint64_t before = half->n_bytes, read_before = before + half_waiting_bytes(half),
		 now_us = loop_now_us(relay->loop);
	bool to_be_shown = half->course == HALF_COURSE_SHOWN_BY_BYTES;
	int r;

	if (half->writable && half_credit_bytes(half))
		steadying_follow(half, &relay->tools, now_us);
	limits_begin(relay, half);
	widening_look(half, &relay->tools, now_us);
	r = half_step(half, &relay->tools, most_bytes);
	if (r == HALF_WANT_WRITE && half->writable && !half_credit_bytes(half) && steadying_credit(half, now_us))
		r = HALF_AGAIN;
	s->near_spoke |= way == RELAY_UP && half->n_bytes + half_waiting_bytes(half) > read_before;
	widening_note(half, &relay->tools, now_us, r, half->n_bytes + half_waiting_bytes(half) > read_before);
	if (to_be_shown && half->course != HALF_COURSE_SHOWN_BY_BYTES)
		relay->options.on_shown(relay->options.context, s->link, half->course == HALF_COURSE_LOOKED);
	if (r == HALF_END_WAITS)
		r = ending_step(half, other, &relay->tools, s->state != SESSION_HELD, now_us);
	if (half->bulk)
		steadying_begin(half, &relay->tools, now_us);
	if (half->n_bytes != before || r != HALF_WANT_WRITE)
		steady_moved(&half->steady);
	if (half->steadied && r == HALF_WANT_WRITE && !half->ending.look_at_us)
		steady_refused(&half->steady, now_us);
	limits_note(relay, s, way, r);
	counter_add(way == RELAY_UP ? &relay->counters.up_bytes : &relay->counters.down_bytes, half->n_bytes - before);
	pacing_count(relay, s, way, half->n_bytes + half_waiting_bytes(half) - read_before, half->n_bytes - before);
	return r;
}

bool relay_is_unknown_plain(const struct session *s)
{
	return s->up.ends_multipath && s->up.course == HALF_COURSE_UNKNOWN && mptcp_info_fell_back(s->near_fd);
}

/* Whose peer has some of it has all that it may miss, or comes by it on this leg. */
static void look_at_kept(struct relay *relay, struct session *s)
{
	uint32_t n_unacked;

	if (s->down.keeps && s->down.n_bytes &&
	    (mptcp_send_unacked(s->near_fd, &n_unacked) || n_unacked < s->down.n_bytes) && !relay_is_unknown_plain(s))
		half_keep_no_more(&s->down, &relay->tools);
}

/* Nothing is written to a leg whose handshake hasn't ended (net_handshake_ended()). With its third packet the peer
 * has shown what it is. */
static void look_at_opening(struct session *s)
{
	bool plain;

	if (!s->near_opening)
		return;
	s->down.writable = net_handshake_outcome(s->near_fd, &plain);
	s->near_opening = !s->down.writable;
	if (s->down.writable && !plain)
		s->up.course = HALF_COURSE_WHOLE;
}

static void pass_on_way(struct relay *relay, struct session *s, enum relay_way way)
{
	const struct half *half = way == RELAY_UP ? &s->up : &s->down;
	uint64_t until_bytes = half->n_bytes + SHARE_ALONE_BYTES, before;

	do
		before = half->n_bytes;
	while (step(relay, s, way, SHARE_ALONE_BYTES) == HALF_AGAIN && half->n_bytes > before &&
	       half->n_bytes < until_bytes);
}

void relay_pass_on(struct relay *relay, struct session *s)
{
	look_at_opening(s);
	pass_on_way(relay, s, RELAY_DOWN);
	pass_on_way(relay, s, RELAY_UP);
}

static int run_way(struct relay *relay, struct session *s, enum relay_way way)
{
	return pacing_settle(relay, s, way, step(relay, s, way, pacing_most_bytes(relay, s, way, stride_bytes(relay))));
}

static int run_up(struct relay *relay, struct session *s)
{
	s->up.last = s->down.done;
	return s->state == SESSION_HELD && s->up_waits ? HALF_WANT_READ : run_way(relay, s, RELAY_UP);
}

static int run_down(struct relay *relay, struct session *s)
{
	if (s->state == SESSION_HELD)
		return HALF_WANT_READ;
	look_at_opening(s);
	s->down.last = s->up.done;
	look_at_kept(relay, s);
	return run_way(relay, s, RELAY_DOWN);
}

static bool is_unfinished(int status)
{
	return status == HALF_AGAIN || status == HALF_WANT_WRITE;
}

static void session_run(struct relay *relay, struct session *s)
{
	uint64_t before = s->up.n_bytes + s->down.n_bytes;
	int up = run_up(relay, s);
	int down = up < 0 ? HALF_WANT_READ : run_down(relay, s);

	counter_add(&relay->counters.n_steps, 1);
	counter_add(&relay->counters.n_rescued, s->rescued && s->up.n_bytes + s->down.n_bytes > before);
	s->rescued = false;
	if (up < 0 || down < 0 || s->down.cut) {   /* cut: it has failed before, and something was left to pass on */
		relay_session_fail(relay, s);
		return;
	}
	if (up == HALF_DONE && down == HALF_DONE) {
		relay_session_end(relay, s, SESSION_END_ORDERLY);
		return;
	}
	s->heavy = s->up.n_bytes + s->down.n_bytes - before >= HEAVY_BYTES || up == HALF_AGAIN || down == HALF_AGAIN;
	relay_set_bulk(relay, s, s->heavy && (is_unfinished(up) || is_unfinished(down)));
	if (relay_moves(relay, s, s->up.n_bytes + s->down.n_bytes - before))
		return;
	if (up == HALF_AGAIN || down == HALF_AGAIN)
		relay_queue(relay, s);
	if (up == HALF_WANT_WRITE || down == HALF_WANT_WRITE)
		relay_block(relay, s);
	else
		relay_unblock(relay, s);
}

/* The first n of the queue, or as many as there is time for, one at least; one that is not done comes again behind
 * the others. */
static void run(struct relay *relay, struct session_queue *queue, uint32_t n, uint64_t until_us)
{
	for (; n; n--) {
		struct session *s = take(relay, queue);

		if (s->state == SESSION_CLOSING)
			slab_give(&relay->sessions, s);
		else
			session_run(relay, s);
		if (loop_clock_us() >= until_us)
			break;
	}
}

void relay_run_turn(struct relay *relay)
{
	uint32_t n_heavy = relay->heavy.n;   /* a light one that turns out to be heavy has had its turn */
	uint64_t until_us;

	if (!relay->light.n && !relay->heavy.n)
		return;
	until_us = loop_clock_us() + TURN_US;
	run(relay, &relay->light, relay->light.n, until_us);
	run(relay, &relay->heavy, n_heavy, until_us);
	if (relay->light.n || relay->heavy.n)
		loop_again(relay->loop);
}
