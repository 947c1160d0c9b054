/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "path/path_parts.h"

#include <string.h>
#include "base/util.h"
#include "net/route.h"
#include "path/want.h"

static void take_counters(void *context, const struct route_interface *interface)
{
	struct path_link_status *status = context;

	for (size_t i = 0; i < PATH_LINKS; i++) {
		if (!status[i].ifindex || status[i].ifindex != interface->ifindex)
			continue;
		status[i].rx_bytes = interface->rx_bytes;
		status[i].tx_bytes = interface->tx_bytes;
	}
}

bool path_spans_families(const struct path *path)
{
	return links_span_families(path->verdicts, path->options.n_links);
}

size_t path_status(struct path *path, struct path_link_status *out, size_t n_out)
{
	struct path_link_status all[PATH_LINKS] = { 0 };
	size_t n = path->options.n_links;

	for (size_t i = 0; i < n; i++) {
		const struct links_verdict *verdict = &path->verdicts[i];
		const struct path_link_options *link = &path->options.links[i];

		all[i] = (struct path_link_status){ .ifindex = verdict->ifindex, .state = want_state(verdict->state),
						    .backup = link->backup, .closed = path->closed >> i & 1,
						    .v4 = verdict->v4, .v6 = verdict->v6,
						    .endpoint_id_v4 = verdict->endpoint_id_v4,
						    .endpoint_id_v6 = verdict->endpoint_id_v6,
						    .since_us = path->since_us[i] };
		memcpy(all[i].name, link->name, sizeof(all[i].name));
		memcpy(all[i].interface, link->interface, sizeof(all[i].interface));
	}
	/* Without the counters (the listing failed) the rest is still right. */
	route_list_interfaces(path->netlink, take_counters, all);
	memcpy(out, all, size_min(n, n_out) * sizeof(*out));
	return n;
}
