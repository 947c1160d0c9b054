/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a connection is MPTCP is asked of the kernel, never taken for granted (net/mptcp_info.h, n_fell_back,
 * braidctl why). */
#include "assume.h"


static void expect(const char *what, int fd, bool plain)
{
	struct mptcp_connection_info info;
	bool seen = mptcp_info_fell_back(fd);
	int r = mptcp_info_read(fd, &info);

	assume_that(seen == plain, "%s: expected %s, MPTCP_INFO says %s", what, plain ? "plain TCP" : "MPTCP",
		    seen ? "plain TCP" : "MPTCP");
	assume_that(r == (plain ? MPTCP_INFO_E_PLAIN : 0), "%s: MPTCP_FULL_INFO and the flag do not agree (%d)", what,
		    r);
	assume_that(info.n_subflows == 1, "%s: expected 1 TCP connection, seen %zu", what, info.n_subflows);
}

static void pass(struct assume_pair pair, const char *what)
{
	struct assume_stream up = { .from_fd = pair.near_fd, .to_fd = pair.far_fd };
	struct assume_stream down = { .from_fd = pair.far_fd, .to_fd = pair.near_fd };

	assume_stream_run(&up, 1 << 20, 1 << 20, what);
	assume_stream_run(&down, 1 << 20, 1 << 20, what);
	assume_pair_close(&pair);
}

/* A client without MPTCP at a listener with it. */
static struct assume_pair plain_client(void)
{
	struct net_listen_options listen_options = { .mptcp = true };
	struct net_connect_options options = { .mptcp = false };
	struct assume_pair pair = { .listener_fd = assume_listen(false, &listen_options) };
	size_t n_sent;

	pair.near_fd = assume_connect_begin(false, options, &n_sent);
	assume_wait_connected(pair.near_fd);
	pair.far_fd = assume_accept(pair.listener_fd);
	return pair;
}

int main(void)
{
	struct assume_pair pair;

	assume_begin("a connection that became plain TCP says so at both ends, and works",
		     "links and peers that eat MPTCP are not noticed, or their sessions break");
	assume_make_link(0);
	pair = assume_pair(false, true);
	expect("both ends with MPTCP, the client", pair.near_fd, false);
	expect("both ends with MPTCP, the server", pair.far_fd, false);
	pass(pair, "both ends with MPTCP");
	pair = assume_pair(false, false);
	expect("a server without MPTCP", pair.near_fd, true);
	pass(pair, "a server without MPTCP");
	pair = plain_client();
	expect("a client without MPTCP", pair.far_fd, true);
	pass(pair, "a client without MPTCP");
	return assume_holds();
}
