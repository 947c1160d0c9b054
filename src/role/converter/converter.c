/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/converter/converter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/counter.h"
#include "base/util.h"
#include "net/socket.h"
#include "net/resolver.h"
#include "role/converter/authorise.h"
#include "role/converter/bind.h"
#include "role/converter/early.h"
#include "role/converter/intake.h"
#include "role/converter/lookup.h"
#include "role/links/loss_watch.h"
#include "role/schemes.h"
#include "role/outcome.h"
#include "role/converter/request.h"
#include "role/converter/take_over.h"

#define FASTOPEN_QUEUE 4096
#define STRIPED_MESSAGE_US (120 * US_PER_S)   /* a packet takes seconds, and one before it may have to come over
					       * another leg */
#define SPARE_INTAKES 256             /* places beyond the limit, to say there that the limit is reached */

/* The destination has answered: say so, and relay. */
void converter_serve(struct converter *converter, struct intake *intake)
{
	struct worker *worker = converter->worker;
	struct signalling_result result = { .outcome = OUTCOME_CONNECTED, .window_scale = 0xff,
					    .bound = intake->bound };
	uint8_t out[SIGNALLING_MESSAGE_BYTES];
	struct relay_legs legs = {
		.near_fd = intake->near_fd, .far_fd = intake->far_fd, .near_watched = true, .far_watched = true,
		.near_mptcp = true, .near_multipath = intake->multipath, .near_instead = intake->instead,
		.down_kept = intake->ticket.admitted, .far_mptcp = intake->wants_mptcp, .owner = intake->owner,
		.account = subscribers_account(worker->shared->subscribers, intake->owner, worker->number),
		.up_first = { intake->inbox.kept, intake->inbox.n_kept }, .source = intake->client,
		.destination = intake->destination, .inbound = intake->inbound, .routed = intake->scheme->mute,
		.in_pieces = intake->in_pieces, .link = CHOOSE_NO_LINK, .opened_at_us = intake->accepted_at_us,
	};
	struct net_negotiated negotiated;
	struct slab_name session;

	if (intake->conversation.extended && !net_negotiated(intake->far_fd, &negotiated)) {
		result.mss_bytes = negotiated.mss_bytes;
		result.window_scale = negotiated.window_scale;
		result.sack = negotiated.sack;
		result.timestamps = negotiated.timestamps;
	}
	if (intake->scheme->tells_bound && address_is_unspecified(&result.bound) &&
	    net_local_address(intake->far_fd, &result.bound))
		result.bound = (struct address){ 0 };
	if (inbox_add(&intake->unsaid,
		      (struct bytes){ out, intake->scheme->server_answer(&intake->conversation, &result, out) })) {
		intake_abandon(converter, intake);
		return;
	}
	legs.down_first = (struct bytes){ intake->unsaid.kept, intake->unsaid.n_kept };
	intake_prepare_leg(converter, intake);
	early_tell(converter, intake, &result);
	counter_add(&worker->counters.n_outcomes[OUTCOME_CONNECTED], 1);
	if (!relay_open(worker->relay, &legs, &session))   /* has closed both, and called on_end, where it fails */
		authorise_pass_on(worker, &intake->ticket, take_over_name_session(converter, session));
	intake_free(converter, intake);
}

/* The peer's first bytes say which scheme it speaks. */
static struct signalling_step feed_scheme(struct converter *converter, struct intake *intake, struct bytes all,
					  uint8_t *out, struct signalling_request *request)
{
	const struct scheme *accepted[CONF_SIGNALLING_N];
	size_t n_accepted = schemes_of_conf(converter->worker->view->conf->converter.signalling, accepted);
	enum signalling_verdict verdict = intake->scheme ? SIGNALLING_DONE :
					  scheme_by_opening(accepted, n_accepted, all, &intake->scheme);

	if (verdict != SIGNALLING_DONE)
		return (struct signalling_step){ .verdict = verdict, .result.outcome = OUTCOME_MALFORMED };
	intake->conversation.anonymous = intake->scheme->server_admit &&
		authorise_anonymous(converter->worker, &intake->client);
	return intake->scheme->server_feed(&intake->conversation, all.at, all.n, out, request);
}

