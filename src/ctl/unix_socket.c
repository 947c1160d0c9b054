/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/unix_socket.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include "base/util.h"

#define BACKLOG 16

static int address_of(const char *path, struct sockaddr_un *out)
{
	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(out->sun_path))
		return -ENAMETOOLONG;
	strcpy(out->sun_path, path);
	return 0;
}

int unix_connect(const char *path, int *out)
{
	_cleanup_(fd_closep) int fd = -1;
	struct sockaddr_un address;
	int r = address_of(path, &address);

	if (r)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return -errno;
	*out = fd_take(&fd);
	return 0;
}

/* Only the last folder of the path: a mistyped path is no reason to make a tree. */
static void make_folder(const char *path)
{
	char copy[sizeof(((struct sockaddr_un *)0)->sun_path)];

	snprintf(copy, sizeof(copy), "%s", path);
	mkdir(dirname(copy), 0755);
}

/* What an earlier run left. A file that is no socket is somebody's: bind() will refuse. */
static void remove_socket(const char *path)
{
	struct stat st;

	if (!lstat(path, &st) && S_ISSOCK(st.st_mode))
		unlink(path);
}

int unix_listen(const char *path, int *out, char *reason, size_t n_reason)
{
	_cleanup_(fd_closep) int fd = -1;
	_cleanup_(fd_closep) int other = -1;
	struct sockaddr_un address;
	mode_t mask;
	int r = address_of(path, &address);

	if (!r && !unix_connect(path, &other))
		r = -EADDRINUSE;
	if (r) {
		snprintf(reason, n_reason,
			 r == -EADDRINUSE ? "another daemon answers at %s; end it, or give this one its own "
					    "daemon.control" :
			 "the path %s is too long for a socket", path);
		return r;
	}
	make_folder(path);
	remove_socket(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mask = umask(0117);   /* rw-rw---- from the first moment on */
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, BACKLOG))
		r = -errno;
	umask(mask);
	if (r) {
		snprintf(reason, n_reason, "cannot listen at %s (daemon.control): %s", path, strerror(-r));
		return r;
	}
	*out = fd_take(&fd);
	return 0;
}
