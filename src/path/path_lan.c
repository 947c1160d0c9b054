/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "path/path_parts.h"

#include <stdio.h>
#include <string.h>
#include "net/sysctl.h"

const char *path_lan_fault(const struct path *path, const char *interface)
{
	for (size_t i = 0; i < path->seen.interfaces.n; i++) {
		const struct links_interface *seen = &path->seen.interfaces.at[i];

		if (strcmp(seen->name, interface))
			continue;
		return seen->is_port ? "it is a port of another interface (a bridge or a bond), by which its hosts "
				       "come: name that one" : seen->up ? "" : "it is down";
	}
	return "there is no such interface now";
}

static bool is_off(const char *name)
{
	char now[SYSCTL_VALUE_BYTES];

	return sysctl_read(name, now) || !strcmp(now, "0");
}

void path_warn_of_lan(struct path *path)
{
	char text[sizeof(((struct path_event *)0)->text)];

	for (size_t i = 0; i < path->options.n_lan; i++) {
		const char *fault = path_lan_fault(path, path->options.lan[i]);

		snprintf(text, sizeof(text), "gateway.lan: no host comes by %s: %s", path->options.lan[i], fault);
		if (fault[0])
			path_emit(path, PATH_EVENT_WARNING, 0, text);
	}
	if (path->options.n_lan && is_off("net/ipv4/ip_forward") && is_off("net/ipv6/conf/all/forwarding"))
		path_emit(path, PATH_EVENT_WARNING, 0,
			  "this machine does not forward (net.ipv4.ip_forward = 0): what of hosts isn't bonded, and "
			  "all of it while no converter answers, goes nowhere");
}
