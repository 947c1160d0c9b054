/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A connection on its way whose converter gives no answer goes to another one, where that can be (decision 0034).
 * Private to the gateway. */
#ifndef BRAID_ROLE_GATEWAY_ELSEWHERE_H
#define BRAID_ROLE_GATEWAY_ELSEWHERE_H

#include "role/gateway/setup.h"

/* Attempts to another converter, which answers, in the place of those to the setup's. 0, or CHOOSE_E_NONE: there is
 * none, or it is too late for that. */
int elsewhere_begin(struct gateway *gateway, struct setup *setup);
/* The attempt has had its time. Goes elsewhere where others have had theirs, too, or where new connections do by
 * now; else looks again. The setup may be gone afterwards. */
void elsewhere_look(struct gateway *gateway, struct setup *setup, const struct attempt *attempt, uint64_t now_us);

#endif
