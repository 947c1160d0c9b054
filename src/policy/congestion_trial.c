/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether bbr brings as much as cubic did: decision 0018; or, after few losses, more: decision 0049. */
#include "policy/congestion_parts.h"

#define SKIPPED_LOOKS 2u      /* bbr finds out about the links */
#define COUNTED_LOOKS 3u
#define LEAST_PERCENT 90u     /* of what cubic brought; */
#define SLIGHT_PERCENT 110u   /* of those that lost little */

static bool lost_lately(const struct congestion_past *past)
{
	return past->n_events && past->sent_bytes - past->event_sent_bytes[past->n_events - 1] <=
				 CONGESTION_SLIGHT_SENT_BYTES;
}

void congestion_trial_begin(struct congestion *congestion, bool slight)
{
	congestion->slight = slight;
	congestion->trial_bps = 0;
	congestion->n_trial = 0;
	for (size_t i = 0; i < congestion->n_subflows; i++) {
		congestion->subflows[i].tried = slight && lost_lately(&congestion->subflows[i]);
		congestion->subflows[i].trial_bps = 0;
	}
}

bool congestion_trial_is_over(const struct congestion *congestion)
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

/* They are to bring more; else it was as much as they carry. */
static bool slight_fails(const struct congestion *congestion)
{
	uint64_t before_bps = 0, trial_bps = 0;

	for (size_t i = 0; i < congestion->n_subflows; i++) {
		before_bps += congestion->subflows[i].tried ? congestion->subflows[i].before_bps : 0;
		trial_bps += congestion->subflows[i].tried ? congestion->subflows[i].trial_bps : 0;
	}
	return is_less(trial_bps, before_bps, SLIGHT_PERCENT);
}

/* A link that came or went meanwhile makes the figures incomparable: bbr then stays, unless it has few losses for it.
 * Where others lose much, it isn't for the few; what the tried ones lose may be bbr's own doing. */
enum congestion_trial congestion_trial_look(struct congestion *congestion, bool same, uint32_t lossy, uint64_t bps)
{
	if (!same)
		congestion->before_bps = 0;
	if (congestion_trial_is_over(congestion))
		return CONGESTION_TRIAL_GOES_ON;
	congestion->slight &= !(lossy & ~congestion_tried(congestion));
	count(congestion, bps);
	if (!congestion_trial_is_over(congestion))
		return CONGESTION_TRIAL_GOES_ON;
	if (congestion->slight && !congestion->before_bps)
		return CONGESTION_TRIAL_SAYS_NOTHING;
	return is_less(congestion->trial_bps, congestion->before_bps, LEAST_PERCENT) ||
	       (congestion->slight && slight_fails(congestion)) ? CONGESTION_TRIAL_FAILS : CONGESTION_TRIAL_GOES_ON;
}

uint32_t congestion_tried(const struct congestion *congestion)
{
	uint32_t bits = 0;

	for (size_t i = 0; i < congestion->n_subflows; i++)
		bits |= (uint32_t)congestion->subflows[i].tried << i;
	return bits;
}

/* One that carries nothing just now says nothing. */
uint32_t congestion_better_off(const struct congestion *congestion)
{
	uint32_t bits = 0;

	for (size_t i = 0; i < congestion->n_subflows; i++)
		bits |= (uint32_t)(congestion->subflows[i].tried && congestion->subflows[i].bps) << i;
	return congestion->slight && congestion_trial_is_over(congestion) ? bits : 0;
}
