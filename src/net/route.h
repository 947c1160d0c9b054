/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interfaces, addresses, routes and rules of this network namespace (rtnetlink). What we add bears ROUTE_PROTOCOL, so
 * that a later run tells ours from other people's; only what bears it is listed as ours and taken away.
 */
#ifndef BRAID_NET_ROUTE_H
#define BRAID_NET_ROUTE_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/address.h"
#include "net/netlink.h"

#define ROUTE_PROTOCOL 181   /* rtm_protocol and FRA_PROTOCOL: 5..255 are free to use, this one is in no list */

struct route_interface {
	char name[IF_NAMESIZE];
	unsigned int ifindex;
	bool up;                 /* set up by its owner */
	bool carrier;
	bool point_to_point;     /* needs no next hop */
	bool is_port;            /* of a bridge or a bond: IP packets come by that one */
	uint64_t rx_bytes, tx_bytes;
};

struct route_address {
	unsigned int ifindex;
	struct address ip;       /* our end */
	uint8_t n_bits;          /* of the prefix, in the mapped form */
	bool global;             /* not link-local, not of this host alone */
	bool usable;             /* not tentative (IPv6 duplicate address detection), nor found to be a duplicate */
	bool secondary;          /* second of its prefix (IPv4), temporary (IPv6) */
	bool deprecated;
};

struct route_entry {
	bool v6;
	bool local;              /* delivered here (RTN_LOCAL), not sent on */
	uint32_t table;
	struct prefix to;        /* no bits (96 for IPv4): default */
	struct address via;      /* unspecified: straight out of the interface */
	unsigned int ifindex;
	struct address source;   /* preferred; unspecified: the kernel's choice */
	uint32_t metric;
};

struct route_rule {
	bool v6;
	struct address from;     /* unspecified: any */
	uint32_t fwmark;         /* 0: any */
	uint32_t fwmask;         /* of its bits, those that count; 0: all */
	bool iif_lo;             /* only what is sent from here, and the check whether the way back to a packet's
				  * source is a good one */
	uint32_t table;
	uint32_t priority;
};

typedef void (*route_interface_fn)(void *context, const struct route_interface *interface);
typedef void (*route_address_fn)(void *context, const struct route_address *address);
typedef void (*route_entry_fn)(void *context, const struct route_entry *entry);
typedef void (*route_rule_fn)(void *context, const struct route_rule *rule);

/* All of these: 0, or the kernel's negative errno; -EINTR from a listing: it changed underway, list again. */
int route_list_interfaces(struct netlink *netlink, route_interface_fn fn, void *context);
int route_list_addresses(struct netlink *netlink, route_address_fn fn, void *context);
/* The default routes of the main table, one call a next hop. */
int route_list_defaults(struct netlink *netlink, route_entry_fn fn, void *context);
/* Ours, of all tables. */
int route_list_ours(struct netlink *netlink, route_entry_fn fn, void *context);
int route_list_our_rules(struct netlink *netlink, route_rule_fn fn, void *context);

/* -EEXIST: it is there, perhaps as somebody else's. */
int route_add(struct netlink *netlink, const struct route_entry *entry);
int route_delete(struct netlink *netlink, const struct route_entry *entry);
int route_add_rule(struct netlink *netlink, const struct route_rule *rule);
int route_delete_rule(struct netlink *netlink, const struct route_rule *rule);

/* Notifications on interfaces, addresses, and routes of both families. */
int route_open_events(struct netlink **out);
/* Whether a notification can matter to us: interfaces and addresses always, of the routes only default ones and
 * ours. */
bool route_event_matters(const struct nlmsghdr *message);

#endif
