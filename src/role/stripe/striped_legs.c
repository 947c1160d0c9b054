/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>
#include <sys/epoll.h>
#include "base/clock.h"
#include "base/counter.h"
#include "net/mptcp_send.h"
#include "net/socket.h"
#include "role/links/loss_watch.h"
#include "role/stripe/striped.h"

#define RETRY_FIRST_US (2 * US_PER_S)
#define RETRY_DOUBLINGS 5
#define WIDE_RETRY_DOUBLINGS 1
#define SILENT_US (120 * US_PER_S)
#define REFUSED_US (600 * US_PER_S)
#define FULL_US (10 * US_PER_S)

bool striped_any_leg(const struct striped *s)
{
	for (size_t i = 0; i < STRIPE_LEGS; i++)
		if (s->out.legs[i].open)
			return true;
	return false;
}

static void close_leg(struct stripes *stripes, struct striped *s, uint8_t leg, bool orderly)
{
	struct striped_leg *l = &s->legs[leg];

	if (l->fd < 0)
		return;
	loop_unwatch(stripes->worker->loop, l->fd);
	(orderly ? net_close_orderly : net_close_reset)(l->fd);
	l->fd = -1;
	l->connected = l->answered = l->ended = false;
	l->overshoot = (struct overshoot){ 0 };
	inbox_free(&l->in);
	inbox_free(&l->out);
	if (!s->out.legs[leg].open)
		return;
	stripe_leg_close(&s->out, leg);
	stripe_tell_again(&s->in);
}

void striped_leg_lose(struct stripes *stripes, struct striped *s, uint8_t leg)
{
	struct striped_leg *l = &s->legs[leg];
	uint32_t most = s->out.wide ? WIDE_RETRY_DOUBLINGS : RETRY_DOUBLINGS,
		 n = l->n_failed < most ? l->n_failed : most;

	counter_add(&stripes->worker->counters.n_legs_lost, 1);
	close_leg(stripes, s, leg, false);
	l->n_failed++;
	l->try_at_us = loop_now_us(stripes->worker->loop) + (RETRY_FIRST_US << n);
}

void striped_legs_close(struct stripes *stripes, struct striped *s, bool orderly)
{
	for (uint8_t i = 0; i < STRIPE_LEGS; i++)
		close_leg(stripes, s, i, orderly);
}

static bool flush(struct striped_leg *l, bool later)
{
	int error = 0;
	ssize_t n = l->out.n_kept ? (later ? net_send_later : net_send)(l->fd, l->out.kept, l->out.n_kept, &error) : 0;

	if (n < 0)
		return error == NET_E_AGAIN;
	return !n || !inbox_keep(&l->out, (struct bytes){ l->out.kept + n, l->out.n_kept - (size_t)n });
}

bool striped_leg_write(struct stripes *stripes, struct striped *s, uint8_t leg, struct bytes bytes, bool later)
{
	struct striped_leg *l = &s->legs[leg];

	if (inbox_add(&l->out, bytes) || !flush(l, later)) {
		striped_leg_lose(stripes, s, leg);
		return false;
	}
	s->out.legs[leg].full = l->out.n_kept;
	return true;
}

/* What is given to a leg is ours to bound, and a leg that loses packets has more than a round trip of them under
 * way. */
void striped_leg_tune(const struct stripes *stripes, const struct striped *s, int fd)
{
	net_tune_leg(fd, false);
	if (s->out.wide && stripes->send_most_bytes)
		mptcp_send_bound(fd, stripes->send_most_bytes, stripes->send_forced);
}

/* Its first packet, the one with the stream's first piece, may be on its way, and be served. */
static bool any_says_first_piece(const struct striped *s)
{
	for (size_t i = 0; i < STRIPE_LEGS; i++)
		if (striped_is_connecting(s, i) && s->legs[i].n_early)
			return true;
	return false;
}

/* A converter ends a first leg so where it has no place for one more session (stripes.c). Links of low rate have
 * nothing else; over others this one is tried by Multipath TCP, and the next ones are. */
static void note_no_place(struct stripes *stripes, struct striped *s)
{
	uint64_t until_us = loop_now_us(stripes->worker->loop) + FULL_US;

	if (!s->client || s->known || !s->out.wide || striped_any_leg(s) || any_says_first_piece(s))
		return;
	if (__atomic_load_n(&s->upstream->no_legs_until_us, __ATOMIC_RELAXED) < until_us)
		__atomic_store_n(&s->upstream->no_legs_until_us, until_us, __ATOMIC_RELAXED);
	s->over = true;
}

