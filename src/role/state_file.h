/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file of daemon.state_dir in JSON: {"format": N, NAME: what is kept}. Written whole and put in the old one's place
 * by rename: there is one writer, who has all of it in memory, and an operator may read it. Who is killed meanwhile
 * leaves the old one.
 */
#ifndef BRAID_ROLE_STATE_FILE_H
#define BRAID_ROLE_STATE_FILE_H

#include <jansson.h>
#include <stdbool.h>
#include "role/warning.h"

#define STATE_FILE_PATH_BYTES 160    /* state_dir is shorter */

struct state_file {
	char path[STATE_FILE_PATH_BYTES];
	const char *name;            /* of what is kept: "subscribers" */
	const char *what;            /* the same in words: "subscribers' volumes" */
	int format;
	struct warning_sink sink;
	bool failing;                /* it couldn't be written, and that was told */
};

/* Takes what is kept; NULL: there was no memory for it. True: it is written. That it can't be is told once, until it
 * can. */
bool state_file_keep(struct state_file *file, json_t *kept);
/* What an earlier run has kept, the caller's. NULL: there is nothing that could be used; where there is a file all
 * the same that is told, and one that we haven't written is put aside, as PATH.bad. */
json_t *state_file_take_up(const struct state_file *file);
/* The same of one whose contents turn out to be none of ours, for this reason. */
void state_file_reject(const struct state_file *file, const char *reason);

#endif
