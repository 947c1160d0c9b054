/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/cap.h"

void cap_resume_counter(struct cap *cap, unsigned int ifindex, uint64_t counter_bytes)
{
	cap->seen = true;
	cap->ifindex = ifindex;
	cap->counter_bytes = counter_bytes;
}

void cap_count(struct cap *cap, unsigned int ifindex, uint64_t counter_bytes)
{
	bool goes_on = cap->ifindex == ifindex && counter_bytes >= cap->counter_bytes;

	if (cap->seen)
		cap->total_bytes += goes_on ? counter_bytes - cap->counter_bytes : counter_bytes;
	cap_resume_counter(cap, ifindex, counter_bytes);
}

/* Divided first: the product might be too large. */
static bool is_over(uint64_t used_bytes, const struct cap_limits *limits, uint32_t percent)
{
	return used_bytes / percent >= limits->n_bytes / 100;
}

enum cap_state cap_state(const struct cap *cap, const struct cap_limits *limits)
{
	uint64_t used_bytes = quota_used_bytes(&cap->quota, limits->period, cap->total_bytes);

	if (!limits->n_bytes)
		return CAP_FREE;
	if (is_over(used_bytes, limits, limits->stop_percent))
		return CAP_USED_UP;
	return limits->warn_percent && is_over(used_bytes, limits, limits->warn_percent) ? CAP_NEAR : CAP_FREE;
}
