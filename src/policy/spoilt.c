/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/spoilt.h"

#include <string.h>
#include "base/clock.h"

#define STRETCH_US (1 * US_PER_S)     /* or a round trip of the slowest: what waits for it comes in its time */
#define STRETCH_MOST_US (2 * US_PER_S)    /* longer round trips are a queue of our own: it does harm meanwhile */
#define AT_WORK_PERCENT 95u
#define IDLE_PERCENT 85u
#define LEAST_BUSY_PERCENT 5u         /* below it a rate can't be told: what it was before counts */
#define GROWING_PERCENT 150u          /* of what it delivered in the stretch before: a slow one that is still finding
				       * its rate */
#define LESS_PERCENT 80u              /* of what the best alone would bring: less is harm, and not the chance of a
				       * second */
#define COURSE_LEAST_US (4 * US_PER_S)    /* the first bytes over a long link are waited for once */
#define COURSE_ROUND_TRIPS 12u            /* of the shortest, no less: where all are long, each takes that long to
					   * find its rate, and to make up for what it lost then */
#define COURSE_MOST_US (16 * US_PER_S)    /* then what is older counts half */

/* Of a subflow within the stretch. */
struct work {
	bool known;
	uint64_t n_bytes, busy_us;
	uint64_t before_bytes;        /* in the stretch before */
	uint64_t rate_bps;            /* that it would bring if it always were at work; 0: not known */
};

static bool is_busy_for(const struct work *work, uint64_t stretch_us, uint32_t percent)
{
	return work->busy_us * 100 >= stretch_us * percent;
}

/* Once: without what was sent again. */
static uint64_t delivered_bytes(const struct leg_subflow *subflow)
{
	return subflow->sent_bytes - subflow->retransmitted_bytes;
}

static struct work work_of(const struct spoilt *spoilt, const struct leg_subflow *now, uint64_t stretch_us)
{
	struct work work = { 0 };

	for (size_t i = 0; i < spoilt->n_subflows; i++) {
		const struct leg_subflow *then = &spoilt->subflows[i];

		if (!address_equal(&then->local, &now->local) || !address_equal(&then->remote, &now->remote) ||
		    now->busy_us < then->busy_us || delivered_bytes(now) < delivered_bytes(then))
			continue;
		work = (struct work){ true, delivered_bytes(now) - delivered_bytes(then), now->busy_us - then->busy_us,
				      spoilt->n_bytes[i], spoilt->rates_bps[i] };
		if (work.busy_us && is_busy_for(&work, stretch_us, LEAST_BUSY_PERCENT))
			work.rate_bps = work.n_bytes * 8 * US_PER_S / work.busy_us;
	}
	return work;
}

static size_t counted(const struct leg_facts *facts)
{
	return facts->n_subflows < LEG_SUBFLOWS ? facts->n_subflows : LEG_SUBFLOWS;
}

/* The one that is at work all the time and takes longest. */
static bool find_slow(const struct leg_facts *facts, const struct work *works, uint64_t stretch_us, size_t *slow)
{
	bool found = false;

	for (size_t i = 0; i < counted(facts); i++) {
		if (!works[i].known || !is_busy_for(&works[i], stretch_us, AT_WORK_PERCENT) ||
		    (found && facts->subflows[i].rtt_us <= facts->subflows[*slow].rtt_us))
			continue;
		*slow = i;
		found = true;
	}
	return found;
}

static bool is_growing(const struct work *work)
{
	return work->n_bytes * 100 > work->before_bytes * GROWING_PERCENT;
}

static uint64_t bps(uint64_t n_bytes, uint64_t us)
{
	return n_bytes * 8 * US_PER_S / us;
}

/* The most that one with a shorter round trip has carried. */
static uint64_t best_bytes(const struct leg_facts *facts, const struct work *works, size_t slow)
{
	uint64_t best = 0;

	for (size_t i = 0; i < counted(facts); i++)
		if (facts->subflows[i].rtt_us < facts->subflows[slow].rtt_us && works[i].n_bytes > best)
			best = works[i].n_bytes;
	return best;
}

