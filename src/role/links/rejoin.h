/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Links that sessions of the gateway lack: Linux tries once to bring a subflow over a link, so a session that began
 * while a link was silent, or whose try failed, does without it for ever; and one whose subflow has stood still for a
 * minute is asked for the next time as late again. In the main thread: where workers find such sessions
 * (role/links/stranded.c), it is probed, unless it is known to work (role/links/link_health.h), and when it is
 * answered, all sessions begin their subflows over it anew. Where that brings nothing, it is done ever more rarely. A
 * link that costs more and is left (idle = left) is lacked on purpose.
 */
#ifndef BRAID_ROLE_LINKS_REJOIN_H
#define BRAID_ROLE_LINKS_REJOIN_H

#include "role/shared.h"

struct link_health;
struct path;
struct rejoin;
struct worker;

struct rejoin_options {
	struct shared *shared;                  /* all borrowed */
	struct worker *const *workers;
	size_t n_workers;
	struct path *path;
	struct link_health *health;
	struct view *(*view)(void *context);    /* the present one */
	void *context;
};

/* Borrows loop. 0 or a negative errno. */
int rejoin_new(struct loop *loop, const struct rejoin_options *options, struct rejoin **out);
void rejoin_freep(struct rejoin **rejoin);
/* A probe was answered over the link. */
void rejoin_answered(struct rejoin *rejoin, size_t link);
/* What sessions have under way over the link is to go over others: they begin their subflows there anew, whoever
 * lacks it; but not where one has nothing else. */
void rejoin_now(struct rejoin *rejoin, size_t link);
/* The link has changed (address, carrier), and the view doesn't say so yet: what was tried over it is forgotten,
 * sessions have some time to join it, and if it was up, nothing is begun anew, on no link, before workers have
 * looked at their sessions since. */
void rejoin_link_changed(struct rejoin *rejoin, size_t link);

#endif