static void lose_broken(struct stripes *stripes, struct striped *s, uint8_t leg, int error)
{
	striped_leg_lose(stripes, s, leg);
	if (error == NET_E_RESET)
		note_no_place(stripes, s);
}

void striped_leg_on_event(struct stripes *stripes, struct striped *s, uint8_t leg)
{
	struct striped_leg *l = &s->legs[leg];
	int r = l->fd < 0 || l->connected ? 0 : net_connect_result(l->fd);   /* the event may be of the socket before */

	if (r == NET_E_AGAIN || l->fd < 0)
		return;
	if (r || (l->connected && !flush(l, false)))
		lose_broken(stripes, s, leg, r);
	else if (!l->connected)
		striped_leg_on_connected(stripes, s, leg);
	striped_step(stripes, s);
}

/* A converter that knows no legs knows Multipath TCP: this session is lost, those that begin from now on are as over
 * other links. One that has begun anew has lost the session. */
static void note_refusal(struct stripes *stripes, struct striped *s, const struct signalling_result *result)
{
	if (result->outcome == OUTCOME_UNSUPPORTED_MESSAGE)
		__atomic_store_n(&s->upstream->no_legs_until_us, loop_now_us(stripes->worker->loop) + REFUSED_US,
				 __ATOMIC_RELAXED);
	s->over |= result->outcome == OUTCOME_UNSUPPORTED_MESSAGE || result->outcome == OUTCOME_REFUSED;
}

/* False where the leg is of no use. */
static bool take_answer(struct stripes *stripes, struct striped *s, struct striped_leg *l, struct bytes *all)
{
	uint8_t out[SIGNALLING_MESSAGE_BYTES];
	struct signalling_step step;

	if (l->answered)
		return true;
	step = scheme_convert.client_feed(&l->conversation, all->at, all->n, out);
	*all = (struct bytes){ all->at + step.n_consumed, all->n - step.n_consumed };
	l->answered = step.verdict == SIGNALLING_DONE;
	s->known |= l->answered;
	if (l->answered)
		l->n_failed = 0;
	if (step.verdict == SIGNALLING_REFUSED)
		note_refusal(stripes, s, &step.result);
	return step.verdict != SIGNALLING_REFUSED;
}

static bool take_bytes(struct stripes *stripes, struct striped *s, struct striped_leg *l, struct bytes all)
{
	struct bytes left;

	if (!take_answer(stripes, s, l, &all))
		return false;
	left = all;
	if (l->answered && striped_take_frames(stripes, s, all, &left)) {
		s->over = true;   /* who says what can't be isn't to be trusted over another leg, either */
		return false;
	}
	return !inbox_keep(&l->in, left);
}

void striped_leg_attach(struct stripes *stripes, struct striped *s, const struct stripes_arrival *arrival)
{
	uint8_t leg = arrival->leg;
	struct striped_leg *l = &s->legs[leg];
	int fd = arrival->fd;
	uint64_t now_us = loop_now_us(stripes->worker->loop);

	close_leg(stripes, s, leg, false);   /* its client has begun it anew */
	counter_add(&stripes->worker->counters.n_legs, 1);
	l->fd = fd;
	l->connected = l->answered = true;
	if (s->lossy)
		net_change_congestion(fd, loss_watch_lossy(stripes->worker));
	else
		loss_watch_begin(stripes->worker, fd, &arrival->client);
	striped_leg_tune(stripes, s, fd);
	stripe_leg_open(&s->out, leg, now_us);
	striped_leg_note_congestion(s, leg);
	if (!striped_leg_write(stripes, s, leg, arrival->answer, false))
		return;
	stripe_leg_wrote(&s->out, leg, arrival->answer.n, now_us);
	if (!take_bytes(stripes, s, l, arrival->first) ||
	    loop_watch(stripes->worker->loop, fd, STRIPED_LEG_EVENTS, striped_ref(stripes, s, STRIPED_LEG + leg)))
		striped_leg_lose(stripes, s, leg);
}

static void read_leg(struct stripes *stripes, struct striped *s, uint8_t leg)
{
	struct striped_leg *l = &s->legs[leg];

	for (size_t n = 0; n < STRIPED_READS; n++) {
		struct bytes all;
		bool ended = false;
		int r = inbox_receive(&l->in, l->fd, stripes->scratch, sizeof(stripes->scratch), &all, &ended);

		if (r == NET_E_AGAIN)
			return;
		l->ended = !r && ended;
		if (l->ended)
			return;
		if (r || !take_bytes(stripes, s, l, all)) {
			lose_broken(stripes, s, leg, r);
			return;
		}
	}
	s->more = true;
}

