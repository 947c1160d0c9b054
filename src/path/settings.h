/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which settings of the system Braid needs, and why. */
#ifndef BRAID_PATH_SETTINGS_H
#define BRAID_PATH_SETTINGS_H

#include "path/keep.h"
#include "path/path.h"

typedef void (*settings_warn_fn)(void *context, const char *text);

/* Puts all of them in place. Only MPTCP switched off for good is a failure; what else can't be set is a warning. 0
 * or a negative errno with reason. */
int settings_put(struct keep *keep, const struct path_options *options, settings_warn_fn warn, void *context,
		 char *reason, size_t n_reason);

/* Whether subflows are begun to addresses that peers tell us (ADD_ADDR), from whichever of ours the routes say;
 * never but when they are wanted. Where it can't be changed, a warning. */
void settings_accept_told(struct keep *keep, bool wanted, settings_warn_fn warn, void *context);

/* Puts back what somebody has changed since, and says so; to be called now and then. */
void settings_watch(struct keep *keep, settings_warn_fn warn, void *context);

#endif
