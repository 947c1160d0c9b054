/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What one worker counts of connections being set up; what it relays is counted by the relay. Written by the worker
 * alone (base/counter.h), read by the control thread. Their names and texts stand in role/counters.c. */
#ifndef BRAID_ROLE_COUNTERS_H
#define BRAID_ROLE_COUNTERS_H

#include <jansson.h>
#include <stdint.h>
#include "signalling/scheme.h"

struct role_counters {
	uint64_t n_accepted;
	uint64_t n_accept_paused;             /* short of descriptors or memory */
	uint64_t n_over_half_open, n_over_sessions, n_over_subscriber;   /* turned away by a limit */
	uint64_t n_over_waiting;              /* converter: watches of gateways that it had no place for */
	uint64_t n_intakes_full, n_endings_cut;   /* converter: no place was left for a peer, or one was taken from a
						   * peer that was turned away */
	uint64_t n_full;                      /* gateway: at a limit, lets new connections pass for a while */
	uint64_t n_late, n_late_told;         /* the same as it is late (the main thread's); converter: gateways were
					       * told that it is */
	uint64_t n_held, n_held_passed, n_held_refused, n_held_late;   /* gateway: first packets of hosts, and what
								        * became of them */
	uint64_t n_unlearnt;                  /* gateway: destinations that are no longer known to accept */
	uint64_t n_host_gave_up;              /* the near leg was reset while the far one was being set up */
	uint64_t n_socks;                     /* host: requests of programs, by SOCKS */
	uint64_t n_looked_at, n_direct, n_direct_failed;   /* gateway: for the server's name; and connected to by
							    * ourselves */
	uint64_t n_attempts, n_attempts_failed, n_second_attempts, n_moved, n_raced, n_raced_away;
	uint64_t n_syn_data_sent, n_syn_data_lost, n_fell_back, n_fell_back_late, n_fell_back_again, n_plain_refused;
	uint64_t n_to_bbr, n_to_cubic;        /* sessions, and legs of those in pieces, whose congestion control was
					       * changed, */
	uint64_t n_paced;                     /* or was made to send packets apart from each other */
	uint64_t n_overshoots;                /* times that legs with bbr were bound to what their link delivers */
	uint64_t n_stranded;                  /* sessions that had lost their last subflow, and were reset */
	uint64_t n_no_answer;                 /* the converter did not answer in time, on any link */
	uint64_t n_outcomes[OUTCOME_N];       /* what the converter said, or what we said as the converter */
	uint64_t n_early_told, n_early_used;  /* outcomes told on a watch before the connection's own answer */
	uint64_t n_probes, n_probes_answered; /* gateway, of links: the main thread's, in the first worker's counters */
	uint64_t n_limits_told;               /* converter: that the links limit downloads */
	uint64_t n_spoilt, n_spoilt_told;     /* a slow link kept a better one waiting; converter: its gateway was
					       * told */
	uint64_t n_mapping_requests, n_mapping_answers;   /* of subscribers' hosts, on watches */
	uint64_t n_striped, n_legs, n_legs_lost, n_pieces_again;   /* role/stripe/stripes.h */
	uint64_t n_taken_over;                /* second attempts that took the place of the first */
	uint64_t n_slow_senders;              /* a Convert message did not arrive in time */
	/* Converter: clients turned away, by what was wrong with their ticket. */
	uint64_t n_tickets_missing, n_tickets_malformed, n_tickets_unknown, n_tickets_forged, n_tickets_stale,
		n_tickets_replayed;
	uint64_t n_tickets_not_remembered;
	uint64_t n_logins_wrong;              /* users and passwords */
	uint64_t n_names_asked, n_names_unknown;   /* destinations given by name */
	uint64_t n_over_share;                /* names and ports to wait on: role/converter/fair.h; sessions in
					       * pieces: role/stripe/stripes.c */
	uint64_t n_binds, n_binds_expired, n_binds_wrong;   /* converter: BIND */
	uint64_t n_destination_denied;
	uint64_t n_sources_denied, n_no_source_port, n_no_source_address;   /* converter: role/converter/source.h */
	uint64_t n_inbound, n_inbound_told, n_inbound_claimed, n_inbound_refused, n_inbound_expired,
		n_inbound_gave_up;            /* converter: remote hosts' connections */
	uint64_t n_inbound_no_gateway, n_inbound_over_limit, n_inbound_filtered, n_claims_wrong;
	uint64_t n_reached, n_reach_failed;   /* gateway: hosts connected to for them */
	uint64_t n_intercepted, n_intercepted_plain;   /* converter: connections taken on their way */
	uint64_t n_routed, n_routed_plain, n_routed_failed;   /* gateway: connections begun to their destinations
							       * themselves */
	uint64_t n_information;               /* peers that asked what we can do, and nothing more */
};

struct worker;

/* All counters, summed over the workers: a new array as of metrics/metrics.h. NULL without memory. From any thread. */
json_t *counters_json(struct worker *const *workers, size_t n_workers);

#endif
