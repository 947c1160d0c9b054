/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Settings of the network namespace that Braid changes while it runs (sysctls, and the limits of the MPTCP path
 * manager), and their old values, which are written to a file before the first change: so a run after a kill -9 still
 * knows what was there before Braid.
 */
#ifndef BRAID_PATH_KEEP_H
#define BRAID_PATH_KEEP_H

#include <stdbool.h>
#include <stddef.h>
#include "net/mptcp_pm.h"
#include "net/sysctl.h"

#define KEEP_MOST 64
#define KEEP_NAME_BYTES 96
#define KEEP_LIMIT_SUBFLOWS "mptcp_pm/subflows"              /* not sysctls, but kept like them */
#define KEEP_LIMIT_ADD_ADDR "mptcp_pm/add_addr_accepted"

struct keep_setting {
	char name[KEEP_NAME_BYTES];
	char old[SYSCTL_VALUE_BYTES];
	char ours[SYSCTL_VALUE_BYTES];
};

struct keep {
	struct mptcp_pm *pm;             /* borrowed */
	char file[128];
	struct keep_setting settings[KEEP_MOST];
	size_t n_settings;
	int error;                       /* the file could not be written: a negative errno; 0: it could */
};

/* Reads what an earlier run of this network namespace, since boot, has left in state_dir (made if it isn't there). 0
 * or a negative errno. */
int keep_open(struct keep *keep, const char *state_dir, struct mptcp_pm *pm, char *reason, size_t n_reason);

/* The value now. 0, SYSCTL_E_MISSING or a negative errno. */
int keep_read(const struct keep *keep, const char *name, char out[SYSCTL_VALUE_BYTES]);
/* Changes a setting to value, after its old one is safe in the file, or keep->error says why it isn't: what the
 * setting is for matters more. One that has the value isn't touched. 0, SYSCTL_E_MISSING or a negative errno. */
int keep_set(struct keep *keep, const char *name, const char *value);
/* Gives a setting that keep_set() has changed its old value, unless somebody else has changed it since. 0,
 * SYSCTL_E_MISSING or a negative errno. */
int keep_give_back(struct keep *keep, const char *name);

/* Gives every setting its old value, unless somebody else has changed it since, and removes the file. */
void keep_restore(struct keep *keep);

#endif
