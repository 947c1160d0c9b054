/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Data in a SYN that the peer passes over, or that is lost, is the kernel's to bring, once (net_connect_begin()'s
 * contract). */
#include "assume.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/util.h"

#define N_BYTES 700

#define DROP_SYN "table inet loss { chain out { type filter hook output priority 0; tcp dport 7000 drop; }; }"

static void look(const char *what, bool far_mptcp, bool far_fastopen, bool lose_syn)
{
	struct net_listen_options listen_options = { .mptcp = far_mptcp, .fastopen_queue = far_fastopen ? 16 : 0 };
	int listener_fd = assume_listen(false, &listen_options);
	struct assume_stream s = { .to_fd = -1 };
	uint8_t first[N_BYTES];
	struct net_connect_options options = { .mptcp = true, .first = first, .n_first = sizeof(first) };
	bool acked;

	assume_in(ASSUME_NEAR);
	assume_stream_fill(&s, first, sizeof(first));
	if (lose_syn)
		assume_nft(DROP_SYN);
	s.from_fd = assume_connect_begin(false, options, &s.n_sent);
	if (lose_syn)
		assume_nft("delete table inet loss");
	assume_that(s.n_sent == N_BYTES, "%s: sendto(MSG_FASTOPEN) took %llu bytes of %d", what,
		    (unsigned long long)s.n_sent, N_BYTES);
	assume_wait_connected(s.from_fd);
	acked = mptcp_info_beginning(s.from_fd).syn_data_acked;
	assume_that(!acked, "%s: TCP_INFO says that data in the SYN was acknowledged", what);
	s.to_fd = assume_accept(listener_fd);
	assume_stream_run(&s, 2 * N_BYTES, 2 * N_BYTES, what);   /* what follows shows that nothing came twice */
	close(s.from_fd);
	close(s.to_fd);
	close(listener_fd);
}

int main(void)
{
	assume_begin("data in a SYN that was not acknowledged arrives once, after the handshake, and TCP_INFO tells",
		     "requests are lost or doubled where a link or a converter eats Fast Open, and such links are not "
		     "noticed");
	assume_make_link(0);
	look("a listener without Fast Open", true, false, false);
	look("a plain TCP listener", false, false, false);
	look("a lost SYN", true, true, true);
	return assume_holds();
}
