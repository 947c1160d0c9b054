/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/relay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/counter.h"
#include "base/slab.h"
#include "base/util.h"
#include "net/mptcp_send.h"
#include "net/socket.h"
#include "relay/ending_step.h"
#include "relay/relay_parts.h"
#include "relay/steadying.h"

#define RELAY_BUDGET_BYTES (1u << 20)       /* a half's share of a turn */
#define RELAY_SCRATCH_BYTES (64u << 10)
#define RELAY_RESCUE_US (200 * US_PER_MS)   /* a half that waits to write is tried again after this, event or not */

void session_set_state(struct session *s, enum session_state next)
{
	s->state = next;
}

static uint32_t index_of(const struct relay *relay, const struct session *s)
{
	return slab_name_of(&relay->sessions, s).index;
}

static struct session *session_at(const struct relay *relay, uint32_t index)
{
	return slab_at(&relay->sessions, index);
}

struct loop_ref relay_leg_ref(const struct relay *relay, const struct session *s, enum session_part part)
{
	struct slab_name name = slab_name_of(&relay->sessions, s);

	return (struct loop_ref){ .index = name.index, .generation = name.generation, .handler = relay->handler,
				  .part = (uint8_t)part };
}

struct session *relay_session(const struct relay *relay, struct slab_name name)
{
	struct session *s = slab_get(&relay->sessions, name);

	return s && s->state != SESSION_CLOSING ? s : NULL;
}

void relay_queue(struct relay *relay, struct session *s)
{
	if (s->queued)
		return;
	s->queued = true;
	s->next = SLAB_NONE;
	if (relay->run_first == SLAB_NONE)
		relay->run_first = index_of(relay, s);
	else
		session_at(relay, relay->run_last)->next = index_of(relay, s);
	relay->run_last = index_of(relay, s);
}

static void unblock(struct relay *relay, struct session *s)
{
	if (!s->blocked)
		return;
	s->blocked = false;
	if (s->blocked_before == SLAB_NONE)
		relay->blocked_first = s->blocked_next;
	else
		session_at(relay, s->blocked_before)->blocked_next = s->blocked_next;
	if (s->blocked_next != SLAB_NONE)
		session_at(relay, s->blocked_next)->blocked_before = s->blocked_before;
}

static void arm_timer(struct relay *relay, uint64_t at_us)
{
	struct loop_ref ref = { .handler = relay->handler };

	if (at_us < relay->timer_at_us && !loop_timer_at(relay->loop, at_us, ref))
		relay->timer_at_us = at_us;
}

/* 0: none. */
static uint64_t earlier_us(uint64_t at_us, uint64_t or_at_us)
{
	return or_at_us && or_at_us < at_us ? or_at_us : at_us;
}

/* The next time at which a session that waits to write is to be looked at. */
static uint64_t look_at_us(const struct relay *relay, const struct session *s)
{
	uint64_t at_us = relay->rescue_at_us;

	at_us = earlier_us(at_us, s->up.steady.look_at_us);
	at_us = earlier_us(at_us, s->up.ending.look_at_us);
	at_us = earlier_us(at_us, s->down.steady.look_at_us);
	return earlier_us(at_us, s->down.ending.look_at_us);
}

static void block(struct relay *relay, struct session *s)
{
	if (relay->blocked_first == SLAB_NONE)
		relay->rescue_at_us = loop_now_us(relay->loop) + RELAY_RESCUE_US;
	arm_timer(relay, look_at_us(relay, s));
	if (s->blocked)
		return;
	s->blocked = true;
	s->blocked_before = SLAB_NONE;
	s->blocked_next = relay->blocked_first;
	if (s->blocked_next != SLAB_NONE)
		session_at(relay, s->blocked_next)->blocked_before = index_of(relay, s);
	relay->blocked_first = index_of(relay, s);
}

static void count_end(struct relay *relay, const struct session *s, enum session_end end)
{
	struct relay_counters *c = &relay->counters;

	counter_add(end == SESSION_END_ORDERLY ? &c->n_orderly : end == SESSION_END_RESET ? &c->n_reset : &c->n_closed, 1);
	counter_add(&c->n_sessions, (uint64_t)-1);
}

