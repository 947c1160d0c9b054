/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/share.h"

#define PART_OF_FREE 8u   /* one stalled transfer takes this part of what is left: there is always some left for the
			   * next */
#define SEND_TOTAL_BYTES (48u << 20)      /* two round trips of 100 ms at 2 Gbit/s */
#define SEND_LEAST_BYTES (384u << 10)

size_t share_stride_bytes(const struct share_facts *facts)
{
	size_t most = SHARE_ALONE_BYTES / ((size_t)facts->n_others + 1);
	uint64_t part = 0;

	if (facts->held_bytes < facts->held_most_bytes)
		part = (facts->held_most_bytes - facts->held_bytes) / PART_OF_FREE;
	if (most < SHARE_AMONG_BYTES)
		most = SHARE_AMONG_BYTES;
	if (part < SHARE_LEAST_BYTES)
		return SHARE_LEAST_BYTES;
	return part < most ? (size_t)part : most;
}

uint32_t share_send_bytes(uint32_t n, uint32_t most_bytes)
{
	uint32_t part = n ? SEND_TOTAL_BYTES / n : SEND_TOTAL_BYTES;

	if (part < SEND_LEAST_BYTES)
		part = SEND_LEAST_BYTES;
	return part < most_bytes ? part : most_bytes;
}
