/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One thread with everything a connection needs on its way: loop, listeners, set-up of connections, relay, counters.
 * Workers share nothing on the data path. The main thread speaks to a worker by loop_post() alone.
 */
#ifndef BRAID_ROLE_WORKER_H
#define BRAID_ROLE_WORKER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include "loop/loop.h"
#include "net/own_address.h"
#include "policy/census.h"
#include "policy/health.h"
#include "relay/relay.h"
#include "role/counters.h"
#include "role/log.h"
#include "role/shared.h"

struct census_taker;
struct gateway;
struct converter;
struct inbound;
struct loss_watch;
struct stranded;
struct stripes;

enum worker_log { WORKER_LOG_SHORT, WORKER_LOG_LIMIT, WORKER_LOG_DENIED, WORKER_LOG_LINK, WORKER_LOG_SUBSCRIBER,
		  WORKER_LOG_SOURCE, WORKER_LOG_INBOUND, WORKER_LOG_N };

struct worker {
	unsigned int number;
	pthread_t thread;
	bool started;
	bool halted;                   /* nothing is to be posted to it any more; set when no thread but the main one
				        * runs */
	struct loop *loop;
	struct relay *relay;
	struct shared *shared;         /* borrowed */
	struct worker *const *peers;   /* all workers, by their numbers; borrowed. Behind the n_peers that
				        * connections come to stand those for bulk, one for each of them and begun
				        * before it. One that is still to start has not done anything that could name
				        * it */
	unsigned int n_peers;          /* that connections come to */
	struct view *view;             /* a reference */
	struct gateway *gateway;       /* both always there; without the section they have no listeners */
	struct converter *converter;
	struct inbound *inbound;
	struct stranded *stranded;
	struct stripes *stripes;
	struct loss_watch *loss_watch;
	struct own_address_probe own_addresses;
	struct role_counters counters;
	struct census_taker *census_taker;
	struct census census[CONF_LINKS];      /* of a gateway's sessions: atomics, as all of role/links/census.h
					        * here. As they were found at the last look, */
	struct census counted[CONF_LINKS];     /* and when somebody asked last */
	uint64_t n_asked, n_counted;           /* the main thread's; the last one that was answered */
	struct health_seen seen[CONF_LINKS];   /* atomics; role/links/figures.h */
	uint64_t longest_wait_us;      /* atomic: of a connection for us to accept it, since the main thread has
				        * looked (role/pulse.h), which sets it back */
	bool late_posted;              /* atomic: it is to tell gateways that we are late, and hasn't come to it
				        * (role/converter/late.h) */
	struct log_limit log_limits[WORKER_LOG_N];
	uint8_t *scratch;              /* WORKER_SCRATCH_BYTES, for whoever runs */
};

#define WORKER_SCRATCH_BYTES 8192

struct workers_options {
	unsigned int n_peers;          /* that connections come to: they have listeners; behind them, in the array,
				        * come as many for bulk, which have none */
	struct shared *shared;         /* borrowed */
	struct view *view;             /* references are taken */
};

/* Fills workers, 2 * n_peers of them, opens the listeners and starts the threads. 0, or a negative errno with the
 * reason in one line: none runs then. */
int workers_start(const struct workers_options *options, struct worker **workers, char *reason, size_t n_reason);
/* Ends all threads, hands over what they still had for each other, and ends all of their sessions. What isn't there
 * (NULL) is passed over. */
void workers_stop(struct worker **workers, size_t n_workers);

/* From any thread: fn has a copy of the note in that worker's thread, malloc'd, fn's to free. False: there was no
 * memory, or it takes nothing any more (NULL: it is gone). */
bool worker_post(struct worker *to, void (*fn)(void *note), const void *note, size_t n_bytes);

/* In the worker's thread: from here on it has this view (a reference is taken), and listens as the view says. */
void worker_take_view(struct worker *worker, struct view *view);

/* In the worker's thread. Whether the event may be logged now; then *left_out is a text like " (7 more since the
 * last such line)". */
bool worker_may_log(struct worker *worker, enum worker_log which, char *left_out, size_t n_left_out);

/* Takes a place under the limit of sessions being set up; counted and logged when there is none. */
bool worker_take_half_open(struct worker *worker);
/* The same for sessions; the relay's on_end gives it back. */
bool worker_take_session(struct worker *worker);

#endif
