/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sessions from the converter's side (decision 0019): remote hosts' connections to an address that is forwarded to a
 * host behind a subscriber's gateway. Each waits here while the gateway, told of it on its watch, connects to the host;
 * then it comes with an ordinary connection of its own, and claims the one that waits. One per worker: a claim says
 * which of them has it.
 */
#ifndef BRAID_ROLE_INBOUND_INBOUND_H
#define BRAID_ROLE_INBOUND_INBOUND_H

#include "role/converter/intake.h"
#include "role/worker.h"

struct inbound;

int inbound_new(struct worker *worker, struct inbound **out);   /* 0 or -ENOMEM */
void inbound_freep(struct inbound **inbound);

/* Listens, or no longer, as the worker's view says. 0, or a negative errno with the reason in one line. */
int inbound_apply(struct inbound *inbound, char *reason, size_t n_reason);

/* A subscriber's gateway claims a session that waits, with any of the workers. Where it may not have one now
 * (result), the session that it names is turned away, too. The intake becomes a session, or is turned away; it may
 * be gone afterwards. */
void inbound_claim(struct converter *converter, struct intake *intake, const struct signalling_request *request,
		   const struct signalling_result *result);

#endif
