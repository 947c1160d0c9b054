/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reaching the converter over one link or another. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include "base/clock.h"
#include "base/counter.h"
#include "base/util.h"
#include "net/socket.h"
#include "role/gateway/elsewhere.h"
#include "role/gateway/evidence.h"
#include "role/gateway/opening.h"
#include "role/gateway/setup.h"
#include "role/links/loss_watch.h"
#include "role/links/profile.h"
#include "role/stripe/stripes.h"

#define EARLY_ROUND_TRIPS 3
#define EARLY_SLACK_US (200 * US_PER_MS)
#define INSTEAD_MOST 3
#define ATTEMPT_EVENTS (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)

void attempt_drop(struct attempt *attempt)
{
	if (attempt->fd >= 0)
		net_close_reset(attempt->fd);
	attempt->fd = -1;
	inbox_free(&attempt->inbox);
}

void attempt_drop_all(struct setup *setup)
{
	for (size_t i = 0; i < SETUP_ATTEMPTS; i++)
		attempt_drop(&setup->attempts[i]);
	while (setup->n_parked)
		net_close_reset(setup->parked[--setup->n_parked]);
}

static struct attempt *free_attempt(struct setup *setup)
{
	size_t n = setup->raced ? SETUP_ATTEMPTS : SETUP_ATTEMPTS - 1;

	for (size_t i = 0; i < n; i++)
		if (setup->attempts[i].fd < 0)
			return &setup->attempts[i];
	return NULL;
}

size_t attempt_n_pending(const struct setup *setup)
{
	size_t n = 0;

	for (size_t i = 0; i < SETUP_ATTEMPTS; i++)
		n += setup->attempts[i].fd >= 0;
	return n;
}

/* How long to wait for a link's answer before another attempt is begun. A link that answered lately answers about as
 * soon again: Linux would send a lost SYN again after a second only, and as plain TCP where it held data. Without a
 * ticket two attempts could both be served, so there nothing is done early. */
static uint64_t patience_us(const struct worker *worker, const struct setup *setup, uint8_t link)
{
	const struct conf_gateway *conf = &worker->view->conf->gateway;
	uint64_t rtt_us = shared_rtt_us(worker->shared, link),
		 most_us = profile_attempt_us(worker->view, link, rtt_us, conf->attempt_timeout_ms * US_PER_MS);
	uint64_t enough_us = EARLY_ROUND_TRIPS * rtt_us + EARLY_SLACK_US;

	return setup->has_ticket && rtt_us && enough_us < most_us ? enough_us : most_us;
}

/* Over a link that has broken Multipath TCP under way it isn't begun, as where a rule keeps a connection on one
 * link, and the message says so. */
static int choose_protocol(struct gateway *gateway, struct setup *setup, struct attempt *attempt, uint64_t now_us)
{
	bool breaks = attempt->striped || shared_breaks_mptcp(gateway->worker->shared, attempt->link, now_us);

	attempt->mptcp = setup->treatment.link == CHOOSE_NO_LINK && !breaks;
	attempt->opening = setup->opening;
	attempt->n_opening = setup->n_opening;
	if (!breaks || !setup->has_ticket)
		return 0;
	if (opening_declare_plain(gateway, setup))
		return -ENOMEM;
	attempt->opening = setup->declared;
	attempt->n_opening = setup->n_declared;
	return 0;
}

/* Over all links at once, where they are of low rate, lose packets, or are far apart: what is connected to is here. */
static bool is_striped(const struct gateway *gateway, const struct setup *setup)
{
	struct net_marking marking = treatment_marking(&setup->treatment);

	return setup->scheme == &scheme_convert && setup->treatment.link == CHOOSE_NO_LINK &&
	       stripes_are_wanted(gateway->worker->stripes, setup->upstream, marking.dscp || marking.has_priority);
}

/* Data in a SYN that takes longer than a second would make plain TCP of the connection (doc/assumptions.md). */
static bool may_have_syn_data(const struct gateway *gateway, const struct setup *setup, const struct attempt *attempt,
			      uint64_t now_us)
{
	const struct worker *worker = gateway->worker;

	return !attempt->striped && !setup->waits &&
	       !profile_is_late(worker->view, attempt->link, shared_rtt_us(worker->shared, attempt->link)) &&
	       shared_syn_data_works(worker->shared, attempt->link, now_us) &&
	       !(attempt->mptcp && shared_strips_mptcp(worker->shared, attempt->link, now_us));
}

