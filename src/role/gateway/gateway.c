/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/gateway/gateway.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include "base/counter.h"
#include "base/util.h"
#include "net/own_address.h"
#include "net/socket.h"
#include "path/marks.h"
#include "role/gateway/direct.h"
#include "role/gateway/leave.h"
#include "role/gateway/look.h"
#include "role/gateway/reach.h"
#include "role/gateway/room.h"
#include "role/gateway/routed.h"
#include "role/gateway/setup.h"

/* The host spoke, ended, or was reset. */
static void on_near(struct gateway *gateway, struct setup *setup, uint32_t events)
{
	if (setup->state == SETUP_REACHING) {
		reach_on_event(gateway, setup, events);
	} else if (events & (EPOLLERR | EPOLLHUP)) {
		counter_add(&gateway->worker->counters.n_host_gave_up, 1);
		setup_abandon(gateway, setup);
	} else if (setup->state == SETUP_TELLING) {
		socks_on_bytes(gateway, setup);
	} else if (setup->state == SETUP_FIRST_BYTES && setup->look) {
		look_on_bytes(gateway, setup);
	} else if (setup->state == SETUP_FIRST_BYTES && events & (EPOLLIN | EPOLLRDHUP)) {
		setup_connect(gateway, setup);
	}
}

static struct attempt *attempt_of_part(struct setup *setup, uint8_t part)
{
	return part >= SETUP_ATTEMPT && part < SETUP_ATTEMPT + SETUP_ATTEMPTS ? &setup->attempts[part - SETUP_ATTEMPT] :
	       NULL;
}

static void on_event(void *context, struct loop_ref ref, uint32_t events)
{
	struct gateway *gateway = context;
	struct setup *setup = slab_get(&gateway->setups, (struct slab_name){ ref.index, ref.generation });
	struct attempt *attempt;

	if (!setup || setup->state == SETUP_HELD || (setup->state == SETUP_CAUGHT && !setup_is_under_way(setup)))
		return;
	attempt = attempt_of_part(setup, ref.part);
	if (attempt && setup->state == SETUP_DIRECT)
		direct_on_event(gateway, setup, attempt, events);
	else if (attempt && setup->routed)
		routed_on_event(gateway, setup, attempt, events);
	else if (attempt)
		attempt_on_event(gateway, setup, attempt, events);
	else
		on_near(gateway, setup, events);
}

static void on_deadline(struct gateway *gateway, struct setup *setup, uint64_t now_us)
{
	if (now_us < setup->deadline_us)
		return;
	if (setup->routed && (setup->state == SETUP_ASKING || setup->state == SETUP_CONNECTING)) {
		routed_on_deadline(gateway, setup);
	} else if (setup->state == SETUP_ASKING || setup->state == SETUP_CAUGHT) {
		hold_on_deadline(gateway, setup);
	} else if (setup->state == SETUP_DIRECT) {
		direct_fail(gateway, setup, NET_E_TIMED_OUT);
	} else if (setup->state == SETUP_REACHING) {
		reach_on_deadline(gateway, setup);
	} else if (setup->state == SETUP_TELLING) {
		socks_on_deadline(gateway, setup);
	} else if (setup->state == SETUP_CONNECTING || setup->state == SETUP_DECLINING) {
		setup_fail(gateway, setup);
	} else if (setup->state == SETUP_HELD) {
		setup_note_no_answer(gateway, setup);
		setup_break_off(gateway, setup);
	}
}

/* The host hasn't said anything so far, or not all that is looked for: perhaps the server speaks first. */
static void on_patience_over(struct gateway *gateway, struct setup *setup)
{
	if (setup->look)
		look_on_patience_over(gateway, setup);
	else
		setup_connect(gateway, setup);
}

static void on_timer(void *context, struct loop_ref ref, uint64_t now_us)
{
	struct gateway *gateway = context;
	struct setup *setup = ref.part == SETUP_ROOM ? NULL :
			      slab_get(&gateway->setups, (struct slab_name){ ref.index, ref.generation });
	struct attempt *attempt;

	if (ref.part == SETUP_ROOM)
		room_look(gateway);
	if (!setup)
		return;
	attempt = attempt_of_part(setup, ref.part);
	if (attempt && setup->routed)
		routed_on_timer(gateway, setup, attempt, now_us);
	else if (attempt && setup_is_under_way(setup))
		attempt_on_timer(gateway, setup, attempt, now_us);
	else if (ref.part == SETUP_DEADLINE)
		on_deadline(gateway, setup, now_us);
	else if (ref.part == SETUP_NEAR && setup->state == SETUP_FIRST_BYTES)
		on_patience_over(gateway, setup);
}

