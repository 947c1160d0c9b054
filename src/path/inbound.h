/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A converter takes the connections that are for hosts behind gateways by one nft table of its own ("inet
 * braid_inbound"): what comes to an address and port of its sets is handed to the workers' listeners, so that any
 * number of forwards needs no listeners of its own, and the socket's own address is the one that the remote host has
 * connected to. Where nobody listens, the packet goes on to whoever has that port of this machine. The first packet to
 * a forward that is faithful waits in a worker's queue; the verdict's mark says whether that worker's own listener is
 * to have it, or what it is to be answered. Where nobody has the queue, or the kernel has none, it is as for the
 * others.
 */
#ifndef BRAID_PATH_INBOUND_H
#define BRAID_PATH_INBOUND_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/address.h"
#include "policy/forwards.h"

struct netlink;
struct nft;

struct inbound_options {
	uint16_t port;            /* of the listeners */
	uint32_t fwmark;          /* that verdicts' marks are made of (path/marks.h) */
	unsigned int n_workers;   /* each with a listener of its own, and a queue for first packets to forwards that
				   * are faithful */
	uint16_t first_queue;
	/* What nobody listens for on the machine but us: a first packet waits for its sender to try again while we
	 * don't, as after a kill. Unspecified: nothing. */
	struct address kept;
	uint16_t kept_first, kept_last;   /* ports */
};

struct inbound_element {
	struct address external;
	bool faithful;
};

struct inbound_table {
	struct nft *nft;          /* borrowed */
	struct inbound_element *elements;   /* by their addresses; NULL: there is to be no table */
	size_t n_elements;
	uint64_t picture;         /* of the table as we made it */
	bool holds;               /* of these, some wait in queues */
	struct inbound_options options;   /* by which that is so */
	struct netlink *looks;    /* opened when it is needed first */
	bool begun;               /* what an earlier run left is away */
	bool missing;             /* it is not there as it should be */
};

/* Where the workers listen: all of them at 0, each one by itself at its number + 1. Addresses that nobody has, so
 * that no packet but one of these finds them: 127.52.0.1 and up, 100::5126:0:0:1 and up (RFC 6666). */
static inline struct address inbound_listener(unsigned int which, bool v6, uint16_t port)
{
	struct address v6_address =
		{ .ip = { 0x01, 0, [8] = 0x51, 0x26, [14] = (uint8_t)((which + 1) >> 8), [15] = (uint8_t)(which + 1) },
		  .port = port };

	return v6 ? v6_address : address_from_v4(htonl(0x7f340001u + which), port);
}

/* Makes the table for these, or none without any; what is right already isn't touched, and where elements alone come
 * and go, they alone do. 0, or a negative errno with the reason. */
int inbound_table_put(struct inbound_table *table, const struct forwards *forwards,
		      const struct inbound_options *options, char *reason, size_t n_reason);
/* Puts it back where somebody else has removed or changed it, or it could not be put so far. *restored: it had to
 * be, or is to be. The same results. */
int inbound_table_check(struct inbound_table *table, bool *restored, char *reason, size_t n_reason);
/* Takes the table away. The same results; what it has is freed whatever they are. */
int inbound_table_remove(struct inbound_table *table, char *reason, size_t n_reason);

#endif
