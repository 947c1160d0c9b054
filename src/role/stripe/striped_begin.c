/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How the gateway begins the legs of a session. */
#include <assert.h>
#include <sodium.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include "base/clock.h"
#include "base/counter.h"
#include "base/util.h"
#include "net/mptcp_info.h"
#include "net/socket.h"
#include "role/links/loss_watch.h"
#include "role/links/profile.h"
#include "role/stripe/striped.h"
#include "signalling/ticket.h"
#include "wire/stripe.h"

#define SYN_BYTES 1400   /* what fits a SYN beside its options, if packets of 1,500 bytes do */

static_assert(SYN_BYTES > SIGNALLING_MESSAGE_BYTES + STRIPE_HEAD_BYTES, "a message must fit, and some of the stream");

/* A ticket for no destination, as with an Info: whose leg it is. */
static size_t put_opening(struct striped *s, uint8_t leg, uint8_t *out)
{
	const struct conf_upstream *at = &s->upstream->at;
	struct signalling_request request = { .probe = 1, .has_leg = 1, .leg = leg, .joins = s->known,
					      .wide = s->out.wide, .lossy = s->lossy };
	struct ticket ticket = { .time_s = (uint32_t)time(NULL) };

	memcpy(request.session, s->session, sizeof(request.session));
	if (at->has_key) {
		randombytes_buf(ticket.nonce, sizeof(ticket.nonce));
		ticket_put(&ticket, at->key, &request.destination, request.credential);
		request.n_credential = TICKET_BYTES;
	}
	return scheme_convert.client_begin(&s->legs[leg].conversation, &request, out).n_out;
}

/* Whose isn't known is as far as can be. */
static uint64_t rtt_or_never_us(const struct worker *worker, uint8_t link)
{
	uint64_t rtt_us = shared_rtt_us(worker->shared, link);

	return rtt_us ? rtt_us : CLOCK_NEVER_US;
}

/* Of those that sessions have the link whose handshake took the least. */
static bool is_nearest(const struct worker *worker, uint8_t leg)
{
	uint64_t own_us = rtt_or_never_us(worker, leg);

	for (uint8_t i = 0; i < STRIPE_LEGS && i < worker->view->n_links; i++) {
		uint64_t rtt_us = rtt_or_never_us(worker, i);

		if (i != leg && striped_link_is_wanted(worker, i) && (rtt_us < own_us || (rtt_us == own_us && i < leg)))
			return false;
	}
	return true;
}

/* The stream's first piece goes with it over the nearest link, and once more over another one that is there before.
 * Over a far one it might come when the session is over, and begin it anew. */
static size_t put_first(struct stripes *stripes, struct striped *s, uint8_t leg, uint8_t *out)
{
	struct striped_leg *l = &s->legs[leg];
	struct stripe_send first;

	l->n_opening = put_opening(s, leg, out);
	if (!is_nearest(stripes->worker, leg) ||
	    !stripe_early(&s->out, SYN_BYTES - STRIPE_HEAD_BYTES - l->n_opening, &first))
		return l->n_opening;
	stripe_sent_early(&s->out, &first);
	stripe_promise(&s->in);
	l->n_early = first.n;
	return l->n_opening + striped_put_frame(s, &first, out + l->n_opening);
}

/* Its TCP would send it again, as a packet of its own, after a second; and who lost it once isn't given it twice. */
static bool may_have_syn_data(const struct worker *worker, const struct striped *s, uint8_t leg, uint64_t now_us)
{
	return s->out.wide && !s->legs[leg].n_failed &&
	       !profile_is_late(worker->view, leg, shared_rtt_us(worker->shared, leg)) &&
	       shared_syn_data_works(worker->shared, leg, now_us);
}

static int connect_leg(struct stripes *stripes, struct striped *s, uint8_t leg, const struct choice *choice)
{
	struct worker *worker = stripes->worker;
	struct striped_leg *l = &s->legs[leg];
	struct net_connect_options options = {
		.wide = s->out.wide,
		.source = choice->source, .mptcp = false,
		.congestion = s->lossy ? loss_watch_lossy(worker) : loss_watch_first_over(worker, leg),
	};
	uint8_t first[SYN_BYTES];
	size_t n_sent;
	int r;

	l->has_syn_data = may_have_syn_data(worker, s, leg, l->begun_at_us);
	l->n_early = 0;
	if (l->has_syn_data) {
		options.first = first;
		options.n_first = put_first(stripes, s, leg, first);
		counter_add(&worker->counters.n_syn_data_sent, 1);
	}
	r = net_connect_begin(&choice->converter, &options, &l->fd, &n_sent);
	return !r && n_sent < options.n_first ?
	       inbox_add(&l->out, (struct bytes){ first + n_sent, options.n_first - n_sent }) : r;
}

