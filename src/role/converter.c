/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/converter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/counter.h"
#include "base/slab.h"
#include "base/util.h"
#include "net/mptcp_info.h"
#include "net/socket.h"
#include "role/authorise.h"
#include "role/inbox.h"
#include "role/listener.h"
#include "signalling/scheme.h"

#define FASTOPEN_QUEUE 4096
#define LINGER_US (2 * US_PER_S)      /* for the peer to take a refusal and close */
#define DISCARD_READS 32              /* of WORKER_SCRATCH_BYTES each, a turn: a peer that keeps sending must not hold up the others */
#define SPARE_INTAKES 256             /* places beyond the limit, to say there that the limit is reached */
#define WAITING_KEEPALIVE_S 300       /* a NAT in between forgets us later than this, mostly */
#define INTAKE_EVENTS (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)   /* OUT: the handshake has ended */

/* READING: the message isn't complete. CONNECTING: toward the destination. ENDING: answered, waits for the peer to close. WAITING: asked for
 * information and was answered; is let stay while it keeps quiet, so that its owner learns at once when we are gone. */
enum intake_state { INTAKE_READING, INTAKE_CONNECTING, INTAKE_ENDING, INTAKE_WAITING };
enum intake_part { INTAKE_NEAR, INTAKE_FAR, INTAKE_DEADLINE };   /* loop_ref.part */

struct intake {
	enum intake_state state;
	bool half_open;           /* counted under limits.max_half_open */
	bool session;             /* counted under limits.max_sessions */
	int near_fd, far_fd;
	struct address client, own;
	uint64_t accepted_at_us, deadline_us;
	uint32_t owner;
	struct inbox inbox;       /* in CONNECTING: what came behind the message */
	struct conversation conversation;
	struct address destination;
	bool wants_mptcp;
	struct intake *ending_before, *ending_next;   /* in ENDING: in the converter's list */
};

struct converter {
	struct worker *worker;
	struct slab intakes;
	uint32_t n_waiting;       /* of the intakes: peers' watches */
	struct intake *ending_first, *ending_last;   /* those in ENDING, the oldest first */
	const struct conf *let_in_by;   /* never read: which configuration the waiting ones were let in by */
	uint8_t handler;
	struct listeners listeners;
	const struct scheme *scheme;
};

static void ending_append(struct converter *converter, struct intake *intake)
{
	intake->ending_before = converter->ending_last;
	*(intake->ending_before ? &intake->ending_before->ending_next : &converter->ending_first) = intake;
	converter->ending_last = intake;
}

static void ending_remove(struct converter *converter, struct intake *intake)
{
	*(intake->ending_before ? &intake->ending_before->ending_next : &converter->ending_first) = intake->ending_next;
	*(intake->ending_next ? &intake->ending_next->ending_before : &converter->ending_last) = intake->ending_before;
}

/* ENDING and WAITING are left only with the intake's end: intake_free() takes back what is noted here. */
static void intake_set_state(struct converter *converter, struct intake *intake, enum intake_state next)
{
	intake->state = next;
	converter->n_waiting += next == INTAKE_WAITING;
	if (next == INTAKE_ENDING)
		ending_append(converter, intake);
}

static struct loop_ref ref_of(const struct converter *converter, const struct intake *intake, enum intake_part part)
{
	struct slab_name name = slab_name_of(&converter->intakes, intake);

	return (struct loop_ref){ .index = name.index, .generation = name.generation, .handler = converter->handler,
				  .part = (uint8_t)part };
}

static int set_deadline(struct converter *converter, struct intake *intake, uint64_t after_us)
{
	intake->deadline_us = loop_now_us(converter->worker->loop) + after_us;
	return loop_timer_at(converter->worker->loop, intake->deadline_us, ref_of(converter, intake, INTAKE_DEADLINE));
}

static void leave_half_open(struct converter *converter, struct intake *intake)
{
	if (intake->half_open)
		shared_release(&converter->worker->shared->n_half_open);
	intake->half_open = false;
}

/* Gives back what a session would count, where there will be none. */
static void leave_session(struct converter *converter, struct intake *intake)
{
	if (intake->session)
		shared_release(&converter->worker->shared->n_sessions);
	shared_subscriber_leave(converter->worker->shared, intake->owner);
	intake->session = false;
	intake->owner = SHARED_NO_SUBSCRIBER;
}

static void intake_free(struct converter *converter, struct intake *intake)
{
	converter->n_waiting -= intake->state == INTAKE_WAITING;
	if (intake->state == INTAKE_ENDING)
		ending_remove(converter, intake);
	leave_half_open(converter, intake);
	inbox_free(&intake->inbox);
	slab_give(&converter->intakes, intake);
}

