/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel shows of links and of our plumbing, in the words of policy/links.h. */
#ifndef BRAID_PATH_OBSERVE_H
#define BRAID_PATH_OBSERVE_H

#include "net/mptcp_pm.h"
#include "net/netlink.h"
#include "policy/links.h"

/* Takes a full look. pm may be NULL: no endpoints then. ours: endpoints with our ids go to have, else all count as
 * foreign. 0 or a negative errno. */
int observe(struct netlink *netlink, struct mptcp_pm *pm, bool ours, struct links_seen *seen,
	    struct links_plumbing *have);

#endif
