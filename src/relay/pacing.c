/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/pacing.h"

#include <errno.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/counter.h"
#include "base/util.h"
#include "policy/bucket.h"

int pacing_join(struct relay *relay, struct relay_account *account)
{
	struct relay_account **more;

	if (!account || account->place)
		return 0;
	more = reallocarray(relay->accounts, relay->n_accounts + 1, sizeof(struct relay_account *));
	if (!more)
		return -ENOMEM;
	relay->accounts = more;
	more[relay->n_accounts++] = account;
	account->place = relay->n_accounts;
	for (unsigned int way = 0; way < RELAY_N_WAYS; way++)
		account->lanes[way] = (struct relay_lane){ SLAB_NONE, SLAB_NONE, CLOCK_NEVER_US };
	return 0;
}

static uint64_t load(const uint64_t *value)
{
	return __atomic_load_n(value, __ATOMIC_RELAXED);
}

size_t pacing_most_bytes(const struct relay *relay, const struct session *s, enum relay_way way, size_t stride_bytes)
{
	const struct relay_pace *pace = s->account ? &s->account->paces[way] : NULL;
	uint64_t per_s = pace ? load(&pace->per_s) : 0, quantum_bytes;
	struct bucket_limit limit;

	if (!per_s)
		return stride_bytes;
	limit = bucket_of_bytes(per_s);
	quantum_bytes = bucket_quantum_bytes(per_s);
	if (bucket_level(load(&pace->full_at_ns), &limit, loop_now_us(relay->loop)) < quantum_bytes)
		return 0;
	return size_min(stride_bytes, quantum_bytes);
}

/* Several workers may have seen the same level: each takes what it has read, and what is below empty is filled up
 * first. */
static void take(struct relay_pace *pace, uint64_t per_s, uint64_t now_us, uint64_t n_bytes)
{
	struct bucket_limit limit = bucket_of_bytes(per_s);
	uint64_t before = load(&pace->full_at_ns), after;

	do
		after = bucket_take(before, &limit, now_us, n_bytes);
	while (!__atomic_compare_exchange_n(&pace->full_at_ns, &before, after, true, __ATOMIC_RELAXED,
					    __ATOMIC_RELAXED));
}

void pacing_count(struct relay *relay, struct session *s, enum relay_way way, uint64_t n_read_bytes,
		  uint64_t n_passed_bytes)
{
	uint64_t per_s;

	if (!s->account)
		return;
	counter_add(&s->account->n_bytes[way], n_passed_bytes);
	s->pacing[way].had_turn |= n_read_bytes > 0;
	per_s = load(&s->account->paces[way].per_s);
	if (per_s && n_read_bytes)
		take(&s->account->paces[way], per_s, loop_now_us(relay->loop), n_read_bytes);
}

static void append(struct relay *relay, struct session *s, enum relay_way way)
{
	struct relay_lane *lane = &s->account->lanes[way];
	uint32_t index = relay_index_of(relay, s);

	s->pacing[way] = (struct pacing_place){ .waits = true, .next = SLAB_NONE, .before = lane->last };
	if (lane->last == SLAB_NONE)
		lane->first = index;
	else
		relay_session_at(relay, lane->last)->pacing[way].next = index;
	lane->last = index;
}

void pacing_leave(struct relay *relay, struct session *s, enum relay_way way)
{
	struct pacing_place *place = &s->pacing[way];
	struct relay_lane *lane;

	if (!place->waits)
		return;
	lane = &s->account->lanes[way];
	place->waits = false;
	if (place->before == SLAB_NONE)
		lane->first = place->next;
	else
		relay_session_at(relay, place->before)->pacing[way].next = place->next;
	if (place->next == SLAB_NONE)
		lane->last = place->before;
	else
		relay_session_at(relay, place->next)->pacing[way].before = place->before;
}

