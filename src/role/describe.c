/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/describe.h"

#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "base/util.h"
#include "net/own_address.h"
#include "net/socket.h"
#include "policy/choose.h"

bool describe_parse_id(const char *text, struct session_name *name)
{
	char rest;

	return sscanf(text, "%" SCNu16 ":%" SCNu32 ":%" SCNu16 "%c", &name->relay, &name->place, &name->generation,
		      &rest) == 3;
}

static void format_id(struct session_name name, char out[DESCRIBE_ID_BYTES])
{
	snprintf(out, DESCRIBE_ID_BYTES, "%u:%" PRIu32 ":%u", name.relay, name.place, name.generation);
}

int describe_read(const struct session_view *session, struct mptcp_connection_info *out)
{
	return mptcp_info_read(session_multipath_fd(session), out);
}

double describe_age_s(uint64_t at_us)
{
	return (double)(loop_clock_us() - at_us) / (double)US_PER_S;
}

uint8_t describe_link_of(const struct view *view, const struct subflow_info *subflow)
{
	for (size_t i = 0; i < view->n_links; i++)
		if (address_equal_ip(&view->links[i].v4, &subflow->local) ||
		    address_equal_ip(&view->links[i].v6, &subflow->local))
			return (uint8_t)i;
	return CHOOSE_NO_LINK;
}

/* The converter does not know the gateway's links by name: there the address at the other end stands for the link. */
static const char *link_name(const struct view *view, const struct subflow_info *subflow, char text[ADDRESS_TEXT_BYTES])
{
	uint8_t link = describe_link_of(view, subflow);

	return link == CHOOSE_NO_LINK ? address_format_ip(&subflow->remote, text) : view->links[link].name;
}

/* Up is what the host sends: at the converter its leg toward the gateway receives it. */
static json_t *links_of(const struct view *view, bool at_converter, const struct mptcp_connection_info *info)
{
	json_t *links = json_array();

	for (size_t i = 0; i < info->n_subflows; i++) {
		const struct subflow_info *s = &info->subflows[i];
		uint64_t sent = s->bytes_sent - s->bytes_retransmitted, received = s->bytes_received;
		char text[ADDRESS_TEXT_BYTES];

		json_array_append_new(links, json_pack("{s:s, s:I, s:I}", "name", link_name(view, s, text),
						       "bytes_up", (json_int_t)(at_converter ? received : sent),
						       "bytes_down", (json_int_t)(at_converter ? sent : received)));
	}
	return links;
}

/* "own": this machine's own program has begun it. */
static const char *direction_of(const struct worker *worker, const struct session_view *session)
{
	if (session->inbound)
		return "in";
	return worker->view->conf->host.enabled && !session->near_mptcp && net_is_own_address(&session->source) ?
	       "own" : "out";
}

static json_t *head(const struct worker *worker, const struct session_view *session)
{
	char id[DESCRIBE_ID_BYTES], source[ADDRESS_TEXT_BYTES], destination[ADDRESS_TEXT_BYTES];

	format_id(session->name, id);
	return json_pack("{s:s, s:s, s:s, s:b, s:b, s:s, s:s, s:f, s:I, s:I, s:I, s:I}", "id", id,
			 "state", session->held ? "signalling" :
			 session->up_done || session->down_done ? "half-closed" : "relaying",
			 "direction", direction_of(worker, session), "routed", session->routed,
			 "pieces", session->in_pieces, "source", address_format(&session->source, source),
			 "destination", address_format(&session->destination, destination),
			 "age_s", describe_age_s(session->opened_at_us),
			 "up_bytes", (json_int_t)session->up_bytes, "down_bytes", (json_int_t)session->down_bytes,
			 "up_waiting_bytes", (json_int_t)session->up_waiting_bytes,
			 "down_waiting_bytes", (json_int_t)session->down_waiting_bytes);
}

/* Of the leg between the proxies; what the other end sends with, it alone knows. The legs of one in pieces have bbr,
 * or as their links want it. */
static void add_congestion(json_t *object, const struct session_view *session)
{
	char congestion[NET_CONGESTION_BYTES];

	if (!session->in_pieces && net_congestion(session_multipath_fd(session), congestion))
		json_object_set_new(object, "congestion", json_string(congestion));
}

