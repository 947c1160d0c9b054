/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/routed.h"

#include <string.h>
#include <sys/epoll.h>
#include "base/clock.h"
#include "base/counter.h"
#include "net/mptcp_info.h"
#include "net/socket.h"
#include "role/loss_watch.h"
#include "role/outcome.h"
#include "role/setup.h"

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

/* All links but this one, a bit each. */
static uint32_t others(const struct conf *conf, const struct setup *setup)
{
	if (setup->treatment.link != CHOOSE_NO_LINK)
		return ~(1u << setup->treatment.link);
	for (size_t i = 0; conf->gateway.route_link[0] && i < conf->n_links; i++)
		if (!strcmp(conf->links[i].name, conf->gateway.route_link))
			return ~(1u << i);
	return 0;
}

/* The converter's link, or while that is down any other: there the connection is the destination's own. */
static int choose(const struct gateway *gateway, const struct setup *setup, struct choice *out)
{
	const struct worker *worker = gateway->worker;
	uint32_t barred = others(worker->view->conf, setup);
	uint64_t now_us = loop_now_us(worker->loop);
	int r = shared_choose_link_to(worker->shared, worker->view, &setup->destination, 1, barred, now_us, out);

	if (!r || !barred || setup->treatment.link != CHOOSE_NO_LINK)
		return r;
	return shared_choose_link_to(worker->shared, worker->view, &setup->destination, 1, 0, now_us, out);
}

static int begin(struct gateway *gateway, struct setup *setup, const struct choice *choice)
{
	struct worker *worker = gateway->worker;
	struct attempt *attempt = &setup->attempts[0];
	struct net_connect_options options = {
		.mptcp = setup->treatment.link == CHOOSE_NO_LINK, .source = choice->source, .congestion = loss_watch_first(worker),
		.marking = treatment_marking(&setup->treatment),
	};
	int r;

	*attempt = (struct attempt){ .fd = -1, .link = choice->link, .begun_at_us = loop_now_us(worker->loop), .mptcp = options.mptcp, .opening = (const uint8_t *)"" };
	r = net_connect_begin(&setup->destination, &options, &attempt->fd, &attempt->n_sent);
	if (!r)
		r = loop_watch(worker->loop, attempt->fd, ROUTED_EVENTS, setup_ref(gateway, setup, SETUP_ATTEMPT));
	return r ? r : setup_set_deadline(gateway, setup, worker->view->conf->limits.connect_timeout_ms * US_PER_MS);
}

void routed_begin(struct gateway *gateway, struct setup *setup)
{
	struct choice choice;
	int r;

	setup->routed = true;
	counter_add(&gateway->worker->counters.n_routed, 1);
	if (choose(gateway, setup, &choice)) {   /* no link has an address of the family: whoever waits goes the ordinary way */
		counter_add(&gateway->worker->counters.n_routed_failed, 1);
		setup_abandon(gateway, setup);
		return;
	}
	r = begin(gateway, setup, &choice);
	if (r)
		fail(gateway, setup, r);
}

/* The far leg is there. What the host has said is in its socket still, for the relay to read. */
void routed_on_event(struct gateway *gateway, struct setup *setup, struct attempt *attempt, uint32_t events)
{
	static const struct bytes none = { 0 };
	int r = attempt->fd < 0 || attempt->connected ? NET_E_AGAIN : net_connect_outcome(attempt->fd, events);

	if (r == NET_E_AGAIN)
		return;
	if (r) {
		fail(gateway, setup, r);
		return;
	}
	attempt->connected = true;
	attempt->plain = mptcp_info_fell_back(attempt->fd);
	counter_add(&gateway->worker->counters.n_routed_plain, attempt->plain && attempt->mptcp);
	if (setup->state == SETUP_ASKING)
		hold_accept(gateway, setup, attempt, none);
	else
		setup_hand_over(gateway, setup, attempt, false, none);
}

void routed_on_deadline(struct gateway *gateway, struct setup *setup)
{
	fail(gateway, setup, NET_E_TIMED_OUT);
}
