/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pass_end() of relay/half.c: the end of one direction leaves the other alone. */
#include "assume.h"

#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define N_BYTES 16384u   /* fits the buffers of a fresh connection */

static void expect_end(int fd, const char *what)
{
	int error = 0;
	ssize_t n;
	char byte;

	assume_wait_readable(fd, what);
	n = net_receive(fd, &byte, 1, &error);
	assume_that(!n, "%s: expected the end of the stream, seen %zd (%s)", what, n, net_error_text(error));
}

/* The end is an event of its own. */
static void expect_end_event(int fd)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP | EPOLLET };
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC), n;

	epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
	n = epoll_wait(epoll_fd, &event, 1, ASSUME_LIMIT_MS);
	assume_that(n == 1 && event.events & EPOLLRDHUP && !(event.events & (EPOLLHUP | EPOLLERR)),
		    "expected EPOLLRDHUP and neither EPOLLHUP nor EPOLLERR at the peer, seen %d events, 0x%x", n,
		    n ? event.events : 0);
	close(epoll_fd);
}

int main(void)
{
	struct assume_stream up = { 0 }, down = { 0 };
	struct assume_pair pair;

	assume_begin("shutdown(SHUT_WR) on MPTCP ends one direction and leaves the other alone",
		     "half-closed sessions are cut short");
	assume_make_link(0);
	pair = assume_pair(false, true);
	up.from_fd = down.to_fd = pair.near_fd;
	up.to_fd = down.from_fd = pair.far_fd;
	assume_that(assume_stream_send(&up, N_BYTES), "16 KiB do not fit the buffers");
	assume_that(!shutdown(pair.near_fd, SHUT_WR), "shutdown(SHUT_WR) failed");
	assume_stream_run(&up, N_BYTES, N_BYTES, "what was sent before the end");
	expect_end_event(pair.far_fd);
	expect_end(pair.far_fd, "the first direction");
	assume_stream_run(&down, N_BYTES, N_BYTES, "the other direction, afterwards");
	assume_that(!shutdown(pair.far_fd, SHUT_WR), "shutdown(SHUT_WR) of the other end failed");
	expect_end(pair.near_fd, "the second direction");
	return assume_holds();
}