static void begin_leg(struct stripes *stripes, struct striped *s, uint8_t leg)
{
	struct worker *worker = stripes->worker;
	struct striped_leg *l = &s->legs[leg];
	struct choice choice;
	int r = shared_choose_link_to(worker->shared, worker->view, s->upstream->at.converter,
				      s->upstream->at.n_converter, ~(1u << leg), loop_now_us(worker->loop), &choice);

	l->begun_at_us = loop_now_us(worker->loop);
	l->source = choice.source;
	if (!r)
		r = connect_leg(stripes, s, leg, &choice);
	if (!r)
		r = loop_watch(worker->loop, l->fd, STRIPED_LEG_EVENTS, striped_ref(stripes, s, STRIPED_LEG + leg));
	if (r)
		striped_leg_lose(stripes, s, leg);
}

/* Spare ones only where there are no others that work. */
bool striped_link_is_wanted(const struct worker *worker, size_t link)
{
	bool any = false;

	for (size_t i = 0; i < worker->view->n_links; i++)
		any |= worker->view->links[i].up && !shared_is_silent(worker->shared, i) &&
		!shared_is_spare(worker->shared, worker->view, i);
	return worker->view->links[link].up && (!any || !shared_is_spare(worker->shared, worker->view, link));
}

/* A first packet is worth waiting for what it is to carry. */
static bool has_words(const struct striped *s)
{
	return !s->out.wide || s->out.end || s->out.ending != STRIPE_GOES_ON;
}

static bool may_begin(const struct stripes *stripes, const struct striped *s, size_t leg)
{
	const struct worker *worker = stripes->worker;

	return s->client && !s->near_gone && has_words(s) && leg < worker->view->n_links && s->legs[leg].fd < 0 &&
	       striped_link_is_wanted(worker, leg);
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

	for (size_t i = 0; i < STRIPE_LEGS; i++) {
		uint64_t at_us = may_begin(stripes, s, i) ? s->legs[i].try_at_us :
				 s->out.wide && striped_is_connecting(s, i) ?
				 s->legs[i].begun_at_us + STRIPED_WIDE_SILENT_US : CLOCK_NEVER_US;

		next_us = u64_min(next_us, at_us);
	}
	return next_us;
}

/* A SYN that was lost is repeated without its data, which tells of a loss, and of neither a round trip nor of what
 * becomes of data. */
static void note_handshake(struct stripes *stripes, const struct striped_leg *l, uint8_t leg)
{
	struct worker *worker = stripes->worker;
	uint64_t now_us = loop_now_us(worker->loop), waited_us = now_us - l->begun_at_us;
	bool acked;

	if (waited_us > SHARED_SYN_REPEATED_US)
		return;
	shared_note_answer(worker->shared, leg, waited_us, now_us);
	if (!l->has_syn_data)
		return;
	acked = mptcp_info_beginning(l->fd).syn_data_acked;
	counter_add(&worker->counters.n_syn_data_lost, !acked);
	shared_note_syn_data(worker->shared, leg, acked, l->begun_at_us, now_us);
}

/* It has said what it had with its first packet, or says now what it is. */
static void introduce(struct stripes *stripes, struct striped *s, uint8_t leg)
{
	struct striped_leg *l = &s->legs[leg];
	uint64_t now_us = loop_now_us(stripes->worker->loop);
	uint8_t opening[SIGNALLING_MESSAGE_BYTES];

	if (!l->has_syn_data) {
		l->n_opening = put_opening(s, leg, opening);
		if (!striped_leg_write(stripes, s, leg, (struct bytes){ opening, l->n_opening }, false))
			return;
	} else if (!striped_leg_write(stripes, s, leg, (struct bytes){ 0 }, false)) {
		return;
	}
	stripe_leg_wrote(&s->out, leg, l->n_opening, now_us);
	stripe_early_over(&s->out, leg, l->n_early, now_us);
}

void striped_leg_on_connected(struct stripes *stripes, struct striped *s, uint8_t leg)
{
	counter_add(&stripes->worker->counters.n_legs, 1);
	s->legs[leg].connected = true;
	note_handshake(stripes, &s->legs[leg], leg);
	striped_leg_tune(stripes, s, s->legs[leg].fd);
	net_keep_alive(s->legs[leg].fd, stripes->worker->view->conf->limits.keepalive_s);
	stripe_leg_open(&s->out, leg, loop_now_us(stripes->worker->loop));
	striped_leg_note_congestion(s, leg);
	introduce(stripes, s, leg);
}
