/* SPDX-License-Identifier: GPL-2.0-or-later */
/* net_close_reset(), and how relay/ sees one: RST on the plain leg, FASTCLOSE on the other. */
#include "assume.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "base/util.h"

static void look(const char *what, bool v6, bool near_resets, bool far_mptcp)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET };
	struct assume_pair pair = assume_pair(v6, far_mptcp);
	int watched_fd = near_resets ? pair.far_fd : pair.near_fd, epoll_fd = epoll_create1(EPOLL_CLOEXEC), n, error = 0;
	char byte;

	epoll_ctl(epoll_fd, EPOLL_CTL_ADD, watched_fd, &event);
	assume_that(epoll_wait(epoll_fd, &event, 1, ASSUME_LIMIT_MS) == 1, "%s: no first event", what);
	net_close_reset(near_resets ? fd_take(&pair.near_fd) : fd_take(&pair.far_fd));
	n = epoll_wait(epoll_fd, &event, 1, ASSUME_LIMIT_MS);
	assume_that(n == 1 && event.events & EPOLLERR, "%s: expected EPOLLERR, seen %d events, 0x%x", what, n, n == 1 ? event.events : 0);
	assume_that(net_receive(watched_fd, &byte, 1, &error) == -1 && error == NET_E_RESET, "%s: expected a reset, recv said: %s", what,
		    net_error_text(error));
	assume_pair_close(&pair);
	close(epoll_fd);
}

int main(void)
{
	assume_begin("closing with SO_LINGER 0 shows at the peer as EPOLLERR and ECONNRESET, on MPTCP and on TCP",
		     "resets are passed on as orderly ends, or not at all");
	assume_make_link(0);
	look("MPTCP, our end closes", false, true, true);
	look("MPTCP, the peer closes", false, false, true);
	look("MPTCP over IPv6", true, true, true);
	look("MPTCP that fell back, our end closes", false, true, false);
	look("MPTCP that fell back, the peer closes with RST", false, false, false);
	return assume_holds();
}
