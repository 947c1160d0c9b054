/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's MPTCP path manager: endpoints and limits of this network namespace (generic netlink family
 * "mptcp_pm", Linux 5.6). */
#ifndef BRAID_NET_MPTCP_PM_H
#define BRAID_NET_MPTCP_PM_H

#include <stdint.h>
#include "base/address.h"

#define MPTCP_PM_MOST 8            /* endpoints the kernel takes; and what both limits may be at most */

/* As the kernel numbers them (linux/mptcp.h). */
#define MPTCP_PM_SIGNAL (1u << 0)      /* peers are told of it, to join there; with a port the kernel listens there
				        * by itself, without one they join at that which they have come to */
#define MPTCP_PM_SUBFLOW (1u << 1)     /* a subflow starts from it */
#define MPTCP_PM_BACKUP (1u << 2)
#define MPTCP_PM_FULLMESH (1u << 3)    /* to each address of the peer */
#define MPTCP_PM_IMPLICIT (1u << 4)    /* made up by the kernel, gives way to a real one */

struct mptcp_pm_endpoint {
	uint8_t id;
	struct address ip;         /* with a port: one with MPTCP_PM_SIGNAL */
	unsigned int ifindex;      /* 0: not bound to an interface */
	uint32_t flags;            /* MPTCP_PM_* */
};

struct mptcp_pm_limits {
	uint32_t subflows;
	uint32_t add_addr_accepted;
};

struct mptcp_pm;
typedef void (*mptcp_pm_endpoint_fn)(void *context, const struct mptcp_pm_endpoint *endpoint);

/* 0, -ENOENT where the kernel has no MPTCP path manager, or another negative errno. */
int mptcp_pm_open(struct mptcp_pm **out);
void mptcp_pm_closep(struct mptcp_pm **pm);
/* What the kernel said about the last failed call, "" if nothing. */
const char *mptcp_pm_error_text(const struct mptcp_pm *pm);

/* Calls fn for each. 0 or a negative errno, here and below. */
int mptcp_pm_list(struct mptcp_pm *pm, mptcp_pm_endpoint_fn fn, void *context);
/* -EEXIST: the address has an endpoint; -ERANGE: MPTCP_PM_MOST are there. */
int mptcp_pm_add(struct mptcp_pm *pm, const struct mptcp_pm_endpoint *endpoint);
/* Closes the endpoint's subflows and tells the peers (RM_ADDR). -EINVAL: no such id. */
int mptcp_pm_delete(struct mptcp_pm *pm, const struct mptcp_pm_endpoint *endpoint);
/* Switches the backup flag, on live subflows too (MP_PRIO); the endpoint's other flags can't be changed. */
int mptcp_pm_set_backup(struct mptcp_pm *pm, const struct mptcp_pm_endpoint *endpoint);

/* Of all endpoints together: how many subflows a connection may have beside its first, and how many addresses of its
 * peer's are taken. */
int mptcp_pm_get_limits(struct mptcp_pm *pm, struct mptcp_pm_limits *limits);
int mptcp_pm_set_limits(struct mptcp_pm *pm, const struct mptcp_pm_limits *limits);

#endif
