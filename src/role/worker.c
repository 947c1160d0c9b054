/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/counter.h"
#include "base/util.h"
#include "net/socket.h"
#include "role/converter/converter.h"
#include "role/gateway/gateway.h"
#include "role/inbound/inbound.h"
#include "role/links/census.h"
#include "role/links/limited.h"
#include "role/links/loss_watch.h"
#include "role/links/stranded.h"
#include "role/stripe/stripes.h"

bool worker_may_log(struct worker *worker, enum worker_log which, char *left_out, size_t n_left_out)
{
	uint64_t n;

	if (!log_limit_pass(&worker->log_limits[which], loop_now_us(worker->loop), &n))
		return false;
	left_out[0] = 0;
	if (n)
		snprintf(left_out, n_left_out, " (%llu more since the last such line)", (unsigned long long)n);
	return true;
}

static bool take(struct worker *worker, uint64_t *count, uint32_t most, uint64_t *counter, const char *key)
{
	char left_out[64];

	if (shared_take(count, most))
		return true;
	counter_add(counter, 1);
	if (worker_may_log(worker, WORKER_LOG_LIMIT, left_out, sizeof(left_out)))
		log_warning("limits.%s (%u) is reached: new connections are refused, those that run go on%s", key, most,
			    left_out);
	return false;
}

bool worker_take_half_open(struct worker *worker)
{
	return take(worker, &worker->shared->n_half_open, worker->view->conf->limits.max_half_open,
		    &worker->counters.n_over_half_open, "max_half_open");
}

bool worker_take_session(struct worker *worker)
{
	return take(worker, &worker->shared->n_sessions, worker->view->conf->limits.max_sessions,
		    &worker->counters.n_over_sessions, "max_sessions");
}

static void on_held(void *context, struct slab_name session, uint64_t tag, int far_fd)
{
	gateway_on_held(((struct worker *)context)->gateway, session, tag, far_fd);
}

static void on_held_end(void *context, uint64_t tag)
{
	gateway_on_held_end(((struct worker *)context)->gateway, tag);
}

static void on_limited(void *context, uint32_t owner, enum relay_way way)
{
	limited_note(context, owner, way, false);
}

static bool is_for_bulk(const struct worker *worker)
{
	return worker->number >= worker->n_peers;
}

struct passage {
	struct worker *to;
	struct relay_parcel *parcel;
};

static void end_passage(void *note)
{
	const struct passage *passage = note;
	struct worker *to = passage->to;

	relay_adopt(to->relay, passage->parcel,
		    subscribers_account(to->shared->subscribers, relay_parcel_owner(passage->parcel), to->number));
	shared_arrive(to->shared);
	free(note);
}

static bool may_hand_over(void *context)
{
	struct worker *worker = context;

	return shared_set_out(worker->shared, loop_now_us(worker->loop));
}

/* A session goes to the worker for bulk that belongs to its own, and back. */
static bool hand_over(void *context, struct relay_parcel *parcel)
{
	struct worker *worker = context;
	struct passage passage =
		{ .to = worker->peers[is_for_bulk(worker) ? worker->number - worker->n_peers :
				      worker->number + worker->n_peers], .parcel = parcel };

	if (worker_post(passage.to, end_passage, &passage, sizeof(passage)))
		return true;
	shared_arrive(worker->shared);
	return false;
}

static void on_shown(void *context, uint8_t link, bool whole)
{
	struct worker *worker = context;

	shared_note_multipath(worker->shared, link, whole, loop_now_us(worker->loop));
}

static void on_session_end(void *context, uint32_t owner, enum session_end end)
{
	struct worker *worker = context;

	shared_release(&worker->shared->n_sessions);
	subscribers_leave(worker->shared->subscribers, owner);
}

static int apply(struct worker *worker, char *reason, size_t n_reason)
{
	int r;

	if (is_for_bulk(worker))
		return 0;
	r = gateway_apply(worker->gateway, reason, n_reason);
	if (!r)
		r = inbound_apply(worker->inbound, reason, n_reason);
	return r ? r : converter_apply(worker->converter, reason, n_reason);
}

void worker_take_view(struct worker *worker, struct view *view)
{
	char reason[256];

	view_unref(worker->view);
	worker->view = view_ref(view);
	if (apply(worker, reason, sizeof(reason)))
		log_error("%s", reason);
	stripes_apply(worker->stripes);
	relay_paces_changed(worker->relay);
}

