/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "path/apply.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/error.h"
#include "base/util.h"
#include "net/neighbour.h"
#include "net/route.h"

static struct route_entry route_of(const struct links_route *from)
{
	return (struct route_entry){ .v6 = from->v6, .local = from->local, .table = from->table, .to = from->to,
				     .via = from->via,
				     .ifindex = from->ifindex, .source = from->source, .metric = from->metric };
}

static struct route_rule rule_of(const struct links_rule *from)
{
	return (struct route_rule){ .v6 = from->v6, .iif_lo = from->iif_lo, .from = from->from, .fwmark = from->fwmark,
				    .fwmask = from->fwmask, .table = from->table,
				    .priority = from->priority };
}

static struct mptcp_pm_endpoint endpoint_of(const struct links_endpoint *from)
{
	uint32_t flags = from->told ? MPTCP_PM_SIGNAL : MPTCP_PM_SUBFLOW;

	flags |= (from->backup ? MPTCP_PM_BACKUP : 0) | (from->fullmesh ? MPTCP_PM_FULLMESH : 0);
	return (struct mptcp_pm_endpoint){ .id = from->id, .ip = from->ip, .ifindex = from->ifindex, .flags = flags };
}

/* "there already" and "gone already" are what was wanted: an interface takes its routes along when it goes. */
static int gone_is_fine(int r)
{
	return r == -ESRCH || r == -ENOENT || r == -ENODEV ? 0 : r;
}

static int there_is_fine(int r)
{
	return r == -EEXIST ? 0 : r;
}

static int do_one(struct netlink *netlink, struct mptcp_pm *pm, enum links_step step, const struct links_plumbing *have,
		  const struct links_plumbing *want, size_t i)
{
	struct mptcp_pm_endpoint endpoint;
	struct route_entry route;
	struct route_rule rule;

	switch (step) {
	case LINKS_DELETE_ENDPOINT:
		endpoint = endpoint_of(&have->endpoints.at[i]);
		return mptcp_pm_delete(pm, &endpoint);
	case LINKS_DELETE_RULE:
		rule = rule_of(&have->rules.at[i]);
		return gone_is_fine(route_delete_rule(netlink, &rule));
	case LINKS_DELETE_ROUTE:
		route = route_of(&have->routes.at[i]);
		return gone_is_fine(route_delete(netlink, &route));
	case LINKS_ADD_ROUTE:
		route = route_of(&want->routes.at[i]);
		return route_add(netlink, &route);
	case LINKS_ADD_RULE:
		rule = rule_of(&want->rules.at[i]);
		return there_is_fine(route_add_rule(netlink, &rule));
	case LINKS_SET_BACKUP:
		endpoint = endpoint_of(&want->endpoints.at[i]);
		return mptcp_pm_set_backup(pm, &endpoint);
	case LINKS_ADD_ENDPOINT:
		endpoint = endpoint_of(&want->endpoints.at[i]);
		return mptcp_pm_add(pm, &endpoint);
	case LINKS_N_STEPS:
		break;
	}
	return 0;
}

static void describe(enum links_step step, const struct links_plumbing *have, const struct links_plumbing *want,
		     size_t i, char *out, size_t n_out)
{
	static const char *const verbs[] = { "delete endpoint", "delete rule", "delete route", "add route", "add rule",
					     "change endpoint", "add endpoint" };
	static_assert(ARRAY_SIZE(verbs) == LINKS_N_STEPS, "name every step");
	bool deletes = step <= LINKS_DELETE_ROUTE;
	const struct links_plumbing *of = deletes ? have : want;
	char text[ADDRESS_TEXT_BYTES];

	if (step == LINKS_DELETE_ROUTE || step == LINKS_ADD_ROUTE)
		snprintf(out, n_out, "%s %s of table %u, interface %u", verbs[step],
			 prefix_format(&of->routes.at[i].to, text), of->routes.at[i].table, of->routes.at[i].ifindex);
	else if (step == LINKS_DELETE_RULE || step == LINKS_ADD_RULE)
		snprintf(out, n_out, "%s to table %u with priority %u", verbs[step], of->rules.at[i].table,
			 of->rules.at[i].priority);
	else
		snprintf(out, n_out, "%s %s, id %u", verbs[step], address_format_ip(&of->endpoints.at[i].ip, text),
			 of->endpoints.at[i].id);
}

static const char *advice(int error)
{
	return error == -EPERM ? " (Braid needs CAP_NET_ADMIN)" : "";
}

/* A join that finds its next hop being looked for since the link was dead shares the last of that search's tries,
 * and would fail with it; nobody makes it again. Before the first endpoint of any interface, and of its family
 * alone: a search that was begun by a join is that one's own. Where it fails, joins may still come about. */
static void forget_sought(struct netlink *netlink, const struct links_plumbing *want, const uint16_t *indexes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (want->endpoints.at[indexes[i]].ifindex)
			neighbour_forget_sought(netlink, want->endpoints.at[indexes[i]].ifindex,
						!address_is_v4(&want->endpoints.at[indexes[i]].ip));
}

int apply(struct netlink *netlink, struct mptcp_pm *pm, const struct links_plumbing *have,
	  const struct links_plumbing *want, char *reason, size_t n_reason)
{
	uint16_t indexes[LINKS_SEEN_MOST];
	char what[128];
	int first = 0;

	for (enum links_step step = 0; step < LINKS_N_STEPS; step++) {
		size_t n = links_diff(step, have, want, indexes);
		bool endpoints = step == LINKS_DELETE_ENDPOINT || step >= LINKS_SET_BACKUP;

		if (step == LINKS_ADD_ENDPOINT)
			forget_sought(netlink, want, indexes, n);
		for (size_t i = 0; i < n; i++) {
			int r = do_one(netlink, pm, step, have, want, indexes[i]);
			const char *words = endpoints ? mptcp_pm_error_text(pm) : netlink_error_text(netlink);

			if (!r || first)
				continue;
			first = error_fold(r);
			describe(step, have, want, indexes[i], what, sizeof(what));
			snprintf(reason, n_reason, "cannot %s: %s%s%s%s", what, strerror(-first), words[0] ? ": " : "",
				 words, advice(first));
		}
	}
	return first;
}
