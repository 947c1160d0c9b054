/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * evidence_of_handshake() of role/gateway/evidence.c takes plain TCP for a sign that the link strips MPTCP options,
 * unless data in the SYN got no answer: with such data Linux makes plain TCP of the connection by itself
 * (doc/assumptions.md), without it a lost SYN must not.
 */
#include "assume.h"

#include <unistd.h>

int main(void)
{
	struct net_listen_options listen_options = { .mptcp = true, .fastopen_queue = 16 };
	struct net_connect_options options = { .mptcp = true };
	struct assume_stream s = { 0 };
	int listener_fd;
	size_t n_sent;

	assume_begin("a lost SYN without data leaves the connection MPTCP",
		     "links are taken for ones that strip MPTCP, and avoided, for a lost packet");
	assume_make_link(0);
	listener_fd = assume_listen(false, &listen_options);
	assume_in(ASSUME_NEAR);
	assume_nft("table inet loss { chain out { type filter hook output priority 0; tcp dport 7000 drop; }; }");
	s.from_fd = assume_connect_begin(false, options, &n_sent);
	assume_nft("delete table inet loss");
	assume_wait_connected(s.from_fd);
	s.to_fd = assume_accept(listener_fd);
	assume_stream_run(&s, 1000, 1000, "a session");
	assume_that(!mptcp_info_fell_back(s.from_fd), "the end that connected is plain TCP");
	assume_that(!mptcp_info_fell_back(s.to_fd), "the end that accepted is plain TCP");
	return assume_holds();
}