static int attempt_begin(struct gateway *gateway, struct setup *setup, struct attempt *attempt,
			 const struct choice *choice, bool syn_data)
{
	struct worker *worker = gateway->worker;
	uint64_t now_us = loop_now_us(worker->loop);
	unsigned int part = SETUP_ATTEMPT + (unsigned int)(attempt - setup->attempts);
	struct net_connect_options options = {
		.source = choice->source, .congestion = loss_watch_first(worker),
		.both_families = worker->view->spans_families,
		.marking = treatment_marking(&setup->treatment),
	};
	int r;

	*attempt = (struct attempt){ .fd = -1, .link = choice->link, .begun_at_us = now_us,
				     .striped = is_striped(gateway, setup) };
	r = choose_protocol(gateway, setup, attempt, now_us);
	if (r)
		return r;
	attempt->conversation = setup->begun;
	options.mptcp = attempt->mptcp;
	attempt->syn_data = syn_data && may_have_syn_data(gateway, setup, attempt, now_us);
	attempt->patience_us = patience_us(worker, setup, choice->link);
	if (attempt->syn_data) {
		options.first = attempt->opening;
		/* it is longer where it was said before */
		options.n_first = size_min(attempt->n_opening, OPENING_SYN_BYTES);
	}
	counter_add(&worker->counters.n_attempts, 1);
	counter_add(&worker->counters.n_syn_data_sent, attempt->syn_data);
	r = attempt->striped ? stripes_connect(worker->stripes, setup->upstream, &attempt->fd) :
	    net_connect_begin(&choice->converter, &options, &attempt->fd, &attempt->n_sent);
	if (!r)
		r = loop_watch(worker->loop, attempt->fd, ATTEMPT_EVENTS, setup_ref(gateway, setup, part));
	if (!r)
		r = loop_timer_at(worker->loop, now_us + attempt->patience_us, setup_ref(gateway, setup, part));
	if (r)
		attempt_drop(attempt);
	return r;
}

/* The links that are out of the question, a bit each. */
static uint32_t barred(const struct setup *setup)
{
	return setup->treatment.link == CHOOSE_NO_LINK ? 0 : ~(1u << setup->treatment.link);
}

/* To the setup's converter, over the best link that isn't left out. */
static int choose_link(const struct worker *worker, const struct setup *setup, uint32_t left_out, struct choice *out)
{
	const struct conf_upstream *at = &setup->upstream->at;

	return shared_choose_link_to(worker->shared, worker->view, at->converter, at->n_converter,
				     left_out | barred(setup), loop_now_us(worker->loop), out);
}

/* Once a link. */
static bool attempt_try(struct gateway *gateway, struct setup *setup, struct attempt *attempt,
			const struct choice *choice)
{
	int r = attempt_begin(gateway, setup, attempt, choice, true);

	setup->tried |= choice->link == CHOOSE_NO_LINK ? UINT32_MAX : 1u << choice->link;
	setup->asked |= !r;
	setup->starved |= r == NET_E_DESCRIPTORS;
	if (!r)
		return true;
	counter_add(&gateway->worker->counters.n_attempts_failed, 1);
	return false;
}

/* Over the best link that was not tried. 0, or CHOOSE_E_NONE where none can be begun. */
static int attempt_next(struct gateway *gateway, struct setup *setup)
{
	struct worker *worker = gateway->worker;
	struct attempt *attempt = free_attempt(setup);
	struct choice choice;

	while (attempt && !choose_link(worker, setup, setup->tried, &choice))
		if (attempt_try(gateway, setup, attempt, &choice))
			return 0;
	return CHOOSE_E_NONE;
}

/* Without a ticket each of them would be served; and what goes over all links at once has nothing to race with. */
static size_t choose_first(const struct gateway *gateway, const struct setup *setup, struct choice out[RACE_MOST])
{
	struct worker *worker = gateway->worker;
	enum race_mode mode = setup->has_ticket && !is_striped(gateway, setup) ? worker->view->conf->gateway.syn_race :
			      RACE_OFF;

	return shared_choose_race(worker->shared, worker->view, &setup->upstream->at, mode, barred(setup),
				  loop_now_us(worker->loop), out);
}

bool attempt_may_race(const struct gateway *gateway, const struct setup *setup)
{
	struct choice choices[RACE_MOST];

	return setup->has_ticket && choose_first(gateway, setup, choices) > 1;
}

