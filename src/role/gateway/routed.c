/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/gateway/routed.h"

#include <string.h>
#include <sys/epoll.h>
#include "base/clock.h"
#include "base/counter.h"
#include "net/mptcp_info.h"
#include "net/socket.h"
#include "role/gateway/leave.h"
#include "role/gateway/setup.h"
#include "role/links/loss_watch.h"
#include "role/outcome.h"

#define PATIENCE 3      /* times gateway.attempt_timeout_ms: a lost first packet is sent again meanwhile, here and by
			 * the converter */
#define ROUTED_EVENTS (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)

bool routed_is_wanted(const struct conf *conf)
{
	return conf->gateway.enabled && conf->gateway.signalling == CONF_SIGNALLING_ROUTE;
}

/* The host is told what the destination has told us. */
static void fail(struct gateway *gateway, struct setup *setup, int error)
{
	struct signalling_result result = outcome_of_error(error, !address_is_v4(&setup->destination));

	counter_add(&gateway->worker->counters.n_routed_failed, 1);
	setup_refuse(gateway, setup, &result);
}

/* The place of the link on whose way the converter stands, where it is named; CHOOSE_NO_LINK: it isn't. */
static uint8_t converters_link(const struct conf *conf)
{
	for (size_t i = 0; conf->gateway.route_link[0] && i < conf->n_links; i++)
		if (!strcmp(conf->links[i].name, conf->gateway.route_link))
			return (uint8_t)i;
	return CHOOSE_NO_LINK;
}

static int choose_among(const struct worker *worker, const struct setup *setup, uint32_t barred, struct choice *out)
{
	return shared_choose_link_to(worker->shared, worker->view, &setup->destination, 1, setup->tried | barred,
				     loop_now_us(worker->loop), out);
}

/* That link, or while it is down or silent any other: there the connection is the destination's own. A rule may keep
 * it on one. */
static int choose(const struct worker *worker, const struct setup *setup, struct choice *out)
{
	uint8_t link = converters_link(worker->view->conf);

	if (setup->treatment.link != CHOOSE_NO_LINK)
		return choose_among(worker, setup, ~(1u << setup->treatment.link), out);
	if (link != CHOOSE_NO_LINK && !shared_is_unanswered(worker->shared, link, loop_now_us(worker->loop)) &&
	    !shared_is_silent(worker->shared, link) && !choose_among(worker, setup, ~(1u << link), out))
		return 0;
	return choose_among(worker, setup, 0, out);
}

static int begin(struct gateway *gateway, struct setup *setup, struct attempt *attempt, const struct choice *choice)
{
	struct worker *worker = gateway->worker;
	unsigned int part = SETUP_ATTEMPT + (unsigned int)(attempt - setup->attempts);
	/* there it is the server's own */
	bool breaks = shared_breaks_mptcp(worker->shared, choice->link, loop_now_us(worker->loop));
	struct net_connect_options options = {
		.mptcp = setup->treatment.link == CHOOSE_NO_LINK && !breaks, .source = choice->source,
		.congestion = loss_watch_first(worker),
		.marking = treatment_marking(&setup->treatment), .fwmark = treatment_fwmark(worker->view->conf),
	};
	int r;

	*attempt = (struct attempt){ .fd = -1, .link = choice->link, .begun_at_us = loop_now_us(worker->loop),
				     .mptcp = options.mptcp, .opening = (const uint8_t *)"" };
	attempt->patience_us = PATIENCE * worker->view->conf->gateway.attempt_timeout_ms * US_PER_MS;
	setup->tried |= choice->link == CHOOSE_NO_LINK ? UINT32_MAX : 1u << choice->link;
	counter_add(&worker->counters.n_routed, 1);
	r = net_connect_begin(&setup->destination, &options, &attempt->fd, &attempt->n_sent);
	if (!r)
		r = loop_watch(worker->loop, attempt->fd, ROUTED_EVENTS, setup_ref(gateway, setup, part));
	if (!r)
		r = loop_timer_at(worker->loop, attempt->begun_at_us + attempt->patience_us,
				  setup_ref(gateway, setup, part));
	if (r)
		attempt_drop(attempt);
	return r;
}

