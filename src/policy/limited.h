/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether the links limit what a Multipath TCP leg sends (decision 0027), and not the application, which has no more
 * just now, nor the reader, whose window is used up. Of a leg that was refused a write, its source not having run dry
 * for a while: bytes wait that the links' congestion windows keep back, others are under way, and the peer's window has
 * room. Pure.
 */
#ifndef BRAID_POLICY_LIMITED_H
#define BRAID_POLICY_LIMITED_H

#include <stdbool.h>
#include <stdint.h>

/* What the kernel tells of the leg; of several subflows the sums. */
struct limited_facts {
	uint32_t queued_bytes;       /* not acknowledged by DATA_ACK */
	uint32_t pending_bytes;      /* of these, those that no subflow was given yet */
	uint32_t unsent_bytes;       /* that subflows were given, and keep */
	uint32_t in_flight_packets, cwnd_packets;   /* cwnd_packets: of subflows with something in flight alone */
	uint32_t window_bytes;       /* that the peer offers; 0: not known just now, or closed */
	bool window_closed;
};

bool limited_by_links(const struct limited_facts *facts);

#endif
