/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lets a link of the gateway's stand aside that keeps better ones waiting (policy/harm.h decides, once a second), by
 * what senders say (role/links/limited.h): it is closed to sessions that run, by role/links/overflow.h's hand, and new
 * ones don't begin on it. What it did and why is in the log and in what `links` shows. Main thread.
 */
#ifndef BRAID_ROLE_LINKS_ASIDE_H
#define BRAID_ROLE_LINKS_ASIDE_H

#include "loop/loop.h"
#include "path/path.h"
#include "role/shared.h"

struct aside;
struct link_health;
struct rejoin;

struct aside_options {
	struct shared *shared;                       /* borrowed, as the next three */
	struct path *path;
	struct link_health *health;
	struct rejoin *rejoin;
	struct view *(*view)(void *context);         /* the present view, borrowed for the call */
	void (*on_change)(void *context);            /* another link stands aside, or one doesn't any more */
	void *context;
};

/* Borrows loop. 0 or a negative errno. */
int aside_new(struct loop *loop, const struct aside_options *options, struct aside **out);
void aside_freep(struct aside **aside);
/* Why the link stands aside: a line; "" if it doesn't. */
const char *aside_reason(const struct aside *aside, size_t link);

#endif
