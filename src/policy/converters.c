/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/converters.h"

#include "base/clock.h"

#define FIRST_US (300 * US_PER_MS)            /* at the beginning, for those that are preferred to answer, too */
#define SILENT_US (100 * US_PER_MS)           /* and half as long again as an answer takes: who was asked again, and
					       * has anything to say, has said it by then */
#define SILENT_MOST_US (3 * US_PER_S)
#define UNUSED_REST_US (1 * US_PER_S)         /* that a preferred one has to answer without a break before it is used */
#define REST_US (10 * US_PER_S)               /* and where it was lost before */
#define REST_MOST_US (640 * US_PER_S)
#define KEPT_UP_US (60 * US_PER_S)            /* in use for so long, it is trusted as at first */

static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }

void converters_begin(struct converters *converters, size_t n, uint64_t now_us)
{
	*converters = (struct converters){ .n = n, .in_use = CONVERTERS_NONE, .begun_at_us = now_us };
}

void converters_rearrange(struct converters *converters, const size_t *from, size_t n, uint64_t now_us)
{
	struct converters old = *converters;

	converters_begin(converters, n, old.n ? old.begun_at_us : now_us);
	for (size_t i = 0; i < n; i++) {
		if (from[i] >= old.n)
			continue;
		converters->each[i] = old.each[from[i]];
		if (old.in_use == from[i])
			converters->in_use = i;
	}
	if (converters->in_use == CONVERTERS_NONE) {
		converters->why = old.in_use == CONVERTERS_NONE ? CONVERTERS_WHY_NONE : CONVERTERS_WHY_LOST;
		return;
	}
	converters->why = old.why;
	converters->suspected_at_us = old.suspected_at_us;
}

void converters_answered(struct converters *converters, size_t i, uint64_t took_us, uint64_t now_us)
{
	struct converters_one *one = &converters->each[i];

	if (!one->answers)
		one->since_us = now_us;
	one->known = one->answers = true;
	one->answered_at_us = now_us;
	one->took_us = took_us;
	if (i == converters->in_use)
		converters->suspected_at_us = 0;
}

/* One that was in use and hasn't kept up has to answer for longer the next time. */
static void leave(struct converters_one *one, uint64_t now_us)
{
	if (!one->was_used || now_us - one->chosen_at_us >= KEPT_UP_US)
		one->rest_us = REST_US;
	else
		one->rest_us = least(2 * one->rest_us, REST_MOST_US);
	one->was_used = true;
}

void converters_lost(struct converters *converters, size_t i, uint64_t now_us)
{
	converters->each[i].known = true;
	converters->each[i].answers = false;
}

void converters_suspect(struct converters *converters, uint64_t now_us)
{
	if (converters->in_use != CONVERTERS_NONE && !converters->suspected_at_us)
		converters->suspected_at_us = now_us;
}

void converters_heard(struct converters *converters, uint64_t at_us)
{
	if (at_us > converters->suspected_at_us)
		converters->suspected_at_us = 0;
}

/* The first that answers; since: that has answered since then. */
static size_t first_that_answers(const struct converters *converters, size_t but, uint64_t since_us)
{
	for (size_t i = 0; i < converters->n; i++)
		if (i != but && converters->each[i].answers && converters->each[i].answered_at_us >= since_us)
			return i;
	return CONVERTERS_NONE;
}

static bool use(struct converters *converters, size_t i, enum converters_why why, uint64_t now_us)
{
	if (converters->in_use == i)
		return false;
	if (converters->in_use != CONVERTERS_NONE)
		leave(&converters->each[converters->in_use], now_us);
	converters->in_use = i;
	converters->why = i == CONVERTERS_NONE ? CONVERTERS_WHY_NONE : why;
	converters->suspected_at_us = 0;
	if (i != CONVERTERS_NONE)
		converters->each[i].chosen_at_us = now_us;
	return true;
}

/* None is in use: those that are preferred are given a moment, unless they have been heard of. */
static bool choose(struct converters *converters, uint64_t now_us, uint64_t *again_at_us)
{
	size_t best = first_that_answers(converters, CONVERTERS_NONE, 0);
	uint64_t first_us = converters->begun_at_us + FIRST_US;

	for (size_t i = 0; best != CONVERTERS_NONE && i < best; i++)
		if (!converters->each[i].known && now_us < first_us) {
			*again_at_us = first_us;
			return false;
		}
	return best != CONVERTERS_NONE &&
	       use(converters, best, best && converters->why == CONVERTERS_WHY_LOST ? CONVERTERS_WHY_LOST :
		   CONVERTERS_WHY_BEST, now_us);
}

/* Where the links are slow just now, they are so for the next one's answer, too. next: CONVERTERS_NONE: there is
 * none. */
static uint64_t patience_us(const struct converters *converters, size_t next)
{
	uint64_t took_us = converters->each[converters->in_use].took_us;

	if (next != CONVERTERS_NONE && converters->each[next].took_us > took_us)
		took_us = converters->each[next].took_us;
	return least(SILENT_US + took_us + took_us / 2, SILENT_MOST_US);
}

/* It was asked again. True: another one has answered meanwhile, and it had the time to. */
static bool give_up(struct converters *converters, uint64_t now_us, uint64_t *again_at_us)
{
	uint64_t since_us = converters->suspected_at_us - least(converters->suspected_at_us, CONVERTERS_JUST_HEARD_US);
	size_t next = first_that_answers(converters, converters->in_use, since_us);
	uint64_t until_us = converters->suspected_at_us + patience_us(converters, next);

	if (now_us < until_us) {
		*again_at_us = until_us;
		return false;
	}
	if (next == CONVERTERS_NONE)   /* whoever answers first from here on: it, or another */
		return false;
	converters->each[converters->in_use].answers = false;
	return use(converters, next, CONVERTERS_WHY_SILENT, now_us);
}

/* To one that is preferred to the one in use, once it has answered for long enough. */
static bool go_back(struct converters *converters, uint64_t now_us, uint64_t *again_at_us)
{
	for (size_t i = 0; i < converters->in_use; i++) {
		const struct converters_one *one = &converters->each[i];
		uint64_t from_us = one->since_us + (one->rest_us ? one->rest_us : UNUSED_REST_US);

		if (!one->answers)
			continue;
		if (now_us >= from_us)
			return use(converters, i, CONVERTERS_WHY_BEST, now_us);
		*again_at_us = least(*again_at_us, from_us);
	}
	return false;
}

bool converters_decide(struct converters *converters, uint64_t now_us, uint64_t *again_at_us)
{
	size_t in_use = converters->in_use;

	*again_at_us = CLOCK_NEVER_US;
	if (in_use == CONVERTERS_NONE)
		return choose(converters, now_us, again_at_us);
	if (!converters->each[in_use].answers)
		return use(converters, first_that_answers(converters, in_use, 0), CONVERTERS_WHY_LOST, now_us);
	if (converters->suspected_at_us)
		return give_up(converters, now_us, again_at_us);
	return go_back(converters, now_us, again_at_us);
}
