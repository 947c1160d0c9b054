/* SPDX-License-Identifier: GPL-2.0-or-later */
/* net_close_reset(), and how relay/ sees one: RST on the plain leg, FASTCLOSE on the other. */
#include "assume.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "base/util.h"

#define N_BYTES 1000

/* Other edges may come first, EPOLLOUT for an acknowledgement. */
static void expect_error_edge(const char *what, int epoll_fd)
{
	struct epoll_event event = { 0 };
	uint32_t seen = 0;

	while (epoll_wait(epoll_fd, &event, 1, ASSUME_LIMIT_MS) == 1) {
		seen |= event.events;
		if (seen & EPOLLERR)
			return;
	}
	assume_broken("%s: expected EPOLLERR, seen 0x%x in %d ms", what, seen, ASSUME_LIMIT_MS);
}

/* Bytes that were there before the reset can be read after it: "an answer followed by a reset is an answer"
 * (relay/relay.c). */
static void look(const char *what, bool v6, bool near_resets, bool far_mptcp)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET };
	struct assume_pair pair = assume_pair(v6, far_mptcp);
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC), error = 0;
	struct assume_stream s = { .from_fd = near_resets ? pair.near_fd : pair.far_fd,
				   .to_fd = near_resets ? pair.far_fd : pair.near_fd };
	char byte;

	epoll_ctl(epoll_fd, EPOLL_CTL_ADD, s.to_fd, &event);
	assume_stream_send(&s, N_BYTES);
	assume_wait_readable(s.to_fd, what);
	net_close_reset(near_resets ? fd_take(&pair.near_fd) : fd_take(&pair.far_fd));
	expect_error_edge(what, epoll_fd);
	while (s.n_received < N_BYTES)
		assume_that(assume_stream_receive(&s),
			    "%s: %llu bytes of %d, sent before the reset, can be read after it", what,
			    (unsigned long long)s.n_received, N_BYTES);
	assume_that(net_receive(s.to_fd, &byte, 1, &error) == -1 && error == NET_E_RESET,
		    "%s: expected a reset, recv said: %s", what, net_error_text(error));
	assume_pair_close(&pair);
	close(epoll_fd);
}

int main(void)
{
	assume_begin("closing with SO_LINGER 0 shows at the peer as EPOLLERR, what came before it can be read, then "
		     "ECONNRESET follows, on MPTCP and on TCP",
		     "resets are passed on as orderly ends, or not at all");
	assume_make_link(0);
	look("MPTCP, our end closes", false, true, true);
	look("MPTCP, the peer closes", false, false, true);
	look("MPTCP over IPv6", true, true, true);
	look("MPTCP that fell back, our end closes", false, true, false);
	look("MPTCP that fell back, the peer closes with RST", false, false, false);
	return assume_holds();
}
