/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/converter/intercepted.h"

#include <stddef.h>
#include <sys/epoll.h>
#include "base/clock.h"
#include "base/counter.h"
#include "base/util.h"
#include "net/mptcp_info.h"
#include "net/queue.h"
#include "net/socket.h"
#include "path/marks.h"
#include "role/converter/intake.h"
#include "role/converter/source.h"
#include "role/links/loss_watch.h"
#include "role/outcome.h"
#include "wire/syn.h"

#define TAKES 16                    /* of the queue in a turn */
#define CALL_US (8 * US_PER_S)      /* for a client whose first packet was let go to come, two of our answers being
				     * lost */

/* Whoever keeps his own address could have got there without us, so where he may go isn't ours to say, but for the
 * rules. With one of ours he is to get no further than clients of other schemes. */
static enum signalling_outcome choose_source(struct worker *worker, struct intake *intake, struct source_choice *out)
{
	struct signalling_request request = { .destination = intake->destination, .source = intake->client };
	enum signalling_outcome outcome;

	if (worker->view->conf->converter.intercept_source == CONF_INTERCEPT_CLIENT) {
		*out = (struct source_choice){ .address = intake->client, .transparent = true };
		return OUTCOME_CONNECTED;
	}
	outcome = authorise_destination(worker, &intake->own, &intake->destination);
	return outcome == OUTCOME_CONNECTED ? source_choose(worker, &intake->ticket, &request, out) : outcome;
}

/* What a rule bypasses that nft doesn't know enough of, can't be given back any more: it goes on as others. */
static enum signalling_outcome apply_policy(struct worker *worker, struct intake *intake, uint8_t dscp)
{
	intake->treatment = treatment_of_request(worker->view->conf, &intake->client, &intake->destination,
						 intake->ticket.subscriber, dscp);
	return intake->treatment.action == RULE_REJECT ? OUTCOME_REFUSED : OUTCOME_CONNECTED;
}

static struct signalling_result prepare(struct converter *converter, struct intake *intake,
					struct source_choice *source, uint8_t dscp)
{
	static const struct signalling_result over_limit = { .outcome = OUTCOME_OVER_LIMIT };
	struct worker *worker = converter->worker;
	struct signalling_result result;

	if (!intake->half_open)
		return over_limit;
	result = authorise_intercepted(worker, &intake->client, &intake->ticket, &intake->owner);
	if (result.outcome == OUTCOME_CONNECTED)
		result.outcome = apply_policy(worker, intake, dscp);
	if (result.outcome == OUTCOME_CONNECTED)
		result.outcome = choose_source(worker, intake, source);
	if (result.outcome != OUTCOME_CONNECTED)
		return result;
	intake->session = worker_take_session(worker);
	return intake->session ? result : over_limit;
}

static uint32_t mark_now(const struct converter *converter, unsigned int mark)
{
	return mark_value(converter->worker->view->conf->gateway.fwmark, mark);
}

static void remember(struct converter *converter, struct intake *intake)
{
	intake->held = true;
	converter->intercepted.n_held++;
	pairs_add(&converter->intercepted.held, intake);
}

static void pass(struct converter *converter, struct intake *intake, uint32_t mark)
{
	if (intake->packet && converter->intercepted.queue)
		net_queue_pass(converter->intercepted.queue, intake->packet, mark);
	intake->packet = 0;
}

void intercepted_forget(struct converter *converter, struct intake *intake)
{
	pass(converter, intake, 0);
	pairs_remove(&converter->intercepted.held, intake);
	intake->held = false;
	converter->intercepted.n_held--;
}

void intercepted_answer(struct converter *converter, struct intake *intake, const struct signalling_result *result)
{
	unsigned int mark = outcome_mark(result, !address_is_v4(&intake->destination));

	if (!mark && intake->packet && converter->intercepted.queue) {
		net_queue_drop(converter->intercepted.queue, intake->packet);
		intake->packet = 0;
	}
	pass(converter, intake, mark == MARK_PASS ? 0 : mark_now(converter, mark));
	intake_abandon(converter, intake);
}