void relay_session_end(struct relay *relay, struct session *s, enum session_end end)
{
	half_free(&s->up, &relay->tools);
	half_free(&s->down, &relay->tools);
	if (end == SESSION_END_ORDERLY) {
		net_close_orderly(s->near_fd);
		net_close_orderly(s->far_fd);
	} else {
		net_close_reset(s->near_fd);
		net_close_reset(s->far_fd);
	}
	count_end(relay, s, end);
	relay->options.on_end(relay->options.context, s->owner, end);
	unblock(relay, s);
	session_set_state(s, SESSION_CLOSING);
	if (!s->queued) {   /* a queued one is reaped when its turn in the queue comes */
		s->next = relay->reap_first;
		relay->reap_first = index_of(relay, s);
	}
}

/* Runs one half and counts what it moved. */
static int step(struct relay *relay, const struct session *s, struct half *half, const struct half *other, uint64_t *n_bytes)
{
	uint64_t before = half->n_bytes, now_us = loop_now_us(relay->loop);
	int r;

	if (half->writable)
		steadying_follow(half, &relay->tools, now_us);
	r = half_step(half, &relay->tools, RELAY_BUDGET_BYTES);
	if (r == HALF_END_WAITS)
		r = ending_step(half, other, &relay->tools, s->state != SESSION_HELD, now_us);
	if (half->pipe)
		steadying_begin(half, &relay->tools, now_us);
	if (half->n_bytes != before || r != HALF_WANT_WRITE)
		steady_moved(&half->steady);
	if (half->dst_mptcp && r == HALF_WANT_WRITE && !half->ending.look_at_us)
		steady_refused(&half->steady, now_us);
	counter_add(n_bytes, half->n_bytes - before);
	return r;
}

static int step_up(struct relay *relay, struct session *s)
{
	return step(relay, s, &s->up, &s->down, &relay->counters.up_bytes);
}

static int step_down(struct relay *relay, struct session *s)
{
	return step(relay, s, &s->down, &s->up, &relay->counters.down_bytes);
}

void relay_session_fail(struct relay *relay, struct session *s)
{
	bool held = s->state == SESSION_HELD;
	uint64_t tag = s->tag;

	/* Whoever has met the error first has consumed it: the next to read sees an end where there was a reset. */
	s->up.cut = s->down.cut = true;
	if (!held) {
		step_down(relay, s);
		step_up(relay, s);
	}
	relay_session_end(relay, s, SESSION_END_RESET);
	if (held)
		relay->options.on_held_end(relay->options.context, tag);
}

/* Nothing is written to a leg whose handshake hasn't ended (net_handshake_ended()). */
static void look_at_opening(struct session *s)
{
	if (!s->near_opening)
		return;
	s->down.writable = net_handshake_ended(s->near_fd);
	s->near_opening = !s->down.writable;
}

static int run_up(struct relay *relay, struct session *s)
{
	return s->state == SESSION_HELD && s->up_waits ? HALF_WANT_READ : step_up(relay, s);
}

static int run_down(struct relay *relay, struct session *s)
{
	if (s->state == SESSION_HELD)
		return HALF_WANT_READ;
	look_at_opening(s);
	return step_down(relay, s);
}

static void session_run(struct relay *relay, struct session *s)
{
	uint64_t before = s->up.n_bytes + s->down.n_bytes;
	int up = run_up(relay, s);
	int down = up < 0 ? HALF_WANT_READ : run_down(relay, s);

	counter_add(&relay->counters.n_steps, 1);
	counter_add(&relay->counters.n_rescued, s->rescued && s->up.n_bytes + s->down.n_bytes > before);
	s->rescued = false;
	if (up < 0 || down < 0) {
		relay_session_fail(relay, s);
		return;
	}
	if (up == HALF_DONE && down == HALF_DONE) {
		relay_session_end(relay, s, SESSION_END_ORDERLY);
		return;
	}
	if (up == HALF_AGAIN || down == HALF_AGAIN) {
		relay_queue(relay, s);
		loop_again(relay->loop);
	}
	if (up == HALF_WANT_WRITE || down == HALF_WANT_WRITE)
		block(relay, s);
	else
		unblock(relay, s);
}

