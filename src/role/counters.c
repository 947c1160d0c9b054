/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/counters.h"

#include <assert.h>
#include <stdlib.h>
#include "base/util.h"
#include "metrics/metrics.h"
#include "relay/relay.h"
#include "role/worker.h"

#define ROLE(kind, field, name, help) { METRIC_##kind, name, help, offsetof(struct role_counters, field) }
#define OUTCOME(outcome, name, help) ROLE(COUNTER, n_outcomes[outcome], name, help)
#define RELAY(kind, field, name, help) { METRIC_##kind, name, help, offsetof(struct relay_counters, field) }

static const struct metric role_metrics[] = {
	ROLE(COUNTER, n_accepted, "accepted", "connections taken from listeners"),
	ROLE(COUNTER, n_accept_paused, "accept_paused", "pauses of a listener, for want of descriptors or memory"),
	ROLE(COUNTER, n_full, "full", "times a gateway let connections pass, being at a limit"),
	ROLE(COUNTER, n_late, "late",
	     "times that a worker was so late that new connections were to go the ordinary way"),
	ROLE(COUNTER, n_late_told, "late_told", "times that a gateway was told so, at a converter"),
	ROLE(COUNTER, n_over_half_open, "over_half_open", "connections turned away by limits.max_half_open"),
	ROLE(COUNTER, n_over_sessions, "over_sessions", "connections turned away by limits.max_sessions"),
	ROLE(COUNTER, n_over_subscriber, "over_subscriber", "connections turned away by a limit of their subscriber's"),
	ROLE(COUNTER, n_over_waiting, "over_waiting", "gateways' watches not kept, there being too many"),
	ROLE(COUNTER, n_intakes_full, "intakes_full", "peers reset, every place being taken"),
	ROLE(COUNTER, n_endings_cut, "endings_cut", "peers turned away whose place was needed before they had closed"),
	ROLE(COUNTER, n_host_gave_up, "host_gave_up", "reset by the near end before the far end was reached"),
	ROLE(COUNTER, n_held, "held", "first packets of hosts that waited for their destination's answer"),
	ROLE(COUNTER, n_held_passed, "held_passed", "of these, that went the ordinary way"),
	ROLE(COUNTER, n_held_refused, "held_refused",
	     "of these, that were answered as the destination had answered: refused, unreachable, silence"),
	ROLE(COUNTER, n_early_used, "early_used",
	     "of these, that were answered by what the converter told on the watch"),
	ROLE(COUNTER, n_held_late, "held_late",
	     "first packets of hosts, dropped as they had waited while the rules let others pass: their hosts send "
	     "them again"),
	ROLE(COUNTER, n_unlearnt, "unlearnt",
	     "connections accepted early that failed: their destinations are asked again"),
	ROLE(COUNTER, n_socks, "socks", "requests of programs at host.socks"),
	ROLE(COUNTER, n_looked_at, "looked_at",
	     "connections accepted to look for the server's name in their first bytes"),
	ROLE(COUNTER, n_direct, "direct",
	     "connections bypassed by that name, or asked for at host.socks: their destination was connected to from "
	     "here"),
	ROLE(COUNTER, n_direct_failed, "direct_failed", "of these, without success"),
	ROLE(COUNTER, n_attempts, "attempts", "connections begun toward the converter"),
	ROLE(COUNTER, n_attempts_failed, "attempts_failed", "of these, without success"),
	ROLE(COUNTER, n_second_attempts, "second_attempts", "begun because a link did not answer in time"),
	ROLE(COUNTER, n_moved, "moved",
	     "connections that went to another converter on their way, as the first gave no answer"),
	ROLE(COUNTER, n_raced, "raced", "connections begun over two links at once"),
	ROLE(COUNTER, n_raced_away, "raced_away", "connections reset, another one of the same race having come first"),
	ROLE(COUNTER, n_no_answer, "no_answer", "sessions given up, the converter not answering on any link"),
	ROLE(COUNTER, n_stranded, "stranded", "sessions reset, no subflow being left of them"),
	ROLE(COUNTER, n_probes, "probes",
	     "small exchanges with the converter, to find out how a link is; each costs at most 300 bytes"),
	ROLE(COUNTER, n_probes_answered, "probes_answered", "of these, with an answer"),
	ROLE(COUNTER, n_to_bbr, "to_bbr",
	     "bulk transfers over links that lose packets at random, or legs of those in pieces, changed to bbr"),
	ROLE(COUNTER, n_to_cubic, "to_cubic", "of these, changed back to cubic"),
	ROLE(COUNTER, n_paced, "paced",
	     "times that bulk transfers, or legs, were made to send packets one by one, as a short queue dropped some"),
	ROLE(COUNTER, n_overshoots, "overshoots",
	     "times that legs with bbr sent far more than their link carries, and were bound to that for a while"),
	ROLE(COUNTER, n_syn_data_sent, "syn_data_sent",
	     "attempts, and legs of sessions in pieces, whose first packet held something to say"),
	ROLE(COUNTER, n_syn_data_lost, "syn_data_lost", "of these, where it did not arrive with that packet"),
	ROLE(COUNTER, n_fell_back, "fell_back", "attempts that came out as plain TCP"),
	ROLE(COUNTER, n_fell_back_late, "fell_back_late",
	     "attempts that did so after they had begun, and were given up"),
	ROLE(COUNTER, n_fell_back_again, "fell_back_again",
	     "connections begun again with nothing in the first packet, an attempt having come out as plain TCP or "
	     "been reset"),
	ROLE(COUNTER, n_plain_refused, "plain_refused",
	     "connections reset that were plain TCP without the gateway's knowing, before anything was served"),
	ROLE(COUNTER, n_mapping_requests, "mapping_requests", "requests of subscribers' hosts for mappings"),
	ROLE(COUNTER, n_mapping_answers, "mapping_answers",
	     "answers to them; the others were too many, or went with their watch"),
	ROLE(COUNTER, n_spoilt, "spoilt",
	     "times that a slow link kept a better one waiting, so that all together carried less"),
	ROLE(COUNTER, n_spoilt_told, "spoilt_told", "times that a gateway was told so of what is sent to it"),
	ROLE(COUNTER, n_limits_told, "limits_told",
	     "times that a gateway was told that the links limit what is sent to it"),
	ROLE(COUNTER, n_early_told, "early_told",
	     "outcomes told to gateways on their watches, ahead of the connection's own answer"),
	ROLE(COUNTER, n_taken_over, "taken_over", "second attempts that went on where the first one was lost"),
	ROLE(COUNTER, n_striped, "striped",
	     "sessions in pieces over several plain connections, links being of low rate, losing packets, or far "
	     "apart"),
	ROLE(COUNTER, n_legs, "legs", "such connections of theirs"),
	ROLE(COUNTER, n_legs_lost, "legs_lost", "of these, and of those that came to nothing, that failed"),
	ROLE(COUNTER, n_pieces_again, "pieces_again", "pieces sent once more over another one"),
	ROLE(COUNTER, n_slow_senders, "slow_senders", "requests that did not arrive in time"),
	ROLE(COUNTER, n_tickets_missing, "tickets_missing", "clients turned away that showed none"),
	ROLE(COUNTER, n_tickets_malformed, "tickets_malformed", "cookies that are no ticket"),
	ROLE(COUNTER, n_tickets_unknown, "tickets_unknown", "tickets of keys that no subscriber has"),
	ROLE(COUNTER, n_tickets_forged, "tickets_forged",
	     "tickets not made with the subscriber's key, or for another destination"),
	ROLE(COUNTER, n_tickets_stale, "tickets_stale", "tickets of another time: compare the clocks"),
	ROLE(COUNTER, n_tickets_replayed, "tickets_replayed", "tickets used a second time"),
	ROLE(COUNTER, n_tickets_not_remembered, "tickets_not_remembered",
	     "good tickets refused, converter.ticket_memory being full"),
	ROLE(COUNTER, n_logins_wrong, "logins_wrong", "user names and passwords that are no subscriber's"),
	ROLE(COUNTER, n_names_asked, "names_asked", "destinations asked for by name"),
	ROLE(COUNTER, n_names_unknown, "names_unknown", "of these, of which no address could be found"),
	ROLE(COUNTER, n_over_share, "over_share",
	     "names, ports to wait on and sessions in pieces refused, their client having its share of them"),
	ROLE(COUNTER, n_binds, "binds", "ports listened on for a client (BIND)"),
	ROLE(COUNTER, n_binds_expired, "binds_expired", "of these, where nobody came in time"),
	ROLE(COUNTER, n_binds_wrong, "binds_wrong",
	     "connections to them reset, being of somebody else than was waited for"),
	ROLE(COUNTER, n_destination_denied, "destinations_denied", "private or own addresses, or port 0, asked for"),
	ROLE(COUNTER, n_sources_denied, "sources_denied",
	     "connections left to the ordinary way: their host's address is not of its subscriber's prefix, is this "
	     "machine's, or was not told"),
	ROLE(COUNTER, n_no_source_port, "no_source_port",
	     "refused: no port of the source address was left toward the destination (error 64)"),
	ROLE(COUNTER, n_no_source_address, "no_source_address",
	     "failed: the address of converter.pool is not this machine's (error 65)"),
	ROLE(COUNTER, n_inbound, "inbound", "remote hosts' connections that waited for a gateway to claim them"),
	ROLE(COUNTER, n_inbound_told, "inbound_told", "of these, told to a gateway"),
	ROLE(COUNTER, n_inbound_claimed, "inbound_claimed", "of these, that became sessions"),
	ROLE(COUNTER, n_inbound_refused, "inbound_refused", "of these, reset because the host could not be had"),
	ROLE(COUNTER, n_inbound_expired, "inbound_expired", "of these, reset because nobody claimed them in time"),
	ROLE(COUNTER, n_inbound_gave_up, "inbound_gave_up", "of these, reset by the remote host before"),
	ROLE(COUNTER, n_inbound_no_gateway, "inbound_no_gateway",
	     "remote hosts' connections reset because no gateway was there"),
	ROLE(COUNTER, n_inbound_over_limit, "inbound_over_limit",
	     "remote hosts' connections reset by a limit of their forward or its subscriber"),
	ROLE(COUNTER, n_inbound_filtered, "inbound_filtered",
	     "remote hosts' connections reset because no filter of the mapping lets them in"),
	ROLE(COUNTER, n_claims_wrong, "claims_wrong",
	     "claims of what is not there, not the claimer's, or claimed or gone before"),
	ROLE(COUNTER, n_reached, "reached", "hosts connected to for remote hosts"),
	ROLE(COUNTER, n_reach_failed, "reach_failed", "of these, without success"),
	ROLE(COUNTER, n_intercepted, "intercepted", "Multipath TCP connections taken on their way to their servers"),
	ROLE(COUNTER, n_intercepted_plain, "intercepted_plain", "of these, that came out as plain TCP"),
	ROLE(COUNTER, n_routed, "routed",
	     "connections begun to their destinations themselves, for a converter on their way to take"),
	ROLE(COUNTER, n_routed_plain, "routed_plain",
	     "of these, that came out as plain TCP: no converter took them, or something took the options away"),
	ROLE(COUNTER, n_routed_failed, "routed_failed", "of these, without success"),
	ROLE(COUNTER, n_information, "information", "peers that asked what we can do"),
	OUTCOME(OUTCOME_CONNECTED, "outcome_connected", "sessions that came about"),
	OUTCOME(OUTCOME_BAD_VERSION, "outcome_bad_version", "refused: another version of the protocol (error 0)"),
	OUTCOME(OUTCOME_MALFORMED, "outcome_malformed", "refused: no well-formed message (error 1)"),
	OUTCOME(OUTCOME_UNSUPPORTED_MESSAGE, "outcome_unsupported_message",
		"refused: a message that makes no sense here (error 2)"),
	OUTCOME(OUTCOME_MISSING_CREDENTIAL, "outcome_missing_cookie", "refused: a ticket was missing (error 32)"),
	OUTCOME(OUTCOME_NOT_AUTHORISED, "outcome_not_authorised", "refused: not authorised (error 32)"),
	OUTCOME(OUTCOME_BYPASSED, "outcome_bypassed",
		"left to the ordinary way by the converter: its [policy] or allow_destination, or an attempt that came "
		"and went (error 32, value 1)"),
	OUTCOME(OUTCOME_UNSUPPORTED_OPTION, "outcome_unsupported_option",
		"refused: a TCP option that cannot be had (error 33)"),
	OUTCOME(OUTCOME_OVER_LIMIT, "outcome_over_limit", "refused: over a limit (error 64)"),
	OUTCOME(OUTCOME_NETWORK_FAILURE, "outcome_network_failure", "failed: the converter's own network (error 65)"),
	OUTCOME(OUTCOME_REFUSED, "outcome_refused", "failed: reset by the destination (error 96)"),
	OUTCOME(OUTCOME_UNREACHABLE, "outcome_unreachable", "failed: no way to the destination (error 97)"),
	OUTCOME(OUTCOME_TIMED_OUT, "outcome_timed_out", "failed: the destination did not answer (error 97)"),
};

