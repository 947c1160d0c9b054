/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/inbound/inbound_parts.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/counter.h"
#include "base/util.h"
#include "net/socket.h"
#include "path/inbound.h"
#include "role/outcome.h"

#define WAIT_US (10 * US_PER_S)       /* for a claim, whatever happens meanwhile; the gateway gives its host less
				       * (role/gateway/reach.c) */
#define FIRST_US (5 * US_PER_MS)      /* for what a remote host says first: as long as a gateway waits for its hosts'
				       * (role/gateway/setup.c) */
#define NEXT_US (2 * US_PER_S)        /* a gateway that was told has not come: another one is told as well, where
				       * there is one */
#define GATEWAY_US (3 * US_PER_S)     /* for a gateway that is about to ask again, as it does after a reload, and
				       * within two seconds after a restart */
#define LOOK_US (50 * US_PER_MS)      /* how often to look whether it has */
#define CALL_US (8 * US_PER_S)        /* for a remote host whose first packet was let go to come, two of our answers
				       * being lost */

enum { PART_CONNECTION, PART_DEADLINE };

static struct loop_ref ref_of(const struct inbound *inbound, const struct waiting *waiting, uint8_t part)
{
	struct slab_name name = slab_name_of(&inbound->waiting, waiting);

	return (struct loop_ref){ .index = name.index, .generation = name.generation, .handler = inbound->handler,
				  .part = part };
}

int inbound_release(struct inbound *inbound, struct waiting *waiting)
{
	int fd = waiting->fd;

	if (fd < 0)
		pairs_remove(&inbound->held, waiting);
	crowd_leave(inbound->doors, &waiting->door);
	crowd_leave(inbound->owners, &waiting->owner);
	slab_give(&inbound->waiting, waiting);
	return fd;
}

/* The connection is reset; the first packet is answered, as result says. */
static void refuse(struct inbound *inbound, const struct waiting *what, const struct signalling_result *result,
		   uint64_t *counter, const char *why)
{
	char left_out[64], from[ADDRESS_TEXT_BYTES], to[ADDRESS_TEXT_BYTES];

	counter_add(counter, 1);
	if (worker_may_log(inbound->worker, WORKER_LOG_INBOUND, left_out, sizeof(left_out)))
		log_warning("%s to %s is turned away: %s%s", address_format(&what->remote, from),
			    address_format(&what->external, to), why, left_out);
	if (what->fd >= 0)
		net_close_reset(what->fd);
	else
		inbound_hold_answer(inbound, what->packet, result, !address_is_v4(&what->remote));
}

static void give_up(struct inbound *inbound, struct waiting *waiting)
{
	static const struct signalling_result silence = { .outcome = OUTCOME_TIMED_OUT };
	struct role_counters *counters = &inbound->worker->counters;
	struct signalling_result unreachable = outcome_of_error(NET_E_UNREACHABLE, !address_is_v4(&waiting->remote));
	struct waiting what = *waiting;

	inbound_release(inbound, waiting);
	if (what.claim) {   /* it was let come, and hasn't */
		counter_add(&counters->n_inbound_gave_up, 1);
		inbound_answer(what.claim);
	} else if (what.told) {
		refuse(inbound, &what, &silence, &counters->n_inbound_expired,
		       "the gateway has not claimed it in time");
	} else {
		refuse(inbound, &what, &unreachable, &counters->n_inbound_no_gateway,
		       "no gateway of the subscriber's that takes such connections is here");
	}
}

/* Without memory for a timer it waits no longer. */
static int look_at(struct inbound *inbound, struct waiting *waiting, uint64_t at_us)
{
	waiting->look_at_us = at_us;
	return loop_timer_at(inbound->worker->loop, at_us, ref_of(inbound, waiting, PART_DEADLINE));
}

/* A gateway is told, and where it doesn't come, or isn't there, the next one. */
static int go_on(struct inbound *inbound, struct waiting *waiting)
{
	uint64_t now_us = loop_now_us(inbound->worker->loop), next_us = now_us + LOOK_US;

	if (inbound_tell(inbound, waiting) || waiting->told)
		next_us = now_us + NEXT_US;
	return look_at(inbound, waiting, next_us < waiting->until_us ? next_us : waiting->until_us);
}

/* What it says first is there, or isn't to be waited for any longer. */
static void begin(struct inbound *inbound, struct waiting *waiting)
{
	waiting->first_until_us = 0;
	if (go_on(inbound, waiting))
		give_up(inbound, waiting);
}

static void on_event(void *context, struct loop_ref ref, uint32_t events)
{
	struct inbound *inbound = context;
	struct waiting *waiting = slab_get(&inbound->waiting, (struct slab_name){ ref.index, ref.generation });

	if (waiting && events & (EPOLLERR | EPOLLHUP)) {
		counter_add(&inbound->worker->counters.n_inbound_gave_up, 1);
		net_close_reset(inbound_release(inbound, waiting));
	} else if (waiting && waiting->first_until_us) {
		begin(inbound, waiting);
	}
}

