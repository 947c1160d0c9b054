/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keeps the receive buffer of the plain TCP leg that a half reads from as wide as the session has use for, and no
 * wider: the acts to policy/widen.h's decisions. From the time when it has brought much, its buffer is ours to set
 * (half->widen), and the kernel tunes it no more. Other halves are passed over. */
#ifndef BRAID_RELAY_WIDENING_H
#define BRAID_RELAY_WIDENING_H

#include "relay/half.h"

/* Before a half's step. */
void widening_look(struct half *half, const struct half_tools *tools, uint64_t now_us);

/* After it: an enum half_status; whether something was read. */
void widening_note(struct half *half, const struct half_tools *tools, uint64_t now_us, int status, bool some);

#endif