static void intake_abandon(struct converter *converter, struct intake *intake)
{
	leave_session(converter, intake);
	if (intake->far_fd >= 0)
		net_close_reset(intake->far_fd);
	net_close_reset(intake->near_fd);
	intake_free(converter, intake);
}

static void intake_end(struct converter *converter, struct intake *intake)
{
	net_close_orderly(intake->near_fd);
	intake_free(converter, intake);
}

/* More has come than one turn may take. Who was turned away may have sent much before it knew: it is looked at again, after others. Who was let stay
 * was to keep quiet. */
static void discard_later(struct converter *converter, struct intake *intake)
{
	if (intake->state == INTAKE_WAITING ||
	    loop_rewatch(converter->worker->loop, intake->near_fd, INTAKE_EVENTS, ref_of(converter, intake, INTAKE_NEAR)))
		intake_abandon(converter, intake);
}

/* Reads and drops, so that closing doesn't reset the connection before the peer has read the answer. The intake may be gone afterwards. */
static void discard(struct converter *converter, struct intake *intake)
{
	int error = 0;

	for (size_t i = 0; i < DISCARD_READS; i++) {
		ssize_t n = net_receive(intake->near_fd, converter->worker->scratch, WORKER_SCRATCH_BYTES, &error);

		if (n > 0)
			continue;
		if (!n || error != NET_E_AGAIN)
			intake_end(converter, intake);
		return;
	}
	discard_later(converter, intake);
}

/* Sends a last answer. The intake may be gone afterwards. */
static void finish(struct converter *converter, struct intake *intake, const uint8_t *answer, size_t n_answer)
{
	int error = 0;

	leave_session(converter, intake);
	leave_half_open(converter, intake);
	if (intake->far_fd >= 0)
		net_close_reset(intake->far_fd);
	intake->far_fd = -1;
	if (net_send(intake->near_fd, answer, n_answer, &error) != (ssize_t)n_answer || shutdown(intake->near_fd, SHUT_WR) ||
	    set_deadline(converter, intake, LINGER_US)) {
		intake_abandon(converter, intake);
		return;
	}
	intake_set_state(converter, intake, INTAKE_ENDING);
	discard(converter, intake);
}

static void refuse(struct converter *converter, struct intake *intake, const struct signalling_result *result)
{
	uint8_t out[SIGNALLING_MESSAGE_BYTES];
	size_t n_out = converter->scheme->server_answer(&intake->conversation, result, out);

	counter_add(&converter->worker->counters.n_outcomes[result->outcome], 1);
	finish(converter, intake, out, n_out);
}

static void refuse_outcome(struct converter *converter, struct intake *intake, enum signalling_outcome outcome)
{
	struct signalling_result result = { .outcome = outcome };

	refuse(converter, intake, &result);
}

static struct signalling_result result_of_error(int error)
{
	switch (error) {
	case NET_E_REFUSED:
		return (struct signalling_result){ .outcome = OUTCOME_REFUSED };
	case NET_E_UNREACHABLE:
		return (struct signalling_result){ .outcome = OUTCOME_UNREACHABLE, .icmp_code = 1 };   /* host unreachable */
	case NET_E_PROHIBITED:
		return (struct signalling_result){ .outcome = OUTCOME_UNREACHABLE, .icmp_code = 13 };  /* prohibited by a filter */
	case NET_E_TIMED_OUT:
		return (struct signalling_result){ .outcome = OUTCOME_TIMED_OUT };
	case NET_E_DESCRIPTORS:
	case NET_E_NO_PORT:
		return (struct signalling_result){ .outcome = OUTCOME_OVER_LIMIT, .retry_after_s = 1 };
	default:
		return (struct signalling_result){ .outcome = OUTCOME_NETWORK_FAILURE };
	}
}

static void refuse_error(struct converter *converter, struct intake *intake, int error)
{
	struct signalling_result result = result_of_error(error);

	refuse(converter, intake, &result);
}