/* HALF_* become readiness here and nowhere else: which half an event of a leg is for. */
static void on_event(void *context, struct loop_ref ref, uint32_t events)
{
	struct relay *relay = context;
	struct slab_name name = { ref.index, ref.generation };
	struct session *s = relay_session(relay, name);
	struct half *from, *to;

	if (!s)
		return;
	if (ref.part != SESSION_FAR && ref.part != s->near_part)
		return;   /* of a leg that is closed already */
	s->rescued = false;
	from = ref.part == SESSION_FAR ? &s->down : &s->up;
	to = ref.part == SESSION_FAR ? &s->up : &s->down;
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		from->readable = true;
	if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		to->writable = true;
	if ((events & EPOLLERR) && s->state != SESSION_HELD)
		relay_session_fail(relay, s);
	else if (s->state == SESSION_HELD && ref.part == SESSION_FAR && from->readable)
		relay->options.on_held(relay->options.context, name, s->tag, s->far_fd);
	if (relay_session(relay, name))
		relay_queue(relay, s);
}

/* MPTCP may say "not now" and never "now" (HACKING.md, the relay): all are tried again every RELAY_RESCUE_US. */
static void rescue(struct relay *relay, struct session *s)
{
	s->up.writable = s->down.writable = true;
	s->rescued = true;
	relay_queue(relay, s);
}

static void look(struct relay *relay, struct session *s, struct half *half, uint64_t *n_bytes, uint64_t now_us)
{
	uint64_t before = half->n_bytes;

	if (s->state == SESSION_CLOSING || !half->steady.look_at_us || half->steady.look_at_us > now_us)
		return;
	if (steadying_look(half, &relay->tools, now_us, &relay->counters.n_nudges))
		relay_session_fail(relay, s);
	else
		counter_add(n_bytes, half->n_bytes - before);
}

static bool end_is_due(const struct half *half, uint64_t now_us)
{
	return half->ending.look_at_us && half->ending.look_at_us <= now_us;
}

static void on_timer(void *context, struct loop_ref ref, uint64_t now_us)
{
	struct relay *relay = context;
	bool rescues = now_us >= relay->rescue_at_us;
	uint64_t next_us = CLOCK_NEVER_US;

	if (now_us < relay->timer_at_us)
		return;   /* one that was set before an earlier one */
	relay->timer_at_us = CLOCK_NEVER_US;
	if (rescues)
		relay->rescue_at_us = now_us + RELAY_RESCUE_US;
	for (uint32_t i = relay->blocked_first, next; i != SLAB_NONE; i = next) {
		struct session *s = session_at(relay, i);

		next = s->blocked_next;   /* one that fails now leaves the list */
		look(relay, s, &s->up, &relay->counters.up_bytes, now_us);
		look(relay, s, &s->down, &relay->counters.down_bytes, now_us);
		if (s->state == SESSION_CLOSING)
			continue;
		if (rescues)
			rescue(relay, s);
		if (end_is_due(&s->up, now_us) || end_is_due(&s->down, now_us)) {
			relay_queue(relay, s);   /* it will block again, if it has to */
			continue;
		}
		if (look_at_us(relay, s) < next_us)
			next_us = look_at_us(relay, s);
	}
	if (next_us != CLOCK_NEVER_US)
		arm_timer(relay, next_us);
}

static void run_queue(struct relay *relay)
{
	uint32_t i = relay->run_first;

	relay->run_first = relay->run_last = SLAB_NONE;
	while (i != SLAB_NONE) {
		struct session *s = session_at(relay, i);

		i = s->next;
		s->queued = false;
		if (s->state == SESSION_CLOSING)
			slab_give(&relay->sessions, s);
		else
			session_run(relay, s);
	}
}

static void on_turn_end(void *context, uint64_t now_us)
{
	struct relay *relay = context;

	run_queue(relay);
	while (relay->reap_first != SLAB_NONE) {
		struct session *s = session_at(relay, relay->reap_first);

		relay->reap_first = s->next;
		slab_give(&relay->sessions, s);
	}
	if (!relay->counters.n_sessions && relay->tools.pipes.idle)
		pipes_close(&relay->tools.pipes);
	__atomic_store_n(&relay->counters.n_pipes_made, relay->tools.pipes.n_made, __ATOMIC_RELAXED);
	__atomic_store_n(&relay->counters.n_pipes_open, relay->tools.pipes.n_open, __ATOMIC_RELAXED);
	__atomic_store_n(&relay->counters.n_pipes_lent, relay->tools.pipes.n_lent, __ATOMIC_RELAXED);
	__atomic_store_n(&relay->counters.n_residue_bytes, relay->tools.n_residue_bytes, __ATOMIC_RELAXED);
}

