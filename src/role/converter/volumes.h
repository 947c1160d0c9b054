/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keeps what subscribers have used of the day and the month in a file of daemon.state_dir, every ten seconds while
 * there is something new, and at the end: a daemon that is killed forgets ten seconds at most (role/state_file.h).
 */
#ifndef BRAID_ROLE_CONVERTER_VOLUMES_H
#define BRAID_ROLE_CONVERTER_VOLUMES_H

#include "loop/loop.h"
#include "role/converter/subscribers.h"

struct volumes;

struct volumes_options {
	struct subscribers *subscribers;   /* borrowed, as what follows */
	const char *state_dir;             /* is there already */
	/* Something to be told: one line. */
	void (*on_warning)(void *context, const char *text);
	void *context;
};

/* Reads what an earlier run has left; a file that can't be used is told of and put aside, and the volumes begin at
 * nothing. Main thread. 0 or -ENOMEM. */
int volumes_new(struct loop *loop, const struct volumes_options *options, struct volumes **out);
/* Writes the file once more. */
void volumes_freep(struct volumes **volumes);

#endif