/* The destination has answered: say so, and relay. */
static void serve(struct converter *converter, struct intake *intake)
{
	struct worker *worker = converter->worker;
	struct signalling_result result = { .outcome = OUTCOME_CONNECTED, .window_scale = 0xff };
	uint8_t out[SIGNALLING_MESSAGE_BYTES];
	struct relay_legs legs = {
		.near_fd = intake->near_fd, .far_fd = intake->far_fd, .near_watched = true, .far_watched = true,
		.near_mptcp = true, .far_mptcp = intake->wants_mptcp, .owner = intake->owner,
		.up_first = { intake->inbox.kept, intake->inbox.n_kept }, .source = intake->client,
		.destination = intake->destination, .link = CHOOSE_NO_LINK, .opened_at_us = intake->accepted_at_us,
	};
	struct net_negotiated negotiated;
	struct slab_name session;

	if (intake->conversation.extended && !net_negotiated(intake->far_fd, &negotiated)) {
		result.mss_bytes = negotiated.mss_bytes;
		result.window_scale = negotiated.window_scale;
		result.sack = negotiated.sack;
		result.timestamps = negotiated.timestamps;
	}
	legs.down_first = (struct bytes){ out, converter->scheme->server_answer(&intake->conversation, &result, out) };
	counter_add(&worker->counters.n_outcomes[OUTCOME_CONNECTED], 1);
	relay_open(worker->relay, &legs, &session);   /* has closed both, and called on_end, where it fails */
	intake_free(converter, intake);
}

static void connect_far(struct converter *converter, struct intake *intake)
{
	struct worker *worker = converter->worker;
	struct net_connect_options options = { .mptcp = intake->wants_mptcp };
	size_t n_sent;
	int r = net_connect_begin(&intake->destination, &options, &intake->far_fd, &n_sent);

	if (r) {
		refuse_error(converter, intake, r);
		return;
	}
	intake_set_state(converter, intake, INTAKE_CONNECTING);
	net_tune_leg(intake->far_fd, worker->view->conf->limits.keepalive_s);
	if (loop_watch(worker->loop, intake->far_fd, EPOLLOUT | EPOLLET, ref_of(converter, intake, INTAKE_FAR)) ||
	    set_deadline(converter, intake, worker->view->conf->limits.connect_timeout_ms * US_PER_MS))
		intake_abandon(converter, intake);
}

static void on_request(struct converter *converter, struct intake *intake, const struct signalling_request *request)
{
	enum signalling_outcome outcome;

	intake->destination = request->destination;
	intake->wants_mptcp = request->wants_mptcp;
	outcome = intake->half_open ? authorise_client(converter->worker, &intake->client, request, &intake->owner)
				    : OUTCOME_OVER_LIMIT;
	if (outcome == OUTCOME_CONNECTED)
		outcome = authorise_destination(converter->worker, &intake->own, &intake->destination);
	if (outcome == OUTCOME_CONNECTED) {
		intake->session = worker_take_session(converter->worker);
		outcome = intake->session ? OUTCOME_CONNECTED : OUTCOME_OVER_LIMIT;
	}
	if (outcome == OUTCOME_CONNECTED)
		connect_far(converter, intake);
	else
		refuse_outcome(converter, intake, outcome);
}

/* Half of the places are left to those who want to connect. */
static bool may_wait(struct converter *converter)
{
	if (converter->n_waiting < converter->worker->view->conf->limits.max_half_open / 2 + 1)
		return true;
	counter_add(&converter->worker->counters.n_over_waiting, 1);
	return false;
}

/* A peer that wants to know what we can do; whoever may use us may stay, quietly. Who may not is told so: its hosts' connections had better go the
 * ordinary way. */
static void on_information(struct converter *converter, struct intake *intake, const struct signalling_request *request,
			   const uint8_t *answer, size_t n_answer)
{
	enum signalling_outcome outcome = intake->half_open ? authorise_client(converter->worker, &intake->client, request, &intake->owner)
							    : OUTCOME_OVER_LIMIT;
	int error;

	counter_add(&converter->worker->counters.n_information, 1);
	if (outcome != OUTCOME_CONNECTED) {
		refuse_outcome(converter, intake, outcome);
	} else if (!may_wait(converter)) {
		finish(converter, intake, answer, n_answer);
	} else if (net_send(intake->near_fd, answer, n_answer, &error) != (ssize_t)n_answer) {
		intake_abandon(converter, intake);
	} else {
		net_tune_leg(intake->near_fd, WAITING_KEEPALIVE_S);
		leave_half_open(converter, intake);
		leave_session(converter, intake);
		intake_set_state(converter, intake, INTAKE_WAITING);
	}
}

