/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules that ask for the server's name (doc/policy.md): the host's connection is accepted, and its first bytes are
 * looked at before it is decided what becomes of it. They stay in the socket. Private to the gateway.
 */
#ifndef BRAID_ROLE_GATEWAY_LOOK_H
#define BRAID_ROLE_GATEWAY_LOOK_H

#include <stdint.h>
#include "base/clock.h"
#include "net/queue.h"
#include "policy/rules.h"

#define LOOK_WAIT_US (500 * US_PER_MS)   /* then it is decided without the name: the server may be the one who speaks
					  * first */

struct gateway;
struct look;
struct setup;

/* From here on setup->look is there, with what is known of the first packet. 0 or -ENOMEM. */
int look_begin(struct setup *setup, const struct net_queue_packet *packet, uint8_t dscp);
void look_freep(struct look **look);

/* The host has said something, or that it says no more. Each may end with the treatment known and begun: setup may
 * be gone then. */
void look_on_bytes(struct gateway *gateway, struct setup *setup);
void look_on_patience_over(struct gateway *gateway, struct setup *setup);

/* Of struct rule_facts; context is the gateway. */
bool look_list_holds(void *context, const struct rule_list *list, const struct address *address);

#endif