/* Over the best link that was not tried. 0 or CHOOSE_E_NONE; *error: why the last one that was tried could not even
 * be begun. */
static int begin_next(struct gateway *gateway, struct setup *setup, struct attempt *attempt, int *error)
{
	struct choice choice;

	while (!choose(gateway->worker, setup, &choice)) {
		*error = begin(gateway, setup, attempt, &choice);
		if (!*error)
			return 0;
	}
	return CHOOSE_E_NONE;
}

void routed_begin(struct gateway *gateway, struct setup *setup)
{
	int error = 0, r;

	setup->routed = true;
	r = setup_set_deadline(gateway, setup, gateway->worker->view->conf->limits.connect_timeout_ms * US_PER_MS);
	if (!r)
		r = begin_next(gateway, setup, &setup->attempts[0], &error);
	if (r && error)
		fail(gateway, setup, error);
	else if (r)   /* no link has an address of the family: whoever waits goes the ordinary way */
		setup_abandon(gateway, setup);
}

static struct attempt *other_than(struct setup *setup, const struct attempt *attempt)
{
	return &setup->attempts[attempt == setup->attempts];
}

/* What the destination says counts, by whichever link; what else has gone wrong is of this one alone. */
static void attempt_failed(struct gateway *gateway, struct setup *setup, struct attempt *attempt, int error)
{
	attempt_drop(attempt);
	if (error == NET_E_REFUSED || other_than(setup, attempt)->fd < 0)
		fail(gateway, setup, error);
}

/* The far leg is there. What the host has said is in its socket still, for the relay to read. */
void routed_on_event(struct gateway *gateway, struct setup *setup, struct attempt *attempt, uint32_t events)
{
	static const struct bytes none = { 0 };
	struct attempt *other = other_than(setup, attempt);
	int r = attempt->fd < 0 || attempt->connected ? NET_E_AGAIN : attempt_outcome(gateway, attempt, events);

	if (r == NET_E_AGAIN)
		return;
	if (r) {
		attempt_failed(gateway, setup, attempt, r);
		return;
	}
	attempt->connected = true;
	attempt->plain = mptcp_info_fell_back(attempt->fd);
	counter_add(&gateway->worker->counters.n_routed_plain, attempt->plain && attempt->mptcp);
	if (other->fd >= 0 && other->begun_at_us < attempt->begun_at_us && other->link != CHOOSE_NO_LINK)
		shared_note_unanswered(gateway->worker->shared, other->link, loop_now_us(gateway->worker->loop));
	attempt_drop(other);
	if (setup->state == SETUP_ASKING)
		hold_accept(gateway, setup, attempt, none);
	else
		setup_hand_over(gateway, setup, attempt, false, none);
}

/* Nobody has answered over that link, or the destination is slow: the first to answer now is the one. */
void routed_on_timer(struct gateway *gateway, struct setup *setup, struct attempt *attempt, uint64_t now_us)
{
	struct attempt *other = other_than(setup, attempt);
	int error;

	if ((setup->state != SETUP_ASKING && setup->state != SETUP_CONNECTING) || attempt->fd < 0 ||
	    attempt->connected || other->fd >= 0 || now_us < attempt->begun_at_us + attempt->patience_us)
		return;
	begin_next(gateway, setup, other, &error);
}

void routed_leave_links(struct gateway *gateway, struct setup *setup)
{
	bool left = false;
	int error;

	if (setup->state != SETUP_ASKING && setup->state != SETUP_CONNECTING)
		return;
	for (size_t i = 0; i < SETUP_ATTEMPTS; i++) {
		struct attempt *attempt = &setup->attempts[i];

		if (attempt->fd < 0 || attempt->connected || !leave_is_gone(gateway, attempt->link))
			continue;
		attempt_drop(attempt);
		left = true;
	}
	if (left && !attempt_n_pending(setup) && begin_next(gateway, setup, &setup->attempts[0], &error))
		setup_let_pass(gateway, setup);
}

void routed_on_deadline(struct gateway *gateway, struct setup *setup)
{
	fail(gateway, setup, NET_E_TIMED_OUT);
}
