/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mappings at the converter: the table, what answers requests for them, and the file in which they outlive us. Main
 * thread: workers hand requests to it and answers back (role/mappings/mapping_calls.h).
 */
#ifndef BRAID_ROLE_MAPPINGS_MAPPER_H
#define BRAID_ROLE_MAPPINGS_MAPPER_H

#include <jansson.h>
#include "conf/conf.h"
#include "loop/loop.h"
#include "policy/mappings.h"
#include "role/converter/subscribers.h"
#include "wire/pcp.h"

struct mapper;

struct mapper_options {
	struct subscribers *subscribers;   /* borrowed, as what follows */
	void (*on_warning)(void *context, const char *text);
	/* The live mappings are others than they were, once a turn: whoever makes them work goes over all of them
	 * (mappings_next()). Borrowed for the call. */
	void (*on_change)(void *context, const struct mappings *mappings);
	void *context;
};

/* Takes up what an earlier run has granted. conf and roster are borrowed for the call. 0 or -ENOMEM. */
int mapper_new(struct loop *loop, const struct mapper_options *options, const struct conf *conf,
	       const struct roster *roster, struct mapper **out);
void mapper_freep(struct mapper **mapper);
/* Subscribers are others, or may have more or fewer; those who have more than they may keep them until they end.
 * Forwards of the configuration take their places from whoever has them. 0, or -ENOMEM and all is as it was. */
int mapper_apply(struct mapper *mapper, const struct conf *conf, const struct roster *roster);

/* The answer to a request of the subscriber's host; its length, 0: none. *external: where mappings are, unspecified
 * while that address isn't this machine's. */
size_t mapper_answer(struct mapper *mapper, uint32_t subscriber, const struct address *host, struct bytes request,
		     uint8_t out[PCP_MESSAGE_BYTES], struct address *external);

/* Borrowed until anything else is called. */
const struct mappings *mapper_table(const struct mapper *mapper);

/* A list for doc/control.md. NULL without memory. */
json_t *mapper_json(const struct mapper *mapper);

#endif
