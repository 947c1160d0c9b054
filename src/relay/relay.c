/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/relay.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include "base/clock.h"
#include "base/counter.h"
#include "base/slab.h"
#include "base/util.h"
#include "net/kernel.h"
#include "net/mptcp_send.h"
#include "net/socket.h"
#include "net/tcp_receive.h"
#include "policy/window.h"
#include "relay/pacing.h"

#define RELAY_SCRATCH_BYTES (512u << 10)
#define ACK_MOST_US (2 * US_PER_S)           /* a round trip, or a second packet after the first was lost */
#define ANSWER_MOST_BYTES (64u << 10)
#define OPENING_MOST_US (10 * US_PER_S)     /* for a handshake to end, its packets being lost three times */
#define SEND_BOUND_LEAST_BYTES (1u << 20)   /* a narrower one would cost more than the stalls that it prevents */

void session_set_state(struct session *s, enum session_state next)
{
	s->state = next;
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

static void count_end(struct relay *relay, const struct session *s, enum session_end end)
{
	struct relay_counters *c = &relay->counters;

	counter_add(end == SESSION_END_ORDERLY ? &c->n_orderly : end == SESSION_END_RESET ? &c->n_reset : &c->n_closed,
		    1);
	counter_add(&c->n_sessions, (uint64_t)-1);
}

void relay_session_end(struct relay *relay, struct session *s, enum session_end end)
{
	if (end == SESSION_END_ORDERLY) {
		net_close_orderly(s->near_fd);
		net_close_orderly(s->far_fd);
	} else {
		net_close_reset(s->near_fd);
		net_close_reset(s->far_fd);
	}
	relay_session_retire(relay, s, end);
	relay->options.on_end(relay->options.context, s->owner, end);
}

void relay_session_retire(struct relay *relay, struct session *s, enum session_end end)
{
	half_free(&s->up, &relay->tools);
	half_free(&s->down, &relay->tools);
	count_end(relay, s, end);
	relay_session_put_away(relay, s);
}

void relay_session_put_away(struct relay *relay, struct session *s)
{
	relay_unblock(relay, s);
	for (unsigned int way = 0; way < RELAY_N_WAYS; way++)
		pacing_leave(relay, s, (enum relay_way)way);
	relay_set_bulk(relay, s, false);
	session_set_state(s, SESSION_CLOSING);
	if (!s->queued) {   /* a queued one is reaped when its turn in the queue comes */
		s->next = relay->reap_first;
		relay->reap_first = relay_index_of(relay, s);
	}
}

/* To a leg whose handshake hasn't ended nothing can be written yet: not what the other has sent before it failed,
 * and not the answer to the peer. */
static bool waits_for_opening(const struct relay *relay, const struct session *s)
{
	return s->near_opening && half_waiting_bytes(&s->down) &&
	       loop_now_us(relay->loop) < s->opened_at_us + OPENING_MOST_US;
}

static bool unacknowledged(int fd)
{
	struct mptcp_send_state state;

	return !mptcp_send_state(fd, &state) && state.n_subflows > 1 && state.queued_bytes &&
	       state.queued_bytes <= ANSWER_MOST_BYTES;
}

/* A reset goes over all subflows, and overtakes over one what was sent over another: the peer's kernel then drops a
 * whole answer in front of it. Of bulk something is lost in any case. */
static bool waits_for_ack(const struct relay *relay, const struct session *s)
{
	return loop_now_us(relay->loop) < s->failed_at_us + ACK_MOST_US &&
	       ((s->near_mptcp && unacknowledged(s->near_fd)) || (s->far_mptcp && unacknowledged(s->far_fd)));
}

void relay_session_fail(struct relay *relay, struct session *s)
{
	bool held = s->state == SESSION_HELD;
	uint64_t tag = s->tag;

	/* Whoever has met the error first has consumed it: the next to read sees an end where there was a reset. */
	s->up.cut = s->down.cut = true;
	if (!s->failed_at_us) {
		s->failed_at_us = loop_now_us(relay->loop);
		counter_add(&relay->counters.n_broken,
			    s->up.course == HALF_COURSE_BROKEN || s->down.course == HALF_COURSE_BROKEN);
	}
	if (!held)
		relay_pass_on(relay, s);
	if (!held && (waits_for_opening(relay, s) || waits_for_ack(relay, s))) {
		relay_block(relay, s);   /* the timer runs it again, and it comes back here */
		return;
	}
	relay_session_end(relay, s, SESSION_END_RESET);
	if (held)
		relay->options.on_held_end(relay->options.context, tag);
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
	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI))
		from->more_follows = true;
	if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		to->writable = true;
	if ((events & EPOLLERR) && ref.part != SESSION_FAR)
		s->near_opening = false;   /* it will never open */
	if ((events & EPOLLERR) && s->state != SESSION_HELD)
		relay_session_fail(relay, s);
	else if (s->state == SESSION_HELD && ref.part == SESSION_FAR && from->readable)
		relay->options.on_held(relay->options.context, name, s->tag, s->far_fd);
	if (relay_session(relay, name))
		relay_queue(relay, s);
}

static void on_timer(void *context, struct loop_ref ref, uint64_t now_us)
{
	if (ref.part)
		pacing_on_timer(context, ref, now_us);
	else
		relay_on_timer(context, ref, now_us);
}