static void follow_course(struct spoilt *spoilt, const struct leg_facts *facts, const struct work *works,
			  uint64_t stretch_us, size_t slow)
{
	struct spoilt_course *course = &spoilt->course;

	for (size_t i = 0; i < counted(facts); i++)
		if (!works[i].known || counted(facts) != spoilt->n_subflows) {
			*course = (struct spoilt_course){ 0 };
			return;
		}
	if (course->us >= COURSE_MOST_US)
		*course = (struct spoilt_course){ course->us / 2, course->arrived_bytes / 2, course->best_bytes / 2,
						  course->shortest_rtt_us };
	for (size_t i = 0; i < counted(facts); i++)
		if ((!i && !course->us) || facts->subflows[i].rtt_us < course->shortest_rtt_us)
			course->shortest_rtt_us = facts->subflows[i].rtt_us;
	course->us += stretch_us;
	course->arrived_bytes += facts->arrived - spoilt->arrived;
	course->best_bytes += best_bytes(facts, works, slow);
}

static bool is_late(const struct spoilt_course *course)
{
	return course->us >= COURSE_LEAST_US && course->us >= course->shortest_rtt_us * COURSE_ROUND_TRIPS &&
	       course->arrived_bytes * 100 < course->best_bytes * LESS_PERCENT;
}

static struct spoilt_verdict judge(struct spoilt *spoilt, const struct leg_facts *facts, const struct work *works,
				   uint64_t stretch_us)
{
	struct spoilt_verdict verdict = { 0 };
	uint64_t n_bytes = 0;

	for (size_t i = 0; i < counted(facts); i++)
		n_bytes += works[i].n_bytes;
	if (!stretch_us || !find_slow(facts, works, stretch_us, &verdict.slow))
		return verdict;
	for (size_t i = 0; i < counted(facts); i++)
		if (!is_busy_for(&works[i], stretch_us, IDLE_PERCENT) &&
		    facts->subflows[i].rtt_us < facts->subflows[verdict.slow].rtt_us &&
		    works[i].rate_bps > verdict.could_bps)
			verdict.could_bps = works[i].rate_bps;
	verdict.had_bps = bps(n_bytes, stretch_us);
	verdict.spoilt = verdict.had_bps * 100 < verdict.could_bps * LESS_PERCENT && !is_growing(&works[verdict.slow]);
	follow_course(spoilt, facts, works, stretch_us, verdict.slow);
	if (!verdict.spoilt && is_late(&spoilt->course)) {
		verdict.spoilt = true;
		verdict.had_bps = bps(spoilt->course.arrived_bytes, spoilt->course.us);
		verdict.could_bps = bps(spoilt->course.best_bytes, spoilt->course.us);
	}
	return verdict;
}

static void begin(struct spoilt *spoilt, const struct leg_facts *facts, const struct work *works)
{
	uint64_t stretch_us = STRETCH_US;

	spoilt->n_subflows = counted(facts);
	memcpy(spoilt->subflows, facts->subflows, spoilt->n_subflows * sizeof(spoilt->subflows[0]));
	for (size_t i = 0; i < spoilt->n_subflows; i++) {
		spoilt->rates_bps[i] = works[i].rate_bps;
		spoilt->n_bytes[i] = works[i].n_bytes;
		if (spoilt->subflows[i].rtt_us > stretch_us)
			stretch_us = spoilt->subflows[i].rtt_us;
	}
	spoilt->arrived = facts->arrived;
	spoilt->begun_us = facts->now_us;
	spoilt->end_us = facts->now_us + (stretch_us < STRETCH_MOST_US ? stretch_us : STRETCH_MOST_US);
}

void spoilt_moved(struct spoilt *spoilt)
{
	spoilt->begun_us = spoilt->end_us = 0;
	spoilt->course = (struct spoilt_course){ 0 };
}

bool spoilt_due(const struct spoilt *spoilt, uint64_t now_us)
{
	return now_us >= spoilt->end_us;
}

struct spoilt_verdict spoilt_look(struct spoilt *spoilt, const struct leg_facts *facts)
{
	struct work works[LEG_SUBFLOWS] = { 0 };
	struct spoilt_verdict verdict = { 0 };
	uint64_t stretch_us = facts->now_us - spoilt->begun_us;

	for (size_t i = 0; spoilt->begun_us && i < counted(facts); i++)
		works[i] = work_of(spoilt, &facts->subflows[i], stretch_us);
	if (spoilt->begun_us)
		verdict = judge(spoilt, facts, works, stretch_us);
	begin(spoilt, facts, works);
	return verdict;
}
