/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The caps of the gateway's links (policy/cap.h): what has passed each interface in the day and the month, looked at
 * every second where some link has a cap, kept in a file of daemon.state_dir every ten seconds while there is something
 * new, and at the end. A link whose cap is used up is a backup until its period ends. Main thread.
 */
#ifndef BRAID_ROLE_LINKS_LINK_VOLUMES_H
#define BRAID_ROLE_LINKS_LINK_VOLUMES_H

#include "loop/loop.h"
#include "path/path.h"
#include "policy/cap.h"
#include "role/shared.h"

struct link_volumes;

struct link_volumes_options {
	struct shared *shared;                       /* borrowed, as path and what state_dir names */
	struct path *path;
	const char *state_dir;                       /* is there already */
	struct view *(*view)(void *context);         /* the present view, borrowed for the call */
	void (*on_warning)(void *context, const char *text);
	void (*on_change)(void *context);            /* some cap is used up, or not any more: shared says so already */
	void *context;
};

/* Reads what an earlier run has left, as role/converter/volumes.h does. Borrows loop. 0 or -ENOMEM. */
int link_volumes_new(struct loop *loop, const struct link_volumes_options *options, struct link_volumes **out);
/* Writes the file once more. */
void link_volumes_freep(struct link_volumes **volumes);
/* Caps may be others now: a look at once. */
void link_volumes_look(struct link_volumes *volumes);

struct link_volume {
	enum cap_state state;
	uint64_t used_bytes;         /* of the period that the cap is about; 0 where the link has none */
};
struct link_volume link_volumes_of(const struct link_volumes *volumes, size_t link);

#endif
