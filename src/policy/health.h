/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a gateway's links are, by what sessions show of them. Pure.
 */
#ifndef BRAID_POLICY_HEALTH_H
#define BRAID_POLICY_HEALTH_H

#include <stdint.h>

#define HEALTH_UNANSWERED 3u          /* retransmissions in a row: the subflow stands still */

/*
 * What the kernel tells of the subflows that sessions have over one link, as it was found at the last look of the workers (role/links/figures.h; every two seconds), all
 * sessions together. Bytes are TCP payload, and only grow: what matters is the difference between two looks. Sessions that live no longer than until the first look are left
 * out, and so are the first bytes of one that was idle before.
 */
struct health_seen {
	uint64_t n_looks;             /* that are complete; as long as it is the same, so is the rest */
	uint64_t n_subflows;          /* that are established now */
	uint64_t n_unanswered;        /* of these: HEALTH_UNANSWERED retransmissions or more, and no answer yet; nothing says so of one that has nothing to send */
	uint64_t rtt_us;              /* smoothed, as it is now, queues included, of the subflow that has carried most since the look before; by what that receives, where it receives more. 0: none carried anything */
	uint64_t min_rtt_us;          /* the least that any of those that carried something has ever had: about what the link has without a queue; 0 as above */
	uint64_t carried_bytes;       /* both ways, since the look before: by the subflow whose rtt_us it is */
	uint64_t sent_bytes;          /* since the start, up the link, retransmissions included */
	uint64_t retransmitted_bytes; /* of these. What the converter has to send again the gateway doesn't see */
	uint64_t received_bytes;      /* down the link */
};

#endif
