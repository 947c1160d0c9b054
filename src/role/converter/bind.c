/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/converter/bind.h"

#include <errno.h>
#include <sodium.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/counter.h"
#include "net/own_address.h"
#include "net/socket.h"
#include "role/converter/source.h"
#include "role/outcome.h"

#define BIND_US (60 * US_PER_S)       /* for the peer to come */
#define PORTS 32                      /* that are tried to be had */
#define STRANGERS 16                  /* in a turn */

/* The address that the peer can reach us at. */
static enum signalling_outcome choose_address(struct converter *converter, const struct intake *intake,
					      struct address *out)
{
	struct signalling_request request = { .destination = intake->destination };
	struct source_choice source;
	enum signalling_outcome outcome = source_choose(converter->worker, &intake->ticket, &request, &source);

	if (outcome != OUTCOME_CONNECTED)
		return outcome;
	if (source.transparent)   /* a subscriber's own address is led to us for connections that we have made */
		return OUTCOME_UNSUPPORTED_MESSAGE;
	*out = source.address;
	if (!address_is_unspecified(out))
		return OUTCOME_CONNECTED;
	return net_address_toward(&intake->destination, out) ? OUTCOME_NETWORK_FAILURE : OUTCOME_CONNECTED;
}

/* A port that nobody has, anywhere in the range: who it is for is told, and nobody else need find it at once. */
static int listen_somewhere(const struct conf *conf, struct address *address, int *fd)
{
	const struct conf_ports *ports = &conf->converter.bind_ports;
	struct net_listen_options options = { .exclusive = true, .keepalive_s = conf->limits.keepalive_s };
	uint32_t n = ports->last - ports->first + 1u, first = randombytes_uniform(n);
	int r = -EADDRINUSE;

	for (uint32_t i = 0; r == -EADDRINUSE && i < n && i < PORTS; i++) {
		bool fastopen_missing;

		address->port = (uint16_t)(ports->first + (first + i) % n);
		r = net_listen(address, &options, fd, &fastopen_missing);
	}
	return r;
}

static void refuse(struct converter *converter, struct intake *intake, enum signalling_outcome outcome)
{
	struct signalling_result result = { .outcome = outcome, .retry_after_s = 1 };

	intake_refuse(converter, intake, &result);
}

/* The client is told where. */
static int say_where(struct intake *intake, const struct address *where)
{
	struct signalling_result result = { .outcome = OUTCOME_CONNECTED, .bound = *where };
	uint8_t out[SIGNALLING_MESSAGE_BYTES];

	if (inbox_add(&intake->unsaid,
		      (struct bytes){ out, intake->scheme->server_answer(&intake->conversation, &result, out) }))
		return -ENOMEM;
	return intake_go_on(intake);
}

void bind_begin(struct converter *converter, struct intake *intake)
{
	const struct conf *conf = converter->worker->view->conf;
	struct address address;
	enum signalling_outcome outcome = conf->converter.bind_ports.first ?
					  choose_address(converter, intake, &address) : OUTCOME_UNSUPPORTED_MESSAGE;
	int r;

	if (outcome != OUTCOME_CONNECTED) {
		refuse(converter, intake, outcome);
		return;
	}
	r = fair_enter(converter, intake, FAIR_PORT, &intake->port_share);
	intake->has_port = !r;
	if (!r)
		r = listen_somewhere(conf, &address, &intake->far_fd);
	if (r) {
		refuse(converter, intake,
		       r == FAIR_E_ENOUGH || r == -EADDRINUSE || r == -EMFILE ? OUTCOME_OVER_LIMIT :
		       OUTCOME_NETWORK_FAILURE);
		return;
	}
	counter_add(&converter->worker->counters.n_binds, 1);
	intake_set_state(converter, intake, INTAKE_LISTENING);
	if (loop_watch(converter->worker->loop, intake->far_fd, EPOLLIN, intake_ref(converter, intake, INTAKE_FAR)) ||
	    intake_set_deadline(converter, intake, BIND_US) || say_where(intake, &address))
		intake_abandon(converter, intake);
}

/* From its address, by any port. The listener goes before the connection is served. */
static void take(struct converter *converter, struct intake *intake, int fd, const struct address *peer)
{
	loop_unwatch(converter->worker->loop, intake->far_fd);
	close(intake->far_fd);
	intake->far_fd = fd;
	intake->destination = intake->bound = *peer;
	intake->inbound = true;
	if (loop_watch(converter->worker->loop, fd, EPOLLET, intake_ref(converter, intake, INTAKE_FAR)))
		intake_abandon(converter, intake);
	else
		converter_serve(converter, intake);
}

/* The event is there still where there are more than that. */
void bind_on_far(struct converter *converter, struct intake *intake)
{
	for (size_t i = 0; i < STRANGERS; i++) {
		struct address peer;
		int fd = -1, r = net_accept(intake->far_fd, &fd, &peer);

		if (r == NET_E_ABORTED)
			continue;
		if (r && r != NET_E_AGAIN)
			intake_refuse_error(converter, intake, r);
		if (r)
			return;
		if (address_equal_ip(&peer, &intake->destination)) {
			take(converter, intake, fd, &peer);
			return;
		}
		counter_add(&converter->worker->counters.n_binds_wrong, 1);
		net_close_reset(fd);
	}
}

void bind_on_deadline(struct converter *converter, struct intake *intake)
{
	counter_add(&converter->worker->counters.n_binds_expired, 1);
	intake_refuse_error(converter, intake, NET_E_TIMED_OUT);
}
