/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/share.h"

#define PART_OF_FREE 8u   /* one stalled transfer takes this part of what is left: there is always some left for the next */

size_t share_stride_bytes(const struct share_facts *facts)
{
	size_t most = facts->n_others ? SHARE_AMONG_BYTES : SHARE_ALONE_BYTES;
	uint64_t part = 0;

	if (facts->held_bytes < facts->held_most_bytes)
		part = (facts->held_most_bytes - facts->held_bytes) / PART_OF_FREE;
	if (part < SHARE_LEAST_BYTES)
		return SHARE_LEAST_BYTES;
	return part < most ? (size_t)part : most;
}
