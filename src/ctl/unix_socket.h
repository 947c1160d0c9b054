/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control socket's file: making it and reaching it. */
#ifndef BRAID_CTL_UNIX_SOCKET_H
#define BRAID_CTL_UNIX_SOCKET_H

#include <stddef.h>

/* Listens at the path, for its user and group alone. 0, or a negative errno with the reason in one line. */
int unix_listen(const char *path, int *fd, char *reason, size_t n_reason);
/* Waits until it is connected. 0 or a negative errno. */
int unix_connect(const char *path, int *fd);

#endif
