/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/limited.h"

#define WINDOW_SLACK_BYTES 3000u      /* a sender may leave up to two segments of room, for a whole one */
#define CWND_SHARE 3u                 /* bbr has little more than half of its window in flight */

bool limited_by_links(const struct limited_facts *facts)
{
	uint32_t given_bytes = facts->queued_bytes - facts->pending_bytes;

	if (!facts->in_flight_packets || !(facts->pending_bytes + facts->unsent_bytes) ||
	    facts->pending_bytes > facts->queued_bytes || facts->window_closed)
		return false;
	if (facts->window_bytes)
		return given_bytes + WINDOW_SLACK_BYTES < facts->window_bytes;
	return facts->in_flight_packets >= facts->cwnd_packets / CWND_SHARE;
}
