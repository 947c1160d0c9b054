/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/gateway/gateway.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include "base/clock.h"
#include "base/counter.h"
#include "base/util.h"
#include "net/mptcp_info.h"
#include "net/own_address.h"
#include "net/socket.h"
#include "path/marks.h"
#include "role/gateway/direct.h"
#include "role/gateway/evidence.h"
#include "role/gateway/leave.h"
#include "role/gateway/look.h"
#include "role/gateway/opening.h"
#include "role/gateway/reach.h"
#include "role/gateway/room.h"
#include "role/gateway/routed.h"
#include "role/gateway/setup.h"
#include "role/links/profile.h"
#include "role/stripe/stripes.h"

#define LONG_S 60                       /* a limit that lasts so long is worth asking the converter about */

void setup_set_state(struct setup *setup, enum setup_state next)
{
	setup->state = next;
}

struct loop_ref setup_ref(const struct gateway *gateway, const struct setup *setup, unsigned int part)
{
	struct slab_name name = slab_name_of(&gateway->setups, setup);

	return (struct loop_ref){ .index = name.index, .generation = name.generation, .handler = gateway->handler,
				  .part = (uint8_t)part };
}

static uint64_t tag_of(const struct gateway *gateway, const struct setup *setup)
{
	struct slab_name name = slab_name_of(&gateway->setups, setup);

	return (uint64_t)name.index << 16 | name.generation;
}

static struct setup *setup_of_tag(const struct gateway *gateway, uint64_t tag)
{
	return slab_get(&gateway->setups, (struct slab_name){ (uint32_t)(tag >> 16), (uint16_t)tag });
}

void setup_free(struct gateway *gateway, struct setup *setup)
{
	attempt_drop_all(setup);
	opening_free(setup);
	upstream_unref(setup->upstream);
	inbox_free(&setup->first);
	look_freep(&setup->look);
	socks_free(gateway, setup);
	if (setup->state == SETUP_ASKING || setup->state == SETUP_CAUGHT)
		hold_forget(gateway, setup);
	slab_give(&gateway->setups, setup);
	shared_release(&gateway->worker->shared->n_half_open);
}

void setup_abandon(struct gateway *gateway, struct setup *setup)
{
	if (setup->near_fd >= 0)
		net_close_reset(setup->near_fd);
	if (setup->packet)
		hold_pass(gateway, setup);
	shared_release(&gateway->worker->shared->n_sessions);
	setup_free(gateway, setup);
}

/* A destination that has accepted lately, as far as we knew. */
static void unlearn(struct gateway *gateway, const struct setup *setup)
{
	if (!setup->inbound)
		hold_unlearn(gateway, &setup->destination);
}

/* The converter will not serve us for a while: its word on that is to be had by the watch, and hosts' connections then go the ordinary way. */
static bool is_for_long(const struct signalling_result *result)
{
	return result->outcome == OUTCOME_NOT_AUTHORISED || result->outcome == OUTCOME_MISSING_CREDENTIAL ||
	       (result->outcome == OUTCOME_OVER_LIMIT && result->retry_after_s >= LONG_S);
}

void setup_refuse(struct gateway *gateway, struct setup *setup, const struct signalling_result *result)
{
	char source[ADDRESS_TEXT_BYTES], destination[ADDRESS_TEXT_BYTES], left_out[64];

	counter_add(&gateway->worker->counters.n_outcomes[result->outcome], 1);
	address_format(&setup->source, source);
	address_format(&setup->destination, destination);
	if (result->outcome != OUTCOME_NOT_AUTHORISED && result->outcome != OUTCOME_MISSING_CREDENTIAL)
		log_debug("%s to %s: %s%s", source, destination, setup->routed ? "" : "the converter says: ", signalling_outcome_name(result->outcome));
	else if (worker_may_log(gateway->worker, WORKER_LOG_DENIED, left_out, sizeof(left_out)))
		log_warning("the converter does not let us in: %s; compare gateway.key, or gateway.user and gateway.password, with the subscriber's there, and both clocks%s",
			    signalling_outcome_name(result->outcome), left_out);
	if (is_for_long(result))
		shared_suspect(gateway->worker->shared);
	if (setup->state != SETUP_ASKING)   /* early: it is asked about next time, and may go the ordinary way then */
		unlearn(gateway, setup);
	if (setup->state == SETUP_ASKING)
		hold_refuse(gateway, setup, result);
	else if (setup->state != SETUP_HELD)
		setup_abandon(gateway, setup);
}

