/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "path/observe.h"

#include <errno.h>
#include <string.h>
#include "base/error.h"
#include "base/util.h"
#include "net/route.h"

#define DUMP_TRIES 8   /* a dump that a change has broken into is taken again */

struct look {
	struct links_seen *seen;
	struct links_plumbing *have;
	bool ours;
};

static bool full(size_t n)
{
	return n >= LINKS_SEEN_MOST;
}

static void take_interface(void *context, const struct route_interface *from)
{
	struct links_seen *seen = ((struct look *)context)->seen;
	struct links_interface *to;

	if (full(seen->interfaces.n))
		return;
	to = &seen->interfaces.at[seen->interfaces.n++];
	*to = (struct links_interface){ .ifindex = from->ifindex, .up = from->up, .carrier = from->carrier,
					.point_to_point = from->point_to_point, .is_port = from->is_port };
	static_assert(sizeof(to->name) == sizeof(from->name), "names of interfaces are of one size");
	memcpy(to->name, from->name, sizeof(to->name));
	if (!strcmp(from->name, "lo") && from->up)
		seen->loopback = from->ifindex;
}

static void take_address(void *context, const struct route_address *from)
{
	struct links_seen *seen = ((struct look *)context)->seen;

	if (!full(seen->addresses.n))
		seen->addresses.at[seen->addresses.n++] =
			(struct links_address){ .ifindex = from->ifindex, .ip = from->ip, .n_bits = from->n_bits,
						.global = from->global,
						.usable = from->usable, .secondary = from->secondary,
						.deprecated = from->deprecated };
}

static struct links_route links_route_of(const struct route_entry *from)
{
	return (struct links_route){ .v6 = from->v6, .local = from->local, .table = from->table, .to = from->to,
				     .via = from->via,
				     .ifindex = from->ifindex, .source = from->source, .metric = from->metric };
}

static void take_default(void *context, const struct route_entry *from)
{
	struct links_seen *seen = ((struct look *)context)->seen;

	if (!full(seen->defaults.n))
		seen->defaults.at[seen->defaults.n++] = links_route_of(from);
}

static void take_ours(void *context, const struct route_entry *from)
{
	struct links_plumbing *have = ((struct look *)context)->have;

	if (!full(have->routes.n))
		have->routes.at[have->routes.n++] = links_route_of(from);
}

static void take_rule(void *context, const struct route_rule *from)
{
	struct links_plumbing *have = ((struct look *)context)->have;

	if (!full(have->rules.n))
		have->rules.at[have->rules.n++] = (struct links_rule){
			.v6 = from->v6, .iif_lo = from->iif_lo, .from = from->from, .fwmark = from->fwmark,
			.fwmask = from->fwmask, .table = from->table, .priority = from->priority
		};
}

static void take_endpoint(void *context, const struct mptcp_pm_endpoint *from)
{
	struct look *look = context;
	bool ours = look->ours && from->id >= LINKS_ID_FIRST && from->id <= LINKS_ID_LAST;
	struct links_endpoint to = { .id = from->id, .ip = from->ip, .ifindex = from->ifindex,
				     .backup = from->flags & MPTCP_PM_BACKUP,
				     .fullmesh = from->flags & MPTCP_PM_FULLMESH,
				     .told = from->flags & MPTCP_PM_SIGNAL };

	if (from->flags & MPTCP_PM_IMPLICIT)
		return;   /* the kernel's own; gives way when the address is added */
	if (ours && !full(look->have->endpoints.n))
		look->have->endpoints.at[look->have->endpoints.n++] = to;
	if (!ours && !full(look->seen->foreign.n))
		look->seen->foreign.at[look->seen->foreign.n++] = to;
}

static int look_once(struct netlink *netlink, struct mptcp_pm *pm, struct look *look)
{
	int r;

	look->seen->interfaces.n = look->seen->addresses.n = look->seen->defaults.n = look->seen->foreign.n = 0;
	look->have->routes.n = look->have->rules.n = look->have->endpoints.n = 0;
	look->seen->loopback = 0;
	r = route_list_interfaces(netlink, take_interface, look);
	if (!r)
		r = route_list_addresses(netlink, take_address, look);
	if (!r)
		r = route_list_defaults(netlink, take_default, look);
	if (!r)
		r = route_list_ours(netlink, take_ours, look);
	if (!r)
		r = route_list_our_rules(netlink, take_rule, look);
	return r || !pm ? r : mptcp_pm_list(pm, take_endpoint, look);
}

int observe(struct netlink *netlink, struct mptcp_pm *pm, bool ours, struct links_seen *seen,
	    struct links_plumbing *have)
{
	struct look look = { .seen = seen, .have = have, .ours = ours };
	int r = -EINTR;

	for (int i = 0; i < DUMP_TRIES && r == -EINTR; i++)
		r = look_once(netlink, pm, &look);
	return r == -EINTR ? 0 : error_fold(r);   /* it keeps changing: what was seen is good enough, the changes
						   * come as events */
}
