/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/stripe/striped.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include "base/clock.h"
#include "base/counter.h"
#include "base/util.h"
#include "net/pair.h"
#include "net/socket.h"
#include "role/converter/converter.h"
#include "wire/stripe.h"

static_assert(STRIPE_WIDE_PIECE_BYTES == STRIPE_PAYLOAD_BYTES && STRIPE_FRAME_OVERHEAD_BYTES == STRIPE_HEAD_BYTES,
	      "a piece is a frame's payload");
static_assert(ARRAY_SIZE(((struct shared *)NULL)->n_striped_bytes) == STRIPED_KINDS, "a number a kind");

#define NEAR_EVENTS (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)
#define NEAR_BUFFER_BYTES (32u << 10)
#define WIDE_NEAR_BUFFER_BYTES (1u << 20)
#define ALONE_US (180 * US_PER_S)         /* without any leg */
#define MUTE_US (120 * US_PER_S)
#define RESET_TOLD_US (60 * US_PER_S)
#define MORE_LOOKS 8
#define TICK_US (100 * US_PER_MS)
#define ACK_LOOK_US (1 * US_PER_S)

static uint64_t now_of(const struct stripes *stripes)
{
	return loop_now_us(stripes->worker->loop);
}

int striped_open_near(struct stripes *stripes, struct striped *s, int *other)
{
	int r = net_pair(&s->near_fd, other, s->out.wide ? WIDE_NEAR_BUFFER_BYTES : NEAR_BUFFER_BYTES);

	if (r)
		return r;
	net_tune_leg(s->near_fd, false);
	r = net_local_address(*other, &s->session_end);
	if (!r)
		r = loop_watch(stripes->worker->loop, s->near_fd, NEAR_EVENTS, striped_ref(stripes, s, STRIPED_NEAR));
	if (!r)
		return 0;
	net_close_reset(*other);
	net_close_reset(s->near_fd);
	s->near_fd = *other = -1;
	return r;
}

static void close_near(struct stripes *stripes, struct striped *s, bool orderly)
{
	s->near_gone = true;
	s->session_end = (struct address){ 0 };   /* which may be another one's soon */
	if (s->near_fd < 0)
		return;
	loop_unwatch(stripes->worker->loop, s->near_fd);
	(orderly ? net_close_orderly : net_close_reset)(s->near_fd);
	s->near_fd = -1;
}

/* Adds nothing up that others see in between: each kind is a number of its own. */
static void note_taken(const struct stripes *stripes, struct striped *s, enum striped_kind kind, uint64_t n_bytes)
{
	__atomic_add_fetch(&stripes->worker->shared->n_striped_bytes[kind], n_bytes - s->n_taken_bytes[kind],
			   __ATOMIC_RELAXED);
	s->n_taken_bytes[kind] = n_bytes;
}

uint64_t striped_left(const struct stripes *stripes, enum striped_kind kind)
{
	uint64_t most_bytes = ((uint64_t)stripes->worker->view->conf->relay.held_mb << 20) / 2;
	uint64_t n_taken_bytes = __atomic_load_n(&stripes->worker->shared->n_striped_bytes[kind], __ATOMIC_RELAXED);

	return n_taken_bytes < most_bytes ? most_bytes - n_taken_bytes : 0;
}

static void give_back(struct stripes *stripes, struct striped *s, bool orderly)
{
	note_taken(stripes, s, STRIPED_HELD, 0);
	note_taken(stripes, s, STRIPED_PROMISED, 0);
	striped_legs_close(stripes, s, orderly);
	close_near(stripes, s, orderly);
	ring_free(&s->out_bytes);
	ring_free(&s->in_bytes);
	upstream_unref(s->upstream);
	shared_release(&stripes->worker->shared->n_striped);
	slab_give(&stripes->sessions, s);
}

void striped_abort(struct stripes *stripes, struct striped *s)
{
	give_back(stripes, s, false);
}

/* Whoever had the session has given it up: the other end is told so, where that can be, behind what legs have of the
 * stream. */
static void near_failed(struct stripes *stripes, struct striped *s)
{
	close_near(stripes, s, false);
	s->ends_at_us = now_of(stripes) + RESET_TOLD_US;
	stripe_end(&s->out, STRIPE_RESETS);
}

/* What the other end has passed on, nobody asks for any more. */
static int take_acknowledgement(struct striped *s, const struct stripe_frame *frame)
{
	uint64_t before = s->out.acked;
	int r = stripe_acknowledge(&s->out, frame->acknowledged, frame->window);

	ring_give_up(&s->out_bytes, before, s->out.acked, s->out.acked >= s->out.end);
	return r;
}

