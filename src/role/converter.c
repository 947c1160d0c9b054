/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/converter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/counter.h"
#include "base/util.h"
#include "net/mptcp_info.h"
#include "net/socket.h"
#include "role/authorise.h"
#include "role/early.h"
#include "role/inbound.h"
#include "role/intake.h"
#include "role/loss_watch.h"
#include "role/schemes.h"
#include "role/source.h"
#include "role/mapping_calls.h"
#include "role/take_over.h"

#define FASTOPEN_QUEUE 4096
#define SPARE_INTAKES 256             /* places beyond the limit, to say there that the limit is reached */
#define WAITING_KEEPALIVE_S 300       /* a NAT in between forgets us later than this, mostly */

/* The destination has answered: say so, and relay. */
void converter_serve(struct converter *converter, struct intake *intake)
{
	struct worker *worker = converter->worker;
	struct signalling_result result = { .outcome = OUTCOME_CONNECTED, .window_scale = 0xff };
	uint8_t out[SIGNALLING_MESSAGE_BYTES];
	struct relay_legs legs = {
		.near_fd = intake->near_fd, .far_fd = intake->far_fd, .near_watched = true, .far_watched = true,
		.near_mptcp = true, .near_multipath = intake->multipath, .far_mptcp = intake->wants_mptcp, .owner = intake->owner,
		.account = subscribers_account(worker->shared->subscribers, intake->owner, worker->number),
		.up_first = { intake->inbox.kept, intake->inbox.n_kept }, .source = intake->client,
		.destination = intake->destination, .inbound = intake->inbound, .routed = intake->scheme->mute, .link = CHOOSE_NO_LINK, .opened_at_us = intake->accepted_at_us,
	};
	struct net_marking marking = treatment_marking(&intake->treatment);
	struct net_negotiated negotiated;
	struct slab_name session;

	if (intake->conversation.extended && !net_negotiated(intake->far_fd, &negotiated)) {
		result.mss_bytes = negotiated.mss_bytes;
		result.window_scale = negotiated.window_scale;
		result.sack = negotiated.sack;
		result.timestamps = negotiated.timestamps;
	}
	if (inbox_add(&intake->unsaid, (struct bytes){ out, intake->scheme->server_answer(&intake->conversation, &result, out) })) {
		intake_abandon(converter, intake);
		return;
	}
	legs.down_first = (struct bytes){ intake->unsaid.kept, intake->unsaid.n_kept };
	net_mark(intake->near_fd, &intake->client, true, &marking);
	early_tell(converter, intake, &result);
	counter_add(&worker->counters.n_outcomes[OUTCOME_CONNECTED], 1);
	if (!relay_open(worker->relay, &legs, &session))   /* has closed both, and called on_end, where it fails */
		authorise_pass_on(worker, &intake->ticket, take_over_name_session(converter, session));
	intake_free(converter, intake);
}

void converter_connect(struct converter *converter, struct intake *intake, const struct source_choice *source)
{
	struct worker *worker = converter->worker;
	struct net_connect_options options = {
		.mptcp = intake->wants_mptcp, .marking = treatment_marking(&intake->treatment), .source = source->address, .transparent = source->transparent,
	};
	size_t n_sent;
	int r = net_connect_begin(&intake->destination, &options, &intake->far_fd, &n_sent);

	if (r == NET_E_NO_PORT && options.source.port) {   /* an earlier connection from that port rests still */
		options.source.port = 0;
		r = net_connect_begin(&intake->destination, &options, &intake->far_fd, &n_sent);
	}
	if (r) {
		source_note_failure(worker, source, r);
		intake_refuse_error(converter, intake, r);
		return;
	}
	intake_set_state(converter, intake, INTAKE_CONNECTING);
	net_tune_leg(intake->far_fd, false);
	if (loop_watch(worker->loop, intake->far_fd, EPOLLOUT | EPOLLET, intake_ref(converter, intake, INTAKE_FAR)) ||
	    intake_set_deadline(converter, intake, worker->view->conf->limits.connect_timeout_ms * US_PER_MS))
		intake_abandon(converter, intake);
}

