/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/links.h"

#include <linux/rtnetlink.h>
#include <string.h>

/* Appends unless the list is full; what is beyond the limit is left out, in what is seen and in what is wanted. */
#define LIST_PUT(list, ...) \
	do { \
		if ((list)->n < LINKS_SEEN_MOST) \
			(list)->at[(list)->n++] = __VA_ARGS__; \
	} while (0)

static struct prefix default_of(bool v6)
{
	struct prefix p = { .n_bits = v6 ? 0 : 96 };

	if (!v6)
		p.ip[10] = p.ip[11] = 0xff;
	return p;
}

static struct prefix prefix_of(const struct links_address *address)
{
	struct prefix p = { .n_bits = address->n_bits };

	for (unsigned int bit = 0; bit < p.n_bits && bit < 128; bit++)
		p.ip[bit / 8] |= address->ip.ip[bit / 8] & (0x80 >> bit % 8);
	return p;
}

static const struct links_interface *find_interface(const struct links_seen *seen, const char *name)
{
	for (size_t i = 0; i < seen->interfaces.n; i++)
		if (!strncmp(seen->interfaces.at[i].name, name, LINKS_NAME_BYTES))
			return &seen->interfaces.at[i];
	return NULL;
}

static bool is_unique_local(const struct address *a)
{
	return (a->ip[0] & 0xfe) == 0xfc;
}

/* How good an address is to start from; 0: not at all. Deprecated weighs most: it is about to go. */
static unsigned int address_worth(const struct links_address *address)
{
	if (!address->global || !address->usable)
		return 0;
	return 1 + !address->secondary + 2 * !is_unique_local(&address->ip) + 4 * !address->deprecated;
}

/* The best address; among equals the one that is in use, so that another one more doesn't disturb what runs. */
static const struct links_address *find_address(const struct links_seen *seen, unsigned int ifindex, bool v6,
						const struct address *in_use)
{
	const struct links_address *best = NULL;
	unsigned int best_worth = 0;

	for (size_t i = 0; i < seen->addresses.n; i++) {
		const struct links_address *address = &seen->addresses.at[i];
		unsigned int worth = 2 * address_worth(address);

		if (address->ifindex != ifindex || address_is_v4(&address->ip) == v6 || !worth)
			continue;
		worth += address_equal_ip(&address->ip, in_use);
		if (worth > best_worth) {
			best = address;
			best_worth = worth;
		}
	}
	return best;
}

enum { NO_WAY, WAY };

/* The next hop: as configured, from the best default route over the interface, or none on point-to-point interfaces. */
static int find_way(const struct links_seen *seen, const struct links_interface *interface,
		    const struct address *configured, bool v6, struct address *via)
{
	const struct links_route *best = NULL;

	*via = *configured;
	if (!address_is_unspecified(configured))
		return WAY;
	for (size_t i = 0; i < seen->defaults.n; i++) {
		const struct links_route *route = &seen->defaults.at[i];

		if (route->ifindex == interface->ifindex && route->v6 == v6 && (!best || route->metric < best->metric))
			best = route;
	}
	if (best)
		*via = best->via;
	return best || interface->point_to_point ? WAY : NO_WAY;
}

static bool is_lan(const struct links_want *want, const struct links_seen *seen, unsigned int ifindex)
{
	for (size_t i = 0; i < want->n_lan; i++) {
		const struct links_interface *interface = find_interface(seen, want->lan[i]);

		if (interface && interface->up && interface->ifindex == ifindex)
			return true;
	}
	return false;
}

static bool routes_have(const struct links_plumbing *plumbing, uint32_t table, const struct prefix *to)
{
	for (size_t i = 0; i < plumbing->routes.n; i++)
		if (plumbing->routes.at[i].table == table && !memcmp(&plumbing->routes.at[i].to, to, sizeof(*to)))
			return true;
	return false;
}

static void put_connected(struct links_plumbing *plumbing, uint32_t table, const struct links_address *address)
{
	struct links_route route = { .v6 = !address_is_v4(&address->ip), .table = table, .to = prefix_of(address),
				     .ifindex = address->ifindex };

	/* Two addresses of one prefix make one route; of length 0 it would be the default route, of full length it
	 * is us. */
	if (route.to.n_bits > (route.v6 ? 0 : 96) && route.to.n_bits < 128 && !routes_have(plumbing, table, &route.to))
		LIST_PUT(&plumbing->routes, route);
}

