/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel should hold for the links, given what there is: each link's state, its routing table and rules, its
 * MPTCP endpoints; and the steps from what is there of ours to that. path/ looks and acts. Pure.
 */
#ifndef BRAID_POLICY_LINKS_H
#define BRAID_POLICY_LINKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/address.h"

#define LINKS_MOST 8
#define LINKS_NAME_BYTES 16          /* IFNAMSIZ */
#define LINKS_LAN_MOST 16
#define LINKS_JOINS_MOST 4           /* one a family, with a port and without */
#define LINKS_SEEN_MOST 512          /* of each kind; more than that isn't looked at */
#define LINKS_ENDPOINTS_MOST 8       /* the kernel's limit, other people's included */

/* The endpoint ids that are ours: the kernel itself gives ids from 1 upward. */
#define LINKS_ID_FIRST 200           /* + 2 * link, + 1 for IPv6 */
#define LINKS_ID_JOIN (LINKS_ID_FIRST + 2 * LINKS_MOST)   /* + which */
#define LINKS_ID_LAST (LINKS_ID_JOIN + LINKS_JOINS_MOST - 1)

/* What is wanted. */
struct links_want {
	struct {
		char interface[LINKS_NAME_BYTES];
		struct address next_hop_v4, next_hop_v6;   /* unspecified: from the main table */
		bool backup;
		bool left[2];       /* no endpoint of IPv4, or of IPv6: nothing of sessions that run is to be there */
	} link[LINKS_MOST];
	size_t n_links;
	char lan[LINKS_LAN_MOST][LINKS_NAME_BYTES];
	size_t n_lan;                       /* 0: nothing is intercepted of a LAN */
	bool fullmesh;                      /* links' endpoints join whatever address the peer has, not the first
					     * alone */
	struct address join[LINKS_JOINS_MOST];   /* where peers are told to join; without a port: at the one that
						  * they have come to */
	size_t n_join;
	bool foreign_sources;               /* what bears the mark is to be delivered here, with nothing intercepted,
					     * too */
	uint32_t own_fwmark, own_fwmask;    /* of what is sent here and bears it: delivered here; 0: nothing is
					     * intercepted that is sent here */
	uint32_t fwmark, route_table;
	uint32_t rule_priority;             /* +0 and the last, + 1 + LINKS_MOST, for what bears the mark, one a link
					     * between them */
};

/* What there is. */
struct links_interface {
	char name[LINKS_NAME_BYTES];
	unsigned int ifindex;
	bool up, carrier, point_to_point, is_port;   /* as in net/route.h */
};

struct links_address {
	unsigned int ifindex;
	struct address ip;
	uint8_t n_bits;
	bool global, usable, secondary, deprecated;   /* as in net/route.h */
};

/* A route: of ours, or, with table ignored, a default route of the main table. */
struct links_route {
	bool v6, local;
	uint32_t table;
	struct prefix to;
	struct address via;
	unsigned int ifindex;
	struct address source;
	uint32_t metric;
};

struct links_rule {
	bool v6, iif_lo;
	struct address from;
	uint32_t fwmark, fwmask, table, priority;   /* fwmask: of the mark's bits, those that count; 0: all */
};

struct links_endpoint {
	uint8_t id;
	struct address ip;                   /* with a port: of one that is told to peers */
	unsigned int ifindex;
	bool backup, fullmesh;
	bool told;                           /* to peers, to join there; no subflow starts from it */
};

#define LINKS_LIST(type) struct { struct type at[LINKS_SEEN_MOST]; size_t n; }

struct links_seen {
	LINKS_LIST(links_interface) interfaces;
	LINKS_LIST(links_address) addresses;
	LINKS_LIST(links_route) defaults;
	LINKS_LIST(links_endpoint) foreign;   /* other people's endpoints: an address of theirs is left to them */
	unsigned int loopback;                /* its ifindex, where it is up; 0: interception can't be routed */
};

/* What Braid holds in the kernel, or should. */
struct links_plumbing {
	LINKS_LIST(links_route) routes;
	LINKS_LIST(links_rule) rules;
	LINKS_LIST(links_endpoint) endpoints;
};

enum links_state { LINKS_NO_INTERFACE, LINKS_NO_CARRIER, LINKS_NO_ADDRESS, LINKS_NO_ROUTE, LINKS_UP };

struct links_verdict {
	enum links_state state;
	unsigned int ifindex;
	struct address v4, v6;               /* with a way out; unspecified where there is none */
	uint8_t endpoint_id_v4, endpoint_id_v6;   /* perhaps somebody else's; 0: none, also where the kernel's limit
						   * was reached */
};

/* Fills in verdicts (want->n_links of them; in: those of the last plan, or zeros) and plumbing. Routes and rules
 * stay while a link has no carrier, so that they are there at its return; its endpoint goes at once. */
void links_plan(const struct links_want *want, const struct links_seen *seen, struct links_verdict *verdicts,
		struct links_plumbing *plumbing);

/* Whether one link that is up has IPv4 alone and another IPv6 alone, so that a session that has both needs addresses
 * of the peer of both. */
bool links_span_families(const struct links_verdict *verdicts, size_t n);

/* In the order in which they are to be done: subflows end before their routes go, and begin after these came. */
enum links_step {
	LINKS_DELETE_ENDPOINT,
	LINKS_DELETE_RULE,
	LINKS_DELETE_ROUTE,
	LINKS_ADD_ROUTE,
	LINKS_ADD_RULE,
	LINKS_SET_BACKUP,
	LINKS_ADD_ENDPOINT,
	LINKS_N_STEPS,
};

/* Writes the indexes at which one step has something to do: into have for the deletions, into want for the others.
 * Returns how many. */
size_t links_diff(enum links_step step, const struct links_plumbing *have, const struct links_plumbing *want,
		  uint16_t out[LINKS_SEEN_MOST]);

#endif