void inbound_untold(struct inbound *inbound, struct waiting *waiting)
{
	waiting->told = false;
	waiting->gateway_until_us = loop_now_us(inbound->worker->loop) + GATEWAY_US;
	if (look_at(inbound, waiting, loop_now_us(inbound->worker->loop) + LOOK_US))
		give_up(inbound, waiting);
}

static void on_timer(void *context, struct loop_ref ref, uint64_t now_us)
{
	struct inbound *inbound = context;
	struct waiting *waiting = slab_get(&inbound->waiting, (struct slab_name){ ref.index, ref.generation });
	bool is_over;

	if (!waiting || now_us < waiting->look_at_us)
		return;
	if (waiting->first_until_us) {
		begin(inbound, waiting);
		return;
	}
	is_over = now_us >= waiting->until_us || waiting->claim ||
		  (!waiting->told && now_us >= waiting->gateway_until_us);
	if (is_over || go_on(inbound, waiting))
		give_up(inbound, waiting);
}

/* A worker's part of a limit: connections are spread among them. */
static struct crowd_limits share_of(const struct inbound *inbound, const struct forward_limits *limits)
{
	uint32_t n = inbound->worker->n_peers, waiting = (limits->waiting + n - 1) / n;

	return (struct crowd_limits){ .waiting = waiting, .fresh = { (limits->new_per_s + n - 1) / n, waiting } };
}

static struct crowd_key key_of_door(const struct address *external)
{
	struct crowd_key key = { 0 };

	memcpy(key.bytes, external->ip, sizeof(external->ip));
	memcpy(key.bytes + sizeof(external->ip), &external->port, sizeof(external->port));
	return key;
}

static struct crowd_key key_of_owner(uint32_t subscriber)
{
	struct crowd_key key = { 0 };

	memcpy(key.bytes, &subscriber, sizeof(subscriber));
	return key;
}

/* NULL: at a limit. */
static struct waiting *enter(struct inbound *inbound, const struct forward *forward)
{
	struct crowd_limits own = share_of(inbound, &forward->own),
			    of_subscriber = share_of(inbound, &forward->of_subscriber);
	struct crowd_key door = key_of_door(&forward->external), owner = key_of_owner(forward->subscriber);
	uint64_t now_us = loop_now_us(inbound->worker->loop);
	struct waiting *waiting;

	if (crowd_look(inbound->doors, &door, &own, now_us) ||
	    crowd_look(inbound->owners, &owner, &of_subscriber, now_us))
		return NULL;
	waiting = slab_take(&inbound->waiting);
	if (!waiting)
		return NULL;
	crowd_enter(inbound->doors, &door, &own, now_us);
	crowd_enter(inbound->owners, &owner, &of_subscriber, now_us);
	waiting->door = door;
	waiting->owner = owner;
	waiting->subscriber = forward->subscriber;
	return waiting;
}

static int watch_over(struct inbound *inbound, struct waiting *waiting)
{
	uint64_t now_us = loop_now_us(inbound->worker->loop);

	waiting->until_us = now_us + WAIT_US;
	waiting->gateway_until_us = now_us + GATEWAY_US;
	if (waiting->fd < 0)
		return go_on(inbound, waiting);
	waiting->first_until_us = now_us + FIRST_US;   /* an event tells at once of what is there already */
	return loop_watch(inbound->worker->loop, waiting->fd, EPOLLIN | EPOLLET,
			  ref_of(inbound, waiting, PART_CONNECTION)) ? -ENOMEM :
			  look_at(inbound, waiting, waiting->first_until_us);
}

void inbound_await(struct inbound *inbound, const struct forward *forward, int fd, uint32_t packet,
		   const struct address *remote)
{
	static const struct signalling_result refused = { .outcome = OUTCOME_REFUSED };
	const struct waiting what = { .fd = fd, .packet = packet, .remote = *remote, .external = forward->external };
	struct role_counters *counters = &inbound->worker->counters;
	struct waiting *waiting;

	if (!forward_admits(forward, remote)) {
		refuse(inbound, &what, &refused, &counters->n_inbound_filtered, "no filter of the mapping lets it in");
		return;
	}
	waiting = enter(inbound, forward);
	if (!waiting) {
		refuse(inbound, &what, &refused, &counters->n_inbound_over_limit,
		       "too many wait for the subscriber's gateway, or come at once");
		return;
	}
	counter_add(&counters->n_inbound, 1);
	waiting->fd = fd;
	waiting->packet = packet;
	waiting->remote = *remote;
	waiting->external = forward->external;
	waiting->host = forward->host;
	randombytes_buf(waiting->secret, sizeof(waiting->secret));
	if (fd < 0)
		pairs_add(&inbound->held, waiting);
	if (watch_over(inbound, waiting))
		give_up(inbound, waiting);
}

