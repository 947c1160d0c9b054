/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which connections that programs of this machine itself begin are bonded: those that any of these matches. */
#ifndef BRAID_POLICY_OWN_H
#define BRAID_POLICY_OWN_H

#include <stdbool.h>
#include <stddef.h>
#include "base/address.h"
#include "policy/rules.h"

#define OWN_NAMES 16                /* of users, of groups */
#define OWN_NAME_BYTES 32           /* with the terminating zero */
#define OWN_CGROUPS 8
#define OWN_CGROUP_BYTES 192
#define OWN_PORTS 32

struct own_choice {
	bool all;
	char users[OWN_NAMES][OWN_NAME_BYTES];      /* names, or numbers */
	size_t n_users;
	char groups[OWN_NAMES][OWN_NAME_BYTES];
	size_t n_groups;
	char cgroups[OWN_CGROUPS][OWN_CGROUP_BYTES];   /* of version 2, from its root on, without a slash at either
						        * end */
	size_t n_cgroups;
	struct rule_ports ports[OWN_PORTS];         /* of the destination */
	size_t n_ports;
	struct prefix *to;                          /* destinations; malloc'd */
	size_t n_to;
	bool special;                               /* also to destinations that admit_is_special() names, which else
						     * are left alone */
};

static inline bool own_chooses(const struct own_choice *choice)
{
	return choice->all || choice->n_users || choice->n_groups || choice->n_cgroups || choice->n_ports ||
	       choice->n_to;
}

#endif