/* The LAN's prefixes stand in a link's table too: answers from the link's address to a LAN host must not leave by
 * the link. */
static void put_lan_routes(const struct links_want *want, const struct links_seen *seen, uint32_t table, bool v6,
			   struct links_plumbing *plumbing)
{
	for (size_t i = 0; i < seen->addresses.n; i++) {
		const struct links_address *address = &seen->addresses.at[i];

		if (address_is_v4(&address->ip) != v6 && address->global && address->usable &&
		    is_lan(want, seen, address->ifindex))
			put_connected(plumbing, table, address);
	}
}

/* One family of one link: table and rule. Returns the address, or NULL where there is no way out. */
static const struct links_address *plan_family(const struct links_want *want, const struct links_seen *seen, size_t i,
					       const struct links_interface *interface, bool v6,
					       const struct address *in_use, struct links_verdict *verdict,
					       struct links_plumbing *plumbing)
{
	const struct address *configured = v6 ? &want->link[i].next_hop_v6 : &want->link[i].next_hop_v4;
	const struct links_address *address = find_address(seen, interface->ifindex, v6, in_use);
	uint32_t table = want->route_table + 1 + (uint32_t)i;
	struct address via;

	if (!address)
		return NULL;
	if (verdict->state == LINKS_NO_ADDRESS)
		verdict->state = LINKS_NO_ROUTE;
	if (find_way(seen, interface, configured, v6, &via) == NO_WAY)
		return NULL;
	put_connected(plumbing, table, address);
	put_lan_routes(want, seen, table, v6, plumbing);
	LIST_PUT(&plumbing->routes, (struct links_route){ .v6 = v6, .table = table, .to = default_of(v6), .via = via,
							  .ifindex = interface->ifindex });
	LIST_PUT(&plumbing->rules, (struct links_rule){ .v6 = v6, .from = address->ip, .table = table,
							.priority = want->rule_priority + 1 + (uint32_t)i });
	verdict->state = LINKS_UP;
	return address;
}

static void plan_link(const struct links_want *want, const struct links_seen *seen, size_t i,
		      struct links_verdict *verdict, struct links_plumbing *plumbing)
{
	const struct links_interface *interface = find_interface(seen, want->link[i].interface);
	const struct links_verdict before = *verdict;
	const struct links_address *v4, *v6;

	*verdict = (struct links_verdict){ .state = LINKS_NO_INTERFACE };
	if (!interface)
		return;
	verdict->ifindex = interface->ifindex;
	verdict->state = LINKS_NO_CARRIER;
	if (!interface->up)   /* takes no routes */
		return;
	verdict->state = LINKS_NO_ADDRESS;
	v4 = plan_family(want, seen, i, interface, false, &before.v4, verdict, plumbing);
	v6 = plan_family(want, seen, i, interface, true, &before.v6, verdict, plumbing);
	if (v4)
		verdict->v4 = v4->ip;
	if (v6)
		verdict->v6 = v6->ip;
	if (!interface->carrier)
		verdict->state = LINKS_NO_CARRIER;
}

/* With net.ipv4.conf.*.src_valid_mark (wg-quick sets it) the kernel asks for the way back to a packet's source by
 * the packet's mark, and drops what was caught when that leads to us; so does nft's `fib saddr . mark`, of either
 * family (firewalld has it for IPv6). Such a question comes as if from lo: it is to be answered by the main table. */
static void plan_way_back(const struct links_want *want, struct links_plumbing *plumbing, bool v6)
{
	LIST_PUT(&plumbing->rules,
		 (struct links_rule){ .v6 = v6, .iif_lo = true, .fwmark = want->fwmark, .table = RT_TABLE_MAIN,
				      .priority = want->rule_priority });
}

/* Before the links' rules: what is sent here has a link's address by now. */
static void plan_way_to_us(const struct links_want *want, struct links_plumbing *plumbing, bool v6)
{
	LIST_PUT(&plumbing->rules,
		 (struct links_rule){ .v6 = v6, .iif_lo = true, .fwmark = want->own_fwmark, .fwmask = want->own_fwmask,
				      .table = want->route_table,
				      .priority = want->rule_priority });
}