static int take_frame(const struct stripes *stripes, struct striped *s, const struct stripe_frame *frame)
{
	enum stripe_end ending = !frame->ends ? STRIPE_GOES_ON : frame->resets ? STRIPE_RESETS : STRIPE_ENDS;
	uint64_t at = stripe_place(&s->in, frame->offset);
	size_t skip, n = frame->payload.n;
	int r = take_acknowledgement(s, frame);

	if (!r && frame->wants && !s->in.wide)
		r = STRIPE_E_WRONG;
	s->peer_wants |= frame->wants;
	if (r || (!n && ending == STRIPE_GOES_ON))
		return r;
	stripe_comes(&s->in, striped_left(stripes, STRIPED_PROMISED), now_of(stripes));
	r = stripe_arrive(&s->in, frame->offset, n, ending, &skip);
	if (r || skip == n)
		return r;
	return ring_put(&s->in_bytes, at + skip, (struct bytes){ frame->payload.at + skip, n - skip }) ? 0 : -ENOMEM;
}

int striped_take_frames(const struct stripes *stripes, struct striped *s, struct bytes all, struct bytes *left)
{
	struct stripe_frame frame;
	size_t n_used;
	int r;

	while (!(r = stripe_frame_get(&frame, all.at, all.n, &n_used))) {
		r = take_frame(stripes, s, &frame);
		if (r)
			return r;
		all = (struct bytes){ all.at + n_used, all.n - n_used };
	}
	*left = all;
	return r == STRIPE_E_MALFORMED ? r : 0;
}

/* At the converter the session begins with its first bytes. */
static bool has_near(struct stripes *stripes, struct striped *s)
{
	int other;

	if (s->near_fd >= 0)
		return true;
	if (s->near_gone || s->client || striped_open_near(stripes, s, &other))
		return false;
	converter_take_striped(stripes->worker->converter, other, &s->own, &s->client_address);
	return true;
}

static void note_passed_on(struct stripes *stripes, struct striped *s, size_t n)
{
	uint64_t before = s->in.passed_on;

	stripe_pass_on(&s->in, n, now_of(stripes));
	ring_give_up(&s->in_bytes, before, s->in.passed_on, !stripe_readable(&s->in) && !s->in.n_later);
}

/* False: not now, or there is nobody any more. */
static bool pass_some_on(struct stripes *stripes, struct striped *s, size_t n)
{
	struct bytes some = ring_bytes(&s->in_bytes, s->in.passed_on, n);
	int error = 0;
	ssize_t n_sent;

	if (s->near_gone) {
		note_passed_on(stripes, s, n);
		return true;
	}
	if (!has_near(stripes, s)) {
		s->over = true;
		return false;
	}
	n_sent = net_send(s->near_fd, some.at, some.n, &error);
	if (n_sent < 0 && error != NET_E_AGAIN)
		near_failed(stripes, s);
	if (n_sent <= 0)
		return s->near_gone;
	note_passed_on(stripes, s, (size_t)n_sent);
	return true;
}

static void pass_end_on(struct stripes *stripes, struct striped *s)
{
	switch (stripe_end_due(&s->in)) {
	case STRIPE_ENDS:
		if (s->near_fd >= 0 && shutdown(s->near_fd, SHUT_WR))
			near_failed(stripes, s);
		stripe_pass_on_end(&s->in, now_of(stripes));
		break;
	case STRIPE_RESETS:
		close_near(stripes, s, false);
		stripe_pass_on_end(&s->in, now_of(stripes));
		break;
	case STRIPE_GOES_ON:
		break;
	}
}

static void pass_on(struct stripes *stripes, struct striped *s)
{
	size_t n;

	while (!s->over && (n = stripe_readable(&s->in)) && pass_some_on(stripes, s, n))
		;
	if (!s->over)
		pass_end_on(stripes, s);
}

static void read_near(struct stripes *stripes, struct striped *s)
{
	size_t n_room;

	while (s->near_fd >= 0 && (n_room = stripe_room(&s->out))) {
		uint8_t *room = ring_room(&s->out_bytes, s->out.end, &n_room);
		int error = 0;
		ssize_t n = room ? net_receive(s->near_fd, room, n_room, &error) : -1;

		if (!room)
			near_failed(stripes, s);
		else if (n > 0)
			stripe_take(&s->out, (size_t)n);
		else if (!n)
			stripe_end(&s->out, STRIPE_ENDS);
		else if (error == NET_E_AGAIN)
			return;
		else
			near_failed(stripes, s);
	}
}

