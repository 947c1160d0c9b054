/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The link addresses of neighbours, as the kernel looks for them (ARP, neighbour discovery). */
#ifndef BRAID_NET_NEIGHBOUR_H
#define BRAID_NET_NEIGHBOUR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/address.h"

struct netlink;

#define NEIGHBOUR_BYTES 32      /* of a link address, at most */

enum { NEIGHBOUR_E_UNKNOWN = 1 };

/* What the kernel knows of a neighbour; *n is 0 where the interface has no link addresses. 0, NEIGHBOUR_E_UNKNOWN
 * where it hasn't answered for that address lately, or a negative errno. Of a NETLINK_ROUTE socket, as all here. */
int neighbour_find(struct netlink *netlink, unsigned int ifindex, const struct address *a,
		   uint8_t link_address[NEIGHBOUR_BYTES], size_t *n);
/* Has the kernel ask for it. 0 or a negative errno. */
int neighbour_seek(struct netlink *netlink, unsigned int ifindex, const struct address *a);

/* Those of the interface, of one family, that are being looked for are forgotten: the next packet to one begins the
 * search anew, with all its tries. What waits for one now fails. 0 or a negative errno; then some may be left. */
int neighbour_forget_sought(struct netlink *netlink, unsigned int ifindex, bool v6);

#endif