static const struct metric relay_metrics[] = {
	RELAY(GAUGE, n_sessions, "sessions", "sessions relayed now"),
	RELAY(COUNTER, n_opened, "sessions_opened", "sessions that were ever relayed"),
	RELAY(COUNTER, n_orderly, "sessions_orderly", "of these, ended in order both ways"),
	RELAY(COUNTER, n_reset, "sessions_reset", "ended by a reset or failure of a leg"),
	RELAY(COUNTER, n_broken, "sessions_broken",
	      "of these, whose Multipath TCP had become plain TCP amid their bytes, something on the way altering what "
	      "passes"),
	RELAY(COUNTER, n_closed, "sessions_closed", "ended by us"),
	RELAY(COUNTER, n_refused_full, "sessions_refused", "not opened, the table being full"),
	RELAY(COUNTER, up_bytes, "up_bytes", "payload relayed from hosts"),
	RELAY(COUNTER, down_bytes, "down_bytes", "payload relayed to hosts"),
	RELAY(COUNTER, n_steps, "steps", "times that a session was worked on"),
	RELAY(COUNTER, n_nudges, "nudges", "sendings that stood still for want of a DATA_ACK, and were pushed on"),
	RELAY(COUNTER, n_rescued, "rescued", "writes that went on by the timer, no event having come"),
	RELAY(COUNTER, n_pipes_made, "pipes_made", "pipes opened for bulk transfers"),
	RELAY(GAUGE, n_pipes_open, "pipes_open", "pipes that are open"),
	RELAY(GAUGE, n_pipes_lent, "pipes_lent", "of these, in use"),
	RELAY(GAUGE, n_held_bytes, "held_bytes", "read and waiting for a slow reader"),
};

static_assert(ARRAY_SIZE(role_metrics) == sizeof(struct role_counters) / sizeof(uint64_t), "a row for each counter");
static_assert(ARRAY_SIZE(relay_metrics) == sizeof(struct relay_counters) / sizeof(uint64_t), "a row for each counter");

json_t *counters_json(struct worker *const *workers, size_t n_workers)
{
	_cleanup_(freep) const void **role = calloc(n_workers, sizeof(*role)),
		**relay = calloc(n_workers, sizeof(*relay));
	json_t *array = json_array();

	for (size_t i = 0; role && relay && i < n_workers; i++) {
		role[i] = &workers[i]->counters;
		relay[i] = relay_counters(workers[i]->relay);
	}
	if (role && relay && array &&
	    !metrics_append(array, relay_metrics, ARRAY_SIZE(relay_metrics), relay, n_workers) &&
	    !metrics_append(array, role_metrics, ARRAY_SIZE(role_metrics), role, n_workers))
		return array;
	json_decref(array);
	return NULL;
}
