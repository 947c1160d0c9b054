/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Holds the end of a stream back from a Multipath TCP leg: the acts to policy/ending.h's decisions. */
#ifndef BRAID_RELAY_ENDING_STEP_H
#define BRAID_RELAY_ENDING_STEP_H

#include "relay/half.h"

/* The half has nothing left but its end. Passes it on, or says HALF_WANT_WRITE, and when to ask again in
 * half->ending.look_at_us; before the answer HALF_WANT_READ: its coming is what it waits for. answered: the session
 * isn't held. As half_step(). */
int ending_step(struct half *half, const struct half *other, struct half_tools *tools, bool answered, uint64_t now_us);

#endif
