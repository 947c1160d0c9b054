/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Does to the kernel what policy/links.h says has to be done. */
#ifndef BRAID_PATH_APPLY_H
#define BRAID_PATH_APPLY_H

#include "net/mptcp_pm.h"
#include "net/netlink.h"
#include "policy/links.h"

/* Every step from have to want, the rest also where one fails. 0, or the first failure as a negative errno with its
 * words in reason. pm may be NULL where neither has endpoints. */
int apply(struct netlink *netlink, struct mptcp_pm *pm, const struct links_plumbing *have,
	  const struct links_plumbing *want, char *reason, size_t n_reason);

#endif
