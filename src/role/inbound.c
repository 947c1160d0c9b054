/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/inbound.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/counter.h"
#include "base/cursor.h"
#include "base/util.h"
#include "net/socket.h"
#include "path/inbound.h"
#include "policy/crowd.h"
#include "role/take_over.h"

#define WAIT_US (10 * US_PER_S)       /* for a claim; the gateway gives its host less (role/reach.c) */
#define GATEWAY_US (3 * US_PER_S)     /* for a gateway that is about to ask again, as it does after a reload, and within two seconds after a restart */
#define LOOK_US (50 * US_PER_MS)      /* how often to look whether it has */
#define ANSWER_US (5 * US_PER_S)      /* of the worker that has what is claimed */
#define SECRET_BYTES 16

static_assert(SIGNALLING_CLAIM_BYTES == 8 + SECRET_BYTES, "a claim: where it waits, and what nobody can guess");

/* A remote host's connection, until it is claimed, or its time is over. */
struct waiting {
	int fd;
	struct address remote, external, host;
	uint32_t subscriber;
	bool told;                     /* a gateway was */
	uint8_t secret[SECRET_BYTES];
	uint64_t deadline_us;
	struct crowd_key door, owner;
};

struct inbound {
	struct worker *worker;
	struct slab waiting;
	uint8_t handler;
	struct listeners listeners;
	struct crowd *doors, *owners;   /* those that wait, by where they have connected to, and by the subscriber */
};

enum { PART_CONNECTION, PART_DEADLINE };

/* What is told to the worker that has the subscriber's watch. */
struct note {
	struct worker *to;
	uint64_t watch;
	uint32_t subscriber;
	struct signalling_inbound inbound;
};

/* What goes to the worker that has what is claimed, and comes back with it. */
struct claim {
	struct worker *to, *from;
	uint64_t intake;
	uint8_t claim[SIGNALLING_CLAIM_BYTES];
	uint32_t subscriber;
	struct address remote;
	struct signalling_result failure;   /* the host can't be had: the remote host is to be told so */
	bool good;                          /* on the way back */
	int fd;                             /* and what was claimed, where it is wanted; -1 */
};

static struct loop_ref ref_of(const struct inbound *inbound, const struct waiting *waiting, uint8_t part)
{
	struct slab_name name = slab_name_of(&inbound->waiting, waiting);

	return (struct loop_ref){ .index = name.index, .generation = name.generation, .handler = inbound->handler, .part = part };
}

/* Laid out as: worker (8 bits), zero (8), generation (16), index (32); then the secret. */
static void put_claim(const struct inbound *inbound, const struct waiting *waiting, uint8_t claim[SIGNALLING_CLAIM_BYTES])
{
	struct cursor_out out = cursor_into(claim, SIGNALLING_CLAIM_BYTES);
	struct slab_name name = slab_name_of(&inbound->waiting, waiting);

	cursor_put_u64be(&out, (uint64_t)inbound->worker->number << 56 | (uint64_t)name.generation << 32 | name.index);
	cursor_put_bytes(&out, waiting->secret, SECRET_BYTES);
}

static uint64_t place_in(const uint8_t claim[SIGNALLING_CLAIM_BYTES])
{
	struct cursor c = cursor_of(claim, SIGNALLING_CLAIM_BYTES);

	return cursor_get_u64be(&c);
}

/* It waits no longer; the descriptor is the caller's. */
static int release(struct inbound *inbound, struct waiting *waiting)
{
	int fd = waiting->fd;

	crowd_leave(inbound->doors, &waiting->door);
	crowd_leave(inbound->owners, &waiting->owner);
	slab_give(&inbound->waiting, waiting);
	return fd;
}