static bool is_direct(const struct gateway *gateway, const struct address *destination)
{
	return destination->port == gateway->worker->view->conf->gateway.intercept_port &&
	       net_is_own_address(destination);
}

/* A host's connection, established already. */
static void on_connection(void *context, int fd, const struct address *local, const struct address *peer)
{
	struct gateway *gateway = context;
	struct address destination;
	struct setup *setup;

	if (net_local_address(fd, &destination) || is_direct(gateway, &destination)) {
		net_close_reset(fd);
		return;
	}
	room_note_arrived(gateway);
	setup = hold_take(gateway, peer, &destination);
	if (!setup && address_is_unspecified(local)) {   /* at the worker's own listener it has had one, which is
							  * gone with what its rule says */
		setup = setup_take(gateway, peer, &destination);
		if (setup)
			setup->treatment = treatment_of_connection(gateway->worker->view->conf);
	}
	if (!setup) {
		net_close_reset(fd);
		return;
	}
	setup->near_fd = fd;
	setup_arrive(gateway, setup);
}

int gateway_new(struct worker *worker, struct gateway **out)
{
	_cleanup_(gateway_freep) struct gateway *gateway = calloc(1, sizeof(*gateway));
	struct loop_handler handler = { .on_event = on_event, .on_timer = on_timer };

	if (!gateway)
		return -ENOMEM;
	gateway->worker = worker;
	handler.context = gateway;
	gateway->handler = loop_handler_add(worker->loop, &handler);
	listeners_init(&gateway->listeners, worker, on_connection, gateway);
	hold_init(gateway);
	socks_init(gateway);
	if (slab_init(&gateway->setups, sizeof(struct setup), worker->view->conf->limits.max_half_open))
		return -ENOMEM;
	*out = gateway;
	gateway = NULL;
	return 0;
}

void gateway_freep(struct gateway **out)
{
	struct gateway *gateway = *out;

	if (!gateway)
		return;
	listeners_close(&gateway->listeners);
	socks_fini(gateway);
	for (uint32_t i = 0; i < gateway->setups.n_touched; i++) {
		struct setup *setup = slab_at(&gateway->setups, i);

		if (!setup)
			continue;
		if (setup->state == SETUP_HELD) {
			relay_abort(gateway->worker->relay, setup->session);
			setup_free(gateway, setup);
		} else {
			setup_abandon(gateway, setup);
		}
	}
	hold_fini(gateway);
	slab_fini(&gateway->setups);
	free(gateway);
	*out = NULL;
}

/* A rule keeps it on a link that is gone: what was sent over it brings no answer any more. */
static void end_with_link(struct gateway *gateway, struct setup *setup)
{
	if (setup->state == SETUP_HELD) {
		setup_break_off(gateway, setup);
		return;
	}
	if (setup->state != SETUP_ASKING && setup->state != SETUP_CONNECTING)
		return;
	if (setup->state == SETUP_CONNECTING)
		setup_unlearn(gateway, setup);
	setup_let_pass(gateway, setup);
}

static void leave_dead_links(struct gateway *gateway)
{
	for (uint32_t i = 0; i < gateway->setups.n_touched; i++) {
		struct setup *setup = slab_at(&gateway->setups, i);

		if (setup && setup_is_on_dead_link(gateway, setup))
			end_with_link(gateway, setup);
		else if (setup)
			leave_links(gateway, setup);
	}
}

int gateway_apply(struct gateway *gateway, char *reason, size_t n_reason)
{
	const struct view *view = gateway->worker->view;
	uint16_t port = view->conf->gateway.intercept_port;
	const struct address addresses[] = {
		{ .port = port },                    /* [::], IPv6 alone */
		address_from_v4(htonl(INADDR_ANY), port),
		mark_listener(gateway->worker->number, false, port),   /* for hosts whose SYN this worker held */
		mark_listener(gateway->worker->number, true, port),
	};
	struct net_listen_options options = { .transparent = true, .keepalive_s = view->conf->limits.keepalive_s };
	int r;

	leave_dead_links(gateway);
	r = view->conf->gateway.enabled ? hold_apply(gateway, reason, n_reason) : 0;
	if (!r)
		r = socks_apply(gateway, reason, n_reason);
	if (r)
		return r;
	if (!conf_intercepts(view->conf) || !view->accepting || !view->converter_reachable || room_is_shut(gateway)) {
		listeners_close(&gateway->listeners);
		if (!view->converter_reachable)
			hold_let_all_pass(gateway);
		return 0;
	}
	r = listeners_set(&gateway->listeners, addresses, view->can_hold ? ARRAY_SIZE(addresses) : 2, &options, reason,
			  n_reason);
	if (r)
		room_look_later(gateway, ROOM_LOOK_US);   /* out of descriptors, say: hosts go the ordinary way until
							   * there are some */
	return r;
}
