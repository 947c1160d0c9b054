/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How the gateway's links are (policy/health.h decides): some twenty times a second while something is carried, else
 * twice, what the interfaces have received, and what the workers have gathered of sessions (role/links/figures.h), is
 * looked at; links are probed (role/links/prober.h). Of a silent link new connections stay away, and its endpoint is
 * taken out: the peers are told, and send nothing there. When it answers again, it is put back. Each change is in the
 * log, with what shows it. Main thread.
 */
#ifndef BRAID_ROLE_LINKS_LINK_HEALTH_H
#define BRAID_ROLE_LINKS_LINK_HEALTH_H

#include "loop/loop.h"
#include "policy/health.h"
#include "policy/multipath.h"
#include "role/shared.h"

struct link_health;
struct path;
struct worker;

struct link_health_options {
	struct shared *shared;                       /* all borrowed */
	struct worker *const *workers;
	size_t n_workers;
	struct path *path;
	struct view *(*view)(void *context);         /* the present one */
	void (*on_answer)(void *context, size_t link);   /* a probe was answered over it just now */
	void (*on_change)(void *context);            /* a link has fallen silent, or doesn't swallow any more: shared
						      * says so already */
	void *context;
};

/* Borrows loop. 0 or a negative errno. */
int link_health_new(struct loop *loop, const struct link_health_options *options, struct link_health **out);
void link_health_freep(struct link_health **health);
/* The link has changed (address, carrier): it is judged afresh. */
void link_health_changed(struct link_health *health, size_t link);
/* Another converter is in use, and is what is probed. */
void link_health_elsewhere(struct link_health *health);
/* Whether something of sessions, or a probe, has come through over it within so long; where not, it is probed soon. */
bool link_health_works(struct link_health *health, size_t link, uint64_t within_us);
/* What is known of it; borrowed. */
const struct health_link *link_health_of(const struct link_health *health, size_t link);
/* Whether it lets Multipath TCP through, as probes have found. */
enum multipath_state link_health_multipath(const struct link_health *health, size_t link);

#endif
