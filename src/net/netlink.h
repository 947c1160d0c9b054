/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Netlink sockets: a request with its acknowledgement, a dump, and notifications. Requests wait for the kernel's
 * answer, which it writes while it handles the request; so they don't block for longer than a system call does.
 */
#ifndef BRAID_NET_NETLINK_H
#define BRAID_NET_NETLINK_H

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stdint.h>

struct netlink;

/* Called for each message of an answer or a dump. */
typedef void (*netlink_message_fn)(void *context, const struct nlmsghdr *message);

/* family: NETLINK_ROUTE, NETLINK_GENERIC. 0 or a negative errno. */
int netlink_open(int family, struct netlink **out);
/* Non-blocking, subscribed to the RTNLGRP_* groups, for netlink_any_matters() alone. 0 or a negative errno. */
int netlink_open_events(int family, const unsigned int *groups, size_t n_groups, struct netlink **out);
void netlink_closep(struct netlink **netlink);
int netlink_fd(const struct netlink *netlink);

/* Begins a request in the socket's own buffer (one at a time; up to NETLINK_REQUEST_BYTES, which no caller comes
 * near). */
#define NETLINK_REQUEST_BYTES 4096
struct nlmsghdr *netlink_begin(struct netlink *netlink, uint16_t type, uint16_t flags);

/* Sends the request, hands every message of the answer to fn (may be NULL), ends with the acknowledgement or the end
 * of the dump. 0, or the kernel's negative errno; -EINTR: the state changed during the dump, dump again. */
int netlink_request(struct netlink *netlink, netlink_message_fn fn, void *context);
/* What the kernel said about the last failed request, "" if it said nothing. */
const char *netlink_error_text(const struct netlink *netlink);

/* Takes all notifications that there are: whether one of them matters, or some were lost. A notification says when
 * to look, never what has happened: one's own come, too. */
bool netlink_any_matters(struct netlink *netlink, bool (*matters)(const struct nlmsghdr *message));

/* The number of a generic netlink family on this kernel. 0, -ENOENT where it has none, or another negative errno. */
int netlink_generic_family(struct netlink *netlink, const char *name, uint16_t *out);

#endif
