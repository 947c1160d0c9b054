/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a client may use the converter, and for what. */
#ifndef BRAID_ROLE_AUTHORISE_H
#define BRAID_ROLE_AUTHORISE_H

#include "role/worker.h"
#include "signalling/scheme.h"

/* OUTCOME_CONNECTED: it may; *owner is the subscriber counted in (shared_subscriber_leave()), or SHARED_NO_SUBSCRIBER. Otherwise
 * what to answer. own: the address that the client connected to. */
enum signalling_outcome authorise_client(struct worker *worker, const struct address *client,
					 const struct signalling_request *request, uint32_t *owner);
enum signalling_outcome authorise_destination(struct worker *worker, const struct address *own, const struct address *destination);

#endif
