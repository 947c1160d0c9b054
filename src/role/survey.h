/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A look at the living sessions, which belong to their workers: each worker visits its own in its own thread, a few at
 * a time between its other work, and what was found goes to the main thread when the last one is done. Sessions stay
 * with their workers meanwhile (shared_stay()), so that each is found once.
 */
#ifndef BRAID_ROLE_SURVEY_H
#define BRAID_ROLE_SURVEY_H

#include <stddef.h>
#include "relay/relay.h"
#include "role/stripe/stripes.h"
#include "role/worker.h"

struct survey_options {
	size_t part_bytes;       /* of memory for each worker's findings, zeroed */
	const struct session_name *one;   /* of this session alone, and of all legs; copied. NULL: of all */
	/* In the worker's thread, once a session. */
	void (*visit)(void *part, const struct worker *worker, const struct session_view *session);
	/* The same for the legs of sessions in pieces, each session's once, in their worker's thread, where the
	 * session itself needn't be. NULL: they aren't asked for. */
	void (*visit_legs)(void *part, const struct worker *worker, const struct stripes_legs *legs);
	/* In the main thread, once; the parts are freed afterwards, in the order of the workers. */
	void (*done)(void *context, void *const *parts, size_t n_parts);
	void *context;           /* freed by done */
};

/* 0, or -ENOMEM and nothing is called. */
int survey_take(struct loop *main_loop, struct worker *const *workers, size_t n_workers,
		const struct survey_options *options);

#endif
