/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * signalling = route: nothing is said to a converter. The gateway connects to the destination itself, by Multipath TCP
 * over the link on whose way a converter stands; that one takes the connection there, and says by which address the
 * other links join. Where none does, the destination has it, over this link (decision 0025, doc/route.md). Private to
 * the gateway.
 */
#ifndef BRAID_ROLE_GATEWAY_ROUTED_H
#define BRAID_ROLE_GATEWAY_ROUTED_H

#include <stdbool.h>
#include <stdint.h>

struct attempt;
struct conf;
struct gateway;
struct setup;

bool routed_is_wanted(const struct conf *conf);
/* The setup is in CONNECTING or ASKING. Each may end with the setup gone: the relay has the legs, or the host is
 * told how it went. */
void routed_begin(struct gateway *gateway, struct setup *setup);
void routed_on_event(struct gateway *gateway, struct setup *setup, struct attempt *attempt, uint32_t events);
void routed_on_timer(struct gateway *gateway, struct setup *setup, struct attempt *attempt, uint64_t now_us);
void routed_on_deadline(struct gateway *gateway, struct setup *setup);
/* What was begun over links that are gone, and isn't connected, goes on over another one, in any state. */
void routed_leave_links(struct gateway *gateway, struct setup *setup);

#endif
