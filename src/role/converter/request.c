/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/converter/request.h"

#include <string.h>
#include "base/clock.h"
#include "base/counter.h"
#include "net/mptcp_info.h"
#include "net/socket.h"
#include "role/converter/authorise.h"
#include "role/converter/bind.h"
#include "role/converter/intake.h"
#include "role/converter/lookup.h"
#include "role/converter/source.h"
#include "role/converter/take_over.h"
#include "role/inbound/inbound.h"
#include "role/mappings/mapping_calls.h"
#include "role/outcome.h"
#include "role/stripe/stripes.h"

#define ADDRESS_US (4 * US_PER_S)     /* of a name that has more of them: two SYNs may be lost */
#define WAITING_KEEPALIVE_S 300       /* a NAT in between forgets us later than this, mostly */

struct signalling_result converter_connect_from(struct converter *converter, struct intake *intake,
						const struct source_choice *source)
{
	struct worker *worker = converter->worker;
	uint64_t patience_us = worker->view->conf->limits.connect_timeout_ms * US_PER_MS;
	struct net_connect_options options = {
		.mptcp = intake->wants_mptcp, .marking = treatment_marking(&intake->treatment),
		.source = source->address, .transparent = source->transparent,
		.fwmark = treatment_fwmark(worker->view->conf),
	};
	size_t n_sent;
	int r = net_connect_begin(&intake->destination, &options, &intake->far_fd, &n_sent);

	if (r == NET_E_NO_PORT && options.source.port) {   /* an earlier connection from that port rests still */
		options.source.port = 0;
		r = net_connect_begin(&intake->destination, &options, &intake->far_fd, &n_sent);
	}
	if (r) {
		source_note_failure(worker, source, r);
		return outcome_of_error(r, !address_is_v4(&intake->destination));
	}
	intake_set_state(converter, intake, INTAKE_CONNECTING);
	net_tune_leg(intake->far_fd, false);
	if (lookup_has_more(intake) && patience_us > ADDRESS_US)
		patience_us = ADDRESS_US;
	r = loop_watch(worker->loop, intake->far_fd, EPOLLOUT | EPOLLET, intake_ref(converter, intake, INTAKE_FAR));
	if (!r)
		r = intake_set_deadline(converter, intake, patience_us);
	return r ? outcome_of_error(r, false) : (struct signalling_result){ .outcome = OUTCOME_CONNECTED };
}

/* One of the places that all clients share is free again soon. */
static struct signalling_result over_limit(void)
{
	return (struct signalling_result){ .outcome = OUTCOME_OVER_LIMIT, .retry_after_s = 1 };
}

static struct signalling_result authorise(struct converter *converter, struct intake *intake,
					  const struct signalling_request *request, enum authorise_what what)
{
	intake->ticket.holder = take_over_name_intake(converter, intake);
	if (!intake->half_open)
		return over_limit();
	return authorise_client(converter->worker, &intake->client, request, what, &intake->ticket, &intake->owner);
}

/* What a rule turns away is refused as its destination would; what it bypasses isn't ours to connect, and goes the
 * ordinary way at a gateway that can still let it. */
static enum signalling_outcome apply_policy(struct converter *converter, struct intake *intake, uint8_t dscp)
{
	const struct conf *conf = converter->worker->view->conf;

	intake->treatment = treatment_of_request(conf, &intake->client, &intake->destination, intake->ticket.subscriber,
						 dscp);
	switch (intake->treatment.action) {
	case RULE_REJECT:
		return OUTCOME_REFUSED;
	case RULE_BYPASS:
		return OUTCOME_BYPASSED;
	default:
		return OUTCOME_CONNECTED;
	}
}

/* What a peer takes its connection for. A gateway of ours says so. Another one's, whose request came with Multipath
 * TCP in its first packet, may come out as plain TCP without its knowing: no end is believed then
 * (doc/assumptions.md). */
static bool is_multipath(const struct intake *intake, const struct signalling_request *request)
{
	if (intake->scheme->tickets && (intake->ticket.subscriber || intake->ticket.used_before))
		return !request->plain;
	return !net_handshake_ended(intake->near_fd) && !mptcp_info_fell_back(intake->near_fd);
}