static void on_event(void *context, struct loop_ref ref, uint32_t events)
{
	struct inbound *inbound = context;
	struct waiting *waiting = slab_get(&inbound->waiting, (struct slab_name){ ref.index, ref.generation });

	if (!waiting || !(events & (EPOLLERR | EPOLLHUP)))
		return;
	counter_add(&inbound->worker->counters.n_inbound_gave_up, 1);
	net_close_reset(release(inbound, waiting));
}

static void *copy_for(const struct worker *to, const void *note, size_t n_note)
{
	void *copy = to && !to->halted ? malloc(n_note) : NULL;

	return copy ? memcpy(copy, note, n_note) : NULL;
}

static void tell(const struct note *note)
{
	struct converter *converter = note->to->converter;
	struct intake *watch = intake_watch(converter, note->watch, note->subscriber);
	uint8_t out[SIGNALLING_MESSAGE_BYTES];

	if (watch && watch->takes_inbound)
		counter_add(&note->to->counters.n_inbound_told,
			    intake_tell(converter, watch, (struct bytes){ out, converter->scheme->server_inbound(&note->inbound, out) }));
}

static void on_tell(void *arg)
{
	tell(arg);
	free(arg);
}

/* What gets lost on the way is like a gateway that doesn't come: the connection waits in vain. */
static void tell_gateway(const struct inbound *inbound, const struct waiting *waiting, uint64_t watch)
{
	struct note note = {
		.to = inbound->worker->peers[take_over_worker(watch)], .watch = watch, .subscriber = waiting->subscriber,
		.inbound = { .remote = waiting->remote, .host = waiting->host },
	};
	struct note *copy;

	put_claim(inbound, waiting, note.inbound.claim);
	if (note.to == inbound->worker) {
		tell(&note);
		return;
	}
	copy = copy_for(note.to, &note, sizeof(note));
	if (copy && loop_post(note.to->loop, on_tell, copy))
		free(copy);
}

/* False where there is no gateway now. */
static bool try_to_tell(const struct inbound *inbound, struct waiting *waiting)
{
	uint64_t watch = subscribers_watch(inbound->worker->shared->subscribers, waiting->subscriber);

	waiting->told = watch;
	if (watch)
		tell_gateway(inbound, waiting, watch);
	return watch;
}

/* Until then it waits for the gateway, or for its claim; without memory for a timer it waits no longer. */
static int wait_on(struct inbound *inbound, struct waiting *waiting)
{
	uint64_t now_us = loop_now_us(inbound->worker->loop);

	return loop_timer_at(inbound->worker->loop, waiting->told ? waiting->deadline_us : now_us + LOOK_US, ref_of(inbound, waiting, PART_DEADLINE));
}

static void refuse(struct inbound *inbound, int fd, const struct address *remote, const struct address *external, uint64_t *counter, const char *why)
{
	char left_out[64], from[ADDRESS_TEXT_BYTES], to[ADDRESS_TEXT_BYTES];

	counter_add(counter, 1);
	if (worker_may_log(inbound->worker, WORKER_LOG_INBOUND, left_out, sizeof(left_out)))
		log_warning("%s to %s is reset: %s%s", address_format(remote, from), address_format(external, to), why, left_out);
	net_close_reset(fd);
}

static void give_up(struct inbound *inbound, struct waiting *waiting)
{
	struct role_counters *counters = &inbound->worker->counters;
	struct address remote = waiting->remote, external = waiting->external;
	bool told = waiting->told;

	refuse(inbound, release(inbound, waiting), &remote, &external, told ? &counters->n_inbound_expired : &counters->n_inbound_no_gateway,
	       told ? "the gateway has not claimed it in time" : "no gateway of the subscriber's that takes such connections is here");
}