static int build(struct worker *worker)
{
	const struct conf *conf = worker->view->conf;
	struct relay_options options = {
		.number = (uint16_t)worker->number, .max_sessions = conf->limits.max_sessions,
		.max_pipes = is_for_bulk(worker) ? (conf->relay.pipes + worker->n_peers - 1) / worker->n_peers : 0,
		.steady = conf->relay.steady,
		.max_held_bytes = ((uint64_t)conf->relay.held_mb << 20) / (2 * worker->n_peers), .on_held = on_held,
		.on_held_end = on_held_end, .on_limited = on_limited, .on_shown = on_shown,
		.wants_limits = &worker->shared->wants_limits, .on_end = on_session_end,
		.for_bulk = is_for_bulk(worker), .may_hand_over = may_hand_over, .hand_over = hand_over,
		.context = worker,
	};
	int r = loop_new(&worker->loop);

	if (!r)
		r = relay_new(worker->loop, &options, &worker->relay);
	if (!r)
		r = gateway_new(worker, &worker->gateway);
	if (!r)
		r = converter_new(worker, &worker->converter);
	if (!r)
		r = inbound_new(worker, &worker->inbound);
	if (!r)
		r = census_taker_new(worker, &worker->census_taker);
	if (!r)
		r = stranded_new(worker, &worker->stranded);
	if (!r)
		r = stripes_new(worker, &worker->stripes);
	if (!r)
		r = loss_watch_new(worker, &worker->loss_watch);
	worker->scratch = malloc(WORKER_SCRATCH_BYTES);
	return r ? r : worker->scratch ? 0 : -ENOMEM;
}

bool worker_post(struct worker *to, void (*fn)(void *note), const void *note, size_t n_bytes)
{
	void *copy = to && !to->halted ? malloc(n_bytes) : NULL;

	if (!copy)
		return false;
	memcpy(copy, note, n_bytes);
	if (!loop_post(to->loop, fn, copy))
		return true;
	free(copy);
	return false;
}

static void *run(void *arg)
{
	struct worker *worker = arg;
	int r = loop_run(worker->loop);

	if (r)
		log_error("worker %u has failed: %s", worker->number, net_error_text(r));
	return NULL;
}

static void stop(struct worker **out)
{
	struct worker *worker = *out;

	if (!worker)
		return;
	gateway_freep(&worker->gateway);
	converter_freep(&worker->converter);
	inbound_freep(&worker->inbound);
	stranded_freep(&worker->stranded);
	census_taker_freep(&worker->census_taker);
	stripes_freep(&worker->stripes);
	loss_watch_freep(&worker->loss_watch);
	relay_freep(&worker->relay);
	loop_freep(&worker->loop);
	view_unref(worker->view);
	own_address_probe_fini(&worker->own_addresses);
	free(worker->scratch);
	free(worker);
	*out = NULL;
}

static int start(const struct workers_options *options, struct worker **workers, unsigned int number, char *reason,
		 size_t n_reason)
{
	_cleanup_(stop) struct worker *worker = calloc(1, sizeof(*worker));
	int r;

	snprintf(reason, n_reason, "worker %u: out of memory or descriptors", number);
	if (!worker)
		return -ENOMEM;
	own_address_probe_init(&worker->own_addresses);
	worker->number = number;
	worker->shared = options->shared;
	worker->n_peers = options->n_peers;
	worker->peers = workers;
	worker->view = view_ref(options->view);
	r = build(worker);
	if (!r)
		r = apply(worker, reason, n_reason);
	if (r)
		return r;
	workers[number] = worker;   /* its peers may speak to it as soon as it runs */
	r = -pthread_create(&worker->thread, NULL, run, worker);
	if (r) {
		workers[number] = NULL;
		return r;
	}
	worker->started = true;
	worker = NULL;
	return 0;
}

/* Those for bulk first: the others may have something for them at once. */
int workers_start(const struct workers_options *options, struct worker **workers, char *reason, size_t n_reason)
{
	unsigned int n = 2 * options->n_peers;
	int r = 0;

	for (unsigned int i = n; i-- && !r;)
		r = start(options, workers, i, reason, n_reason);
	if (r)
		workers_stop(workers, n);
	return r;
}

static void join(struct worker *worker)
{
	if (!worker || !worker->started)
		return;
	loop_stop(worker->loop);
	pthread_join(worker->thread, NULL);
	worker->started = false;
}

void workers_stop(struct worker **workers, size_t n_workers)
{
	for (size_t i = 0; i < n_workers; i++)
		join(workers[i]);
	for (size_t i = 0; i < n_workers; i++)
		if (workers[i])
			loop_flush(workers[i]->loop);
	for (size_t i = 0; i < n_workers; i++)
		if (workers[i])
			workers[i]->halted = true;
	for (size_t i = 0; i < n_workers; i++)
		stop(&workers[i]);
}
