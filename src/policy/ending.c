/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/ending.h"

#include "base/clock.h"

#define SHORT_BYTES 16384u               /* what goes in the first window: it is there in a round trip, or not */
#define JOIN_ROUND_TRIPS 4u              /* for a join over a link that is slower than the first one */
#define JOIN_SLACK_US (100 * US_PER_MS)
#define LOOK_LEAST_US (1 * US_PER_MS)
#define LOOK_MOST_US (50 * US_PER_MS)
#define DOUBLINGS 4u                     /* of a peer that takes nothing: it may be for long */
#define LOOK_SLOWEST_US (200 * US_PER_MS)

static bool has_waited(const struct ending *ending, const struct ending_facts *facts)
{
	if (!ending->joins)
		return facts->queued_bytes <= SHORT_BYTES;
	return facts->answered &&
	       facts->now_us - ending->since_us > JOIN_ROUND_TRIPS * (uint64_t)facts->rtt_us + JOIN_SLACK_US;
}

static uint64_t clamp_us(uint64_t us)
{
	return us < LOOK_LEAST_US ? LOOK_LEAST_US : us > LOOK_MOST_US ? LOOK_MOST_US : us;
}

static void look_later(struct ending *ending, const struct ending_facts *facts)
{
	uint64_t after_us;

	if (facts->queued_bytes < ending->queued_bytes)
		ending->fruitless = 0;
	else if (ending->queued_bytes && ending->fruitless < DOUBLINGS)
		ending->fruitless++;
	ending->queued_bytes = facts->queued_bytes;
	after_us = clamp_us(facts->rtt_us / 4) << ending->fruitless;
	ending->look_at_us = facts->now_us + (after_us < LOOK_SLOWEST_US ? after_us : LOOK_SLOWEST_US);
}

bool ending_may_pass(struct ending *ending, const struct ending_facts *facts)
{
	if (!ending->since_us || !facts->answered)
		ending->since_us = facts->now_us;
	ending->look_at_us = 0;
	if (facts->n_subflows > 1 || facts->other_ended || has_waited(ending, facts))
		return true;
	if (facts->answered)
		look_later(ending, facts);
	return false;
}
