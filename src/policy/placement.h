/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether a session is one of those that keep a thread busy (decision 0040): it has run heavily (had more at once than
 * a small exchange has) until so much had passed. It is so until it hasn't run heavily for a while. Pure.
 */
#ifndef BRAID_POLICY_PLACEMENT_H
#define BRAID_POLICY_PLACEMENT_H

#include <stdbool.h>
#include <stdint.h>

#define PLACEMENT_BULK_BYTES (1u << 20)   /* in heavy runs: a page and its pictures are over by then */
#define PLACEMENT_QUIET_MS 1000u          /* without a heavy run */

struct placement {
	uint32_t n_bytes;         /* of heavy runs, of which no two were PLACEMENT_QUIET_MS apart; no more than
				   * PLACEMENT_BULK_BYTES are counted */
	uint32_t heavy_at_ms;     /* the last of them, of a clock that goes round */
};

/* The session has run, and moved n_bytes. Returns whether it is bulk now. now_ms: monotonic, its lower half. */
bool placement_is_bulk(struct placement *placement, bool ran_heavily, uint64_t n_bytes, uint32_t now_ms);

#endif
