/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * That the links limit sessions (relay/limits.h), or one of them spoils them (policy/spoilt.h), brought to who opens
 * and closes links: the gateway's main thread (role/links/overflow.h, aside.h). What hosts send, the gateway's own
 * relays see; what they get, the converter's see, and the converter says so on the watch of the subscriber's gateway,
 * if that has asked for it.
 */
#ifndef BRAID_ROLE_LINKS_LIMITED_H
#define BRAID_ROLE_LINKS_LIMITED_H

#include <stdbool.h>
#include <stdint.h>
#include "relay/account.h"
#include "role/shared.h"
#include "role/worker.h"

struct converter;
struct intake;

/* In the worker's thread. owner: the subscriber at a converter. spoilt: not that they limit a session, but that one
 * of them keeps a better one waiting. */
void limited_note(struct worker *worker, uint32_t owner, enum relay_way way, bool spoilt);
/* Converter: on that watch the subscriber's gateway wants to hear of it. */
void limited_watch(const struct converter *converter, const struct intake *intake);
/* Gateway, main thread: the converter has said so of what it sends. */
void limited_hear(struct shared *shared, bool spoilt, uint64_t now_us);
/* When it was so last; 0: never. From any thread. */
uint64_t limited_at_us(const struct shared *shared, enum relay_way way);
uint64_t limited_spoilt_at_us(const struct shared *shared, enum relay_way way);

#endif