bool setup_any_connected(const struct setup *setup)
{
	for (size_t i = 0; i < SETUP_ATTEMPTS; i++)
		if (setup->attempts[i].fd >= 0 && setup->attempts[i].connected)
			return true;
	return false;
}

static void note_no_answer(struct gateway *gateway, const struct setup *setup)
{
	char left_out[64];

	counter_add(&gateway->worker->counters.n_no_answer, 1);
	shared_note_doubt(gateway->worker->shared, setup->upstream, setup->state == SETUP_HELD || setup_any_connected(setup) ? UPSTREAM_DOUBT_MUTE : UPSTREAM_DOUBT_NONE);
	if (worker_may_log(gateway->worker, WORKER_LOG_LINK, left_out, sizeof(left_out)))
		log_warning("the converter did not answer over any link: a host's connection that was accepted is reset, one that waits goes the ordinary way%s", left_out);
}

/* Nobody was asked: the converter has nothing to do with it. */
static void note_starved(struct gateway *gateway)
{
	char left_out[64];

	counter_add(&gateway->worker->counters.n_full, 1);
	if (worker_may_log(gateway->worker, WORKER_LOG_LIMIT, left_out, sizeof(left_out)))
		log_warning("no descriptor is left, or no place for a session in pieces (%u a worker): a host's connection that was accepted is reset, one that waits goes the ordinary way%s",
			    STRIPES_MOST, left_out);
}

void setup_fail(struct gateway *gateway, struct setup *setup)
{
	char source[ADDRESS_TEXT_BYTES], destination[ADDRESS_TEXT_BYTES];

	log_debug("%s to %s: given up, no attempt is left", address_format(&setup->source, source), address_format(&setup->destination, destination));
	if (setup->starved && !setup->asked)
		note_starved(gateway);
	else
		note_no_answer(gateway, setup);
	if (setup->state != SETUP_ASKING)
		unlearn(gateway, setup);   /* so that the host's next attempt can go the ordinary way */
	setup_let_pass(gateway, setup);
}

int setup_set_deadline(struct gateway *gateway, struct setup *setup, uint64_t after_us)
{
	setup->deadline_us = loop_now_us(gateway->worker->loop) + after_us;
	return loop_timer_at(gateway->worker->loop, setup->deadline_us, setup_ref(gateway, setup, SETUP_DEADLINE));
}

void setup_launch(struct gateway *gateway, struct setup *setup, enum setup_state state, uint64_t limit_us)
{
	setup_set_state(setup, state);
	if (!setup->inbound && routed_is_wanted(gateway->worker->view->conf)) {
		routed_begin(gateway, setup);
		return;
	}
	upstream_unref(setup->upstream);
	setup->upstream = upstream_ref(gateway->worker->view->upstream);
	setup->moved = setup->exposed = setup->asked = setup->starved = setup->routed = false;
	if (!setup->upstream)   /* the last one has just left the list */
		setup_let_pass(gateway, setup);
	else if (opening_build(gateway, setup) || setup_set_deadline(gateway, setup, limit_us))
		setup_abandon(gateway, setup);
	else if (attempt_first(gateway, setup))
		setup_fail(gateway, setup);
}

uint64_t setup_limit_us(const struct gateway *gateway)
{
	return profile_session_us(gateway->worker->view, gateway->worker->view->conf->limits.connect_timeout_ms * US_PER_MS);
}

void setup_connect(struct gateway *gateway, struct setup *setup)
{
	setup_launch(gateway, setup, SETUP_CONNECTING, setup_limit_us(gateway));
}

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

static void log_hand_over(const struct gateway *gateway, const struct setup *setup, const struct attempt *attempt, bool held)
{
	const struct view *view = gateway->worker->view;
	char source[ADDRESS_TEXT_BYTES], destination[ADDRESS_TEXT_BYTES];

	if (!log_wants(LOG_LEVEL_DEBUG))
		return;
	log_debug("%s to %s: over %s, %s, data in the first packet %s, %s", address_format(&setup->source, source),
		  address_format(&setup->destination, destination), attempt->link < view->n_links ? view->links[attempt->link].name : "no link of ours",
		  setup->state == SETUP_CAUGHT ? "its destination having accepted" : held ? "at once" : setup->waits ? "having answered" : "after another attempt",
		  !attempt->syn_data ? "not sent" : mptcp_info_beginning(attempt->fd).syn_data_acked ? "taken" : "lost",
		  mptcp_info_fell_back(attempt->fd) ? "plain TCP" : "Multipath TCP");
}

