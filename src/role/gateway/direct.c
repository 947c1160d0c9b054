/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/gateway/direct.h"

#include <sys/epoll.h>
#include "base/clock.h"
#include "base/counter.h"
#include "net/socket.h"
#include "role/gateway/setup.h"
#include "role/outcome.h"

#define DIRECT_EVENTS (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)

static void log_outcome(const struct setup *setup, const char *outcome)
{
	char source[ADDRESS_TEXT_BYTES], destination[ADDRESS_TEXT_BYTES];

	log_debug("%s to %s: %s", address_format(&setup->source, source),
		  address_format(&setup->destination, destination), outcome);
}

void direct_fail(struct gateway *gateway, struct setup *setup, int error)
{
	struct signalling_result result = outcome_of_error(error, !address_is_v4(&setup->destination));

	counter_add(&gateway->worker->counters.n_direct_failed, 1);
	log_outcome(setup, "its destination can't be reached from here");
	attempt_drop(&setup->attempts[0]);
	if (socks_waits(setup))
		socks_refuse(gateway, setup, &result);
	else
		setup_abandon(gateway, setup);
}

void direct_begin(struct gateway *gateway, struct setup *setup)
{
	struct worker *worker = gateway->worker;
	struct attempt *attempt = &setup->attempts[0];
	struct net_connect_options options = { .marking = treatment_marking(&setup->treatment),
					       .fwmark = treatment_fwmark(worker->view->conf) };
	int r;

	counter_add(&worker->counters.n_direct, 1);
	setup_set_state(setup, SETUP_DIRECT);
	*attempt = (struct attempt){ .fd = -1, .link = CHOOSE_NO_LINK, .begun_at_us = loop_now_us(worker->loop) };
	r = net_connect_begin(&setup->destination, &options, &attempt->fd, &attempt->n_sent);
	if (!r)
		r = loop_watch(worker->loop, attempt->fd, DIRECT_EVENTS, setup_ref(gateway, setup, SETUP_ATTEMPT));
	if (!r)
		r = setup_set_deadline(gateway, setup, worker->view->conf->limits.connect_timeout_ms * US_PER_MS);
	if (r)
		direct_fail(gateway, setup, r);
}

/* What the host has said is in its socket still, for the relay to read. */
static void hand_over(struct gateway *gateway, struct setup *setup, struct attempt *attempt)
{
	struct relay_legs legs = {
		.near_fd = setup->near_fd, .far_fd = attempt->fd, .near_watched = true, .far_watched = true,
		.owner = SUBSCRIBERS_NONE,
		.source = setup->source, .destination = setup->destination, .link = CHOOSE_NO_LINK,
		.opened_at_us = setup->accepted_at_us,
	};
	struct net_marking marking = treatment_marking(&setup->treatment);
	struct slab_name session;

	if (socks_waits(setup) && socks_say_connected(gateway, setup)) {
		setup_abandon(gateway, setup);
		return;
	}
	log_outcome(setup, "connected to from here, past the converter");
	net_mark(setup->near_fd, &setup->source, false, &marking);
	attempt->fd = -1;
	net_tune_leg(legs.far_fd, false);
	relay_open(gateway->worker->relay, &legs, &session);   /* what it could not take, it has closed */
	setup_free(gateway, setup);
}

void direct_on_event(struct gateway *gateway, struct setup *setup, struct attempt *attempt, uint32_t events)
{
	int r = attempt->fd < 0 ? NET_E_AGAIN : attempt_outcome(gateway, attempt, events);

	if (!r)
		hand_over(gateway, setup, attempt);
	else if (r != NET_E_AGAIN)
		direct_fail(gateway, setup, r);
}
