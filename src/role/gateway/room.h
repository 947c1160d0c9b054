/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a gateway does at limits.max_sessions and limits.max_half_open, and where a firewall of this machine turns
 * away what is caught: its listeners are closed, so that new connections go the ordinary way, until there is room
 * again, or for a while. Private to the gateway. */
#ifndef BRAID_ROLE_GATEWAY_ROOM_H
#define BRAID_ROLE_GATEWAY_ROOM_H

#include <stdbool.h>
#include <stdint.h>
#include "base/clock.h"

#define ROOM_LOOK_US (100 * US_PER_MS)  /* at a limit: how soon to look again */

struct gateway;

/* A place was taken, or wasn't there: it may have been the last. */
void room_note(struct gateway *gateway);
/* A host is let come, or once more. False: nobody is, just now. */
bool room_note_caught(struct gateway *gateway);
/* A host has come. */
void room_note_arrived(struct gateway *gateway);
bool room_is_shut(const struct gateway *gateway);
/* The timer SETUP_ROOM. */
void room_look(struct gateway *gateway);
/* That, later. 0 or -ENOMEM. */
int room_look_later(struct gateway *gateway, uint64_t after_us);

#endif