static void on_timer(void *context, struct loop_ref ref, uint64_t now_us)
{
	struct inbound *inbound = context;
	struct waiting *waiting = slab_get(&inbound->waiting, (struct slab_name){ ref.index, ref.generation });

	if (!waiting || (waiting->told && now_us < waiting->deadline_us))
		return;
	if (!waiting->told && now_us < waiting->deadline_us && try_to_tell(inbound, waiting))
		waiting->deadline_us = now_us + WAIT_US;
	if (now_us >= waiting->deadline_us || wait_on(inbound, waiting))
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
	struct crowd_limits own = share_of(inbound, &forward->own), of_subscriber = share_of(inbound, &forward->of_subscriber);
	struct crowd_key door = key_of_door(&forward->external), owner = key_of_owner(forward->subscriber);
	uint64_t now_us = loop_now_us(inbound->worker->loop);
	struct waiting *waiting;

	if (crowd_look(inbound->doors, &door, &own, now_us) || crowd_look(inbound->owners, &owner, &of_subscriber, now_us))
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
	int r = loop_watch(inbound->worker->loop, waiting->fd, EPOLLET, ref_of(inbound, waiting, PART_CONNECTION));

	waiting->deadline_us = loop_now_us(inbound->worker->loop) + (try_to_tell(inbound, waiting) ? WAIT_US : GATEWAY_US);
	return r ? r : wait_on(inbound, waiting);
}

static void await_claim(struct inbound *inbound, const struct forward *forward, int fd, const struct address *peer)
{
	struct role_counters *counters = &inbound->worker->counters;
	struct waiting *waiting = enter(inbound, forward);

	if (!waiting) {
		refuse(inbound, fd, peer, &forward->external, &counters->n_inbound_over_limit, "too many wait for the subscriber's gateway, or come at once");
		return;
	}
	counter_add(&counters->n_inbound, 1);
	waiting->fd = fd;
	waiting->remote = *peer;
	waiting->external = forward->external;
	waiting->host = forward->host;
	randombytes_buf(waiting->secret, sizeof(waiting->secret));
	if (watch_over(inbound, waiting))
		net_close_reset(release(inbound, waiting));
}

static void on_connection(void *context, int fd, const struct address *local, const struct address *peer)
{
	struct inbound *inbound = context;
	struct address external;
	const struct forward *forward = net_local_address(fd, &external) ? NULL : forwards_find(inbound->worker->view->forwards, &external);

	if (forward)
		await_claim(inbound, forward, fd, peer);
	else
		net_close_reset(fd);   /* to the listener itself, from this machine; or the forward has just gone */
}

/* The name is the peer's word. */
static struct waiting *find(const struct inbound *inbound, const struct claim *claim)
{
	uint64_t place = place_in(claim->claim);
	struct waiting *waiting = slab_get(&inbound->waiting, (struct slab_name){ (uint32_t)place, (uint16_t)(place >> 32) });
	uint8_t right[SIGNALLING_CLAIM_BYTES];

	if (!waiting)
		return NULL;
	put_claim(inbound, waiting, right);
	if (sodium_memcmp(right, claim->claim, sizeof(right)) || waiting->subscriber != claim->subscriber ||
	    !address_equal(&waiting->remote, &claim->remote))
		return NULL;
	return waiting;
}

/* At the worker that has it. A claim works once: what was claimed waits no longer, whatever becomes of it. */
static void settle(struct claim *claim)
{
	struct inbound *inbound = claim->to->inbound;
	struct waiting *waiting = find(inbound, claim);

	claim->good = waiting;
	claim->fd = -1;
	counter_add(&claim->to->counters.n_claims_wrong, !waiting);
	if (!waiting)
		return;
	loop_unwatch(claim->to->loop, waiting->fd);
	claim->fd = release(inbound, waiting);
	if (claim->failure.outcome == OUTCOME_CONNECTED)
		return;
	counter_add(&claim->to->counters.n_inbound_refused, 1);
	net_close_reset(claim->fd);
	claim->fd = -1;
}

static void take(struct converter *converter, struct intake *intake, int fd)
{
	intake->far_fd = fd;
	intake->inbound = true;
	if (loop_watch(converter->worker->loop, fd, EPOLLET, intake_ref(converter, intake, INTAKE_FAR))) {
		intake_abandon(converter, intake);
		return;
	}
	counter_add(&converter->worker->counters.n_inbound_claimed, 1);
	converter_serve(converter, intake);
}

