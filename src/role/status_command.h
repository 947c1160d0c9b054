/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control command status (doc/control.md): what the daemon is, and how it is. The context is the struct braid. */
#ifndef BRAID_ROLE_STATUS_COMMAND_H
#define BRAID_ROLE_STATUS_COMMAND_H

#include "ctl/control.h"

void status_run(void *context, struct control_call call, const json_t *arguments);

#endif