int attempt_first(struct gateway *gateway, struct setup *setup)
{
	struct choice choices[RACE_MOST];
	size_t n = choose_first(gateway, setup, choices), n_begun = 0;

	for (size_t i = 0; i < n && (!i || setup->raced); i++)
		n_begun += attempt_try(gateway, setup, free_attempt(setup), &choices[i]);
	counter_add(&gateway->worker->counters.n_raced, n_begun > 1);
	return n_begun ? 0 : attempt_next(gateway, setup);
}

/* The same once more over the best link that isn't left out, with nothing in the SYN that a middlebox could take
 * offence at. */
static int attempt_again(struct gateway *gateway, struct setup *setup, uint32_t left_out)
{
	struct worker *worker = gateway->worker;
	struct attempt *attempt = free_attempt(setup);
	struct choice choice;

	if (!attempt || choose_link(worker, setup, left_out, &choice))
		return CHOOSE_E_NONE;
	return attempt_begin(gateway, setup, attempt, &choice, false);
}

/* Over the same link: another one may be silent. Once a connection, and with a ticket alone: without one, what the
 * converter has of the first attempt could be served beside this one. */
static int begin_again(struct gateway *gateway, struct setup *setup, uint8_t link)
{
	if (setup->begun_again || !setup->has_ticket)
		return CHOOSE_E_NONE;
	setup->begun_again = true;
	counter_add(&gateway->worker->counters.n_fell_back_again, 1);
	if (!attempt_n_pending(setup) && opening_say_instead(setup))
		return CHOOSE_E_NONE;
	return attempt_again(gateway, setup, link == CHOOSE_NO_LINK ? 0 : ~(1u << link));
}

int attempt_instead(struct gateway *gateway, struct setup *setup)
{
	if (setup->n_instead++ < INSTEAD_MOST && (!setup->has_ticket || !opening_say_instead(setup)) &&
	    (!attempt_next(gateway, setup) || (setup->has_ticket && !attempt_again(gateway, setup, 0))))
		return 0;
	return elsewhere_begin(gateway, setup);
}

/* Before an attempt is dropped: what was told early was perhaps of this one, which the converter won't serve again. */
static void forget_told(struct setup *setup, const struct attempt *attempt)
{
	setup->told = setup->told && !attempt->connected;
}

void attempt_park(struct setup *setup, int fd)
{
	if (setup->n_parked == SETUP_PARKED) {
		net_close_reset(setup->parked[0]);
		memmove(setup->parked, setup->parked + 1, sizeof(setup->parked) - sizeof(setup->parked[0]));
		setup->n_parked--;
	}
	setup->parked[setup->n_parked++] = fd;
}

void attempt_leave(const struct gateway *gateway, struct setup *setup, struct attempt *attempt)
{
	setup->left = setup->left_since = setup->exposed = true;
	forget_told(setup, attempt);
	if (attempt->fd >= 0 && attempt->connected && setup->has_ticket) {
		loop_unwatch(gateway->worker->loop, attempt->fd);
		attempt_park(setup, attempt->fd);
		attempt->fd = -1;
	}
	attempt_drop(attempt);
}

/* Of several that were begun at once the converter turns away all but one: the end of one says nothing while there
 * is another. */
static bool may_be_turned_away(const struct setup *setup)
{
	return setup->raced && attempt_n_pending(setup) > 1;
}

/* Another one that raced with it is connected: that one is served. It may be the only one left. */
static bool is_overtaken(const struct setup *setup, const struct attempt *attempt)
{
	size_t n_others = 0;

	for (size_t i = 0; setup->raced && i < SETUP_ATTEMPTS; i++)
		n_others += &setup->attempts[i] != attempt && setup->attempts[i].fd >= 0 &&
		setup->attempts[i].connected;
	return n_others;
}

/* This one came to nothing. Where another is under way, that one decides: perhaps it has taken this one's place at
 * the converter. reset: by the converter, without an answer. */
static void attempt_failed(struct gateway *gateway, struct setup *setup, struct attempt *attempt, bool reset)
{
	bool at_once = reset && !attempt->connected;
	uint8_t link = attempt->link;

	setup->exposed |= !at_once;
	counter_add(&gateway->worker->counters.n_attempts_failed, 1);
	forget_told(setup, attempt);
	if (is_overtaken(setup, attempt)) {
		attempt_drop(attempt);
		attempt_go_on(gateway, setup);
		return;
	}
	if (reset && !may_be_turned_away(setup))
		evidence_of_reset(gateway, setup, attempt);
	attempt_drop(attempt);
	if (setup->left && !attempt_n_pending(setup)) {
		if (attempt_instead(gateway, setup))
			setup_fail(gateway, setup);
		return;
	}
	if (attempt_n_pending(setup) ? !at_once : !attempt_next(gateway, setup))
		return;
	if ((!reset || begin_again(gateway, setup, link)) && !attempt_n_pending(setup) &&
	    elsewhere_begin(gateway, setup))
		setup_fail(gateway, setup);
}

