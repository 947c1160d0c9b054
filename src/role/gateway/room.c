/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/gateway/room.h"

#include "base/counter.h"
#include "role/gateway/gateway.h"
#include "role/gateway/setup.h"

#define ROOM_SHARE 16                   /* a 16th of the places is to be free before connections are taken again */

static bool has_room(const struct gateway *gateway, uint32_t share)
{
	const struct conf *conf = gateway->worker->view->conf;
	const struct shared *shared = gateway->worker->shared;
	uint64_t n_sessions = __atomic_load_n(&shared->n_sessions, __ATOMIC_RELAXED);
	uint64_t n_half_open = __atomic_load_n(&shared->n_half_open, __ATOMIC_RELAXED);

	return n_sessions + conf->limits.max_sessions / share < conf->limits.max_sessions &&
	       n_half_open + conf->limits.max_half_open / share < conf->limits.max_half_open;
}

int room_look_later(struct gateway *gateway, uint64_t after_us)
{
	struct loop *loop = gateway->worker->loop;

	return loop_timer_at(loop, loop_now_us(loop) + after_us,
			     (struct loop_ref){ .handler = gateway->handler, .part = SETUP_ROOM });
}

/* The listeners are to be there again, or to go. */
void room_look(struct gateway *gateway)
{
	char reason[256], left_out[64];

	if (has_room(gateway, ROOM_SHARE) || room_look_later(gateway, ROOM_LOOK_US))
		gateway->full = false;
	if (gateway_apply(gateway, reason, sizeof(reason)) &&
	    worker_may_log(gateway->worker, WORKER_LOG_SHORT, left_out, sizeof(left_out)))
		log_error("%s%s", reason, left_out);
}

/* Not at once: a listener that is just being read from can't be closed. */
static bool close_soon(struct gateway *gateway)
{
	if (!gateway->full)
		gateway->full = !room_look_later(gateway, 0);
	return gateway->full;
}

static void hear_full(void *arg)
{
	close_soon(((struct worker *)arg)->gateway);
}

/* The limits are everybody's: a host whose SYN comes to another worker's listener would be accepted there only to be
 * reset. A worker that can't be told finds out like that. All have begun before any of them listens; where one is
 * gone, all are ending. */
static void tell_others(const struct worker *worker)
{
	for (unsigned int i = 0; i < worker->n_peers; i++)
		if (i != worker->number && worker->peers[i] && !worker->peers[i]->halted)
			loop_post(worker->peers[i]->loop, hear_full, worker->peers[i]);
}

void room_note(struct gateway *gateway)
{
	char left_out[64];

	if (gateway->full || has_room(gateway, UINT32_MAX))
		return;
	if (close_soon(gateway))
		tell_others(gateway->worker);
	counter_add(&gateway->worker->counters.n_full, 1);
	if (worker_may_log(gateway->worker, WORKER_LOG_LIMIT, left_out, sizeof(left_out)))
		log_warning("limits.max_sessions or limits.max_half_open is reached: new connections go the ordinary "
			    "way, those that run go on%s", left_out);
}

bool room_is_shut(const struct gateway *gateway)
{
	return gateway->full || unheard_rests(&gateway->unheard, loop_now_us(gateway->worker->loop));
}

static void log_unheard(const struct gateway *gateway)
{
	uint32_t mark = gateway->worker->view->conf->gateway.fwmark;

	log_warning("a firewall of this machine seems to turn away hosts' connections that are caught: let it accept "
		    "what has the mark 0x%x on its way in (nft: meta mark 0x%x accept, in the input chain); new "
		    "connections go the ordinary way for %u s", mark, mark,
		    (unsigned int)(gateway->unheard.rest_us / US_PER_S));
}

/* Who can't be told when to take them again goes on taking them. */
static void rest(struct gateway *gateway)
{
	struct shared *shared = gateway->worker->shared;

	if (room_look_later(gateway, gateway->unheard.rest_us) || room_look_later(gateway, 0)) {
		unheard_arrived(&gateway->unheard);
		return;
	}
	if (!__atomic_exchange_n(&shared->unheard, true, __ATOMIC_RELAXED) ||
	    gateway->unheard.rest_us > UNHEARD_REST_US)
		log_unheard(gateway);
}

bool room_note_caught(struct gateway *gateway)
{
	uint64_t now_us = loop_now_us(gateway->worker->loop);

	if (__atomic_load_n(&gateway->worker->shared->heard, __ATOMIC_RELAXED))
		unheard_arrived(&gateway->unheard);
	if (unheard_caught(&gateway->unheard, now_us))
		rest(gateway);
	return !unheard_rests(&gateway->unheard, now_us);
}

void room_note_arrived(struct gateway *gateway)
{
	if (!unheard_arrived(&gateway->unheard))
		return;
	__atomic_store_n(&gateway->worker->shared->heard, true, __ATOMIC_RELAXED);
	__atomic_store_n(&gateway->worker->shared->unheard, false, __ATOMIC_RELAXED);
}
