/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control socket, the asking side. */
#ifndef BRAID_CTL_ASK_H
#define BRAID_CTL_ASK_H

#include <jansson.h>
#include <stddef.h>

enum {
	ASK_E_NO_DAEMON = 1,   /* nobody answers at the path */
	ASK_E_REFUSED,         /* the daemon says no; its words are in reason */
	ASK_E_BROKEN,          /* it went away, or what it said is no answer */
};

/* Asks one command and waits for its answer. Takes arguments (NULL: none). 0 with *result the caller's, or ASK_E_*
 * with one line in reason. */
int ask(const char *path, const char *command, json_t *arguments, json_t **result, char *reason, size_t n_reason);

#endif
