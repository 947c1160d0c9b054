/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From which address a session leaves the converter, which is the one that the server sees (decision 0021,
 * doc/addresses.md). */
#ifndef BRAID_ROLE_CONVERTER_SOURCE_H
#define BRAID_ROLE_CONVERTER_SOURCE_H

#include "policy/source_address.h"
#include "role/converter/authorise.h"
#include "role/worker.h"

/* OUTCOME_CONNECTED, or OUTCOME_BYPASSED: the connection isn't ours to make, for the host has no address that it
 * could leave from. */
enum signalling_outcome source_choose(struct worker *worker, const struct ticket_use *ticket,
				      const struct signalling_request *request, struct source_choice *out);
/* Counts, and tells the operator, what kept a connection from its source: NET_E_*; others are passed over. */
void source_note_failure(struct worker *worker, const struct source_choice *source, int error);

/* Whether the gateway is to tell its hosts' addresses. */
bool source_wants_hosts(const struct ticket_use *ticket);

/* Whether sessions leave from addresses that aren't this machine's. */
bool source_is_foreign(const struct conf *conf);
/* A warning for each address of the pool that isn't this machine's now. */
void source_check_pool(const struct conf *conf, void (*warn)(void *context, const char *text), void *context);

#endif
