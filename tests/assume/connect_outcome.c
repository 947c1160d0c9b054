/* SPDX-License-Identifier: GPL-2.0-or-later */
/* role/gateway/attempt.c learns from one edge whether the converter has answered, and from net_connect_outcome()
 * how: writable, without an error, is connected. */
#include "assume.h"

#include <sys/epoll.h>
#include <unistd.h>

static void look(const char *what, bool with_data, int expected)
{
	struct net_connect_options options = { .mptcp = true, .first = "x", .n_first = with_data };
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET };
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC), fd, r = NET_E_AGAIN;
	size_t n_sent;

	fd = assume_connect_begin(false, options, &n_sent);
	epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
	while (r == NET_E_AGAIN) {   /* as in attempt_connected(): "not yet" waits for the next edge */
		assume_that(epoll_wait(epoll_fd, &event, 1, ASSUME_LIMIT_MS) == 1, "%s: no edge after %d ms", what,
			    ASSUME_LIMIT_MS);
		r = net_connect_outcome(fd, event.events);
	}
	assume_that(r || !net_connect_result(fd), "%s: the edge says connected (events %#x), the socket %s", what,
		    event.events, net_error_text(net_connect_result(fd)));
	assume_that(r == expected, "%s: expected %s, seen %s", what, net_error_text(expected), net_error_text(r));
	close(fd);
	close(epoll_fd);
}

int main(void)
{
	struct net_listen_options options = { .mptcp = true, .fastopen_queue = 16 };
	int listener_fd;

	assume_begin("an edge tells how connecting with MPTCP ended",
		     "links that refuse or prohibit are not left for others");
	assume_make_link(0);
	listener_fd = assume_listen(false, &options);
	look("a listener", false, 0);
	look("a listener, with data in the SYN", true, 0);
	close(listener_fd);
	look("nobody listens", false, NET_E_REFUSED);
	look("nobody listens, with data in the SYN", true, NET_E_REFUSED);
	assume_in(ASSUME_FAR);
	assume_nft("table inet filter { chain in { type filter hook input priority 0; tcp dport 7000 reject with icmpx "
		   "admin-prohibited; }; }");
	look("prohibited by a filter", false, NET_E_UNREACHABLE);
	look("prohibited by a filter, with data in the SYN", true, NET_E_UNREACHABLE);
	return assume_holds();
}
