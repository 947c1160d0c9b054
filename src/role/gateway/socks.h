/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Another way to the gateway's door: a program of this machine connects to a listener and says where it wants to go
 * (host.socks). It is told what became of it when that is known, as a host whose SYN waits; where a host's SYN would go
 * the ordinary way, we connect to the destination ourselves. Private to the gateway.
 */
#ifndef BRAID_ROLE_GATEWAY_SOCKS_H
#define BRAID_ROLE_GATEWAY_SOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "signalling/scheme.h"

struct gateway;
struct setup;
struct socks;

void socks_init(struct gateway *gateway);
void socks_fini(struct gateway *gateway);
/* Listens, or no longer, as the worker's view says. 0, or a negative errno with the reason in one line. */
int socks_apply(struct gateway *gateway, char *reason, size_t n_reason);
/* Of a setup that came by one of these listeners, or not. */
void socks_free(struct gateway *gateway, struct setup *setup);

/* In TELLING. Each may end with the setup gone. */
void socks_on_bytes(struct gateway *gateway, struct setup *setup);
void socks_on_deadline(struct gateway *gateway, struct setup *setup);

/* Of a setup with socks, whose program waits: */
/* The connection is there. 0, or NET_E_RESET: the program isn't. */
int socks_say_connected(struct gateway *gateway, struct setup *setup);
/* It came to nothing: another address of the name is tried, or the program is told. */
void socks_refuse(struct gateway *gateway, struct setup *setup, const struct signalling_result *result);
/* The converter has no part in it. */
void socks_go_direct(struct gateway *gateway, struct setup *setup);
/* It has not been told anything yet. */
bool socks_waits(const struct setup *setup);

#endif
