/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/gateway/reach.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include "base/counter.h"
#include "base/util.h"
#include "net/own_address.h"
#include "net/socket.h"
#include "policy/admit.h"
#include "role/gateway/setup.h"
#include "role/outcome.h"

#define REACH_EVENTS (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)
#define HOST_US (5 * US_PER_S)        /* for a host on the LAN to answer, its first packet having been lost twice;
				       * the converter waits longer (role/inbound/inbound.c) */
#define CLAIM_US (10 * US_PER_S)

/* What goes from the main thread to a worker. */
struct note {
	struct worker *to;
	struct signalling_inbound inbound;
	uint8_t first[SIGNALLING_FIRST_BYTES];
};

static bool is_lan(const void *context, const char *interface)
{
	const struct conf_gateway *conf = context;

	for (size_t i = 0; i < conf->n_lan; i++)
		if (!strcmp(conf->lan[i], interface))
			return true;
	return false;
}

static bool is_no_link(const void *context, const char *interface)
{
	const struct conf *conf = context;

	for (size_t i = 0; i < conf->n_links; i++)
		if (!strcmp(conf->links[i].interface, interface))
			return false;
	return true;
}

/* What the converter says isn't encrypted: it is good for hosts that may be reached, and never for this machine. */
static bool may_be_reached(const struct conf_gateway *conf, const struct address *host)
{
	if (admit_is_no_peer(host) || net_is_own_address(host))
		return false;
	return conf->n_inbound_allow ? admit_in_prefixes(conf->inbound_allow, conf->n_inbound_allow, host) :
	       net_is_neighbour(host, is_lan, conf);
}

/* Nor is it to make a host believe that it talks to its neighbour, to this machine or to one behind another
 * interface of it: who comes from there doesn't come by the converter. */
static bool may_come(const struct conf *conf, const struct address *remote)
{
	return !admit_is_no_peer(remote) && !net_is_neighbour(remote, is_no_link, conf);
}

static bool may_be_connected(const struct view *view, const struct signalling_inbound *inbound)
{
	const struct conf *conf = view->conf;

	return view->accepting && conf->gateway.inbound &&
	       address_is_v4(&inbound->host) == address_is_v4(&inbound->remote) &&
	       may_be_reached(&conf->gateway, &inbound->host) && may_come(conf, &inbound->remote);
}

static void log_outcome(const struct setup *setup, const char *outcome)
{
	char source[ADDRESS_TEXT_BYTES], destination[ADDRESS_TEXT_BYTES];

	log_debug("%s to %s, from the converter's side: %s", address_format(&setup->destination, destination),
		  address_format(&setup->source, source), outcome);
}

/* The claim says that there is nobody: the remote host is to hear it as if it had asked here. */
static void decline(struct gateway *gateway, struct setup *setup, const struct signalling_result *failure)
{
	counter_add(&gateway->worker->counters.n_reach_failed, 1);
	log_outcome(setup, signalling_outcome_name(failure->outcome));
	if (setup->near_fd >= 0)
		net_close_reset(setup->near_fd);
	setup->near_fd = -1;
	setup->failure = *failure;
	setup_launch(gateway, setup, SETUP_DECLINING, CLAIM_US);
}

static void decline_error(struct gateway *gateway, struct setup *setup, int error)
{
	struct signalling_result failure = outcome_of_error(error, !address_is_v4(&setup->source));

	decline(gateway, setup, &failure);
}

static void reach(struct gateway *gateway, struct setup *setup)
{
	struct net_connect_options options = { .source = setup->destination, .transparent = true };
	struct loop *loop = gateway->worker->loop;
	size_t n_sent;
	int r;

	setup_set_state(setup, SETUP_REACHING);
	r = net_connect_begin(&setup->source, &options, &setup->near_fd, &n_sent);
	if (!r)
		r = loop_watch(loop, setup->near_fd, REACH_EVENTS, setup_ref(gateway, setup, SETUP_NEAR));
	if (!r)
		r = setup_set_deadline(gateway, setup, HOST_US);
	if (r)
		decline_error(gateway, setup, r);
}

/* Told on another watch, before this one stood. */
static bool is_under_way(const struct gateway *gateway, const struct signalling_inbound *inbound)
{
	for (uint32_t i = 0; i < gateway->setups.n_touched; i++) {
		const struct setup *setup = slab_at(&gateway->setups, i);

		if (setup && setup->inbound && !memcmp(setup->claim, inbound->claim, sizeof(setup->claim)))
			return true;
	}
	return false;
}

/* A gateway that has no place lets it wait in vain: the converter ends it. */
static void begin(struct gateway *gateway, const struct signalling_inbound *inbound)
{
	struct signalling_result prohibited = outcome_prohibited(!address_is_v4(&inbound->host));
	struct setup *setup;

	if (inbound->again && is_under_way(gateway, inbound))
		return;
	setup = setup_take(gateway, &inbound->host, &inbound->remote);
	if (!setup)
		return;
	counter_add(&gateway->worker->counters.n_reached, 1);
	setup->treatment = treatment_of_connection(gateway->worker->view->conf);
	setup->inbound = true;
	memcpy(setup->claim, inbound->claim, sizeof(setup->claim));
	inbox_keep(&setup->first, inbound->first);   /* without memory they come with the claim, as all that follows */
	if (may_be_connected(gateway->worker->view, inbound))
		reach(gateway, setup);
	else
		decline(gateway, setup, &prohibited);
}

static void on_hear(void *arg)
{
	struct note *note = arg;

	note->inbound.first.at = note->first;
	begin(note->to->gateway, &note->inbound);
	free(note);
}

/* The claim's last bytes are random: that spreads them. */
void reach_hear(struct worker *const *workers, size_t n_workers, const struct signalling_inbound *inbound)
{
	struct note note = { .to = workers[inbound->claim[SIGNALLING_CLAIM_BYTES - 1] % n_workers],
			     .inbound = *inbound };

	note.inbound.first.n = size_min(inbound->first.n, sizeof(note.first));
	if (note.inbound.first.n)
		memcpy(note.first, inbound->first.at, note.inbound.first.n);
	worker_post(note.to, on_hear, &note, sizeof(note));
}

/* A round trip and a half before the claim could bring it. What the host doesn't take at once, the claim brings. */
static void pass_on_first(struct setup *setup)
{
	int error = 0;
	ssize_t n = setup->first.n_kept ? net_send(setup->near_fd, setup->first.kept, setup->first.n_kept, &error) : 0;

	setup->n_first = n > 0 ? (uint16_t)n : 0;
	inbox_free(&setup->first);
}

void reach_on_event(struct gateway *gateway, struct setup *setup, uint32_t events)
{
	int r = net_connect_outcome(setup->near_fd, events);

	if (r == NET_E_AGAIN)
		return;
	if (r) {
		decline_error(gateway, setup, r);
		return;
	}
	net_tune_leg(setup->near_fd, false);
	net_keep_alive(setup->near_fd, gateway->worker->view->conf->limits.keepalive_s);
	pass_on_first(setup);
	log_outcome(setup, "its host is there");
	setup_connect(gateway, setup);
}

void reach_on_deadline(struct gateway *gateway, struct setup *setup)
{
	decline_error(gateway, setup, NET_E_TIMED_OUT);
}