void intercepted_call(struct converter *converter, struct intake *intake)
{
	intake_set_state(converter, intake, INTAKE_CALLED);
	if (intake_set_deadline(converter, intake, CALL_US))
		intake_abandon(converter, intake);
	else
		pass(converter, intake, mark_now(converter, MARK_CATCH + converter->worker->number));
}

/* The near leg is there, to what was called; or to nothing that is known any more. */
static void on_called(struct converter *converter, int fd, struct intake *intake)
{
	if (!intake || intake->state != INTAKE_CALLED) {
		net_close_reset(fd);
		return;
	}
	intercepted_forget(converter, intake);
	intake->near_fd = fd;
	if (loop_watch(converter->worker->loop, fd, INTAKE_EVENTS, intake_ref(converter, intake, INTAKE_NEAR)))
		intake_abandon(converter, intake);
	else
		converter_serve(converter, intake);
}

static void begin(struct converter *converter, struct intake *intake, const struct address *destination, uint8_t dscp)
{
	struct signalling_result result;
	struct source_choice source;

	intake->scheme = &scheme_route;
	intake->destination = *destination;
	if (intake->near_fd < 0)
		remember(converter, intake);
	counter_add(&converter->worker->counters.n_intercepted, 1);
	result = prepare(converter, intake, &source, dscp);
	if (result.outcome == OUTCOME_CONNECTED)
		result = converter_connect_from(converter, intake, &source);
	if (result.outcome != OUTCOME_CONNECTED)
		intake_refuse(converter, intake, &result);
}

static bool is_own(const struct converter *converter, const struct address *listener)
{
	struct address v4 = mark_on_path_listener(converter->worker->number + 1, false, listener->port);
	struct address v6 = mark_on_path_listener(converter->worker->number + 1, true, listener->port);

	return address_equal(listener, &v4) || address_equal(listener, &v6);
}

static void on_connection(void *context, int fd, const struct address *local, const struct address *peer)
{
	struct converter *converter = context;
	struct address destination;
	struct intake *intake;

	if (net_local_address(fd, &destination) || address_equal(&destination, local)) {
		net_close_reset(fd);   /* to the listener itself, from this machine */
		return;
	}
	counter_add(&converter->worker->counters.n_intercepted_plain, mptcp_info_fell_back(fd));
	if (is_own(converter, local)) {
		on_called(converter, fd, pairs_find(&converter->intercepted.held, peer, &destination));
		return;
	}
	intake = converter_admit(converter, fd, peer);
	if (intake)
		begin(converter, intake, &destination, 0);
}

/* A SYN that comes again stands for both: the client knows the sequence number of its last one alone. */
static void again(struct converter *converter, struct intake *intake, uint32_t packet)
{
	if (intake->packet)
		net_queue_drop(converter->intercepted.queue, intake->packet);
	intake->packet = packet;
	if (intake->state == INTAKE_CALLED)   /* our answer to the first was lost */
		pass(converter, intake, mark_now(converter, MARK_CATCH + converter->worker->number));
}

/* Half of the places, which all workers share, are left to those who have answered a SYN+ACK. */
static bool may_be_held(const struct worker *worker)
{
	return __atomic_load_n(&worker->shared->n_half_open, __ATOMIC_RELAXED) <
	       worker->view->conf->limits.max_half_open / 2 + 1;
}

static void on_packet(void *context, const struct net_queue_packet *packet)
{
	struct converter *converter = context;
	struct intake *intake;
	struct syn syn;

	if (syn_get((struct bytes){ packet->bytes, packet->n_bytes }, &syn)) {
		net_queue_pass(converter->intercepted.queue, packet->id, 0);
		return;
	}
	intake = pairs_find(&converter->intercepted.held, &syn.source, &syn.destination);
	if (intake) {
		again(converter, intake, packet->id);
		return;
	}
	intake = may_be_held(converter->worker) ? converter_enter(converter, &syn.source) : NULL;
	if (!intake) {
		net_queue_pass(converter->intercepted.queue, packet->id, 0);
		return;
	}
	intake->packet = packet->id;
	begin(converter, intake, &syn.destination, syn.dscp);
}

