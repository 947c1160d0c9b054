/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "path/want.h"

#include <stdio.h>
#include <string.h>
#include "base/util.h"
#include "path/marks.h"

static_assert(PATH_LINKS == LINKS_MOST && PATH_LAN_INTERFACES == LINKS_LAN_MOST &&
	      PATH_JOINS + PATH_ANNOUNCED == LINKS_JOINS_MOST && IF_NAMESIZE == LINKS_NAME_BYTES,
	      "path and policy agree on sizes");
static_assert((int)PATH_LINK_UP == (int)LINKS_UP && (int)PATH_LINK_NO_ROUTE == (int)LINKS_NO_ROUTE &&
	      (int)PATH_LINK_NO_ADDRESS == (int)LINKS_NO_ADDRESS && (int)PATH_LINK_NO_CARRIER == (int)LINKS_NO_CARRIER,
	      "path and policy agree on states");

const char *path_link_state_name(enum path_link_state state)
{
	static const char *const names[] = { "no interface", "no carrier", "no address", "no route", "up" };
	static_assert(ARRAY_SIZE(names) == PATH_LINK_N_STATES, "name every state of a link");

	return names[state];
}

enum path_link_state want_state(enum links_state state)
{
	return (enum path_link_state)state;
}

struct links_want want_of(const struct path_options *options)
{
	struct links_want want = { .n_links = options->n_links, .n_lan = options->n_lan,
				   .foreign_sources = options->foreign_sources,
				   .own_fwmark = options->leads_own ?
						mark_value(options->fwmark, MARK_OWN) & MARK_OWN_MASK : 0,
				   .own_fwmask = MARK_OWN_MASK,
				   .fwmark = options->fwmark, .route_table = options->route_table,
				   .rule_priority = options->rule_priority };

	for (size_t i = 0; i < options->n_links; i++) {
		memcpy(want.link[i].interface, options->links[i].interface, LINKS_NAME_BYTES);
		want.link[i].next_hop_v4 = options->links[i].next_hop_v4;
		want.link[i].next_hop_v6 = options->links[i].next_hop_v6;
		want.link[i].backup = options->links[i].backup;
	}
	memcpy(want.lan, options->lan, sizeof(want.lan));
	want.fullmesh = options->fullmesh;
	want.n_join = options->n_joins + options->n_announced;
	memcpy(want.join, options->joins, options->n_joins * sizeof(want.join[0]));
	memcpy(want.join + options->n_joins, options->announced, options->n_announced * sizeof(want.join[0]));
	return want;
}

void want_describe(const struct path_link_options *link, const struct links_verdict *verdict, char *out, size_t n_out)
{
	char v4[ADDRESS_TEXT_BYTES] = "", v6[ADDRESS_TEXT_BYTES] = "";
	bool has_v4 = !address_is_unspecified(&verdict->v4), has_v6 = !address_is_unspecified(&verdict->v6);

	if (has_v4)
		address_format_ip(&verdict->v4, v4);
	if (has_v6)
		address_format_ip(&verdict->v6, v6);
	snprintf(out, n_out, "link %s (%s): %s%s%s%s%s", link->name, link->interface,
		 path_link_state_name(want_state(verdict->state)), has_v4 ? ", " : "", v4, has_v6 ? ", " : "", v6);
}
