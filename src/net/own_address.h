/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which addresses are this machine's, in this network namespace: asked anew each time, for they come and go. */
#ifndef BRAID_NET_OWN_ADDRESS_H
#define BRAID_NET_OWN_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include "base/address.h"

/* Sockets that are tried to be bound: to other machines' addresses they can't, and stay as they are. So a foreign
 * address, as most are, costs one system call. */
struct own_address_probe {
	int v4_fd, v6_fd;    /* -1: none could be had so far */
};

void own_address_probe_init(struct own_address_probe *probe);
void own_address_probe_fini(struct own_address_probe *probe);
/* As net_is_own_address(). */
bool own_address_probe_is_own(struct own_address_probe *probe, const struct address *a);

/* Whether the address is this machine's. Asks the routing table. */
bool net_is_own_address(const struct address *a);

/* The address that the kernel would send from to another one; no port. 0 or NET_E_*, or a negative errno. */
int net_address_toward(const struct address *to, struct address *out);

/* Whether the address is of a network that one of the interfaces has an address in. Asks the kernel for all
 * addresses. */
bool net_is_neighbour(const struct address *a, bool (*is_wanted)(const void *context, const char *interface),
		      const void *context);

#endif