void setup_hand_over(struct gateway *gateway, struct setup *setup, struct attempt *attempt, bool held, struct bytes down_first)
{
	struct worker *worker = gateway->worker;
	struct relay_legs legs = {
		.near_fd = setup->near_fd, .far_fd = attempt->fd, .near_watched = setup->state != SETUP_CAUGHT, .far_watched = true,
		.far_mptcp = attempt->mptcp,
		.far_joins = attempt->mptcp && view_has_several_links(worker->view), .held = held, .up_waits = held && attempt->doubtful, .up_kept = setup->has_ticket,
		.far_multipath = attempt->mptcp && !attempt->plain, .tag = held ? tag_of(gateway, setup) : 0, .owner = SUBSCRIBERS_NONE,
		.up_first = { attempt->opening + attempt->n_sent, attempt->n_opening - attempt->n_sent },
		.down_first = down_first, .source = setup->source, .destination = setup->destination,
		.inbound = setup->inbound, .routed = setup->routed, .link = attempt->link, .opened_at_us = setup->accepted_at_us,
	};
	struct net_marking marking = treatment_marking(&setup->treatment);
	struct slab_name session;

	log_hand_over(gateway, setup, attempt, held);
	net_mark(setup->near_fd, &setup->source, false, &marking);
	attempt->fd = -1;
	net_tune_leg(legs.far_fd, true);
	for (size_t i = 0; held && i < SETUP_ATTEMPTS; i++)
		if (&setup->attempts[i] != attempt)
			attempt_drop(&setup->attempts[i]);
	if (relay_open(worker->relay, &legs, &session) || !held) {
		setup_free(gateway, setup);   /* what relay_open() could not take, it has closed */
		return;
	}
	setup->session = session;
	setup->answering = attempt;
	setup_set_state(setup, SETUP_HELD);
	if (setup_set_deadline(gateway, setup, setup_limit_us(gateway) + SETUP_ANSWER_SLACK_US)) {
		relay_abort(worker->relay, session);
		setup_free(gateway, setup);
	}
}

void gateway_on_held(struct gateway *gateway, struct slab_name session, uint64_t tag, int far_fd)
{
	struct setup *setup = setup_of_tag(gateway, tag);
	struct signalling_step step;
	struct bytes left;
	int r;

	if (!setup)
		return;
	setup->answering->fd = far_fd;   /* lent for the reading */
	r = attempt_read(gateway, setup, setup->answering, &step, &left);
	setup->answering->fd = -1;
	if (r == NET_E_AGAIN)
		return;
	if (!r && step.verdict == SIGNALLING_DONE && evidence_is_sound(gateway, setup->answering, far_fd)) {
		counter_add(&gateway->worker->counters.n_outcomes[OUTCOME_CONNECTED], 1);
		relay_release(gateway->worker->relay, session, left);
	} else {
		if (r == NET_E_RESET)
			evidence_of_reset(gateway, setup, setup->answering);
		if ((r == NET_E_RESET || (!r && step.verdict == SIGNALLING_DONE)) && leave_broken(gateway, setup, far_fd))
			return;
		if (!r && step.verdict != SIGNALLING_DONE)
			setup_refuse(gateway, setup, &step.result);
		else
			unlearn(gateway, setup);
		relay_abort(gateway->worker->relay, session);
	}
	setup_free(gateway, setup);
}

void gateway_on_held_end(struct gateway *gateway, uint64_t tag)
{
	struct setup *setup = setup_of_tag(gateway, tag);

	if (setup)
		setup_free(gateway, setup);
}

static struct attempt *attempt_of_part(struct setup *setup, uint8_t part)
{
	return part >= SETUP_ATTEMPT && part < SETUP_ATTEMPT + SETUP_ATTEMPTS ? &setup->attempts[part - SETUP_ATTEMPT] : NULL;
}

