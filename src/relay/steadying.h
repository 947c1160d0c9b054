/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keeps the Multipath TCP leg that a half sends to from standing still: the acts to policy/steady.h's decisions. */
#ifndef BRAID_RELAY_STEADYING_H
#define BRAID_RELAY_STEADYING_H

#include "relay/half.h"

/* Bulk data begins to go to dst. */
void steadying_begin(struct half *half, const struct half_tools *tools, uint64_t now_us);

/* dst refused bytes before, and may take some now: binds its buffer to what the peer's window is by now. */
void steadying_follow(struct half *half, const struct half_tools *tools, uint64_t now_us);

/* dst has no credit: it is looked at. False: it gets none for now. */
bool steadying_credit(struct half *half, uint64_t now_us);

/* The time of half->steady.look_at_us has come, dst still refuses, or has no credit and may get some. 0, or a negative
 * errno: the connection failed. *n_nudges is counted up. */
int steadying_look(struct half *half, struct half_tools *tools, uint64_t now_us, uint64_t *n_nudges);

#endif
