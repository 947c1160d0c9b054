/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How path/ opens links: a connection bound to one link's address, an endpoint for each link's. The peer has several
 * listeners on its port, one a worker: joins come to any of them, whichever took the connection.
 */
#include "assume.h"

#include <poll.h>

static void expect_link(const char *family, const struct subflow_info *subflow, unsigned int n, bool v6)
{
	struct address wanted = assume_address(ASSUME_NEAR, n, v6, 0);
	char seen[ADDRESS_TEXT_BYTES], expected[ADDRESS_TEXT_BYTES];

	assume_that(address_equal_ip(&subflow->local, &wanted), "%s: expected a subflow from %s, seen %s", family,
		    address_format_ip(&wanted, expected), address_format_ip(&subflow->local, seen));
}

/* As assume_pair(), with a second listener beside the first pair's. */
static struct assume_pair pair_beside(const struct assume_pair *old, bool v6)
{
	struct net_listen_options listen_options = { .mptcp = true };
	struct net_connect_options options = { .mptcp = true };
	struct assume_pair pair = { .listener_fd = assume_listen(v6, &listen_options) };
	struct pollfd fds[] = { { .fd = old->listener_fd, .events = POLLIN },
				{ .fd = pair.listener_fd, .events = POLLIN } };
	struct assume_stream s = { 0 };
	size_t n_sent;

	pair.near_fd = assume_connect_begin(v6, options, &n_sent);
	assume_wait_connected(pair.near_fd);
	poll(fds, 2, ASSUME_LIMIT_MS);
	pair.far_fd = assume_accept(fds[0].revents ? fds[0].fd : fds[1].fd);
	s.from_fd = pair.near_fd;
	s.to_fd = pair.far_fd;
	assume_stream_run(&s, 1, 1, "a first byte");
	return pair;
}

/* One connection that was there before the second endpoint, one that came after it. */
static void look(bool v6)
{
	const char *family = v6 ? "IPv6" : "IPv4";
	struct mptcp_connection_info info;
	struct assume_pair old, new;

	assume_endpoint_add(0, v6, false);
	old = assume_pair(v6, true);
	assume_that(assume_n_subflows(old.near_fd) == 1,
		    "%s: the endpoint of the connection's own address brought a subflow", family);
	assume_endpoint_add(1, v6, false);
	assume_wait_subflows(old.near_fd, 2, "an endpoint added under a live connection");
	new = pair_beside(&old, v6);
	assume_wait_subflows(new.near_fd, 2, "a connection begun with both endpoints there");
	assume_wait_subflows(new.far_fd, 2, "the same, seen by its peer");
	assume_that(!mptcp_info_read(new.near_fd, &info), "%s: MPTCP_FULL_INFO", family);
	expect_link(family, &info.subflows[0], 0, v6);
	expect_link(family, &info.subflows[1], 1, v6);
	assume_pair_close(&old);
	assume_pair_close(&new);
	assume_endpoint_delete(0, v6);
	assume_endpoint_delete(1, v6);
}

int main(void)
{
	assume_begin("an endpoint brings one subflow from its address, also under live connections, and none beside "
		     "the first subflow's own",
		     "sessions use one link alone");
	assume_make_link(0);
	assume_make_link(1);
	assume_route_from_link(1);
	assume_limits();
	look(false);
	look(true);
	return assume_holds();
}