bool setup_is_under_way(const struct setup *setup)
{
	return setup->state == SETUP_CONNECTING || setup->state == SETUP_DECLINING || setup->state == SETUP_ASKING || (setup->state == SETUP_CAUGHT && setup->early && !setup->answering);
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
		note_no_answer(gateway, setup);
		unlearn(gateway, setup);
		relay_abort(gateway->worker->relay, setup->session);
		setup_free(gateway, setup);
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
	struct setup *setup = ref.part == SETUP_ROOM ? NULL : slab_get(&gateway->setups, (struct slab_name){ ref.index, ref.generation });
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
	return destination->port == gateway->worker->view->conf->gateway.intercept_port && net_is_own_address(destination);
}

struct setup *setup_take(struct gateway *gateway, const struct address *source, const struct address *destination)
{
	struct worker *worker = gateway->worker;
	bool session = worker_take_session(worker), half_open = session && worker_take_half_open(worker);
	struct setup *setup = half_open ? slab_take(&gateway->setups) : NULL;

	room_note(gateway);   /* this is the last place, or others have taken it */
	if (!setup) {
		if (half_open)
			shared_release(&worker->shared->n_half_open);
		if (session)
			shared_release(&worker->shared->n_sessions);
		return NULL;
	}
	setup->near_fd = -1;
	setup->source = *source;
	setup->destination = *destination;
	setup->accepted_at_us = loop_now_us(worker->loop);
	for (size_t i = 0; i < SETUP_ATTEMPTS; i++)
		setup->attempts[i].fd = -1;
	return setup;
}

/* Who came to host.socks has been watched all the time: what has happened meanwhile is to be told again. */
static int watch_near(const struct gateway *gateway, const struct setup *setup)
{
	return (setup->socks ? loop_rewatch : loop_watch)(gateway->worker->loop, setup->near_fd, EPOLLIN | EPOLLRDHUP | EPOLLET, setup_ref(gateway, setup, SETUP_NEAR));
}

static void await_first_bytes(struct gateway *gateway, struct setup *setup)
{
	struct worker *worker = gateway->worker;
	uint64_t wait_us = setup->look ? LOOK_WAIT_US : worker->view->conf->gateway.early_data_wait_ms * US_PER_MS;

	setup_set_state(setup, SETUP_FIRST_BYTES);
	if (watch_near(gateway, setup) || loop_timer_at(worker->loop, loop_now_us(worker->loop) + wait_us, setup_ref(gateway, setup, SETUP_NEAR)))
		setup_abandon(gateway, setup);
}

static bool is_on_dead_link(const struct gateway *gateway, const struct setup *setup)
{
	const struct view *view = gateway->worker->view;

	return setup->treatment.link < view->n_links && !view->links[setup->treatment.link].up;
}

/* The host was let come for an early answer; the attempts were begun while its SYN waited. */
static void go_on(struct gateway *gateway, struct setup *setup)
{
	setup_set_state(setup, SETUP_CONNECTING);
	if (is_on_dead_link(gateway, setup) || watch_near(gateway, setup) ||
	    setup_set_deadline(gateway, setup, setup_limit_us(gateway)))
		setup_abandon(gateway, setup);
	else
		attempt_go_on(gateway, setup);
}

void setup_arrive(struct gateway *gateway, struct setup *setup)
{
	if (setup->answering)
		setup_hand_over(gateway, setup, setup->answering, false, (struct bytes){ setup->answering->inbox.kept, setup->answering->inbox.n_kept });
	else if (setup->early)
		go_on(gateway, setup);
	else
		await_first_bytes(gateway, setup);
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
	if (!setup && address_is_unspecified(local)) {   /* at the worker's own listener it has had one, which is gone with what its rule says */
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
	if (setup->state != SETUP_ASKING && setup->state != SETUP_CONNECTING && setup->state != SETUP_HELD)
		return;
	if (setup->state != SETUP_ASKING)
		unlearn(gateway, setup);
	if (setup->state != SETUP_HELD) {
		setup_let_pass(gateway, setup);
		return;
	}
	relay_abort(gateway->worker->relay, setup->session);
	setup_free(gateway, setup);
}

static void leave_dead_links(struct gateway *gateway)
{
	for (uint32_t i = 0; i < gateway->setups.n_touched; i++) {
		struct setup *setup = slab_at(&gateway->setups, i);

		if (setup && is_on_dead_link(gateway, setup))
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
	r = listeners_set(&gateway->listeners, addresses, view->can_hold ? ARRAY_SIZE(addresses) : 2, &options, reason, n_reason);
	if (r)
		room_look_later(gateway, ROOM_LOOK_US);   /* out of descriptors, say: hosts go the ordinary way until there are some */
	return r;
}
