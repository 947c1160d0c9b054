/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What IP_BIND_ADDRESS_NO_PORT is for: a port of one source address serves as many destinations as there are, and
 * runs out for each by itself (net/socket.c). */
#include "assume.h"

#include <unistd.h>

#define PORTS 4
#define DESTINATIONS 3

static const char range[] = "40000 40003";

struct world {
	bool v6, mptcp;
	int fds[DESTINATIONS][PORTS];
};

static int begin(const struct world *world, unsigned int destination, int *fd)
{
	struct address to = assume_server(world->v6);
	struct net_connect_options options = { .mptcp = world->mptcp,
					       .source = assume_address(ASSUME_NEAR, 0, world->v6, 0) };
	size_t n_sent;

	to.port = (uint16_t)(ASSUME_PORT + destination);
	assume_in(ASSUME_NEAR);
	return net_connect_begin(&to, &options, fd, &n_sent);
}

static int listen_at(bool v6, bool mptcp, unsigned int destination)
{
	struct address at = assume_server(v6);
	struct net_listen_options options = { .mptcp = mptcp };
	bool fastopen_missing;
	int fd, r;

	at.port = (uint16_t)(ASSUME_PORT + destination);
	assume_in(ASSUME_FAR);
	r = net_listen(&at, &options, &fd, &fastopen_missing);
	assume_that(!r, "listening: %s", net_error_text(r));
	return fd;
}

/* All ports toward one destination, then one more: the error comes at once. */
static void use_up(struct world *world, unsigned int destination)
{
	int r, one_more;

	for (size_t i = 0; i < PORTS; i++) {
		r = begin(world, destination, &world->fds[destination][i]);
		assume_that(!r, "IPv%d, %s, destination %u: connection %zu of %d: %s", world->v6 ? 6 : 4,
			    world->mptcp ? "MPTCP" : "TCP", destination, i + 1, PORTS,
			    net_error_text(r));
		assume_wait_connected(world->fds[destination][i]);
	}
	r = begin(world, destination, &one_more);
	assume_that(r == NET_E_NO_PORT, "IPv%d, %s, destination %u: one connection more than there are ports: %s",
		    world->v6 ? 6 : 4, world->mptcp ? "MPTCP" : "TCP", destination, net_error_text(r));
}

static void look(bool v6, bool mptcp)
{
	struct world world = { .v6 = v6, .mptcp = mptcp };
	int listeners[DESTINATIONS];

	for (unsigned int d = 0; d < DESTINATIONS; d++)
		listeners[d] = listen_at(v6, mptcp, d);
	for (unsigned int d = 0; d < DESTINATIONS; d++)
		use_up(&world, d);
	for (unsigned int d = 0; d < DESTINATIONS; d++) {
		for (size_t i = 0; i < PORTS; i++)
			net_close_reset(world.fds[d][i]);
		close(listeners[d]);
	}
}

int main(void)
{
	assume_begin("connections to different destinations share the ports of one source address, and one more than a "
		     "destination has ports fails at once (EADDRNOTAVAIL)",
		     "a converter's address is good for 28,000 sessions in all, or a host waits where it is to be "
		     "refused");
	assume_make_link(0);
	assume_in(ASSUME_NEAR);
	assume_sysctl("net/ipv4/ip_local_port_range", range);
	for (int v6 = 0; v6 < 2; v6++)
		for (int mptcp = 0; mptcp < 2; mptcp++)
			look(v6, mptcp);
	return assume_holds();
}
