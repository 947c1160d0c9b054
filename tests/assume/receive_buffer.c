/* SPDX-License-Identifier: GPL-2.0-or-later */
/* narrow_window() of net/socket.c: plain TCP begins with a narrow buffer, connections that are accepted have it from
 * their listener, and it grows as it is read. */
#include "assume.h"

#include <string.h>
#include <sys/socket.h>

#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK 72
#endif

#define NARROW_BYTES 131072
#define N_BYTES (64u << 20)

static int option(int fd, int name)
{
	socklen_t n = sizeof(int);
	int value = -1;

	return getsockopt(fd, SOL_SOCKET, name, &value, &n) ? -1 : value;
}

static void expect_narrow(const char *end, int fd)
{
	assume_that(option(fd, SO_RCVBUF) == NARROW_BYTES, "%s begins with a receive buffer of %d, expected %d", end,
		    option(fd, SO_RCVBUF), NARROW_BYTES);
	assume_that(!option(fd, SO_BUF_LOCK), "%s: its buffers are held (SO_BUF_LOCK %d)", end,
		    option(fd, SO_BUF_LOCK));
}

static void expect_growth(const char *end, struct assume_stream s)
{
	assume_stream_run(&s, N_BYTES, N_BYTES, "64 MB");
	assume_that(option(s.to_fd, SO_RCVBUF) > NARROW_BYTES,
		    "%s: the receive buffer is as narrow after 64 MB as it was", end);
}

int main(void)
{
	struct net_listen_options listen = { 0 };
	struct net_connect_options connect = { 0 };
	int listener_fd, near_fd, far_fd;
	size_t n_sent;

	assume_begin("A receive buffer that was set and let go (SO_BUF_LOCK) grows as it is read; accepted connections "
		     "have it from their listener",
		     "plain connections are held to the window they begin with, or each may fill the widest");
	assume_make_link(0);
	assume_in(ASSUME_FAR);
	assume_sysctl("net/ipv4/tcp_rmem", "4096 16777216 33554432");
	listener_fd = assume_listen(false, &listen);
	assume_in(ASSUME_NEAR);
	assume_sysctl("net/ipv4/tcp_rmem", "4096 16777216 33554432");
	near_fd = assume_connect_begin(false, connect, &n_sent);
	expect_narrow("who connects", near_fd);
	assume_wait_connected(near_fd);
	far_fd = assume_accept(listener_fd);
	expect_narrow("who is accepted", far_fd);
	expect_growth("who is accepted", (struct assume_stream){ .from_fd = near_fd, .to_fd = far_fd });
	expect_growth("who connects", (struct assume_stream){ .from_fd = far_fd, .to_fd = near_fd });
	return assume_holds();
}
