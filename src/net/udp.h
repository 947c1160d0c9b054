/* SPDX-License-Identifier: GPL-2.0-or-later */
/* UDP as a server on one interface needs it: each datagram with the address that it was sent to, so that the answer
 * comes from there. */
#ifndef BRAID_NET_UDP_H
#define BRAID_NET_UDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/address.h"

/* Takes what comes in by that interface alone, of one family. 0 or a negative errno. */
int net_udp_open(const char *interface, bool v4, uint16_t port, int *fd);
/* One datagram; one that is longer than n_bytes is cut. local has no port. The length, or -1 with *error: NET_E_* or
 * a negative errno. */
ssize_t net_udp_receive(int fd, void *bytes, size_t n_bytes, struct address *peer, struct address *local, int *error);
/* From local (unspecified: the kernel's choice), by the socket's interface. What can't be sent is lost, as datagrams
 * are: false. */
bool net_udp_send(int fd, const void *bytes, size_t n_bytes, const struct address *peer, const struct address *local);

#endif
