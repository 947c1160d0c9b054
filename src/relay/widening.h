/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keeps the receive buffer of the plain TCP leg that a half reads from as wide as the session has use for, and no wider: the acts to policy/widen.h's decisions. */
#ifndef BRAID_RELAY_WIDENING_H
#define BRAID_RELAY_WIDENING_H

#include "relay/half.h"

/* Before each step of a half. */
void widening_look(struct half *half, const struct half_tools *tools, uint64_t now_us);

#endif