void striped_legs_read(struct stripes *stripes, struct striped *s)
{
	s->more = false;
	for (uint8_t i = 0; i < STRIPE_LEGS && !s->over; i++)
		if (s->legs[i].fd >= 0 && s->legs[i].connected)
			read_leg(stripes, s, i);
}

void striped_legs_lose_ended(struct stripes *stripes, struct striped *s)
{
	for (uint8_t i = 0; i < STRIPE_LEGS; i++)
		if (s->legs[i].fd >= 0 && s->legs[i].ended)
			striped_leg_lose(stripes, s, i);
}

/* TCP doubles the time until it tries again, of a handshake, too; a new connection begins with a second. */
static bool is_silent(const struct striped *s, uint8_t leg, uint64_t now_us)
{
	const struct stripe_leg *seen = &s->out.legs[leg];

	if (striped_is_connecting(s, leg))
		return s->out.wide && now_us - s->legs[leg].begun_at_us >= STRIPED_WIDE_SILENT_US;
	return s->client && seen->open && seen->stalled &&
	       now_us - seen->progress_at_us > (s->out.wide ? STRIPED_WIDE_SILENT_US : SILENT_US);
}

static void look_at_leg(struct striped *s, uint8_t leg, const struct net_sent *sent, uint64_t now_us)
{
	size_t n_kept = s->legs[leg].out.n_kept;   /* not even its TCP has it */
	struct stripe_seen seen = { .unacked_bytes = sent->unacked_bytes + n_kept,
				    .unsent_bytes = sent->unsent_bytes + n_kept, .rtt_us = sent->min_rtt_us };
	bool stalled = s->out.legs[leg].stalled;
	bool overdue = s->out.legs[leg].overdue_us;

	if (sent->in_handshake)
		seen.unacked_bytes = s->out.legs[leg].written_bytes;
	if (s->out.wide)   /* other pieces are shorter than the packets that are counted */
		seen.sacked_bytes = sent->sacked_bytes;
	stripe_leg_look(&s->out, leg, &seen, now_us);
	if (s->out.legs[leg].stalled && !stalled)
		stripe_tell_again(&s->in);
	if (s->out.legs[leg].overdue_us && !overdue)
		stripe_tell_late(&s->in);
	s->out.legs[leg].full = n_kept;
}

static bool any_wanted_works(const struct worker *worker, const struct striped *s)
{
	for (uint8_t i = 0; i < STRIPE_LEGS; i++)
		if (s->out.legs[i].open && s->legs[i].answered && !s->out.legs[i].stalled &&
		    i < worker->view->n_links && !shared_is_silent(worker->shared, i) &&
		    striped_link_is_wanted(worker, i))
			return true;
	return false;
}

/* What is a backup again, or has used up what it may carry, carries nothing more as soon as another one does. */
static void leave_unwanted(struct stripes *stripes, struct striped *s)
{
	const struct worker *worker = stripes->worker;

	for (uint8_t i = 0; s->client && i < STRIPE_LEGS && i < worker->view->n_links; i++)
		if (s->legs[i].fd >= 0 && !striped_link_is_wanted(worker, i) && any_wanted_works(worker, s))
			close_leg(stripes, s, i, false);
}

void striped_legs_look(struct stripes *stripes, struct striped *s)
{
	uint64_t now_us = loop_now_us(stripes->worker->loop);
	struct net_sent sent;

	leave_unwanted(stripes, s);
	striped_look_at_losses(stripes, s);
	for (uint8_t i = 0; i < STRIPE_LEGS; i++) {
		if (s->out.legs[i].open && !net_sent(s->legs[i].fd, &sent)) {
			look_at_leg(s, i, &sent, now_us);
			striped_leg_bound(stripes, s, i, &sent);
		}
		if (is_silent(s, i, now_us))
			striped_leg_lose(stripes, s, i);
	}
}

void striped_legs_apply(struct stripes *stripes, struct striped *s)
{
	const struct view *view = stripes->worker->view;

	for (uint8_t i = 0; s->client && i < STRIPE_LEGS; i++) {
		const struct address *source = &s->legs[i].source;
		bool there = i < view->n_links && view->links[i].up &&
			     (address_equal_ip(source, &view->links[i].v4) ||
			      address_equal_ip(source, &view->links[i].v6));

		if (there)
			continue;
		if (s->legs[i].fd >= 0)
			striped_leg_lose(stripes, s, i);
		s->legs[i].try_at_us = s->legs[i].n_failed = 0;   /* whenever it is back */
	}
}
