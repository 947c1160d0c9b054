/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What attempts have shown of their links, noted for those that come after them (role/shared.h). */
#ifndef BRAID_ROLE_GATEWAY_EVIDENCE_H
#define BRAID_ROLE_GATEWAY_EVIDENCE_H

#include "role/gateway/setup.h"

/* It has connected. Sets what it is from here on: plain, doubtful. */
void evidence_of_handshake(struct gateway *gateway, const struct setup *setup, struct attempt *attempt);
/* It was reset by the converter, without an answer. */
void evidence_of_reset(struct gateway *gateway, const struct setup *setup, const struct attempt *attempt);
/* It was answered first. */
void evidence_of_winner(struct gateway *gateway, const struct setup *setup, const struct attempt *winner);
/* No answer to a SYN in time. */
void evidence_of_lost_syn(struct gateway *gateway, const struct setup *setup, uint8_t link, uint64_t now_us);
/* Whether a connection with this descriptor, whose answer was read, is to be trusted. One that became plain TCP only
 * with the answer isn't: the converter's end was plain before, and what either end's Multipath TCP sent again may be
 * in the stream twice (doc/assumptions.md). */
bool evidence_is_sound(struct gateway *gateway, const struct attempt *attempt, int fd);

#endif