/* Whether the session may be, and from where. */
static enum signalling_outcome permit(struct converter *converter, struct intake *intake,
				      const struct signalling_request *request, struct source_choice *source)
{
	enum signalling_outcome outcome = apply_policy(converter, intake, request->dscp);

	if (outcome == OUTCOME_CONNECTED)
		outcome = authorise_destination(converter->worker, &intake->own, &intake->destination);
	return outcome == OUTCOME_CONNECTED ? source_choose(converter->worker, &intake->ticket, request, source) :
	       outcome;
}

struct signalling_result converter_connect(struct converter *converter, struct intake *intake,
					   const struct signalling_request *request)
{
	struct signalling_result result = { .outcome = OUTCOME_CONNECTED };
	struct source_choice source;

	result.outcome = permit(converter, intake, request, &source);
	return result.outcome == OUTCOME_CONNECTED ? converter_connect_from(converter, intake, &source) : result;
}

/* A peer may come from any port, and mostly does: then it is asked for as 0, which no destination has. */
static struct signalling_result permit_peer(struct converter *converter, struct intake *intake)
{
	struct signalling_request request = { .destination = intake->destination };
	struct source_choice source;

	if (!intake->destination.port)
		intake->destination.port = 1;
	return (struct signalling_result){ .outcome = permit(converter, intake, &request, &source) };
}

/* A limit that forbids it is the remote host's matter, too. */
static void claim(struct converter *converter, struct intake *intake, const struct signalling_request *request,
		  struct signalling_result result)
{
	if (result.outcome == OUTCOME_CONNECTED) {
		intake->session = worker_take_session(converter->worker);
		if (!intake->session)
			result = over_limit();
	}
	inbound_claim(converter, intake, request, &result);
}

/* The client may have a session, and is counted in. */
static void begin(struct converter *converter, struct intake *intake, const struct signalling_request *request)
{
	struct signalling_result result = { .outcome = OUTCOME_CONNECTED };

	intake->session = worker_take_session(converter->worker);
	if (!intake->session)
		result = over_limit();
	else if (request->listens && request->name.n)
		result.outcome = OUTCOME_UNSUPPORTED_MESSAGE;
	else if (request->name.n)
		lookup_begin(converter, intake, request->name);
	else if (request->listens)
		result = permit_peer(converter, intake);
	else
		result = converter_connect(converter, intake, request);
	if (result.outcome != OUTCOME_CONNECTED)
		intake_refuse(converter, intake, &result);
	else if (request->listens)
		bind_begin(converter, intake);
}

/* A session that were its own leg would go round and round, at the cost of nobody but us. */
static struct signalling_result permit_leg(struct converter *converter, struct intake *intake,
					   const struct signalling_request *request)
{
	if (intake->in_pieces)
		return (struct signalling_result){ .outcome = OUTCOME_UNSUPPORTED_MESSAGE };
	return authorise(converter, intake, request, AUTHORISE_LEG);
}

/* A leg of a session whose request comes, as any, in the stream of all of them. */
static void request_leg(struct converter *converter, struct intake *intake, const struct signalling_request *request)
{
	struct signalling_result result = permit_leg(converter, intake, request);
	static const struct signalling_result gone = { .outcome = OUTCOME_REFUSED };
	uint8_t answer[SIGNALLING_MESSAGE_BYTES], refusal[SIGNALLING_MESSAGE_BYTES];
	struct stripes_arrival arrival = {
		.fd = intake->near_fd, .leg = request->leg, .joins = request->joins, .wide = request->wide,
		.lossy = request->lossy, .admitted = intake->ticket.admitted, .subscriber = intake->ticket.number,
		.client = intake->client, .own = intake->own, .first = { intake->inbox.kept, intake->inbox.n_kept },
	};

	if (result.outcome != OUTCOME_CONNECTED) {
		intake_refuse(converter, intake, &result);
		return;
	}
	memcpy(arrival.session, request->session, sizeof(arrival.session));
	arrival.answer = (struct bytes){ answer,
					 intake->scheme->server_answer(&intake->conversation, &result, answer) };
	arrival.refusal = (struct bytes){ refusal,
					  intake->scheme->server_answer(&intake->conversation, &gone, refusal) };
	loop_unwatch(converter->worker->loop, intake->near_fd);
	stripes_arrive(converter->worker->stripes, &arrival);
	intake_free(converter, intake);
}