/* One of the places that all clients share is free again soon. */
static struct signalling_result over_limit(void)
{
	return (struct signalling_result){ .outcome = OUTCOME_OVER_LIMIT, .retry_after_s = 1 };
}

static struct signalling_result authorise(struct converter *converter, struct intake *intake, const struct signalling_request *request,
					  enum authorise_what what)
{
	intake->ticket.holder = take_over_name_intake(converter, intake);
	if (!intake->half_open)
		return over_limit();
	return authorise_client(converter->worker, &intake->client, request, what, &intake->ticket, &intake->owner);
}

/* What a rule turns away is refused as its destination would; what it bypasses isn't ours to connect, and goes the ordinary way at a gateway that can still let it. */
static enum signalling_outcome apply_policy(struct converter *converter, struct intake *intake, uint8_t dscp)
{
	const struct conf *conf = converter->worker->view->conf;

	intake->treatment = treatment_of_request(conf, &intake->client, &intake->destination, intake->ticket.subscriber, dscp);
	switch (intake->treatment.action) {
	case RULE_REJECT:
		return OUTCOME_REFUSED;
	case RULE_BYPASS:
		return OUTCOME_BYPASSED;
	default:
		return OUTCOME_CONNECTED;
	}
}

/* What a peer takes its connection for. A gateway of ours says so. Another one's, whose request came with Multipath TCP in its first packet, may come out as plain TCP without
 * its knowing: no end is believed then (doc/assumptions.md). */
static bool is_multipath(const struct intake *intake, const struct signalling_request *request)
{
	if (intake->scheme->tickets && (intake->ticket.subscriber || intake->ticket.used_before))
		return !request->plain;
	return !net_handshake_ended(intake->near_fd) && !mptcp_info_fell_back(intake->near_fd);
}

static void on_request(struct converter *converter, struct intake *intake, const struct signalling_request *request)
{
	struct signalling_result result;
	struct source_choice source;

	intake->destination = request->destination;
	if (request->own_port)
		intake->destination.port = intake->own.port;
	intake->wants_mptcp = request->wants_mptcp;
	intake->ticket.plain = !request->plain && mptcp_info_fell_back(intake->near_fd);
	intake->watch = request->watch;
	result = authorise(converter, intake, request, AUTHORISE_SESSION);
	intake->multipath = is_multipath(intake, request);
	if (intake->ticket.refused) {
		intake_abandon(converter, intake);
		return;
	}
	if (intake->ticket.used_before) {
		apply_policy(converter, intake, request->dscp);   /* how the leg is marked: the first was let in */
		take_over_begin(converter, intake);
		return;
	}
	if (result.outcome == OUTCOME_CONNECTED && request->has_claim)
		result.outcome = intake->ticket.source ? OUTCOME_CONNECTED : OUTCOME_NOT_AUTHORISED;
	else if (result.outcome == OUTCOME_CONNECTED)
		result.outcome = apply_policy(converter, intake, request->dscp);
	if (result.outcome == OUTCOME_CONNECTED && !request->has_claim)
		result.outcome = authorise_destination(converter->worker, &intake->own, &intake->destination);
	if (result.outcome == OUTCOME_CONNECTED && !request->has_claim)
		result.outcome = source_choose(converter->worker, &intake->ticket, request, &source);
	if (result.outcome == OUTCOME_CONNECTED) {
		intake->session = worker_take_session(converter->worker);
		if (!intake->session)
			result = over_limit();
	}
	if (request->has_claim && intake->ticket.source)   /* a limit that forbids it is the remote host's matter, too */
		inbound_claim(converter, intake, request, &result);
	else if (result.outcome != OUTCOME_CONNECTED)
		intake_refuse(converter, intake, &result);
	else
		converter_connect(converter, intake, &source);
}

