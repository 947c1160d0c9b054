/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <sodium.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include "base/clock.h"
#include "base/counter.h"
#include "net/pair.h"
#include "net/socket.h"
#include "role/links/loss_watch.h"
#include "role/links/profile.h"
#include "role/stripe/striped.h"
#include "signalling/ticket.h"

#define LEG_EVENTS (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)
#define RETRY_FIRST_US (2 * US_PER_S)
#define RETRY_DOUBLINGS 5
#define SILENT_US (120 * US_PER_S)
#define REFUSED_US (600 * US_PER_S)

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
	inbox_free(&l->in);
	inbox_free(&l->out);
	if (s->out.legs[leg].open)
		stripe_leg_close(&s->out, leg);
}

static void lose_leg(struct stripes *stripes, struct striped *s, uint8_t leg)
{
	struct striped_leg *l = &s->legs[leg];
	uint32_t n = l->n_failed < RETRY_DOUBLINGS ? l->n_failed : RETRY_DOUBLINGS;

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

static bool flush(struct striped_leg *l)
{
	int error = 0;
	ssize_t n = l->out.n_kept ? net_send(l->fd, l->out.kept, l->out.n_kept, &error) : 0;

	if (n < 0)
		return error == NET_E_AGAIN;
	return !n || !inbox_keep(&l->out, (struct bytes){ l->out.kept + n, l->out.n_kept - (size_t)n });
}

bool striped_leg_write(struct stripes *stripes, struct striped *s, uint8_t leg, const void *bytes, size_t n)
{
	struct striped_leg *l = &s->legs[leg];

	if (!inbox_add(&l->out, (struct bytes){ bytes, n }) && flush(l))
		return true;
	lose_leg(stripes, s, leg);
	return false;
}

/* A ticket for no destination, as with an Info: whose leg it is. */
static size_t put_opening(struct striped *s, uint8_t leg, uint8_t *out)
{
	const struct conf_upstream *at = &s->upstream->at;
	struct signalling_request request = { .probe = 1, .has_leg = 1, .leg = leg, .joins = s->known };
	struct ticket ticket = { .time_s = (uint32_t)time(NULL) };

	memcpy(request.session, s->session, sizeof(request.session));
	if (at->has_key) {
		randombytes_buf(ticket.nonce, sizeof(ticket.nonce));
		ticket_put(&ticket, at->key, &request.destination, request.credential);
		request.n_credential = TICKET_BYTES;
	}
	return scheme_convert.client_begin(&s->legs[leg].conversation, &request, out).n_out;
}

static void begin_leg(struct stripes *stripes, struct striped *s, uint8_t leg)
{
	struct worker *worker = stripes->worker;
	struct striped_leg *l = &s->legs[leg];
	struct net_connect_options options = { .mptcp = false, .congestion = loss_watch_first(worker) };
	struct choice choice;
	size_t n_sent;
	int r = shared_choose_link_to(worker->shared, worker->view, s->upstream->at.converter, s->upstream->at.n_converter, ~(1u << leg), loop_now_us(worker->loop), &choice);

	options.source = l->source = choice.source;
	if (!r)
		r = net_connect_begin(&choice.converter, &options, &l->fd, &n_sent);
	if (!r)
		r = loop_watch(worker->loop, l->fd, LEG_EVENTS, striped_ref(stripes, s, STRIPED_LEG + leg));
	if (r)
		lose_leg(stripes, s, leg);
}

/* Spare ones only where there are no others that work. */
static bool is_wanted(const struct worker *worker, size_t link)
{
	bool any = false;

	for (size_t i = 0; i < worker->view->n_links; i++)
		any |= worker->view->links[i].up && !shared_is_silent(worker->shared, i) && !shared_is_spare(worker->shared, worker->view, i);
	return worker->view->links[link].up && (!any || !shared_is_spare(worker->shared, worker->view, link));
}

static bool may_begin(const struct stripes *stripes, const struct striped *s, size_t leg)
{
	const struct worker *worker = stripes->worker;

	return s->client && !s->near_gone && leg < worker->view->n_links && s->legs[leg].fd < 0 && is_wanted(worker, leg);
}

void striped_legs_begin(struct stripes *stripes, struct striped *s)
{
	uint64_t now_us = loop_now_us(stripes->worker->loop);

	for (uint8_t i = 0; i < STRIPE_LEGS; i++)
		if (may_begin(stripes, s, i) && now_us >= s->legs[i].try_at_us)
			begin_leg(stripes, s, i);
}

uint64_t striped_legs_next_us(const struct stripes *stripes, const struct striped *s)
{
	uint64_t next_us = CLOCK_NEVER_US;

	for (size_t i = 0; i < STRIPE_LEGS; i++)
		if (may_begin(stripes, s, i) && s->legs[i].try_at_us < next_us)
			next_us = s->legs[i].try_at_us;
	return next_us;
}

static void on_connected(struct stripes *stripes, struct striped *s, uint8_t leg)
{
	uint64_t now_us = loop_now_us(stripes->worker->loop);
	uint8_t opening[SIGNALLING_MESSAGE_BYTES];
	size_t n = put_opening(s, leg, opening);

	counter_add(&stripes->worker->counters.n_legs, 1);
	s->legs[leg].connected = true;
	net_tune_leg(s->legs[leg].fd, false);
	net_keep_alive(s->legs[leg].fd, stripes->worker->view->conf->limits.keepalive_s);
	stripe_leg_open(&s->out, leg, now_us);
	if (striped_leg_write(stripes, s, leg, opening, n))
		stripe_leg_wrote(&s->out, leg, n, now_us);
}

void striped_leg_on_event(struct stripes *stripes, struct striped *s, uint8_t leg)
{
	struct striped_leg *l = &s->legs[leg];
	int r = l->fd < 0 || l->connected ? 0 : net_connect_result(l->fd);   /* the event may be of the socket before */

	if (r == NET_E_AGAIN || l->fd < 0)
		return;
	if (r || (l->connected && !flush(l)))
		lose_leg(stripes, s, leg);
	else if (!l->connected)
		on_connected(stripes, s, leg);
	striped_step(stripes, s);
}

/* A converter that knows no legs knows Multipath TCP: this session is lost, those that begin from now on are as over other links. One that has begun anew has lost the
 * session. */
static void note_refusal(struct stripes *stripes, struct striped *s, const struct signalling_result *result)
{
	if (result->outcome == OUTCOME_UNSUPPORTED_MESSAGE)
		__atomic_store_n(&s->upstream->no_legs_until_us, loop_now_us(stripes->worker->loop) + REFUSED_US, __ATOMIC_RELAXED);
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
	if (l->answered && striped_take_frames(s, all, &left)) {
		s->over = true;   /* who says what can't be isn't to be trusted over another leg, either */
		return false;
	}
	return !inbox_keep(&l->in, left);
}

void striped_leg_attach(struct stripes *stripes, struct striped *s, uint8_t leg, int fd, struct bytes answer, struct bytes first)
{
	struct striped_leg *l = &s->legs[leg];
	uint64_t now_us = loop_now_us(stripes->worker->loop);

	close_leg(stripes, s, leg, false);   /* its client has begun it anew */
	counter_add(&stripes->worker->counters.n_legs, 1);
	l->fd = fd;
	l->connected = l->answered = true;
	net_tune_leg(fd, false);
	stripe_leg_open(&s->out, leg, now_us);
	if (!striped_leg_write(stripes, s, leg, answer.at, answer.n))
		return;
	stripe_leg_wrote(&s->out, leg, answer.n, now_us);
	if (!take_bytes(stripes, s, l, first) || loop_watch(stripes->worker->loop, fd, LEG_EVENTS, striped_ref(stripes, s, STRIPED_LEG + leg)))
		lose_leg(stripes, s, leg);
}

static void read_leg(struct stripes *stripes, struct striped *s, uint8_t leg)
{
	struct striped_leg *l = &s->legs[leg];

	for (size_t n = 0; n < STRIPED_READS; n++) {
		struct bytes all;
		bool ended = false;
		int r = inbox_receive(&l->in, l->fd, stripes->worker->scratch, WORKER_SCRATCH_BYTES, &all, &ended);

		if (r == NET_E_AGAIN)
			return;
		l->ended = !r && ended;
		if (l->ended)
			return;
		if (r || !take_bytes(stripes, s, l, all)) {
			lose_leg(stripes, s, leg);
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
			lose_leg(stripes, s, i);
}

void striped_legs_look(struct stripes *stripes, struct striped *s)
{
	uint64_t now_us = loop_now_us(stripes->worker->loop);
	uint32_t n_bytes, min_rtt_us;

	for (uint8_t i = 0; i < STRIPE_LEGS; i++) {
		const struct stripe_leg *leg = &s->out.legs[i];

		if (!leg->open || net_unacknowledged(s->legs[i].fd, &n_bytes, &min_rtt_us))
			continue;
		stripe_leg_look(&s->out, i, n_bytes + s->legs[i].out.n_kept, min_rtt_us, now_us);
		if (s->client && leg->stalled && now_us - leg->progress_at_us > SILENT_US)
			lose_leg(stripes, s, i);   /* TCP doubles the time until it tries again; a new connection begins with a second */
	}
}

void striped_legs_apply(struct stripes *stripes, struct striped *s)
{
	const struct view *view = stripes->worker->view;

	for (uint8_t i = 0; s->client && i < STRIPE_LEGS; i++) {
		const struct address *source = &s->legs[i].source;
		bool there = i < view->n_links && view->links[i].up && (address_equal_ip(source, &view->links[i].v4) || address_equal_ip(source, &view->links[i].v6));

		if (there)
			continue;
		if (s->legs[i].fd >= 0)
			lose_leg(stripes, s, i);
		s->legs[i].try_at_us = s->legs[i].n_failed = 0;   /* whenever it is back */
	}
}
