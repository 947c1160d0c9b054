/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The second half of policy/links.h: from what is there to what is wanted. */
#include <string.h>
#include "policy/links.h"

static bool route_equal(const struct links_route *a, const struct links_route *b)
{
	/* The kernel gives IPv6 routes a metric of its own where we name none (1024). */
	bool metric_equal = !a->metric || !b->metric || a->metric == b->metric;

	return a->v6 == b->v6 && a->local == b->local && a->table == b->table &&
	       !memcmp(&a->to, &b->to, sizeof(a->to)) &&
	       (address_equal_ip(&a->via, &b->via) ||
		(address_is_unspecified(&a->via) && address_is_unspecified(&b->via))) &&
	       a->ifindex == b->ifindex && metric_equal;
}

static bool rule_equal(const struct links_rule *a, const struct links_rule *b)
{
	bool from_equal = address_equal_ip(&a->from, &b->from) ||
			  (address_is_unspecified(&a->from) && address_is_unspecified(&b->from));

	return a->v6 == b->v6 && a->iif_lo == b->iif_lo && from_equal && a->fwmark == b->fwmark &&
	       a->fwmask == b->fwmask && a->table == b->table && a->priority == b->priority;
}

/* The backup flag is left out: it can be changed on a living endpoint. */
static bool endpoint_equal(const struct links_endpoint *a, const struct links_endpoint *b)
{
	return a->id == b->id && address_equal(&a->ip, &b->ip) && a->ifindex == b->ifindex &&
	       a->fullmesh == b->fullmesh;
}

static bool endpoint_same_but_backup(const struct links_endpoint *a, const struct links_endpoint *b)
{
	return endpoint_equal(a, b) && a->backup != b->backup;
}

/* Indexes of A's items that have no equal in B. */
#define MISSING(a, b, equal, out) \
	do { \
		for (size_t i = 0; i < (a)->n; i++) { \
			bool found = false; \
			for (size_t j = 0; j < (b)->n && !found; j++) \
				found = equal(&(a)->at[i], &(b)->at[j]); \
			if (!found) \
				(out)[n++] = (uint16_t)i; \
		} \
	} while (0)

static size_t flags_differ(const struct links_plumbing *have, const struct links_plumbing *want, uint16_t *out)
{
	size_t n = 0;

	for (size_t i = 0; i < want->endpoints.n; i++)
		for (size_t j = 0; j < have->endpoints.n; j++)
			if (endpoint_same_but_backup(&want->endpoints.at[i], &have->endpoints.at[j]))
				out[n++] = (uint16_t)i;   /* ids are unique on both sides: at most once for each i */
	return n;
}

size_t links_diff(enum links_step step, const struct links_plumbing *have, const struct links_plumbing *want,
		  uint16_t out[LINKS_SEEN_MOST])
{
	size_t n = 0;

	switch (step) {
	case LINKS_DELETE_ENDPOINT:
		MISSING(&have->endpoints, &want->endpoints, endpoint_equal, out);
		break;
	case LINKS_DELETE_RULE:
		MISSING(&have->rules, &want->rules, rule_equal, out);
		break;
	case LINKS_DELETE_ROUTE:
		MISSING(&have->routes, &want->routes, route_equal, out);
		break;
	case LINKS_ADD_ROUTE:
		MISSING(&want->routes, &have->routes, route_equal, out);
		break;
	case LINKS_ADD_RULE:
		MISSING(&want->rules, &have->rules, rule_equal, out);
		break;
	case LINKS_SET_BACKUP:
		return flags_differ(have, want, out);
	case LINKS_ADD_ENDPOINT:
		MISSING(&want->endpoints, &have->endpoints, endpoint_equal, out);
		break;
	case LINKS_N_STEPS:
		break;
	}
	return n;
}