static void on_event(void *context, struct loop_ref ref, uint32_t events)
{
	struct converter *converter = context;

	for (size_t i = 0; i < TAKES && converter->intercepted.queue; i++)
		if (net_queue_take(converter->intercepted.queue, on_packet, converter))
			return;
}

void intercepted_init(struct converter *converter)
{
	struct loop_handler handler = { .on_event = on_event, .context = converter };
	struct pairs_fields fields = { offsetof(struct intake, client), offsetof(struct intake, destination),
				       offsetof(struct intake, next_held) };

	pairs_init(&converter->intercepted.held, &converter->intakes, fields, converter->intercepted.buckets,
		   INTERCEPTED_BUCKETS);
	converter->intercepted.queue_handler = loop_handler_add(converter->worker->loop, &handler);
	listeners_init(&converter->intercepted.listeners, converter->worker, on_connection, converter);
}

static void let_all_pass(struct converter *converter)
{
	for (uint32_t i = 0; i < converter->intakes.n_touched && converter->intercepted.n_held; i++) {
		struct intake *intake = slab_at(&converter->intakes, i);

		if (intake && intake->held && intake->packet)
			intake_abandon(converter, intake);
	}
}

static void close_queue(struct converter *converter)
{
	if (!converter->intercepted.queue)
		return;
	let_all_pass(converter);
	loop_unwatch(converter->worker->loop, net_queue_fd(converter->intercepted.queue));
	net_queue_closep(&converter->intercepted.queue);
}

void intercepted_close(struct converter *converter)
{
	listeners_close(&converter->intercepted.listeners);
	close_queue(converter);
}

static int open_queue(struct intercepted *intercepted, const struct worker *worker)
{
	uint16_t number = (uint16_t)(worker->view->conf->converter.intercept_queue + worker->number);
	int r = net_queue_open(number, &intercepted->queue);

	if (!r)
		r = loop_watch(worker->loop, net_queue_fd(intercepted->queue), EPOLLIN,
			       (struct loop_ref){ .handler = intercepted->queue_handler });
	if (r)
		net_queue_closep(&intercepted->queue);
	return r;
}

static void apply_queue(struct converter *converter)
{
	struct intercepted *intercepted = &converter->intercepted;
	const struct conf_converter *conf = &converter->worker->view->conf->converter;
	int r;

	if (!conf->n_intercept || conf->intercept_accept != CONF_FORWARD_FAITHFUL) {
		close_queue(converter);
		return;
	}
	r = intercepted->queue ? 0 : open_queue(intercepted, converter->worker);
	if (r && !intercepted->queue_missing)
		log_warning("worker %u cannot open its packet queue (%s): connections of converter.intercept that come "
			    "to it go on to their servers; another program may have it, set converter.intercept_queue "
			    "to a free one", converter->worker->number, net_error_text(r));
	intercepted->queue_missing = r;
}

int intercepted_apply(struct converter *converter, char *reason, size_t n_reason)
{
	const struct conf *conf = converter->worker->view->conf;
	uint16_t port = conf->converter.intercept_port;
	unsigned int own = converter->worker->number + 1;
	const struct address addresses[] = { mark_on_path_listener(0, false, port),
					     mark_on_path_listener(0, true, port),
					     mark_on_path_listener(own, false, port),
					     mark_on_path_listener(own, true, port) };
	struct net_listen_options options = {
		.mptcp = true, .transparent = true, .congestion = loss_watch_least(conf),
		.keepalive_s = conf->limits.keepalive_s,
	};

	apply_queue(converter);
	return listeners_set(&converter->intercepted.listeners, addresses,
			     conf->converter.n_intercept ? ARRAY_SIZE(addresses) : 0, &options, reason, n_reason);
}