/* Back at the worker of the one who claims. */
static void conclude(const struct claim *claim)
{
	static const struct signalling_result gone = { .outcome = OUTCOME_REFUSED };
	struct converter *converter = claim->from->converter;
	struct intake *intake = take_over_intake(converter, claim->intake);

	if (!intake || intake->state != INTAKE_CONNECTING) {
		if (claim->fd >= 0)
			net_close_reset(claim->fd);
	} else if (claim->fd >= 0) {
		take(converter, intake, claim->fd);
	} else {
		intake_refuse(converter, intake, claim->good ? &claim->failure : &gone);
	}
}

static void on_answer(void *arg)
{
	conclude(arg);
	free(arg);
}

static void on_claim(void *arg)
{
	struct claim *claim = arg;

	settle(claim);
	if (!claim->from->halted && !loop_post(claim->from->loop, on_answer, claim))
		return;
	if (claim->fd >= 0)
		net_close_reset(claim->fd);
	free(claim);
}

void inbound_claim(struct converter *converter, struct intake *intake, const struct signalling_request *request)
{
	unsigned int number = (unsigned int)(place_in(request->claim) >> 56);
	struct worker *worker = converter->worker;
	struct claim claim = {
		.from = worker, .to = number < worker->n_peers ? worker->peers[number] : worker, .intake = take_over_name_intake(converter, intake),
		.subscriber = intake->ticket.number, .remote = request->destination, .failure = request->failure, .fd = -1,
	};
	struct claim *copy;

	memcpy(claim.claim, request->claim, sizeof(claim.claim));
	intake_set_state(converter, intake, INTAKE_CONNECTING);
	if (claim.to == worker) {
		settle(&claim);
		conclude(&claim);
		return;
	}
	copy = intake_set_deadline(converter, intake, ANSWER_US) ? NULL : copy_for(claim.to, &claim, sizeof(claim));
	if (copy && !loop_post(claim.to->loop, on_claim, copy))
		return;
	free(copy);
	intake_abandon(converter, intake);
}

int inbound_new(struct worker *worker, struct inbound **out)
{
	_cleanup_(inbound_freep) struct inbound *inbound = calloc(1, sizeof(*inbound));
	struct loop_handler handler = { .on_event = on_event, .on_timer = on_timer };
	uint32_t n_most = worker->view->conf->converter.enabled ? worker->view->conf->limits.max_half_open : 1;

	if (!inbound)
		return -ENOMEM;
	inbound->worker = worker;
	handler.context = inbound;
	inbound->handler = loop_handler_add(worker->loop, &handler);
	listeners_init(&inbound->listeners, worker, on_connection, inbound);
	if (slab_init(&inbound->waiting, sizeof(struct waiting), n_most) || crowd_new(n_most, &inbound->doors) || crowd_new(n_most, &inbound->owners))
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

		if (waiting)
			net_close_reset(waiting->fd);
	}
	slab_fini(&inbound->waiting);
	crowd_freep(&inbound->doors);
	crowd_freep(&inbound->owners);
	free(inbound);
	*out = NULL;
}

int inbound_apply(struct inbound *inbound, char *reason, size_t n_reason)
{
	const struct view *view = inbound->worker->view;
	uint16_t port = view->conf->converter.inbound_port;
	const struct address addresses[] = { inbound_listener(false, port), inbound_listener(true, port) };
	struct net_listen_options options = { .transparent = true, .keepalive_s = view->conf->limits.keepalive_s };

	if (!view->forwards || !view->accepting) {
		listeners_close(&inbound->listeners);
		return 0;
	}
	return listeners_set(&inbound->listeners, addresses, ARRAY_SIZE(addresses), &options, reason, n_reason);
}
