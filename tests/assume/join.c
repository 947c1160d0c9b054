/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How path/ opens links: a connection bound to one link's address, an endpoint for each link's. */
#include "assume.h"

#include <stdio.h>
#include <unistd.h>

static void expect_link(const char *family, const struct subflow_info *subflow, unsigned int n, bool v6)
{
	struct address wanted = assume_address(ASSUME_NEAR, n, v6, 0);
	char seen[ADDRESS_TEXT_BYTES], expected[ADDRESS_TEXT_BYTES];

	assume_that(address_equal_ip(&subflow->local, &wanted), "%s: expected a subflow from %s, seen %s", family,
		    address_format_ip(&wanted, expected), address_format_ip(&subflow->local, seen));
}

/* One connection that was there before the second endpoint, one that came after it. */
static void look(bool v6)
{
	const char *family = v6 ? "IPv6" : "IPv4";
	struct mptcp_connection_info info;
	struct assume_pair old, new;

	assume_endpoint_add(0, v6, false);
	old = assume_pair(v6, true);
	assume_that(assume_n_subflows(old.near_fd) == 1, "%s: the endpoint of the connection's own address brought a subflow", family);
	assume_endpoint_add(1, v6, false);
	assume_wait_subflows(old.near_fd, 2, "an endpoint added under a live connection");
	new = assume_pair(v6, true);
	assume_wait_subflows(new.near_fd, 2, "a connection begun with both endpoints there");
	assume_wait_subflows(new.far_fd, 2, "the same, seen by its peer");
	assume_that(!mptcp_info_read(new.near_fd, &info), "%s: MPTCP_FULL_INFO", family);
	expect_link(family, &info.subflows[0], 0, v6);
	expect_link(family, &info.subflows[1], 1, v6);
	close(old.near_fd);
	close(old.far_fd);
	close(new.near_fd);
	close(new.far_fd);
	assume_endpoint_delete(0, v6);
	assume_endpoint_delete(1, v6);
}

int main(void)
{
	assume_begin("an endpoint brings one subflow from its address, also under live connections, and none beside the first subflow's own",
		     "sessions use one link alone");
	assume_make_link(0);
	assume_make_link(1);
	assume_route_from_link(1);
	assume_limits();
	look(false);
	look(true);
	return assume_holds();
}