/* False where memory is short. */
static bool arm(struct relay *relay, struct relay_account *account, enum relay_way way, uint64_t at_us)
{
	struct loop_ref ref = { .index = account->place, .handler = relay->handler,
				.part = (uint8_t)(PACING_PART + way) };
	struct relay_lane *lane = &account->lanes[way];

	if (lane->timer_at_us <= at_us)
		return true;
	if (loop_timer_at(relay->loop, at_us, ref))
		return false;
	lane->timer_at_us = at_us;
	return true;
}

static uint64_t ready_at_us(const struct relay_pace *pace, uint64_t per_s, uint64_t now_us)
{
	struct bucket_limit limit = bucket_of_bytes(per_s);

	return bucket_ready_at_us(load(&pace->full_at_ns), &limit, now_us, bucket_quantum_bytes(per_s));
}

static void wait(struct relay *relay, struct session *s, enum relay_way way)
{
	const struct relay_pace *pace = &s->account->paces[way];
	uint64_t per_s = load(&pace->per_s), now_us = loop_now_us(relay->loop);

	if (s->pacing[way].had_turn)
		pacing_leave(relay, s, way);
	if (!s->pacing[way].waits)
		append(relay, s, way);
	half_rest(way == RELAY_UP ? &s->up : &s->down, &relay->tools);
	if (!per_s || !arm(relay, s->account, way, ready_at_us(pace, per_s, now_us)))
		relay_queue(relay, s);   /* the rate was taken away just now; or there is no timer to be had, and the
					  * next turn has to do */
}

int pacing_settle(struct relay *relay, struct session *s, enum relay_way way, int status)
{
	bool waits = status == HALF_AGAIN && !pacing_most_bytes(relay, s, way, 1);

	if (waits)
		wait(relay, s, way);
	else
		pacing_leave(relay, s, way);
	s->pacing[way].had_turn = false;
	return waits ? HALF_WANT_READ : status;
}

/* Queues as many as there are bytes for. They leave the lane when they have read some: who finds that somebody else
 * was faster keeps its place. While somebody waits the timer runs on. */
static void let_go(struct relay *relay, struct relay_account *account, enum relay_way way, uint64_t now_us)
{
	struct relay_lane *lane = &account->lanes[way];
	const struct relay_pace *pace = &account->paces[way];
	uint64_t per_s = load(&pace->per_s), quantum_bytes = bucket_quantum_bytes(per_s), level = UINT64_MAX, next_us;

	lane->timer_at_us = CLOCK_NEVER_US;
	if (lane->first == SLAB_NONE)
		return;
	if (per_s) {
		struct bucket_limit limit = bucket_of_bytes(per_s);

		level = bucket_level(load(&pace->full_at_ns), &limit, now_us);
		next_us = now_us + quantum_bytes * US_PER_S / per_s + 1;
		if (ready_at_us(pace, per_s, now_us) > next_us)
			next_us = ready_at_us(pace, per_s, now_us);
		if (!arm(relay, account, way, next_us))
			level = UINT64_MAX;   /* each of them tries again to have a timer */
	}
	for (uint32_t i = lane->first; i != SLAB_NONE && level >= quantum_bytes;
	     i = relay_session_at(relay, i)->pacing[way].next) {
		relay_queue(relay, relay_session_at(relay, i));
		level -= quantum_bytes;
	}
}

void pacing_on_timer(struct relay *relay, struct loop_ref ref, uint64_t now_us)
{
	struct relay_account *account = relay->accounts[ref.index - 1];
	enum relay_way way = (enum relay_way)(ref.part - PACING_PART);

	if (now_us >= account->lanes[way].timer_at_us)   /* else one that was set before an earlier one */
		let_go(relay, account, way, now_us);
}

void relay_paces_changed(struct relay *relay)
{
	for (uint32_t i = 0; i < relay->n_accounts; i++)
		for (unsigned int way = 0; way < RELAY_N_WAYS; way++)
			let_go(relay, relay->accounts[i], (enum relay_way)way, loop_now_us(relay->loop));
}
