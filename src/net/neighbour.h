/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The link addresses of neighbours, as the kernel looks for them (ARP, neighbour discovery). */
#ifndef BRAID_NET_NEIGHBOUR_H
#define BRAID_NET_NEIGHBOUR_H

struct netlink;

/* Those of the interface that are being looked for are forgotten: the next packet to one begins the search anew, with all its tries. What waits for one now fails.
 * 0 or a negative errno; then some may be left. Of a NETLINK_ROUTE socket. */
int neighbour_forget_sought(struct netlink *netlink, unsigned int ifindex);

#endif
