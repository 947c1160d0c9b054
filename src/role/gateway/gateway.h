/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The gateway's door: connections of hosts, intercepted on the LAN and accepted at once ("early"); their first bytes
 * ride with the Convert message in the SYN of a Multipath TCP connection to the converter. One per worker.
 */
#ifndef BRAID_ROLE_GATEWAY_GATEWAY_H
#define BRAID_ROLE_GATEWAY_GATEWAY_H

#include "role/worker.h"

int gateway_new(struct worker *worker, struct gateway **out);   /* 0 or -ENOMEM */
void gateway_freep(struct gateway **gateway);

/* Listens, or no longer, as the worker's view says. 0, or a negative errno with the reason in one line. */
int gateway_apply(struct gateway *gateway, char *reason, size_t n_reason);

/* From the relay: relay_options.on_held and on_held_end. */
void gateway_on_held(struct gateway *gateway, struct slab_name session, uint64_t tag, int far_fd);
void gateway_on_held_end(struct gateway *gateway, uint64_t tag);

#endif
