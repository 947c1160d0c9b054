/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/pieces.h"

#include "base/clock.h"
#include "base/util.h"

#define FAR_TIMES 4
#define FAR_LEAST_US (200 * US_PER_MS)
#define FAR_MOST_US (1100 * US_PER_MS)   /* farther ones were not measured */

static bool any_is_lossy(const struct pieces_link *links, size_t n_links)
{
	for (size_t i = 0; i < n_links; i++)
		if (links[i].in_use && links[i].lossy)
			return true;
	return false;
}

/* Where the costlier link is closed most of the time, pieces over the other one alone would cost the processor four
 * times as much for nothing; and an idle radio shows a longer round trip than it has. */
static bool all_cost_the_same(const struct pieces_link *links, size_t n_links)
{
	const struct pieces_link *first = NULL;

	for (size_t i = 0; i < n_links; i++) {
		if (!links[i].in_use)
			continue;
		if (first && first->cost != links[i].cost)
			return false;
		first = &links[i];
	}
	return true;
}

static bool are_far_apart(const struct pieces_link *links, size_t n_links)
{
	uint64_t nearest_us = CLOCK_NEVER_US, farthest_us = 0;

	for (size_t i = 0; i < n_links; i++) {
		if (!links[i].in_use || !links[i].least_rtt_us)
			continue;
		nearest_us = u64_min(nearest_us, links[i].least_rtt_us);
		farthest_us = u64_max(farthest_us, links[i].least_rtt_us);
	}
	return farthest_us && farthest_us <= FAR_MOST_US && farthest_us >= FAR_TIMES * nearest_us &&
	       farthest_us - nearest_us >= FAR_LEAST_US;
}

enum pieces pieces_wanted(const struct pieces_link *links, size_t n_links, bool as_said)
{
	if (any_is_lossy(links, n_links))
		return PIECES_LOSSY;
	return !as_said && all_cost_the_same(links, n_links) && are_far_apart(links, n_links) ? PIECES_FAR_APART :
	       PIECES_NONE;
}
