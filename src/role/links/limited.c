/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/links/limited.h"

#include <stdlib.h>
#include "base/clock.h"
#include "base/counter.h"
#include "role/converter/intake.h"
#include "role/converter/take_over.h"

/* What goes from one thread to another. */
struct note {
	struct worker *to;
	uint64_t watch;
	uint32_t subscriber;
	bool spoilt;
};

static void store(struct shared *shared, enum relay_way way, bool spoilt, uint64_t now_us)
{
	__atomic_store_n(spoilt ? &shared->spoilt_at_us[way] : &shared->limited_at_us[way], now_us, __ATOMIC_RELAXED);
}

static void tell(const struct note *note)
{
	struct converter *converter = note->to->converter;
	struct intake *watch = intake_watch(converter, note->watch, note->subscriber);
	uint8_t out[SIGNALLING_MESSAGE_BYTES];

	if (!watch || !(note->spoilt ? watch->hears_harm : watch->hears_limits))
		return;
	counter_add(note->spoilt ? &note->to->counters.n_spoilt_told : &note->to->counters.n_limits_told,
		    intake_tell(converter, watch, (struct bytes){
			out, watch->scheme->server_limited(
				note->spoilt ? SIGNALLING_SPOILT : SIGNALLING_LIMITED_BY_LINKS, out) }));
}

static void on_tell(void *arg)
{
	tell(arg);
	free(arg);
}

void limited_note(struct worker *worker, uint32_t owner, enum relay_way way, bool spoilt)
{
	uint64_t now_us = loop_now_us(worker->loop);
	struct note note = { .subscriber = owner, .spoilt = spoilt };
	unsigned int number;

	if (way == RELAY_UP) {
		store(worker->shared, RELAY_UP, spoilt, now_us);
		return;
	}
	if (owner != SUBSCRIBERS_NONE)
		note.watch = subscribers_limits_watch(worker->shared->subscribers, owner, spoilt, now_us);
	number = take_over_worker(note.watch);
	if (!note.watch || number >= worker->n_peers || !worker->peers[number])
		return;
	note.to = worker->peers[number];
	/* in this thread, too, where a relay is under way: what the telling does to the watch is to come after it */
	worker_post(note.to, on_tell, &note, sizeof(note));
}

void limited_watch(const struct converter *converter, const struct intake *intake)
{
	struct shared *shared = converter->worker->shared;

	if (intake->hears_limits)
		__atomic_store_n(&shared->wants_limits, true, __ATOMIC_RELAXED);
	subscribers_set_limits_watch(shared->subscribers, intake->ticket.number,
				     take_over_name_intake(converter, intake));
}

void limited_hear(struct shared *shared, bool spoilt, uint64_t now_us)
{
	store(shared, RELAY_DOWN, spoilt, now_us);
}

uint64_t limited_at_us(const struct shared *shared, enum relay_way way)
{
	return __atomic_load_n(&shared->limited_at_us[way], __ATOMIC_RELAXED);
}

uint64_t limited_spoilt_at_us(const struct shared *shared, enum relay_way way)
{
	return __atomic_load_n(&shared->spoilt_at_us[way], __ATOMIC_RELAXED);
}
