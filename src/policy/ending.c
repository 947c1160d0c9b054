/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/ending.h"

#include "base/clock.h"

#define SHORT_BYTES 16384u               /* what goes in the first window: it is there in a round trip, or not */
#define JOIN_ROUND_TRIPS 4u              /* for a join over a link that is slower than the first one */
#define JOIN_SLACK_US (100 * US_PER_MS)
#define LOOK_LEAST_US (1 * US_PER_MS)
#define LOOK_MOST_US (50 * US_PER_MS)

static bool has_waited(const struct ending *ending, const struct ending_facts *facts)
{
	if (!ending->joins)
		return facts->queued_bytes <= SHORT_BYTES;
	return facts->answered && facts->now_us - ending->since_us > JOIN_ROUND_TRIPS * (uint64_t)facts->rtt_us + JOIN_SLACK_US;
}

static uint64_t clamp_us(uint64_t us)
{
	return us < LOOK_LEAST_US ? LOOK_LEAST_US : us > LOOK_MOST_US ? LOOK_MOST_US : us;
}

bool ending_may_pass(struct ending *ending, const struct ending_facts *facts)
{
	if (!ending->since_us || !facts->answered)
		ending->since_us = facts->now_us;
	ending->look_at_us = 0;
	if (facts->n_subflows > 1 || facts->other_ended || has_waited(ending, facts))
		return true;
	ending->look_at_us = facts->now_us + clamp_us(facts->rtt_us / 4);
	return false;
}