int relay_new(struct loop *loop, const struct relay_options *options, struct relay **out)
{
	_cleanup_(relay_freep) struct relay *relay = calloc(1, sizeof(*relay));
	struct loop_handler handler = { .on_event = on_event, .on_timer = on_timer, .on_turn_end = on_turn_end };

	if (!relay)
		return -ENOMEM;
	relay->loop = loop;
	relay->options = *options;
	relay->run_first = relay->run_last = relay->reap_first = relay->blocked_first = SLAB_NONE;
	relay->tools.scratch = malloc(RELAY_SCRATCH_BYTES);
	if (slab_init(&relay->sessions, sizeof(struct session), options->max_sessions) || !relay->tools.scratch)
		return -ENOMEM;
	relay->tools.n_scratch_bytes = RELAY_SCRATCH_BYTES;
	relay->tools.pipes.n_most = options->max_pipes;
	relay->tools.n_residue_most_bytes = options->max_residue_bytes;
	relay->tools.send_bound_most_bytes = mptcp_send_bound_most();
	relay->timer_at_us = CLOCK_NEVER_US;
	handler.context = relay;
	relay->handler = loop_handler_add(loop, &handler);
	*out = relay;
	relay = NULL;
	return 0;
}

void relay_freep(struct relay **out)
{
	struct relay *relay = *out;

	if (!relay)
		return;
	for (uint32_t i = 0; i < relay->sessions.n_touched; i++) {
		struct session *s = session_at(relay, i);

		if (s && s->state != SESSION_CLOSING)
			relay_session_end(relay, s, SESSION_END_CLOSED);
	}
	pipes_close(&relay->tools.pipes);
	free(relay->tools.scratch);
	slab_fini(&relay->sessions);
	free(relay);
	*out = NULL;
}

void relay_abort(struct relay *relay, struct slab_name ref)
{
	struct session *s = relay_session(relay, ref);

	if (s)
		relay_session_end(relay, s, SESSION_END_CLOSED);
}

void relay_wake(struct relay *relay, struct slab_name ref)
{
	struct session *s = relay_session(relay, ref);

	if (!s)
		return;
	s->up.readable = s->down.readable = true;
	if (s->state == SESSION_HELD)
		relay->options.on_held(relay->options.context, ref, s->tag, s->far_fd);
	if (relay_session(relay, ref))
		relay_queue(relay, s);
}

void relay_fail(struct relay *relay, struct slab_name ref)
{
	struct session *s = relay_session(relay, ref);

	if (s)
		relay_session_fail(relay, s);
}

static struct session_view view_of(const struct relay *relay, const struct session *s)
{
	return (struct session_view){
		.ref = slab_name_of(&relay->sessions, s),
		.near_fd = s->near_fd, .far_fd = s->far_fd,
		.near_mptcp = s->near_mptcp, .far_mptcp = s->far_mptcp, .held = s->state == SESSION_HELD,
		.source = s->source, .destination = s->destination, .link = s->link,
		.opened_at_us = s->opened_at_us, .up_bytes = s->up.n_bytes, .down_bytes = s->down.n_bytes,
		.up_ended = s->up.ended, .down_ended = s->down.ended, .up_done = s->up.done, .down_done = s->down.done,
		.up_waiting_bytes = half_waiting_bytes(&s->up), .down_waiting_bytes = half_waiting_bytes(&s->down),
	};
}

bool relay_each(struct relay *relay, uint32_t *from, uint32_t n_most, void (*fn)(void *context, const struct session_view *view),
		void *context)
{
	uint32_t end = *from + n_most < relay->sessions.n_touched ? *from + n_most : relay->sessions.n_touched;

	for (; *from < end; ++*from) {
		const struct session *s = session_at(relay, *from);
		struct session_view view;

		if (!s || s->state == SESSION_CLOSING)
			continue;
		view = view_of(relay, s);
		fn(context, &view);
	}
	return end < relay->sessions.n_touched;
}

bool relay_find(struct relay *relay, struct slab_name ref, struct session_view *view)
{
	const struct session *s = relay_session(relay, ref);

	if (s)
		*view = view_of(relay, s);
	return s;
}

const struct relay_counters *relay_counters(const struct relay *relay)
{
	return &relay->counters;
}
