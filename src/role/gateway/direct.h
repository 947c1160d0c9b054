/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A connection that is bypassed after it was accepted, which can't be undone, or came to host.socks: the gateway itself
 * connects to the destination, by plain TCP over the ordinary route and from its own address. No converter has a part
 * in it. Private to the gateway.
 */
#ifndef BRAID_ROLE_GATEWAY_DIRECT_H
#define BRAID_ROLE_GATEWAY_DIRECT_H

#include <stdint.h>

struct attempt;
struct gateway;
struct setup;

/* Each may end with the setup gone: the relay has the legs, or the host's connection is reset. */
void direct_begin(struct gateway *gateway, struct setup *setup);
void direct_on_event(struct gateway *gateway, struct setup *setup, struct attempt *attempt, uint32_t events);
/* error: NET_E_* or a negative errno. */
void direct_fail(struct gateway *gateway, struct setup *setup, int error);

#endif