/* Who the destination takes for the client: the converter's far leg knows. */
static void add_seen_as(json_t *object, const struct session_view *session)
{
	struct address local;
	char text[ADDRESS_TEXT_BYTES];

	if (session->near_mptcp && !net_local_address(session->far_fd, &local))
		json_object_set_new(object, "seen_as", json_string(address_format(&local, text)));
}

json_t *describe_session(const struct worker *worker, const struct session_view *session)
{
	struct mptcp_connection_info info;
	json_t *object = head(worker, session);
	int r = describe_read(session, &info);

	json_object_set_new(object, "mptcp", json_boolean(!r));
	add_congestion(object, session);
	json_object_set_new(object, "links",
			    r < 0 || session->in_pieces ? json_array() :
			    links_of(worker->view, session->near_mptcp, &info));
	return object;
}

json_t *describe_leg_links(const struct worker *worker, const struct stripes_legs *legs)
{
	return links_of(worker->view, !legs->client, legs->info);
}

static const char *tcp_state_name(uint8_t state)
{
	static const char *const names[] = {
		[TCP_ESTABLISHED] = "established", [TCP_SYN_SENT] = "connecting", [TCP_SYN_RECV] = "connecting",
		[TCP_FIN_WAIT1] = "closing", [TCP_FIN_WAIT2] = "closing", [TCP_TIME_WAIT] = "closing",
		[TCP_CLOSE] = "closed", [TCP_CLOSE_WAIT] = "closing", [TCP_LAST_ACK] = "closing",
		[TCP_LISTEN] = "listening", [TCP_CLOSING] = "closing",
	};

	return state < ARRAY_SIZE(names) && names[state] ? names[state] : "unknown";
}

static json_t *subflow_json(const struct worker *worker, const struct subflow_info *s)
{
	const struct view *view = worker->view;
	char link[ADDRESS_TEXT_BYTES], local[ADDRESS_TEXT_BYTES], remote[ADDRESS_TEXT_BYTES], error[64] = "";
	uint8_t number = describe_link_of(view, s);
	json_t *object;

	if (s->n_unanswered)
		snprintf(error, sizeof(error), "%u retransmissions without an answer", s->n_unanswered);
	object = json_pack("{s:s, s:s, s:s, s:s, s:f, s:I, s:I, s:I, s:s}", "link", link_name(view, s, link),
			   "state", tcp_state_name(s->tcp_state),
			   "local", address_format(&s->local, local), "remote", address_format(&s->remote, remote),
			   "rtt_ms", (double)s->rtt_us / (double)US_PER_MS, "bytes_sent", (json_int_t)s->bytes_sent,
			   "bytes_received", (json_int_t)s->bytes_received,
			   "retransmitted_bytes", (json_int_t)s->bytes_retransmitted,
			   "last_error", error);
	if (number != CHOOSE_NO_LINK)   /* elsewhere it isn't known: the peer decides it, and the socket doesn't tell */
		json_object_set_new(object, "backup",
				    json_boolean(shared_is_spare(worker->shared, worker->view, number)));
	return object;
}

static bool has_subflow(const struct view *view, const struct mptcp_connection_info *info, uint8_t link)
{
	for (size_t i = 0; i < info->n_subflows; i++)
		if (describe_link_of(view, &info->subflows[i]) == link)
			return true;
	return false;
}

/* Which links carry nothing of it, and why: of one that is up as it is said. */
static void tell_missing(const struct worker *worker, const struct mptcp_connection_info *info,
			 const char *(*why)(const struct worker *worker, uint8_t link), char *out, size_t n_out)
{
	const struct view *view = worker->view;
	size_t at = strlen(out);

	for (uint8_t i = 0; i < view->n_links && at < n_out; i++)
		if (!has_subflow(view, info, i))
			at += (size_t)snprintf(out + at, n_out - at, "; none over %s: %s", view->links[i].name,
					       view->links[i].up ? why(worker, i) : "the link is down");
}

static const char *why_no_subflow(const struct worker *worker, uint8_t link)
{
	return "no subflow came about, or it died";
}

