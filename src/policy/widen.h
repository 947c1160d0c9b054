/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How wide the receive buffer of a plain TCP leg is, once much comes by it (decision 0043). The kernel's own tuning widens it whenever much is read within a round trip, as it measures it: where the other leg is
 * the slower one, that is how long bytes stand in the buffer. So a source that is faster than the links fills megabytes in each session, and all of them where its reader stands still.
 * Here it is widened where the source alone is waited for: the other leg has sent all that it had, and half a window came in no more than a round trip. Pure.
 */
#ifndef BRAID_POLICY_WIDEN_H
#define BRAID_POLICY_WIDEN_H

#include <stdbool.h>
#include <stdint.h>

struct widen {
	uint32_t from_bytes;         /* had come when this look's time began, as counted modulo 2^32 */
	uint32_t from_us;            /* when that was, likewise */
	uint16_t buffer_kib;         /* as it was set; 0: not yet */
	bool left;                   /* to the kernel's tuning */
};

/* What may be set here. */
struct widen_limits {
	uint32_t most_bytes;         /* 0: nothing */
	uint32_t reach_us;           /* the longest round trip over which that does */
};

/* may_set_bytes: that the kernel lets us; kernel_most_bytes: to which it would widen a buffer itself. */
struct widen_limits widen_limits(uint32_t may_set_bytes, uint32_t kernel_most_bytes);

struct widen_facts {
	uint64_t now_us;
	uint64_t n_bytes;            /* that have come */
	uint32_t rtt_us;             /* of the leg, without what stood in our own buffers; 0: not known */
	uint32_t buffer_bytes;       /* as the kernel has it; widen_begin() alone asks */
	uint32_t pending_bytes;      /* that the other leg has taken, and not sent yet, before more is read; widen_look() alone asks */
};

/* Much comes: what to set the buffer to, and from then on nobody tunes it but widen_look(). Never narrower than it is: what is on its way would be dropped. 0: it is left to the kernel. */
uint32_t widen_begin(struct widen *widen, const struct widen_limits *limits, const struct widen_facts *facts);

/* Whether so much has come that it is to be looked at. */
bool widen_is_due(const struct widen *widen, uint64_t n_bytes);
/* Then: what to set the buffer to; 0: it stays as it is. */
uint32_t widen_look(struct widen *widen, const struct widen_limits *limits, const struct widen_facts *facts);

#endif