/* Who he is, as he says. False: he isn't, and is told so. */
static bool admit(struct converter *converter, struct intake *intake, const struct signalling_request *request)
{
	bool admitted = authorise_login(converter->worker, &intake->client, request, &intake->ticket);
	uint8_t out[SIGNALLING_MESSAGE_BYTES];
	size_t n_out = intake->scheme->server_admit(&intake->conversation, admitted, out);

	if (admitted && !inbox_add(&intake->unsaid, (struct bytes){ out, n_out }))
		return true;
	if (admitted) {
		intake_abandon(converter, intake);
		return false;
	}
	counter_add(&converter->worker->counters.n_outcomes[OUTCOME_NOT_AUTHORISED], 1);
	intake_finish(converter, intake, out, n_out);
	return false;
}

/* True when the message is complete, or the intake gone: nothing more is to be read. */
static bool feed(struct converter *converter, struct intake *intake, struct bytes all)
{
	struct signalling_request request = { 0 };
	uint8_t out[SIGNALLING_MESSAGE_BYTES];
	struct signalling_step step = feed_scheme(converter, intake, all, out, &request);
	struct bytes left = { all.at + step.n_consumed, all.n - step.n_consumed }, more = { out, step.n_out };
	bool whole = step.verdict == SIGNALLING_REFUSED ||
		     (step.verdict == SIGNALLING_ANSWERED && intake->scheme->server_offer);

	if (inbox_keep(&intake->inbox, left) || (!whole && inbox_add(&intake->unsaid, more))) {
		intake_abandon(converter, intake);
		return true;
	}
	switch (step.verdict) {
	case SIGNALLING_NEED_MORE:
		return false;
	case SIGNALLING_CREDENTIAL:
		return !admit(converter, intake, &request) || feed(converter, intake, left);
	case SIGNALLING_DONE:
		request_session(converter, intake, &request);
		return true;
	case SIGNALLING_LISTENING:   /* clients alone */
		break;
	case SIGNALLING_ANSWERED:
		request_information(converter, intake, &request);
		return true;
	case SIGNALLING_REFUSED:
		counter_add(&converter->worker->counters.n_outcomes[step.result.outcome], 1);
		if (step.n_out)
			intake_finish(converter, intake, out, step.n_out);
		else
			intake_abandon(converter, intake);
		return true;
	}
	return true;
}

static void on_readable(struct converter *converter, struct intake *intake)
{
	for (;;) {
		struct bytes all;
		bool ended = false;
		int r = inbox_receive(&intake->inbox, intake->near_fd, converter->worker->scratch, WORKER_SCRATCH_BYTES,
				      &all, &ended);

		if (r == NET_E_AGAIN && !intake_go_on(intake))
			return;
		if (r || ended) {
			intake_abandon(converter, intake);
			return;
		}
		if (feed(converter, intake, all))
			return;
	}
}

static void give_up(struct converter *converter, struct intake *intake)
{
	counter_add(&converter->worker->counters.n_host_gave_up, 1);
	intake_abandon(converter, intake);
}

static void on_near(struct converter *converter, struct intake *intake, uint32_t events)
{
	switch (intake->state) {
	case INTAKE_READING:
		on_readable(converter, intake);
		break;
	case INTAKE_LISTENING:
		if (events & EPOLLRDHUP || intake_go_on(intake))
			give_up(converter, intake);
		break;
	case INTAKE_LOOKING_UP:
	case INTAKE_CONNECTING:
		if (events & (EPOLLERR | EPOLLHUP))
			give_up(converter, intake);
		break;
	case INTAKE_ENDING:
	case INTAKE_WAITING:
		if (intake->owes && events & (EPOLLERR | EPOLLHUP))
			intake_abandon(converter, intake);
		else
			intake_say(converter, intake);
		break;
	case INTAKE_SECOND:
		if (events & (EPOLLERR | EPOLLHUP))
			intake_abandon(converter, intake);
		else
			take_over_look(converter, intake);
		break;
	case INTAKE_CALLED:   /* it has no near leg */
		break;
	}
}

static void fail(struct converter *converter, struct intake *intake, int error)
{
	struct signalling_result result = outcome_of_error(error, !address_is_v4(&intake->destination));

	if (!lookup_next(converter, intake, &result))
		intake_refuse(converter, intake, &result);
}

