/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Control groups (version 2) as nft names them. */
#ifndef BRAID_PATH_CGROUP_H
#define BRAID_PATH_CGROUP_H

#include <stdint.h>
#include "policy/own.h"

#define CGROUP_PATH_BYTES 256

struct cgroup {
	char path[CGROUP_PATH_BYTES];   /* from /sys/fs/cgroup on: with version 1 beside it, version 2 is in a folder
					 * of that */
	unsigned int level;             /* below the root */
	uint64_t number;                /* another one when it was removed and made anew */
};

/* name: from the root of version 2 on. 0 or -ENOENT. */
int cgroup_find(const char *name, struct cgroup *out);
/* Another number as soon as any of those that are chosen has come, gone or been made anew. */
uint64_t cgroups_now(const struct own_choice *own);

#endif