/* Unlike a subflow, it isn't begun before it is wanted. */
static const char *why_no_leg(const struct worker *worker, uint8_t link)
{
	return shared_is_spare(worker->shared, worker->view, link) ?
	       "it is kept for when the others fail, or are full" : "no leg came about, or it died";
}

static void tell_plain(const struct worker *worker, const struct session_view *session, char *out, size_t n_out)
{
	bool known = session->link < worker->view->n_links;
	const char *link = known ? worker->view->links[session->link].name : "one path";
	bool strips = known && __atomic_load_n(&worker->shared->links[session->link].strips_mptcp_until_us,
					       __ATOMIC_RELAXED);

	if (session->in_pieces) {
		snprintf(out, n_out, "in pieces over a plain TCP connection a link (braid.conf(5), gateway.pieces): "
				     "links are of low rate, lossy, or far apart");
		return;
	}
	if (!known && !session->near_mptcp && !session->far_mptcp) {
		snprintf(out, n_out, "plain TCP to the destination itself: a rule of [policy] bypasses the server's "
				     "name, or it came to host.socks and is not for the converter");
		return;
	}
	if (session->routed && session->far_mptcp) {
		snprintf(out, n_out, "plain TCP over %s alone: no converter stands on its way and has taken it, and "
				     "the destination has no Multipath TCP; or something on the way takes its "
				     "options away", link);
		return;
	}
	snprintf(out, n_out, "plain TCP over %s alone: %s", link,
		 strips ? "an answer had no Multipath TCP options; something on this link takes them away, or the "
			  "converter has Multipath TCP switched off" :
		 !session->near_mptcp && !session->far_mptcp ? "a rule of [policy] keeps it there" :
		 "the peer has no Multipath TCP, or the connection had to give it up under way");
}

static void tell_multipath(const struct session_view *session, const struct mptcp_connection_info *info, char *out,
			   size_t n_out)
{
	char congestion[NET_CONGESTION_BYTES];
	bool known = net_congestion(session_multipath_fd(session), congestion);

	snprintf(out, n_out, "Multipath TCP with %zu subflow%s%s%s", info->n_subflows, info->n_subflows == 1 ? "" : "s",
		 known ? ", sending with " : "", congestion);
}

json_t *describe_why(const struct worker *worker, const struct session_view *session)
{
	struct mptcp_connection_info info;
	json_t *object = head(worker, session), *subflows = json_array();
	int r = describe_read(session, &info);
	char verdict[512];

	if (r < 0)
		snprintf(verdict, sizeof(verdict), "the kernel does not tell: %s", strerror(-r));
	else if (r)
		tell_plain(worker, session, verdict, sizeof(verdict));
	else
		tell_multipath(session, &info, verdict, sizeof(verdict));
	if (!r)
		tell_missing(worker, &info, why_no_subflow, verdict, sizeof(verdict));
	for (size_t i = 0; r >= 0 && !session->in_pieces && i < info.n_subflows; i++)
		json_array_append_new(subflows, subflow_json(worker, &info.subflows[i]));
	json_object_set_new(object, "mptcp", json_boolean(!r));
	add_congestion(object, session);
	add_seen_as(object, session);
	json_object_set_new(object, "verdict", json_string(verdict));
	json_object_set_new(object, "subflows", subflows);
	return object;
}

json_t *describe_legs(const struct worker *worker, const struct stripes_legs *legs)
{
	json_t *subflows = json_array();
	char missing[512] = "";

	for (size_t i = 0; i < legs->info->n_subflows; i++) {
		json_t *leg = subflow_json(worker, &legs->info->subflows[i]);
		char congestion[NET_CONGESTION_BYTES];

		if (net_congestion(legs->fds[i], congestion))
			json_object_set_new(leg, "congestion", json_string(congestion));
		json_array_append_new(subflows, leg);
	}
	tell_missing(worker, legs->info, why_no_leg, missing, sizeof(missing));
	return json_pack("{s:o, s:s}", "subflows", subflows, "missing", missing);
}

void describe_add_legs(json_t *why, json_t *legs)
{
	json_object_set(why, "subflows", json_object_get(legs, "subflows"));
	json_object_set_new(why, "verdict",
			    json_sprintf("%s%s", json_string_value(json_object_get(why, "verdict")),
					 json_string_value(json_object_get(legs, "missing"))));
}
