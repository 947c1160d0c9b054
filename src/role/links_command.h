/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control command links (doc/control.md): how each link is, and what it costs. The context is the struct braid. */
#ifndef BRAID_ROLE_LINKS_COMMAND_H
#define BRAID_ROLE_LINKS_COMMAND_H

#include "ctl/control.h"

void links_run(void *context, struct control_call call, const json_t *arguments);

#endif
