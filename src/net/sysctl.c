/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include "base/util.h"

static int sysctl_open(const char *name, int flags, int *fd)
{
	char path[160];
	int n = snprintf(path, sizeof(path), "/proc/sys/%s", name);

	if (n < 0 || (size_t)n >= sizeof(path) || strstr(name, ".."))
		return SYSCTL_E_MISSING;
	*fd = open(path, flags | O_CLOEXEC);
	if (*fd >= 0)
		return 0;
	return errno == ENOENT || errno == ENOTDIR ? SYSCTL_E_MISSING : -errno;
}

int sysctl_read(const char *name, char out[SYSCTL_VALUE_BYTES])
{
	_cleanup_(fd_closep) int fd = -1;
	int r = sysctl_open(name, O_RDONLY, &fd);
	ssize_t n;

	if (r)
		return r;
	n = read(fd, out, SYSCTL_VALUE_BYTES - 1);
	if (n < 0)
		return -errno;
	out[n] = '\0';
	out[strcspn(out, "\n")] = '\0';
	for (char *tab = out; (tab = strchr(tab, '\t'));)
		*tab = ' ';
	return 0;
}

int sysctl_write(const char *name, const char *value)
{
	_cleanup_(fd_closep) int fd = -1;
	int r = sysctl_open(name, O_WRONLY, &fd);

	if (r)
		return r;
	return write(fd, value, strlen(value)) < 0 ? -errno : 0;
}
