/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What has passed a link in its period, against its cap (decision 0027). Counted by the interface's own counter, as the
 * provider counts: what goes other ways than through us is in it. The counter begins anew with the interface, and with
 * the machine. Pure.
 */
#ifndef BRAID_POLICY_CAP_H
#define BRAID_POLICY_CAP_H

#include <stdbool.h>
#include <stdint.h>
#include "policy/quota.h"

/* Begin with zeros. */
struct cap {
	bool seen;                   /* the counter was, at least once */
	unsigned int ifindex;        /* whose counter it was */
	uint64_t counter_bytes;      /* as it was then */
	uint64_t total_bytes;        /* only grows */
	struct quota quota;          /* of total_bytes */
};

struct cap_limits {
	uint64_t n_bytes;            /* 0: no cap */
	unsigned int period;         /* QUOTA_DAY or QUOTA_MONTH */
	uint32_t warn_percent, stop_percent;   /* warn 0: none */
};

enum cap_state { CAP_FREE, CAP_NEAR, CAP_USED_UP };   /* NEAR: to be warned of */

/* An earlier run of the same machine's run has seen the counter so. */
void cap_resume_counter(struct cap *cap, unsigned int ifindex, uint64_t counter_bytes);
/* Takes the counter of the interface of that index down. What it had before it was seen first is none of this
 * period, as far as is known. */
void cap_count(struct cap *cap, unsigned int ifindex, uint64_t counter_bytes);
enum cap_state cap_state(const struct cap *cap, const struct cap_limits *limits);

#endif