/* Half of the places are left to those who want to connect. */
static bool may_wait(struct converter *converter)
{
	if (converter->n_waiting < converter->worker->view->conf->limits.max_half_open / 2 + 1)
		return true;
	counter_add(&converter->worker->counters.n_over_waiting, 1);
	return false;
}

/* With a subscriber's key the peer is Braid, and may be told outcomes on this connection while it stays (role/early.h). What is wanted of its hosts' connections
 * it is told in any case. */
static size_t make_offer(const struct converter *converter, const struct intake *intake, bool stays, uint8_t *out)
{
	struct signalling_offer offer = {
		.kin = intake->ticket.subscriber, .watch = stays && intake->ticket.admitted ? take_over_name_intake(converter, intake) : 0,
		.wants_source = source_wants_hosts(&intake->ticket), .maps = stays && mapping_calls_offered(converter, intake),
	};

	return intake->scheme->server_offer(&offer, out);
}

/* A peer that wants to know what we can do; whoever may use us may stay, quietly. Who may not is told so: its hosts' connections had better go the
 * ordinary way. */
static void on_information(struct converter *converter, struct intake *intake, const struct signalling_request *request)
{
	uint8_t offer[SIGNALLING_MESSAGE_BYTES];
	struct signalling_result result = authorise(converter, intake, request, AUTHORISE_QUESTION);
	bool stays = result.outcome == OUTCOME_CONNECTED && may_wait(converter);
	size_t n_offer = make_offer(converter, intake, stays, offer);

	counter_add(&converter->worker->counters.n_information, 1);
	if (result.outcome != OUTCOME_CONNECTED) {
		intake_refuse(converter, intake, &result);
	} else if (!stays) {
		intake_finish(converter, intake, offer, n_offer);
	} else if (inbox_keep(&intake->inbox, (struct bytes){ offer, n_offer })) {
		intake_abandon(converter, intake);
	} else {
		net_keep_alive(intake->near_fd, WAITING_KEEPALIVE_S);
		intake_leave_half_open(converter, intake);
		intake_leave_session(converter, intake);
		intake->owes = true;
		intake_set_state(converter, intake, INTAKE_WAITING);
		intake->takes_inbound = request->takes_inbound && intake->ticket.admitted;
		intake->hears_limits = request->hears_limits && intake->ticket.admitted;
		intake_say(converter, intake);
	}
}

/* The peer's first bytes say which scheme it speaks. */
static struct signalling_step feed_scheme(struct converter *converter, struct intake *intake, struct bytes all, uint8_t *out, struct signalling_request *request)
{
	const struct scheme *accepted[CONF_SIGNALLING_N];
	size_t n_accepted = schemes_of_conf(converter->worker->view->conf->converter.signalling, accepted);
	enum signalling_verdict verdict = intake->scheme ? SIGNALLING_DONE : scheme_by_opening(accepted, n_accepted, all, &intake->scheme);

	if (verdict != SIGNALLING_DONE)
		return (struct signalling_step){ .verdict = verdict, .result.outcome = OUTCOME_MALFORMED };
	return intake->scheme->server_feed(&intake->conversation, all.at, all.n, out, request);
}