static void on_turn_end(void *context, uint64_t now_us)
{
	struct relay *relay = context;

	relay_run_turn(relay);
	while (relay->reap_first != SLAB_NONE) {
		struct session *s = relay_session_at(relay, relay->reap_first);

		relay->reap_first = s->next;
		slab_give(&relay->sessions, s);
	}
	if (!relay->counters.n_sessions && relay->tools.pipes.idle)
		pipes_close(&relay->tools.pipes);
	__atomic_store_n(&relay->counters.n_pipes_made, relay->tools.pipes.n_made, __ATOMIC_RELAXED);
	__atomic_store_n(&relay->counters.n_pipes_open, relay->tools.pipes.n_open, __ATOMIC_RELAXED);
	__atomic_store_n(&relay->counters.n_pipes_lent, relay->tools.pipes.n_lent, __ATOMIC_RELAXED);
	__atomic_store_n(&relay->counters.n_held_bytes, relay->tools.n_held_bytes, __ATOMIC_RELAXED);
}

static void learn_limits(struct half_tools *tools)
{
	/* The kernel's own limit may be raised yet, when paths are prepared, and may be higher than Braid would set
	 * it. */
	uint32_t ours_bytes = window_buffers(net_memory_bytes()).most_bytes, kernels_bytes = tcp_receive_kernel_most();
	uint32_t receive_most_bytes = kernels_bytes > ours_bytes ? kernels_bytes : ours_bytes;

	tools->send_bound_most_bytes = mptcp_send_bound_most(&tools->send_bound_forced);
	tools->receive_limits = widen_limits(tcp_receive_buffer_most(receive_most_bytes, &tools->receive_forced),
					     receive_most_bytes);
}

int relay_new(struct loop *loop, const struct relay_options *options, struct relay **out)
{
	_cleanup_(relay_freep) struct relay *relay = calloc(1, sizeof(*relay));
	struct loop_handler handler = { .on_event = on_event, .on_timer = on_timer, .on_turn_end = on_turn_end };

	if (!relay)
		return -ENOMEM;
	relay->loop = loop;
	relay->options = *options;
	relay->reap_first = relay->blocked_first = SLAB_NONE;
	relay->tools.scratch = malloc(RELAY_SCRATCH_BYTES);
	if (slab_init(&relay->sessions, sizeof(struct session), options->max_sessions) || !relay->tools.scratch)
		return -ENOMEM;
	relay->tools.n_scratch_bytes = RELAY_SCRATCH_BYTES;
	relay->tools.pipes.n_most = options->max_pipes;
	learn_limits(&relay->tools);
	relay->options.steady = options->steady && relay->tools.send_bound_most_bytes >= SEND_BOUND_LEAST_BYTES;
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
		struct session *s = relay_session_at(relay, i);

		if (s && s->state != SESSION_CLOSING)
			relay_session_end(relay, s, SESSION_END_CLOSED);
	}
	pipes_close(&relay->tools.pipes);
	free(relay->tools.scratch);
	free(relay->accounts);
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

void relay_keep_no_more(struct relay *relay, struct slab_name ref)
{
	struct session *s = relay_session(relay, ref);

	if (!s)
		return;
	half_keep_no_more(&s->up, &relay->tools);
	half_keep_no_more(&s->down, &relay->tools);
}

void relay_wake(struct relay *relay, struct slab_name ref)
{
	struct session *s = relay_session(relay, ref);

	if (!s)
		return;
	s->up.readable = s->down.readable = s->up.more_follows = s->down.more_follows = true;
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

/* Of the leg between the proxies. */
static struct half *multipath_half(struct session *s)
{
	return s->near_mptcp ? &s->up : &s->down;
}

void relay_break(struct relay *relay, struct slab_name ref)
{
	struct session *s = relay_session(relay, ref);

	if (!s)
		return;
	multipath_half(s)->course = HALF_COURSE_BROKEN;
	relay_session_fail(relay, s);
}

static bool is_whole(const struct half *half)
{
	return half->course == HALF_COURSE_WHOLE || half->course == HALF_COURSE_LOOKED;
}

static struct session_view view_of(const struct relay *relay, const struct session *s)
{
	return (struct session_view){
		.ref = slab_name_of(&relay->sessions, s), .name = s->name,
		.near_fd = s->near_fd, .far_fd = s->far_fd,
		.near_mptcp = s->near_mptcp, .far_mptcp = s->far_mptcp, .held = s->state == SESSION_HELD,
		.inbound = s->inbound, .routed = s->routed, .in_pieces = s->in_pieces,
		.whole = is_whole(s->near_mptcp ? &s->up : &s->down),
		.source = s->source, .destination = s->destination, .link = s->link, .near_instead = s->near_instead,
		.owner = s->owner,
		.opened_at_us = s->opened_at_us, .up_bytes = s->up.n_bytes, .down_bytes = s->down.n_bytes,
		.up_ended = s->up.ended, .down_ended = s->down.ended, .up_done = s->up.done, .down_done = s->down.done,
		.up_waiting_bytes = half_waiting_bytes(&s->up), .down_waiting_bytes = half_waiting_bytes(&s->down),
	};
}

bool relay_each(struct relay *relay, uint32_t *from, uint32_t n_most,
		void (*fn)(void *context, const struct session_view *view), void *context)
{
	uint32_t end = *from + n_most < relay->sessions.n_touched ? *from + n_most : relay->sessions.n_touched;

	for (; *from < end; ++*from) {
		const struct session *s = relay_session_at(relay, *from);
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