static void plan_interception(const struct links_want *want, const struct links_seen *seen,
			      struct links_plumbing *plumbing)
{
	if ((!want->n_lan && !want->foreign_sources && !want->own_fwmark) || !seen->loopback)
		return;
	for (int v6 = 0; v6 < 2; v6++) {
		plan_way_back(want, plumbing, v6);
		if (want->own_fwmark)
			plan_way_to_us(want, plumbing, v6);
		LIST_PUT(&plumbing->routes, (struct links_route){ .v6 = v6, .local = true, .table = want->route_table,
								  .to = default_of(v6), .ifindex = seen->loopback });
		LIST_PUT(&plumbing->rules,
			 (struct links_rule){ .v6 = v6, .fwmark = want->fwmark, .table = want->route_table,
					      .priority = want->rule_priority + 1 + LINKS_MOST });
	}
}

/* Returns the id: somebody else's where the address has an endpoint already; 0 where another of ours has it, or the
 * kernel takes no more. */
static uint8_t put_endpoint(const struct links_seen *seen, struct links_plumbing *plumbing,
			    struct links_endpoint endpoint)
{
	if (address_is_unspecified(&endpoint.ip))
		return 0;
	for (size_t i = 0; i < seen->foreign.n; i++)
		if (address_equal_ip(&seen->foreign.at[i].ip, &endpoint.ip))
			return seen->foreign.at[i].id;
	if (seen->foreign.n + plumbing->endpoints.n >= LINKS_ENDPOINTS_MOST)
		return 0;
	for (size_t i = 0; i < plumbing->endpoints.n; i++)
		if (address_equal_ip(&plumbing->endpoints.at[i].ip, &endpoint.ip))
			return 0;
	LIST_PUT(&plumbing->endpoints, endpoint);
	return endpoint.id;
}

/* Every link gets one endpoint before any gets its second: the kernel takes few. */
static void plan_endpoints(const struct links_want *want, const struct links_seen *seen, struct links_verdict *verdicts,
			   struct links_plumbing *plumbing)
{
	for (int second = 0; second < 2; second++) {
		for (size_t i = 0; i < want->n_links; i++) {
			struct links_verdict *verdict = &verdicts[i];
			bool v6 = second || address_is_unspecified(&verdict->v4);
			uint8_t *id = v6 ? &verdict->endpoint_id_v6 : &verdict->endpoint_id_v4;
			struct links_endpoint endpoint = { .id = (uint8_t)(LINKS_ID_FIRST + 2 * i + v6),
							   .ip = v6 ? verdict->v6 : verdict->v4,
							   .ifindex = verdict->ifindex, .backup = want->link[i].backup,
							   .fullmesh = want->fullmesh };

			if (verdict->state == LINKS_UP && !*id && !want->link[i].left[v6])
				*id = put_endpoint(seen, plumbing, endpoint);
		}
	}
}

/* The peers' kernels join there; ours listens by itself. */
static void plan_joins(const struct links_want *want, const struct links_seen *seen, struct links_plumbing *plumbing)
{
	for (size_t i = 0; i < want->n_join && seen->foreign.n + plumbing->endpoints.n < LINKS_ENDPOINTS_MOST; i++)
		LIST_PUT(&plumbing->endpoints,
			 (struct links_endpoint){ .id = (uint8_t)(LINKS_ID_JOIN + i), .ip = want->join[i],
						  .told = true });
}

bool links_span_families(const struct links_verdict *verdicts, size_t n)
{
	bool v4_alone = false, v6_alone = false;

	for (size_t i = 0; i < n; i++) {
		bool has_v4 = !address_is_unspecified(&verdicts[i].v4),
		     has_v6 = !address_is_unspecified(&verdicts[i].v6);

		if (verdicts[i].state != LINKS_UP)
			continue;
		v4_alone |= has_v4 && !has_v6;
		v6_alone |= has_v6 && !has_v4;
	}
	return v4_alone && v6_alone;
}

void links_plan(const struct links_want *want, const struct links_seen *seen, struct links_verdict *verdicts,
		struct links_plumbing *plumbing)
{
	plumbing->routes.n = plumbing->rules.n = plumbing->endpoints.n = 0;
	for (size_t i = 0; i < want->n_links; i++)
		plan_link(want, seen, i, &verdicts[i], plumbing);
	plan_interception(want, seen, plumbing);
	plan_joins(want, seen, plumbing);
	plan_endpoints(want, seen, verdicts, plumbing);
}
