/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether bbr brings as much as cubic did: decision 0018; or, after few losses, more: decision 0049. */
#include "policy/congestion_parts.h"

#define SKIPPED_LOOKS 2u      /* bbr finds out about the links */
#define COUNTED_LOOKS 3u
#define LEAST_PERCENT 90u     /* of what cubic brought; */
#define SLIGHT_PERCENT 110u   /* of those that lost little */

void congestion_trial_begin(struct congestion *congestion, bool slight)
{
	congestion->slight = slight;
	congestion->trial_bps = 0;
	congestion->n_trial = 0;
	for (size_t i = 0; i < congestion->n_subflows; i++) {
		congestion->subflows[i].tried = slight && congestion->subflows[i].n_events;
		congestion->subflows[i].trial_bps = 0;
	}
}

static bool is_over(const struct congestion *congestion)
{
	return congestion->n_trial == SKIPPED_LOOKS + COUNTED_LOOKS;
}

static void count(struct congestion *congestion, uint64_t bps)
{
	if (congestion->n_trial++ < SKIPPED_LOOKS)
		return;
	congestion->trial_bps += bps;
	for (size_t i = 0; i < congestion->n_subflows; i++)
		congestion->subflows[i].trial_bps += congestion->subflows[i].bps;
}

static bool is_less(uint64_t trial_bps, uint64_t before_bps, uint64_t percent)
{
	return trial_bps / COUNTED_LOOKS * 100 < before_bps * percent;
}

/* They are to bring more; else it was as much as they carry. What can't be compared doesn't count. */
static bool slight_fails(const struct congestion *congestion)
{
	uint64_t before_bps = 0, trial_bps = 0;

	for (size_t i = 0; i < congestion->n_subflows; i++) {
		before_bps += congestion->subflows[i].tried ? congestion->subflows[i].before_bps : 0;
		trial_bps += congestion->subflows[i].tried ? congestion->subflows[i].trial_bps : 0;
	}
	return !congestion->before_bps || is_less(trial_bps, before_bps, SLIGHT_PERCENT);
}

/* A link that came or went meanwhile makes the figures incomparable: bbr then stays, unless it has few losses for it.
 * If many come, it isn't for the few. */
bool congestion_trial_fails(struct congestion *congestion, bool same, bool lossy, uint64_t bps)
{
	if (!same)
		congestion->before_bps = 0;
	if (is_over(congestion))
		return false;
	congestion->slight &= !lossy;
	count(congestion, bps);
	return is_over(congestion) && (is_less(congestion->trial_bps, congestion->before_bps, LEAST_PERCENT) ||
				       (congestion->slight && slight_fails(congestion)));
}

uint32_t congestion_tried(const struct congestion *congestion)
{
	uint32_t bits = 0;

	for (size_t i = 0; i < congestion->n_subflows; i++)
		bits |= (uint32_t)congestion->subflows[i].tried << i;
	return bits;
}

uint32_t congestion_better_off(const struct congestion *congestion)
{
	return congestion->slight && is_over(congestion) ? congestion_tried(congestion) : 0;
}