void request_session(struct converter *converter, struct intake *intake, const struct signalling_request *request)
{
	struct signalling_result result;

	if (request->has_leg) {
		request_leg(converter, intake, request);
		return;
	}
	intake->destination = request->destination;
	if (request->own_port)
		intake->destination.port = intake->own.port;
	intake->wants_mptcp = request->wants_mptcp;
	intake->ticket.plain = !request->plain && mptcp_info_fell_back(intake->near_fd);
	intake->watch = request->watch;
	intake->raced = request->raced;
	intake->instead = request->instead;
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
	if (result.outcome == OUTCOME_CONNECTED && request->has_claim && !intake->ticket.source)
		result.outcome = OUTCOME_NOT_AUTHORISED;
	if (request->has_claim && intake->ticket.source)
		claim(converter, intake, request, result);
	else if (result.outcome != OUTCOME_CONNECTED)
		intake_refuse(converter, intake, &result);
	else
		begin(converter, intake, request);
}

/* Half of the places are left to those who want to connect. */
static bool may_wait(struct converter *converter)
{
	if (converter->n_waiting < converter->worker->view->conf->limits.max_half_open / 2 + 1)
		return true;
	counter_add(&converter->worker->counters.n_over_waiting, 1);
	return false;
}

/* With a subscriber's key the peer is Braid, and may be told outcomes on this connection while it stays
 * (role/converter/early.h). What is wanted of its hosts' connections it is told in any case. */
static size_t make_offer(const struct converter *converter, struct intake *intake,
			 const struct signalling_request *request, bool stays, uint8_t *out)
{
	static const struct signalling_result fine = { .outcome = OUTCOME_CONNECTED };
	uint8_t proof[TICKET_PROOF_BYTES];
	struct signalling_offer offer = {
		.kin = intake->ticket.subscriber,
		.watch = stays && intake->ticket.admitted ? take_over_name_intake(converter, intake) : 0,
		.wants_source = source_wants_hosts(&intake->ticket),
		.maps = stays && mapping_calls_offered(converter, intake),
	};

	if (intake->ticket.key) {
		ticket_prove(request->credential, intake->ticket.key, &intake->own, proof);
		offer.proof = proof;
	}
	return intake->scheme->server_offer ? intake->scheme->server_offer(&offer, out) :
	       intake->scheme->server_answer(&intake->conversation, &fine, out);
}

void request_information(struct converter *converter, struct intake *intake, const struct signalling_request *request)
{
	uint8_t offer[SIGNALLING_MESSAGE_BYTES];
	struct signalling_result result = authorise(converter, intake, request, AUTHORISE_QUESTION);
	bool stays = result.outcome == OUTCOME_CONNECTED && may_wait(converter);
	size_t n_offer = make_offer(converter, intake, request, stays, offer);

	counter_add(&converter->worker->counters.n_information, 1);
	if (result.outcome != OUTCOME_CONNECTED) {
		intake_refuse(converter, intake, &result);
	} else if (!stays) {
		intake_finish(converter, intake, offer, n_offer);
	} else if (intake_owe(intake, (struct bytes){ offer, n_offer })) {
		intake_abandon(converter, intake);
	} else {
		net_keep_alive(intake->near_fd, WAITING_KEEPALIVE_S);
		intake_leave_half_open(converter, intake);
		intake_leave_session(converter, intake);
		intake_set_state(converter, intake, INTAKE_WAITING);
		intake->takes_inbound = request->takes_inbound && intake->ticket.admitted;
		intake->hears_limits = request->hears_limits && intake->ticket.admitted;
		intake->hears_harm = request->hears_harm && intake->ticket.admitted;
		intake->hears_late = request->hears_late && intake->ticket.admitted;
		intake_say(converter, intake);
	}
}
