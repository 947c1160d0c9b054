/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file of daemon.state_dir in JSON: {"format": N, NAME: what is kept}. Written whole and put in the old one's place by rename: there is one writer, who has all of it in memory, and
 * an operator may read it. Who is killed meanwhile leaves the old one.
 */
#ifndef BRAID_ROLE_STATE_FILE_H
#define BRAID_ROLE_STATE_FILE_H

#include <jansson.h>
#include <stddef.h>

#define STATE_FILE_PATH_BYTES 160    /* state_dir is shorter */

struct state_file {
	char path[STATE_FILE_PATH_BYTES];
	const char *name;            /* of what is kept: "subscribers" */
	int format;
};

/* Takes what is kept; NULL: there was no memory for it. 0 or a negative errno. */
int state_file_write(const struct state_file *file, json_t *kept);

enum { STATE_FILE_E_NONE = 1, STATE_FILE_E_BAD };
/* What was kept, the caller's. STATE_FILE_E_NONE: there is no file; STATE_FILE_E_BAD: it isn't one that we wrote, and reason says how; a negative errno: it can't be looked for. */
int state_file_read(const struct state_file *file, json_t **kept, char *reason, size_t n_reason);
/* Puts a bad one aside, as PATH.bad. */
void state_file_put_aside(const struct state_file *file);

#endif