/* A chunk that was made to read into, and isn't wanted: nothing came. */
static void take_near(struct stripes *stripes, struct striped *s)
{
	size_t n_bytes;

	stripe_look(&s->out, now_of(stripes));
	striped_tell_limited(stripes, s);
	s->out.memory_bytes = striped_left(stripes, STRIPED_HELD);
	read_near(stripes, s);
	ring_give_up(&s->out_bytes, s->out.end, s->out.end, s->out.acked >= s->out.end);
	n_bytes = s->out_bytes.n_chunks * RING_CHUNK_BYTES;
	note_taken(stripes, s, STRIPED_HELD, n_bytes > STRIPE_WINDOW_BYTES ? n_bytes - STRIPE_WINDOW_BYTES : 0);
}

/* After what came was passed on, and before any frame goes. */
static void set_window(struct stripes *stripes, struct striped *s)
{
	stripe_lapse(&s->in, now_of(stripes));
	stripe_set_window(&s->in, s->peer_wants, striped_left(stripes, STRIPED_PROMISED));
	s->peer_wants = false;
}

static void fill_frame(const struct striped *s, struct stripe_frame *frame)
{
	frame->acknowledged = stripe_acknowledged(&s->in);
	frame->window = s->in.window;
	frame->wants = stripe_wants_window(&s->out);
}

size_t striped_put_frame(const struct striped *s, const struct stripe_send *send, uint8_t *out)
{
	struct stripe_frame frame = {
		.ends = send->ending != STRIPE_GOES_ON, .resets = send->ending == STRIPE_RESETS,
		.offset = (uint32_t)send->offset,
		.payload = { out + STRIPE_HEAD_BYTES, send->n },
	};

	fill_frame(s, &frame);
	stripe_frame_put_head(&frame, out);
	ring_get(&s->out_bytes, send->offset, out + STRIPE_HEAD_BYTES, send->n);
	return STRIPE_HEAD_BYTES + send->n;
}

static void send_frame(struct stripes *stripes, struct striped *s, const struct stripe_send *send)
{
	uint8_t bytes[STRIPE_FRAME_BYTES];
	size_t n = striped_put_frame(s, send, bytes);

	if (!striped_leg_write(stripes, s, send->leg, (struct bytes){ bytes, n }, send->last_of_first))
		return;
	stripe_sent(&s->out, send, now_of(stripes));
	if (s->out.legs[send->leg].overdue_us && stripe_best_leg(&s->out) != send->leg)   /* what it says is late */
		stripe_promise(&s->in);
	else
		stripe_told(&s->in);
	counter_add(&stripes->worker->counters.n_pieces_again, send->again);
}

/* resets: and that this stream was reset, be it behind its end. */
static void send_head(struct stripes *stripes, struct striped *s, uint8_t leg, bool resets)
{
	struct stripe_frame frame = { .ends = resets, .resets = resets, .offset = (uint32_t)s->out.next };
	uint8_t head[STRIPE_HEAD_BYTES];

	fill_frame(s, &frame);
	stripe_frame_put_head(&frame, head);
	if (!striped_leg_write(stripes, s, leg, (struct bytes){ head, sizeof(head) }, false))
		return;
	stripe_leg_wrote(&s->out, leg, sizeof(head), now_of(stripes));
	stripe_told(&s->in);
}

/* A peer that makes us acknowledge, and reads nothing, would have us keep ever more: what its leg doesn't take now
 * is said when it takes some again. */
static bool takes_ack(const struct striped *s, uint8_t leg)
{
	return leg != STRIPE_NO_LEG && !s->legs[leg].out.n_kept;
}

/* Whether there was anything. */
static bool send_pieces(struct stripes *stripes, struct striped *s)
{
	struct stripe_send send;
	bool any = false;

	striped_legs_look(stripes, s);
	for (; stripe_next(&s->out, &send); any = true)
		send_frame(stripes, s, &send);
	return any;
}

/* A wide leg's TCP may have sent at once what it was given, and take more. */
static void send_all(struct stripes *stripes, struct striped *s)
{
	unsigned int n_more = s->out.wide ? MORE_LOOKS : 0;
	uint8_t leg;

	while (send_pieces(stripes, s) && n_more-- > 0)
		;
	while (stripe_owes_ack(&s->in, now_of(stripes)) && takes_ack(s, leg = stripe_best_leg(&s->out)))
		send_head(stripes, s, leg, false);
}

/* Last words go with the session where a leg's TCP doesn't take them. */
static bool takes_last_words(const struct striped *s)
{
	bool takes = !striped_any_leg(s);

	for (uint8_t i = 0; i < STRIPE_LEGS; i++)
		takes |= s->out.legs[i].open && !s->legs[i].out.n_kept;
	return takes;
}