static void on_far(struct converter *converter, struct intake *intake, uint32_t events)
{
	/* the event may be of the address before */
	int r = intake->lookup ? net_connect_result(intake->far_fd) : net_connect_outcome(intake->far_fd, events);

	if (r == NET_E_AGAIN)
		return;
	if (r)
		fail(converter, intake, r);
	else if (intake->held)
		intercepted_call(converter, intake);
	else
		converter_serve(converter, intake);
}

static void on_event(void *context, struct loop_ref ref, uint32_t events)
{
	struct converter *converter = context;
	struct intake *intake = slab_get(&converter->intakes, (struct slab_name){ ref.index, ref.generation });

	if (intake && ref.part == intake->near_part)
		on_near(converter, intake, events);
	else if (intake && ref.part == INTAKE_FAR && intake->state == INTAKE_CONNECTING)
		on_far(converter, intake, events);
	else if (intake && ref.part == INTAKE_FAR && intake->state == INTAKE_LISTENING)
		bind_on_far(converter, intake);
}

static void on_timer(void *context, struct loop_ref ref, uint64_t now_us)
{
	struct converter *converter = context;
	struct intake *intake = slab_get(&converter->intakes, (struct slab_name){ ref.index, ref.generation });

	if (!intake || now_us < intake->deadline_us)
		return;
	switch (intake->state) {
	case INTAKE_READING:
		counter_add(&converter->worker->counters.n_slow_senders, 1);
		intake_abandon(converter, intake);
		break;
	case INTAKE_LOOKING_UP:
	case INTAKE_CONNECTING:
		fail(converter, intake, NET_E_TIMED_OUT);
		break;
	case INTAKE_LISTENING:
		bind_on_deadline(converter, intake);
		break;
	case INTAKE_ENDING:
		intake_end(converter, intake);
		break;
	case INTAKE_WAITING:
		if (intake->owes)
			intake_abandon(converter, intake);   /* its handshake never ended, and no event tells of that */
		break;
	case INTAKE_SECOND:
		intake_abandon(converter, intake);
		break;
	case INTAKE_CALLED:
		counter_add(&converter->worker->counters.n_host_gave_up, 1);
		intake_abandon(converter, intake);
		break;
	}
}

/* A place for a newcomer. Where all are taken, that of the peer which was turned away longest ago: it had the most
 * time to read why. NULL where there is no such peer. */
static struct intake *intake_take(struct converter *converter)
{
	struct intake *intake = slab_take(&converter->intakes);

	if (intake || !converter->ending_first)
		return intake;
	counter_add(&converter->worker->counters.n_endings_cut, 1);
	intake_end(converter, converter->ending_first);
	return slab_take(&converter->intakes);
}

static void reset_newcomer(struct worker *worker, int fd)
{
	char left_out[64];

	counter_add(&worker->counters.n_intakes_full, 1);
	if (worker_may_log(worker, WORKER_LOG_SHORT, left_out, sizeof(left_out)))
		log_warning("every place is taken, by peers that say nothing, wait or are being served: new ones are "
			    "reset; limits.max_half_open says how many there are%s", left_out);
	net_close_reset(fd);
}

struct intake *converter_enter(struct converter *converter, const struct address *peer)
{
	struct intake *intake = intake_take(converter);

	if (!intake)
		return NULL;
	intake->near_fd = intake->far_fd = -1;
	intake->client = *peer;
	intake->half_open = worker_take_half_open(converter->worker);
	intake->accepted_at_us = loop_now_us(converter->worker->loop);
	return intake;
}

struct intake *converter_admit(struct converter *converter, int fd, const struct address *peer)
{
	struct worker *worker = converter->worker;
	struct intake *intake = converter_enter(converter, peer);

	if (!intake) {
		reset_newcomer(worker, fd);
		return NULL;
	}
	intake->near_fd = fd;
	if (loop_watch(worker->loop, fd, INTAKE_EVENTS, intake_ref(converter, intake, INTAKE_NEAR)) ||
	    intake_set_deadline(converter, intake, worker->view->conf->converter.convert_timeout_ms * US_PER_MS)) {
		intake_abandon(converter, intake);
		return NULL;
	}
	return intake;
}

static void on_connection(void *context, int fd, const struct address *local, const struct address *peer)
{
	struct converter *converter = context;
	struct intake *intake = converter_admit(converter, fd, peer);

	if (!intake)
		return;
	intake->own = *local;
	if (address_is_unspecified(local) && net_local_address(fd, &intake->own))
		intake_abandon(converter, intake);
	else
		on_readable(converter, intake);   /* with TCP Fast Open the message is here already */
}

