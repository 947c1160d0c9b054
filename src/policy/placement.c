/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/placement.h"

bool placement_is_bulk(struct placement *placement, bool ran_heavily, uint64_t n_bytes, uint32_t now_ms)
{
	if (placement->n_bytes && now_ms - placement->heavy_at_ms >= PLACEMENT_QUIET_MS)
		placement->n_bytes = 0;
	if (ran_heavily) {
		uint32_t left = PLACEMENT_BULK_BYTES - placement->n_bytes;

		placement->n_bytes += n_bytes < left ? (uint32_t)n_bytes : left;
		placement->heavy_at_ms = now_ms;
	}
	return placement->n_bytes == PLACEMENT_BULK_BYTES;
}
