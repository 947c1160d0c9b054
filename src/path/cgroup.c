/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "path/cgroup.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include "base/util.h"

#define MOUNTED "/sys/fs/cgroup"

static const char *const folders[] = { "", "unified/" };

static unsigned int level_of(const char *name)
{
	unsigned int n = 1;

	for (; *name; name++)
		n += *name == '/';
	return n;
}

int cgroup_find(const char *name, struct cgroup *out)
{
	char path[sizeof(MOUNTED) + CGROUP_PATH_BYTES];
	struct statfs fs;
	struct stat status;

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		snprintf(out->path, sizeof(out->path), "%s%s", folders[i], name);
		snprintf(path, sizeof(path), MOUNTED "/%s", out->path);
		if (statfs(path, &fs) || fs.f_type != CGROUP2_SUPER_MAGIC || stat(path, &status) ||
		    !S_ISDIR(status.st_mode))
			continue;
		out->level = level_of(name);
		out->number = status.st_ino;
		return 0;
	}
	return -ENOENT;
}

uint64_t cgroups_now(const struct own_choice *own)
{
	struct cgroup cgroup;
	uint64_t all = 0;

	for (size_t i = 0; own && i < own->n_cgroups; i++)
		all = all * 1099511628211u + (cgroup_find(own->cgroups[i], &cgroup) ? 0 : cgroup.number);   /* FNV */
	return all;
}
