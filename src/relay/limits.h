/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether the links limit a session (policy/limited.h). It is asked where the Multipath TCP leg refuses what is to
 * be sent, when it has had something to send for a tenth of a second without a pause: what comes at once, and then
 * pauses, the links have still to carry, and aren't full for it. */
#ifndef BRAID_RELAY_LIMITS_H
#define BRAID_RELAY_LIMITS_H

#include "relay/relay_parts.h"

/* Before each step of a half, and after it, with what it came to. Both do nothing while nobody wants to know. */
void limits_begin(struct relay *relay, struct half *half);
void limits_note(struct relay *relay, struct session *s, enum relay_way way, int status);

#endif
