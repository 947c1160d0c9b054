/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands of the control socket (doc/control.md). */
#ifndef BRAID_ROLE_COMMANDS_H
#define BRAID_ROLE_COMMANDS_H

#include <stddef.h>

struct braid;

/* Opens the control socket, braid->control. 0, or a negative errno with the reason in one line. */
int commands_start(struct braid *braid, char *reason, size_t n_reason);

#endif
