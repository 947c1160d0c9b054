/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A new view of configuration and links, on its way to the workers. */
#ifndef BRAID_ROLE_PUBLISH_H
#define BRAID_ROLE_PUBLISH_H

#include "role/worker.h"

struct publish_options {
	struct loop *main_loop;
	struct worker *const *workers;
	size_t n_workers;
	/* In the main thread, once every worker has the view; by then there may be a newer one. NULL: nobody waits
	 * for it. */
	void (*done)(void *context);
	void *context;
};

/* Hands the view to each worker (references are taken). 0, or -ENOMEM: then none of them has it, and done isn't
 * called. */
int publish_view(struct view *view, const struct publish_options *options);

#endif
