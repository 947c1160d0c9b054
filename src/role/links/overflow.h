/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opens and closes the gateway's costlier links, for sessions that run (policy/overflow.h decides): ten times a second,
 * where links have several costs, it asks what was limited (role/links/limited.h) and what the interfaces have carried,
 * and has path/ say what follows to the kernel. What it did and why is in the log and in what `links` shows. Main
 * thread.
 */
#ifndef BRAID_ROLE_LINKS_OVERFLOW_H
#define BRAID_ROLE_LINKS_OVERFLOW_H

#include "loop/loop.h"
#include "path/path.h"
#include "role/shared.h"

struct overflow_control;
struct worker;

struct overflow_options {
	struct shared *shared;                       /* borrowed, as the next ones */
	struct worker *const *workers;
	size_t n_workers;
	struct path *path;
	struct view *(*view)(void *context);         /* the present view, borrowed for the call */
	void *context;
};

/* Closes what costs more than others. Borrows loop. 0 or a negative errno. */
int overflow_new(struct loop *loop, const struct overflow_options *options, struct overflow_control **out);
void overflow_freep(struct overflow_control **control);
/* Costs may be others now, or a cap is used up or not any more: a look at once. */
void overflow_look_now(struct overflow_control *control);
/* Why the link was opened or closed last: a line; "" if it never was. */
const char *overflow_reason(const struct overflow_control *control, size_t link);

#endif