/* True when the message is complete, or the intake gone: nothing more is to be read. */
static bool feed(struct converter *converter, struct intake *intake, struct bytes all)
{
	struct signalling_request request = { 0 };
	uint8_t out[SIGNALLING_MESSAGE_BYTES];
	struct signalling_step step = feed_scheme(converter, intake, all, out, &request);
	struct bytes left = { all.at + step.n_consumed, all.n - step.n_consumed }, more = { out, step.n_out };
	bool goes_on = step.verdict == SIGNALLING_NEED_MORE || step.verdict == SIGNALLING_DONE;

	if (inbox_keep(&intake->inbox, left) || (goes_on && inbox_add(&intake->unsaid, more))) {
		intake_abandon(converter, intake);
		return true;
	}
	switch (step.verdict) {
	case SIGNALLING_NEED_MORE:
		return false;
	case SIGNALLING_DONE:
		on_request(converter, intake, &request);
		return true;
	case SIGNALLING_CREDENTIAL:   /* of no scheme that is accepted */
	case SIGNALLING_LISTENING:
		break;
	case SIGNALLING_ANSWERED:
		on_information(converter, intake, &request);
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
		int r = inbox_receive(&intake->inbox, intake->near_fd, converter->worker->scratch, WORKER_SCRATCH_BYTES, &all, &ended);

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

static void on_near(struct converter *converter, struct intake *intake, uint32_t events)
{
	switch (intake->state) {
	case INTAKE_READING:
		on_readable(converter, intake);
		break;
	case INTAKE_CONNECTING:
		if (events & (EPOLLERR | EPOLLHUP)) {
			counter_add(&converter->worker->counters.n_host_gave_up, 1);
			intake_abandon(converter, intake);
		}
		break;
	case INTAKE_ENDING:
	case INTAKE_WAITING:
		if (intake->owes && events & (EPOLLERR | EPOLLHUP))
			intake_abandon(converter, intake);
		else
			intake_say(converter, intake);
		break;
	case INTAKE_CALLED:   /* it has no near leg */
		break;
	}
}

static void on_far(struct converter *converter, struct intake *intake, uint32_t events)
{
	int r = net_connect_outcome(intake->far_fd, events);

	if (r == NET_E_AGAIN)
		return;
	if (r)
		intake_refuse_error(converter, intake, r);
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
	case INTAKE_CONNECTING:
		intake_refuse_error(converter, intake, NET_E_TIMED_OUT);
		break;
	case INTAKE_ENDING:
		intake_end(converter, intake);
		break;
	case INTAKE_WAITING:
		if (intake->owes)
			intake_abandon(converter, intake);   /* its handshake never ended, and no event tells of that */
		break;
	case INTAKE_CALLED:
		counter_add(&converter->worker->counters.n_host_gave_up, 1);
		intake_abandon(converter, intake);
		break;
	}
}

/* A place for a newcomer. Where all are taken, that of the peer which was turned away longest ago: it had the most time to read why. NULL where there
 * is no such peer. */
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
		log_warning("every place is taken, by peers that say nothing, wait or are being served: new ones are reset%s", left_out);
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
	if (slab_init(&converter->intakes, sizeof(struct intake), worker->view->conf->limits.max_half_open + SPARE_INTAKES))
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
	free(converter);
	*out = NULL;
}

/* Gateways that wait are told so. An end in order: ask again. A reset: there is nobody to ask any more (role/watch.c). */
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
	return (struct net_listen_options){ .mptcp = true, .fastopen_queue = FASTOPEN_QUEUE, .congestion = loss_watch_least(conf),
					    .keepalive_s = conf->limits.keepalive_s };
}

int converter_probe(const struct conf *running, const struct conf *next, char *reason, size_t n_reason)
{
	struct net_listen_options options = listen_options(next);
	char text[ADDRESS_TEXT_BYTES];

	for (size_t i = 0; next->converter.enabled && i < next->converter.n_listen; i++) {
		const struct address *address = &next->converter.listen[i];
		int r = address_among(running->converter.listen, running->converter.n_listen, address) ? 0 : net_probe_listen(address, &options);

		if (!r)
			continue;
		snprintf(reason, n_reason, "converter.listen: cannot listen on %s: %s", address_format(address, text), strerror(-r));
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
		let_waiting_go(converter, intake_abandon);   /* before a host of theirs runs into a listener that is gone */
		return 0;
	}
	if (converter->let_in_by != view->conf)   /* whoever may not stay any more is to learn it; the others come again */
		let_waiting_go(converter, intake_end);
	converter->let_in_by = view->conf;
	r = listeners_set(&converter->listeners, view->conf->converter.listen, view->conf->converter.n_listen, &options, reason, n_reason);
	return r ? r : intercepted_apply(converter, reason, n_reason);
}
