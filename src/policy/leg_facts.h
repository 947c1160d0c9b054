/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel tells of each subflow that a leg sends over, for those who decide by that: policy/congestion.h and
 * policy/spoilt.h. Pure. */
#ifndef BRAID_POLICY_LEG_FACTS_H
#define BRAID_POLICY_LEG_FACTS_H

#include <stddef.h>
#include <stdint.h>
#include "base/address.h"

#define LEG_SUBFLOWS 16

struct leg_subflow {
	struct address local, remote;      /* by which it is known again */
	uint32_t rtt_us, min_rtt_us;       /* smoothed, as it is now; the shortest */
	uint64_t sent_bytes;               /* retransmissions included */
	uint64_t retransmitted_bytes;
	uint64_t busy_us;                  /* in which it had something to send, or that wasn't acknowledged */
};

struct leg_facts {
	uint64_t now_us;
	uint64_t arrived;                  /* in order, by DATA_ACK: a sequence number */
	size_t n_subflows;                 /* more than LEG_SUBFLOWS: the others are passed over */
	const struct leg_subflow *subflows;
};

#endif
