/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/converter/late.h"

#include "base/clock.h"
#include "base/counter.h"
#include "role/converter/intake.h"
#include "role/log.h"

#define HEARD_US (1200 * US_PER_MS)   /* it is said twice a second, and comes late, being from one that is */

static bool wants_to_hear(const struct intake *intake)
{
	return intake && intake->state == INTAKE_WAITING && intake->hears_late && !intake->owes;
}

static void on_tell(void *arg)
{
	struct worker *worker = arg;
	struct converter *converter = worker->converter;
	uint8_t out[SIGNALLING_MESSAGE_BYTES];

	__atomic_store_n(&worker->late_posted, false, __ATOMIC_RELEASE);
	if (!__atomic_load_n(&worker->shared->late, __ATOMIC_RELAXED))
		return;   /* it has caught up meanwhile */
	for (uint32_t i = 0; i < converter->intakes.n_touched; i++) {
		struct intake *watch = slab_at(&converter->intakes, i);

		if (wants_to_hear(watch))
			counter_add(&worker->counters.n_late_told,
				    intake_tell(converter, watch, (struct bytes){
					out, watch->scheme->server_limited(SIGNALLING_LATE, out) }));
	}
}

/* Where there is no memory for it: in half a second again. */
static void post(struct worker *worker)
{
	if (!__atomic_exchange_n(&worker->late_posted, true, __ATOMIC_ACQ_REL) &&
	    loop_post(worker->loop, on_tell, worker))
		__atomic_store_n(&worker->late_posted, false, __ATOMIC_RELEASE);
}

void late_tell(struct worker *const *workers, size_t n_workers, bool late)
{
	for (size_t i = 0; i < n_workers; i++) {
		__atomic_store_n(&workers[i]->shared->late, late, __ATOMIC_RELAXED);
		if (late)
			post(workers[i]);
	}
}

void late_hear(struct shared *shared, uint64_t now_us)
{
	uint64_t n_left_out;

	if (!late_is_converter(shared, now_us) && log_limit_pass(&shared->late_log, now_us, &n_left_out))
		log_warning("the converter is late, having more to do than it can: new connections go the ordinary way "
			    "until it has caught up");
	shared->late_at_us = now_us;
}

bool late_is_converter(const struct shared *shared, uint64_t now_us)
{
	return shared->late_at_us && now_us - shared->late_at_us < HEARD_US;
}