/* Plain TCP with data in the SYN: Linux has lost bytes of such, either way (doc/assumptions.md), and the converter,
 * not having been told, refuses it, or serves what it doesn't know to be such. */
static void attempt_distrusted(struct gateway *gateway, struct setup *setup, struct attempt *attempt)
{
	bool overtaken = is_overtaken(setup, attempt);
	uint8_t link = attempt->link;

	if (!setup->has_ticket) {
		attempt_failed(gateway, setup, attempt, false);
		return;
	}
	attempt_leave(gateway, setup, attempt);
	if (!overtaken && begin_again(gateway, setup, link) && !attempt_n_pending(setup) &&
	    attempt_instead(gateway, setup))
		setup_fail(gateway, setup);
}

/* The part of the opening that the SYN didn't take. 0, NET_E_AGAIN, or what ended the connection. */
static int send_opening(struct attempt *attempt)
{
	int error = 0;

	while (attempt->n_sent < attempt->n_opening) {
		ssize_t n = net_send(attempt->fd, attempt->opening + attempt->n_sent,
				     attempt->n_opening - attempt->n_sent, &error);

		if (n < 0)
			return error;
		attempt->n_sent += (size_t)n;
	}
	return 0;
}

/* The ticket's second use: the other attempt is served. Of several that were begun at once the converter may have
 * had a place for one alone. */
static bool is_second(const struct setup *setup, const struct signalling_result *result)
{
	return attempt_n_pending(setup) > 1 &&
	       (result->outcome == OUTCOME_NOT_AUTHORISED || (setup->raced && result->outcome == OUTCOME_OVER_LIMIT));
}

/* The same, where that other attempt was given up meanwhile. */
static bool was_second(const struct setup *setup, const struct signalling_result *result)
{
	return setup->left_since && result->outcome == OUTCOME_NOT_AUTHORISED;
}

/* Several attempts are under way: the first good answer wins. */
static void attempt_answer(struct gateway *gateway, struct setup *setup, struct attempt *attempt)
{
	struct signalling_step step;
	struct bytes left;
	int r = attempt_read(gateway, setup, attempt, &step, &left);

	if (r == NET_E_AGAIN) {
		hold_come_early(gateway, setup);
		return;
	}
	if (!r && setup->state == SETUP_DECLINING) {   /* it has heard it */
		setup_abandon(gateway, setup);
	} else if (r) {
		attempt_failed(gateway, setup, attempt, r == NET_E_RESET);
	} else if (!evidence_is_sound(gateway, attempt, attempt->fd)) {
		attempt_distrusted(gateway, setup, attempt);
	} else if (step.verdict == SIGNALLING_DONE) {
		counter_add(&gateway->worker->counters.n_outcomes[OUTCOME_CONNECTED], 1);
		evidence_of_winner(gateway, setup, attempt);
		if (setup->state == SETUP_ASKING || setup->state == SETUP_CAUGHT)
			hold_accept(gateway, setup, attempt, left);
		else
			setup_hand_over(gateway, setup, attempt, false, left);
	} else if (is_second(setup, &step.result)) {
		setup->exposed = true;
		attempt_drop(attempt);
		attempt_go_on(gateway, setup);
	} else if (was_second(setup, &step.result)) {
		attempt_failed(gateway, setup, attempt, false);
	} else {
		setup_refuse(gateway, setup, &step.result);
	}
}

/* Plain TCP that was to be Multipath TCP. False: not this one. */
static bool begin_plain(struct gateway *gateway, struct setup *setup, struct attempt *attempt)
{
	if (attempt->syn_data) {
		attempt_distrusted(gateway, setup, attempt);
		return false;
	}
	if (opening_declare_plain(gateway, setup)) {
		attempt_failed(gateway, setup, attempt, false);
		return false;
	}
	attempt->opening = setup->declared;
	attempt->n_opening = setup->n_declared;
	return true;
}