/* Everything is where it belongs, and both ends know or hear it with the last words, over whichever leg they come. */
static bool is_finished(const struct striped *s)
{
	if (s->in.ending == STRIPE_RESETS && s->in.end_passed_on)
		return true;
	return stripe_is_done(&s->out) && (s->in.end_passed_on || s->ends_at_us) && takes_last_words(s);
}

/* A reset behind an end that was acknowledged is acknowledged by nothing: it goes over all legs, as one may have
 * gone with its link. */
static void finish(struct stripes *stripes, struct striped *s)
{
	for (uint8_t i = 0; i < STRIPE_LEGS; i++)
		if (s->out.legs[i].open)
			send_head(stripes, s, i, s->out.ending == STRIPE_RESETS);
	give_back(stripes, s, true);
}

/* At the converter: legs and no request. */
static bool is_mute(const struct striped *s)
{
	return !s->client && s->near_fd < 0 && !s->near_gone;
}

/* The other end may have the request already, by the first packet of a leg that isn't there yet. */
static bool may_have_been_heard(const struct striped *s)
{
	for (uint8_t i = 0; i < STRIPE_LEGS; i++)
		if (striped_is_connecting(s, i) && s->legs[i].has_syn_data)
			return true;
	return striped_any_leg(s);
}

/* It has no leg for too long; or nobody here wants it any more, and there is nobody to tell so. */
static bool is_given_up(const struct striped *s, uint64_t now_us)
{
	if (s->ends_at_us && (now_us >= s->ends_at_us || !may_have_been_heard(s)))
		return true;
	/* the leg of a session that is over was late */
	if (is_mute(s) && (now_us - s->begun_at_us >= MUTE_US || !striped_any_leg(s)))
		return true;
	return s->alone_since_us && now_us - s->alone_since_us >= ALONE_US;
}

static void note_legs(struct striped *s, uint64_t now_us)
{
	if (striped_any_leg(s))
		s->alone_since_us = 0;
	else if (!s->alone_since_us)
		s->alone_since_us = now_us;
}

/* What is due and couldn't be said, no leg took. A timer can't be taken back: one that is far away is set when it is
 * near. */
static uint64_t ack_due_us(const struct striped *s, uint64_t now_us)
{
	uint64_t at_us = striped_any_leg(s) ? stripe_owes_ack_at_us(&s->in) : CLOCK_NEVER_US;

	return at_us == CLOCK_NEVER_US ? at_us : u64_max(u64_min(at_us, now_us + ACK_LOOK_US), now_us + TICK_US);
}

static uint64_t wanted_us(const struct stripes *stripes, const struct striped *s)
{
	uint64_t now_us = now_of(stripes), at_us = striped_legs_next_us(stripes, s);

	if (s->more)
		return now_us;
	if (striped_any_leg(s) && stripe_is_busy(&s->out))
		at_us = u64_min(at_us, now_us + TICK_US);
	at_us = u64_min(at_us, ack_due_us(s, now_us));
	at_us = u64_min(at_us, stripe_lapses_at_us(&s->in));
	if (is_mute(s))
		at_us = u64_min(at_us, s->begun_at_us + MUTE_US);
	if (s->ends_at_us)
		at_us = u64_min(at_us, s->ends_at_us);
	return s->alone_since_us ? u64_min(at_us, s->alone_since_us + ALONE_US) : at_us;
}

/* A later timer that is set already is left to come for nothing. */
static void set_timer(struct stripes *stripes, struct striped *s)
{
	uint64_t at_us = wanted_us(stripes, s);

	if (at_us == CLOCK_NEVER_US || (s->timer_at_us && s->timer_at_us <= at_us))
		return;
	s->timer_at_us = at_us;
	if (loop_timer_at(stripes->worker->loop, at_us, striped_ref(stripes, s, STRIPED_TIMER)))
		striped_abort(stripes, s);
}

void striped_step(struct stripes *stripes, struct striped *s)
{
	striped_legs_read(stripes, s);
	if (!s->over)
		pass_on(stripes, s);
	if (!s->over && is_finished(s)) {
		finish(stripes, s);
		return;
	}
	striped_legs_lose_ended(stripes, s);
	if (!s->over) {
		set_window(stripes, s);
		take_near(stripes, s);
		striped_legs_begin(stripes, s);
		send_all(stripes, s);
		note_taken(stripes, s, STRIPED_PROMISED, stripe_promised(&s->in));
		note_legs(s, now_of(stripes));
	}
	if (s->over || is_given_up(s, now_of(stripes)))
		striped_abort(stripes, s);
	else
		set_timer(stripes, s);
}

void striped_on_near(struct stripes *stripes, struct striped *s, uint32_t events)
{
	if (events & EPOLLERR && s->near_fd >= 0)
		near_failed(stripes, s);
	striped_step(stripes, s);
}