void inbound_let_come(struct inbound *inbound, struct waiting *waiting, struct claim *claim)
{
	waiting->claim = claim;
	inbound_hold_let_come(inbound, waiting->packet);
	waiting->packet = 0;
	if (look_at(inbound, waiting, loop_now_us(inbound->worker->loop) + CALL_US))
		give_up(inbound, waiting);
}

/* Who was let come for a claim is the claimer's. */
static bool was_let_come(struct inbound *inbound, int fd, const struct address *external, const struct address *remote)
{
	struct waiting *waiting = pairs_find(&inbound->held, remote, external);
	struct claim *claim = waiting ? waiting->claim : NULL;

	if (!claim)
		return false;
	inbound_release(inbound, waiting);
	claim->fd = fd;
	claim->good = true;
	inbound_answer(claim);
	return true;
}

static void on_connection(void *context, int fd, const struct address *local, const struct address *peer)
{
	struct inbound *inbound = context;
	struct address own_v4 = inbound_listener(inbound->worker->number + 1, false, local->port),
		       own_v6 = inbound_listener(inbound->worker->number + 1, true, local->port);
	bool own = address_equal(local, &own_v4) || address_equal(local, &own_v6);
	struct address external;
	const struct forward *forward = net_local_address(fd, &external) ? NULL :
					forwards_find(inbound->worker->view->forwards, &external);

	if (own && was_let_come(inbound, fd, &external, peer))
		return;
	if (!own && forward)
		inbound_await(inbound, forward, fd, 0, peer);
	else
		net_close_reset(fd);   /* to the listener itself, from this machine; or the forward has just gone, or
				        * the claim */
}

int inbound_new(struct worker *worker, struct inbound **out)
{
	_cleanup_(inbound_freep) struct inbound *inbound = calloc(1, sizeof(*inbound));
	struct loop_handler handler = { .on_event = on_event, .on_timer = on_timer };

	if (!inbound)
		return -ENOMEM;
	inbound->worker = worker;
	handler.context = inbound;
	inbound->handler = loop_handler_add(worker->loop, &handler);
	listeners_init(&inbound->listeners, worker, on_connection, inbound);
	inbound_hold_init(inbound);
	if (slab_init(&inbound->waiting, sizeof(struct waiting), 0))
		return -ENOMEM;
	*out = inbound;
	inbound = NULL;
	return 0;
}

void inbound_freep(struct inbound **out)
{
	struct inbound *inbound = *out;

	if (!inbound)
		return;
	listeners_close(&inbound->listeners);
	for (uint32_t i = 0; i < inbound->waiting.n_touched; i++) {
		struct waiting *waiting = slab_at(&inbound->waiting, i);

		if (waiting && waiting->fd >= 0)
			net_close_reset(waiting->fd);
		if (waiting)
			free(waiting->claim);   /* whoever claims it ends, too */
	}
	inbound_hold_close(inbound);
	slab_fini(&inbound->waiting);
	crowd_freep(&inbound->doors);
	crowd_freep(&inbound->owners);
	free(inbound);
	*out = NULL;
}

/* Where nobody can come there is no room, which is kept once it was made. */
static int make_room(struct inbound *inbound)
{
	uint32_t n_most = inbound->worker->view->conf->limits.max_half_open;

	if (inbound->owners)
		return 0;
	if (!inbound->waiting.n_most) {
		slab_fini(&inbound->waiting);
		if (slab_init(&inbound->waiting, sizeof(struct waiting), n_most))
			return -ENOMEM;
	}
	if (!inbound->doors && crowd_new(n_most, &inbound->doors))
		return -ENOMEM;
	return crowd_new(n_most, &inbound->owners);
}

int inbound_apply(struct inbound *inbound, char *reason, size_t n_reason)
{
	const struct view *view = inbound->worker->view;
	uint16_t port = view->conf->converter.inbound_port;
	unsigned int own = inbound->worker->number + 1;
	const struct address addresses[] = { inbound_listener(0, false, port), inbound_listener(0, true, port),
					     inbound_listener(own, false, port), inbound_listener(own, true, port) };
	struct net_listen_options options = { .transparent = true, .keepalive_s = view->conf->limits.keepalive_s };
	bool wanted = view->accepting && (view->forwards || conf_gives_mappings(view->conf));

	if (wanted && make_room(inbound)) {
		snprintf(reason, n_reason, "out of memory");
		return -ENOMEM;
	}
	inbound_hold_apply(inbound);
	if (!wanted) {
		listeners_close(&inbound->listeners);
		return 0;
	}
	return listeners_set(&inbound->listeners, addresses,
			     forwards_any_faithful(view->forwards) ? ARRAY_SIZE(addresses) : 2, &options, reason,
			     n_reason);
}
