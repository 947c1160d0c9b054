/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control command dhcp (doc/control.md): what a link's DHCP says of converters. The context is the struct braid. */
#ifndef BRAID_ROLE_DHCP_COMMAND_H
#define BRAID_ROLE_DHCP_COMMAND_H

#include "ctl/control.h"

void dhcp_run(void *context, struct control_call call, const json_t *arguments);

#endif
