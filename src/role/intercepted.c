/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/intercepted.h"

#include "base/counter.h"
#include "base/util.h"
#include "net/mptcp_info.h"
#include "net/socket.h"
#include "path/marks.h"
#include "role/intake.h"
#include "role/loss_watch.h"
#include "role/source.h"

/* Whoever keeps his own address could have got there without us, so where he may go isn't ours to say, but for the rules. With one of ours he is to get no further than
 * clients of other schemes. */
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
static enum signalling_outcome apply_policy(struct worker *worker, struct intake *intake)
{
	intake->treatment = treatment_of_request(worker->view->conf, &intake->client, &intake->destination, intake->ticket.subscriber, 0);
	return intake->treatment.action == RULE_REJECT ? OUTCOME_REFUSED : OUTCOME_CONNECTED;
}

static struct signalling_result prepare(struct converter *converter, struct intake *intake, struct source_choice *source)
{
	static const struct signalling_result over_limit = { .outcome = OUTCOME_OVER_LIMIT };
	struct worker *worker = converter->worker;
	struct signalling_result result;

	if (!intake->half_open)
		return over_limit;
	result = authorise_intercepted(worker, &intake->client, &intake->ticket, &intake->owner);
	if (result.outcome == OUTCOME_CONNECTED)
		result.outcome = apply_policy(worker, intake);
	if (result.outcome == OUTCOME_CONNECTED)
		result.outcome = choose_source(worker, intake, source);
	if (result.outcome != OUTCOME_CONNECTED)
		return result;
	intake->session = worker_take_session(worker);
	return intake->session ? result : over_limit;
}

static void on_connection(void *context, int fd, const struct address *local, const struct address *peer)
{
	struct converter *converter = context;
	struct signalling_result result;
	struct source_choice source;
	struct address destination;
	struct intake *intake;

	if (net_local_address(fd, &destination) || address_equal(&destination, local)) {
		net_close_reset(fd);   /* to the listener itself, from this machine */
		return;
	}
	intake = converter_admit(converter, fd, peer);
	if (!intake)
		return;
	intake->scheme = &scheme_route;
	intake->destination = destination;
	counter_add(&converter->worker->counters.n_intercepted, 1);
	counter_add(&converter->worker->counters.n_intercepted_plain, mptcp_info_fell_back(fd));
	result = prepare(converter, intake, &source);
	if (result.outcome == OUTCOME_CONNECTED)
		converter_connect(converter, intake, &source);
	else
		intake_refuse(converter, intake, &result);
}

void intercepted_init(struct converter *converter)
{
	listeners_init(&converter->intercepted, converter->worker, on_connection, converter);
}

int intercepted_apply(struct converter *converter, char *reason, size_t n_reason)
{
	const struct conf *conf = converter->worker->view->conf;
	uint16_t port = conf->converter.intercept_port;
	const struct address addresses[] = { mark_on_path_listener(false, port), mark_on_path_listener(true, port) };
	struct net_listen_options options = {
		.mptcp = true, .transparent = true, .congestion = loss_watch_least(conf), .keepalive_s = conf->limits.keepalive_s,
	};

	return listeners_set(&converter->intercepted, addresses, conf->converter.n_intercept ? ARRAY_SIZE(addresses) : 0, &options, reason, n_reason);
}