/* True when the message is complete, or the intake gone: nothing more is to be read. */
static bool feed(struct converter *converter, struct intake *intake, struct bytes all)
{
	struct signalling_request request = { 0 };
	uint8_t out[SIGNALLING_MESSAGE_BYTES];
	struct signalling_step step = converter->scheme->server_feed(&intake->conversation, all.at, all.n, out, &request);
	struct bytes left = { all.at + step.n_consumed, all.n - step.n_consumed };

	if (inbox_keep(&intake->inbox, left)) {
		intake_abandon(converter, intake);
		return true;
	}
	switch (step.verdict) {
	case SIGNALLING_NEED_MORE:
		return false;
	case SIGNALLING_DONE:
		on_request(converter, intake, &request);
		return true;
	case SIGNALLING_ANSWERED:
		on_information(converter, intake, &request, out, step.n_out);
		return true;
	case SIGNALLING_REFUSED:
		counter_add(&converter->worker->counters.n_outcomes[step.result.outcome], 1);
		if (step.n_out)
			finish(converter, intake, out, step.n_out);
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

		if (r == NET_E_AGAIN)
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
		if (events & EPOLLOUT)
			net_push_opening(intake->near_fd);
		discard(converter, intake);
		break;
	}
}

static void on_far(struct converter *converter, struct intake *intake)
{
	int r = net_connect_result(intake->far_fd);

	if (r == NET_E_AGAIN)
		return;
	if (r)
		refuse_error(converter, intake, r);
	else
		serve(converter, intake);
}

static void on_event(void *context, struct loop_ref ref, uint32_t events)
{
	struct converter *converter = context;
	struct intake *intake = slab_get(&converter->intakes, (struct slab_name){ ref.index, ref.generation });

	if (intake && ref.part == INTAKE_NEAR)
		on_near(converter, intake, events);
	else if (intake && ref.part == INTAKE_FAR && intake->state == INTAKE_CONNECTING)
		on_far(converter, intake);
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
		refuse_error(converter, intake, NET_E_TIMED_OUT);
		break;
	case INTAKE_ENDING:
		intake_end(converter, intake);
		break;
	case INTAKE_WAITING:
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

static void on_connection(void *context, int fd, const struct address *peer)
{
	struct converter *converter = context;
	struct worker *worker = converter->worker;
	struct intake *intake = intake_take(converter);

	if (!intake) {
		reset_newcomer(worker, fd);
		return;
	}
	intake->near_fd = fd;
	intake->far_fd = -1;
	intake->client = *peer;
	intake->half_open = worker_take_half_open(worker);
	intake->accepted_at_us = loop_now_us(worker->loop);
	net_tune_leg(fd, worker->view->conf->limits.keepalive_s);
	if (net_local_address(fd, &intake->own) ||
	    loop_watch(worker->loop, fd, INTAKE_EVENTS, ref_of(converter, intake, INTAKE_NEAR)) ||
	    set_deadline(converter, intake, worker->view->conf->converter.convert_timeout_ms * US_PER_MS)) {
		intake_abandon(converter, intake);
		return;
	}
	on_readable(converter, intake);   /* with TCP Fast Open the message is here already */
}

int converter_new(struct worker *worker, struct converter **out)
{
	_cleanup_(converter_freep) struct converter *converter = calloc(1, sizeof(*converter));
	struct loop_handler handler = { .on_event = on_event, .on_timer = on_timer };

	if (!converter)
		return -ENOMEM;
	converter->worker = worker;
	converter->scheme = &scheme_convert;
	handler.context = converter;
	converter->handler = loop_handler_add(worker->loop, &handler);
	listeners_init(&converter->listeners, worker, on_connection, converter);
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
	for (uint32_t i = 0; i < converter->intakes.n_touched; i++) {
		struct intake *intake = slab_at(&converter->intakes, i);

		if (intake)
			intake_abandon(converter, intake);
	}
	slab_fini(&converter->intakes);
	free(converter);
	*out = NULL;
}

/* Gateways that wait are told so, before a host of theirs runs into a listener that is gone. */
static void let_waiting_go(struct converter *converter)
{
	for (uint32_t i = 0; i < converter->intakes.n_touched; i++) {
		struct intake *intake = slab_at(&converter->intakes, i);

		if (intake && intake->state == INTAKE_WAITING)
			intake_end(converter, intake);
	}
}

static struct net_listen_options listen_options(const struct conf *conf)
{
	return (struct net_listen_options){ .mptcp = true, .fastopen_queue = FASTOPEN_QUEUE, .congestion = conf->relay.congestion };
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

	if (!view->conf->converter.enabled || !view->accepting) {
		listeners_close(&converter->listeners);
		let_waiting_go(converter);
		return 0;
	}
	if (converter->let_in_by != view->conf)   /* whoever may not stay any more is to learn it; the others come again */
		let_waiting_go(converter);
	converter->let_in_by = view->conf;
	return listeners_set(&converter->listeners, view->conf->converter.listen, view->conf->converter.n_listen, &options,
			     reason, n_reason);
}