int attempt_outcome(const struct gateway *gateway, const struct attempt *attempt, uint32_t events)
{
	return attempt->begun_at_us == loop_now_us(gateway->worker->loop) ? net_connect_result(attempt->fd) :
	       net_connect_outcome(attempt->fd, events);
}

/* False when it isn't connected (yet), or is gone. */
static bool attempt_connected(struct gateway *gateway, struct setup *setup, struct attempt *attempt, uint32_t events)
{
	int r;

	if (attempt->connected)
		return true;
	r = attempt_outcome(gateway, attempt, events);
	if (r == NET_E_AGAIN)
		return false;
	if (r == NET_E_RESET && attempt_tells_by_reset(setup)) {
		struct signalling_result refused = setup->scheme->client_end(true);

		setup_refuse(gateway, setup, &refused);
		return false;
	}
	if (r) {
		attempt_failed(gateway, setup, attempt, r == NET_E_RESET);
		return false;
	}
	attempt->connected = true;
	__atomic_store_n(&setup->upstream->heard_at_us, loop_now_us(gateway->worker->loop), __ATOMIC_RELAXED);
	evidence_of_handshake(gateway, setup, attempt);
	if (attempt->plain && attempt->mptcp && setup->has_ticket)
		return begin_plain(gateway, setup, attempt);
	return true;
}

/* The only one under way, of whose answer nothing has come: the relay can have it. Not where the converter may serve
 * another one, which was given up since this one was begun. */
static bool may_be_held(const struct setup *setup, const struct attempt *attempt)
{
	return setup->state == SETUP_CONNECTING && !setup->waits && attempt_n_pending(setup) == 1 &&
	       !attempt->inbox.n_kept && !setup->left_since;
}

void attempt_on_event(struct gateway *gateway, struct setup *setup, struct attempt *attempt, uint32_t events)
{
	int r;

	if (attempt->fd < 0 || !attempt_connected(gateway, setup, attempt, events))
		return;
	if (may_be_held(setup, attempt)) {
		setup_hand_over(gateway, setup, attempt, true, (struct bytes){ 0 });
		return;
	}
	r = send_opening(attempt);
	if (r && r != NET_E_AGAIN)
		attempt_failed(gateway, setup, attempt, r == NET_E_RESET);
	else if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		attempt_answer(gateway, setup, attempt);
	else
		hold_come_early(gateway, setup);
}

void attempt_go_on(struct gateway *gateway, struct setup *setup)
{
	for (size_t i = 0; i < SETUP_ATTEMPTS; i++)
		if (setup->attempts[i].fd >= 0 && setup->attempts[i].connected &&
		    may_be_held(setup, &setup->attempts[i])) {
			setup_hand_over(gateway, setup, &setup->attempts[i], true, (struct bytes){ 0 });
			return;
		}
}

/* The converter may be gone: over the only link, over each link so far, or where there is another one to go to. Not
 * one that has answered another attempt. */
static bool is_suspect(const struct view *view, const struct setup *setup)
{
	return !setup_any_connected(setup) &&
	       (view->n_links == 1 || setup->tried & (setup->tried - 1) || view->n_others);
}

/* No answer so far. With a ticket the converter serves one attempt alone, so the first may go on and win; without
 * one, it would serve both, so the first has to go before another is begun. */
void attempt_on_timer(struct gateway *gateway, struct setup *setup, struct attempt *attempt, uint64_t now_us)
{
	int r;

	if (attempt->fd < 0 || attempt->connected || now_us < attempt->begun_at_us + attempt->patience_us)
		return;
	r = net_connect_result(attempt->fd);
	if (r && r != NET_E_AGAIN)   /* asking has taken the error off the socket */
		attempt_failed(gateway, setup, attempt, false);
	if (r != NET_E_AGAIN)
		return;   /* the answer is there: it is we who are late, and its event comes */
	if (attempt->overdue) {
		elsewhere_look(gateway, setup, attempt, now_us);
		return;
	}
	attempt->overdue = true;
	counter_add(&gateway->worker->counters.n_second_attempts, 1);
	evidence_of_lost_syn(gateway, setup, attempt->link, now_us);
	if (is_suspect(gateway->worker->view, setup))
		shared_suspect(gateway->worker->shared);
	if (!setup->has_ticket) {
		shared_note_unanswered(gateway->worker->shared, attempt->link, now_us);
		attempt_failed(gateway, setup, attempt, false);
	} else {
		if (attempt_next(gateway, setup))
			attempt_again(gateway, setup, 0);
		elsewhere_look(gateway, setup, attempt, now_us);
	}
}
