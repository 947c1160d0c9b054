/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/gateway/setup.h"

#include <sys/epoll.h>
#include "base/clock.h"
#include "base/counter.h"
#include "net/socket.h"
#include "role/gateway/look.h"
#include "role/gateway/opening.h"
#include "role/gateway/room.h"
#include "role/gateway/routed.h"
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

void setup_let_pass(struct gateway *gateway, struct setup *setup)
{
	if (socks_waits(setup))
		socks_go_direct(gateway, setup);
	else
		setup_abandon(gateway, setup);
}

void setup_unlearn(struct gateway *gateway, const struct setup *setup)
{
	if (!setup->inbound)
		hold_unlearn(gateway, &setup->destination);
}

void setup_break_off(struct gateway *gateway, struct setup *setup)
{
	setup_unlearn(gateway, setup);
	relay_abort(gateway->worker->relay, setup->session);
	setup_free(gateway, setup);
}

/* The converter will not serve us for a while: its word on that is to be had by the watch, and hosts' connections
 * then go the ordinary way. */
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
		log_debug("%s to %s: %s%s", source, destination, setup->routed ? "" : "the converter says: ",
			  signalling_outcome_name(result->outcome));
	else if (worker_may_log(gateway->worker, WORKER_LOG_DENIED, left_out, sizeof(left_out)))
		log_warning("the converter does not let us in: %s; compare gateway.key, or gateway.user and "
			    "gateway.password, with the subscriber's there, and both clocks%s",
			    signalling_outcome_name(result->outcome), left_out);
	if (is_for_long(result))
		shared_suspect(gateway->worker->shared);
	if (setup->state != SETUP_ASKING)   /* early: it is asked about next time, and may go the ordinary way then */
		setup_unlearn(gateway, setup);
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

void setup_note_no_answer(struct gateway *gateway, const struct setup *setup)
{
	char left_out[64];

	counter_add(&gateway->worker->counters.n_no_answer, 1);
	shared_note_doubt(gateway->worker->shared, setup->upstream,
			  setup->state == SETUP_HELD || setup_any_connected(setup) ? UPSTREAM_DOUBT_MUTE :
			  UPSTREAM_DOUBT_NONE);
	if (worker_may_log(gateway->worker, WORKER_LOG_LINK, left_out, sizeof(left_out)))
		log_warning("the converter did not answer over any link: a host's connection that was accepted is "
			    "reset, one that waits goes the ordinary way%s", left_out);
}

/* Nobody was asked: the converter has nothing to do with it. */
static void note_starved(struct gateway *gateway)
{
	char left_out[64];

	counter_add(&gateway->worker->counters.n_full, 1);
	if (worker_may_log(gateway->worker, WORKER_LOG_LIMIT, left_out, sizeof(left_out)))
		log_warning("no descriptor is left, or no place for a session in pieces (%u a worker): a host's "
			    "connection that was accepted is reset, one that waits goes the ordinary way%s",
			    STRIPES_MOST, left_out);
}

void setup_fail(struct gateway *gateway, struct setup *setup)
{
	char source[ADDRESS_TEXT_BYTES], destination[ADDRESS_TEXT_BYTES];

	log_debug("%s to %s: given up, no attempt is left", address_format(&setup->source, source),
		  address_format(&setup->destination, destination));
	if (setup->starved && !setup->asked)
		note_starved(gateway);
	else
		setup_note_no_answer(gateway, setup);
	if (setup->state != SETUP_ASKING)
		setup_unlearn(gateway, setup);   /* so that the host's next attempt can go the ordinary way */
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
	return profile_session_us(gateway->worker->view,
				  gateway->worker->view->conf->limits.connect_timeout_ms * US_PER_MS);
}

void setup_connect(struct gateway *gateway, struct setup *setup)
{
	setup_launch(gateway, setup, SETUP_CONNECTING, setup_limit_us(gateway));
}

bool setup_is_under_way(const struct setup *setup)
{
	return setup->state == SETUP_CONNECTING || setup->state == SETUP_DECLINING || setup->state == SETUP_ASKING ||
	       (setup->state == SETUP_CAUGHT && setup->early && !setup->answering);
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
	return (setup->socks ? loop_rewatch : loop_watch)(gateway->worker->loop, setup->near_fd,
							  EPOLLIN | EPOLLRDHUP | EPOLLET,
							  setup_ref(gateway, setup, SETUP_NEAR));
}

static void await_first_bytes(struct gateway *gateway, struct setup *setup)
{
	struct worker *worker = gateway->worker;
	uint64_t wait_us = setup->look ? LOOK_WAIT_US : worker->view->conf->gateway.early_data_wait_ms * US_PER_MS;

	setup_set_state(setup, SETUP_FIRST_BYTES);
	if (watch_near(gateway, setup) ||
	    loop_timer_at(worker->loop, loop_now_us(worker->loop) + wait_us, setup_ref(gateway, setup, SETUP_NEAR)))
		setup_abandon(gateway, setup);
}

bool setup_is_on_dead_link(const struct gateway *gateway, const struct setup *setup)
{
	const struct view *view = gateway->worker->view;

	return setup->treatment.link < view->n_links && !view->links[setup->treatment.link].up;
}

/* The host was let come for an early answer; the attempts were begun while its SYN waited. */
static void go_on(struct gateway *gateway, struct setup *setup)
{
	setup_set_state(setup, SETUP_CONNECTING);
	if (setup_is_on_dead_link(gateway, setup) || watch_near(gateway, setup) ||
	    setup_set_deadline(gateway, setup, setup_limit_us(gateway)))
		setup_abandon(gateway, setup);
	else
		attempt_go_on(gateway, setup);
}

void setup_arrive(struct gateway *gateway, struct setup *setup)
{
	if (setup->answering)
		setup_hand_over(gateway, setup, setup->answering, false,
				(struct bytes){ setup->answering->inbox.kept, setup->answering->inbox.n_kept });
	else if (setup->early)
		go_on(gateway, setup);
	else
		await_first_bytes(gateway, setup);
}
