/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control commands policy-list and policy-test (doc/control.md). The context is the struct braid. */
#ifndef BRAID_ROLE_POLICY_COMMANDS_H
#define BRAID_ROLE_POLICY_COMMANDS_H

#include "ctl/control.h"

void policy_list_run(void *context, struct control_call call, const json_t *arguments);
void policy_test_run(void *context, struct control_call call, const json_t *arguments);

#endif