void converter_take_striped(struct converter *converter, int fd, const struct address *own, const struct address *peer)
{
	struct intake *intake = converter_admit(converter, fd, peer);

	if (!intake)
		return;
	intake->own = *own;
	intake->in_pieces = true;
	if (intake_set_deadline(converter, intake, STRIPED_MESSAGE_US))
		intake_abandon(converter, intake);
}

int converter_new(struct worker *worker, struct converter **out)
{
	_cleanup_(converter_freep) struct converter *converter = calloc(1, sizeof(*converter));
	struct loop_handler handler = { .on_event = on_event, .on_timer = on_timer };

	if (!converter)
		return -ENOMEM;
	converter->worker = worker;
	handler.context = converter;
	converter->handler = loop_handler_add(worker->loop, &handler);
	listeners_init(&converter->listeners, worker, on_connection, converter);
	intercepted_init(converter);
	if (slab_init(&converter->intakes, sizeof(struct intake),
		      worker->view->conf->limits.max_half_open + SPARE_INTAKES) || lookup_init(converter))
		return -ENOMEM;
	*out = converter;
	converter = NULL;
	return 0;
}

void converter_freep(struct converter **out)
{
	struct converter *converter = *out;

	if (!converter)
		return;
	listeners_close(&converter->listeners);
	intercepted_close(converter);
	for (uint32_t i = 0; i < converter->intakes.n_touched; i++) {
		struct intake *intake = slab_at(&converter->intakes, i);

		if (intake)
			intake_abandon(converter, intake);
	}
	slab_fini(&converter->intakes);
	resolver_freep(&converter->resolver);
	slab_fini(&converter->names);
	fair_close(&converter->fair);
	free(converter);
	*out = NULL;
}

/* Gateways that wait are told so. An end in order: ask again. A reset: there is nobody to ask any more
 * (role/gateway/watch.c). */
static void let_waiting_go(struct converter *converter, void (*how)(struct converter *converter, struct intake *intake))
{
	for (uint32_t i = 0; i < converter->intakes.n_touched; i++) {
		struct intake *intake = slab_at(&converter->intakes, i);

		if (intake && intake->state == INTAKE_WAITING)
			how(converter, intake);
	}
}

static struct net_listen_options listen_options(const struct conf *conf)
{
	return (struct net_listen_options){ .mptcp = true, .fastopen_queue = FASTOPEN_QUEUE,
					    .congestion = loss_watch_least(conf),
					    .keepalive_s = conf->limits.keepalive_s };
}

int converter_probe(const struct conf *running, const struct conf *next, char *reason, size_t n_reason)
{
	struct net_listen_options options = listen_options(next);
	char text[ADDRESS_TEXT_BYTES];

	for (size_t i = 0; next->converter.enabled && i < next->converter.n_listen; i++) {
		const struct address *address = &next->converter.listen[i];
		int r = address_among(running->converter.listen, running->converter.n_listen, address) ? 0 :
			net_probe_listen(address, &options);

		if (!r)
			continue;
		snprintf(reason, n_reason, "converter.listen: cannot listen on %s: %s%s", address_format(address, text),
			 strerror(-r), listener_advice(r));
		return r;
	}
	return 0;
}

int converter_apply(struct converter *converter, char *reason, size_t n_reason)
{
	const struct view *view = converter->worker->view;
	struct net_listen_options options = listen_options(view->conf);
	int r;

	if (!view->conf->converter.enabled || !view->accepting) {
		listeners_close(&converter->listeners);
		intercepted_close(converter);
		let_waiting_go(converter, intake_abandon);   /* before a host of theirs runs into a listener that is
							      * gone */
		return 0;
	}
	if (converter->let_in_by != view->conf && converter->resolver)
		resolver_renew(converter->resolver);
	if (converter->let_in_by != view->conf)   /* whoever may not stay any more is to learn it; the others come
						   * again */
		let_waiting_go(converter, intake_end);
	converter->let_in_by = view->conf;
	r = listeners_set(&converter->listeners, view->conf->converter.listen, view->conf->converter.n_listen, &options,
			  reason, n_reason);
	return r ? r : intercepted_apply(converter, reason, n_reason);
}
