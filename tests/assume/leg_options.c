/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * net_tune_leg() and net_keep_alive() of net/socket.c, which pass over refusals: here they show. SO_OOBINLINE is for
 * the plain leg: MPTCP has no urgent data. What is accepted has them from its listener, Multipath TCP and plain.
 */
#include "assume.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/util.h"

#define IDLE_S 600

static void expect(const char *end, int fd)
{
	static const struct {
		const char *name;
		int level, option, value;
	} wanted[] = {
		{ "TCP_NODELAY", IPPROTO_TCP, TCP_NODELAY, 1 },
		{ "SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ "TCP_KEEPIDLE", IPPROTO_TCP, TCP_KEEPIDLE, IDLE_S },
		{ "TCP_KEEPINTVL", IPPROTO_TCP, TCP_KEEPINTVL, IDLE_S / 10 },
		{ "TCP_KEEPCNT", IPPROTO_TCP, TCP_KEEPCNT, 6 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		int seen = -1;
		socklen_t n_seen = sizeof(seen);

		assume_that(!getsockopt(fd, wanted[i].level, wanted[i].option, &seen, &n_seen), "%s: %s: %s", end,
			    wanted[i].name, strerror(errno));
		if (wanted[i].option == TCP_NODELAY || wanted[i].level == SOL_SOCKET)
			seen = !!seen;
		assume_that(seen == wanted[i].value, "%s: %s: expected %d, seen %d", end, wanted[i].name,
			    wanted[i].value, seen);
	}
}

static void expect_linger(const char *end, int fd)
{
	struct linger seen = { 0 };
	socklen_t n_seen = sizeof(seen);

	assume_that(!getsockopt(fd, SOL_SOCKET, SO_LINGER, &seen, &n_seen), "%s: SO_LINGER: %s", end, strerror(errno));
	assume_that(seen.l_onoff && !seen.l_linger, "%s: SO_LINGER: expected on, 0 s, seen %s, %d s", end,
		    seen.l_onoff ? "on" : "off", seen.l_linger);
}

static void expect_inherited(bool mptcp)
{
	struct net_listen_options listen_options = { .mptcp = mptcp, .keepalive_s = IDLE_S,
						     .fastopen_queue = mptcp ? 64 : 0 };
	struct net_connect_options options = { .mptcp = mptcp };
	const char *end = mptcp ? "Multipath TCP that was accepted" : "plain TCP that was accepted";
	int listener_fd = assume_listen(false, &listen_options), near_fd, far_fd;
	size_t n_sent;

	near_fd = assume_connect_begin(false, options, &n_sent);
	assume_wait_connected(near_fd);
	far_fd = assume_accept(listener_fd);
	expect(end, far_fd);
	expect_linger(end, far_fd);
	close(far_fd);
	close(near_fd);
	close(listener_fd);
}

static void expect_urgent_in_line(void)
{
	struct net_listen_options listen_options = { .mptcp = false, .keepalive_s = IDLE_S };
	struct net_connect_options options = { .mptcp = false };
	int listener_fd = assume_listen(false, &listen_options), near_fd, far_fd, error = 0;
	char seen[4] = "";
	size_t n_sent, n = 0;

	near_fd = assume_connect_begin(false, options, &n_sent);
	assume_wait_connected(near_fd);
	far_fd = assume_accept(listener_fd);
	assume_that(send(near_fd, "ab", 2, MSG_OOB) == 2 && send(near_fd, "c", 1, 0) == 1, "send(MSG_OOB): %s",
		    strerror(errno));
	while (n < 3) {
		ssize_t got;

		assume_wait_readable(far_fd, "urgent data");
		got = net_receive(far_fd, seen + n, sizeof(seen) - 1 - n, &error);
		assume_that(got > 0, "TCP with urgent data: '%s', then %s", seen,
			    got ? net_error_text(error) : "the end");
		n += (size_t)got;
	}
	assume_that(!strcmp(seen, "abc"), "TCP with urgent data: expected 'abc', seen '%s'", seen);
}

int main(void)
{
	struct assume_pair pair;

	assume_begin("MPTCP sockets take TCP_NODELAY and the keep-alive options, accepted ones from their listeners, "
		     "TCP leaves urgent data in the stream",
		     "small writes wait for each other, dead peers are found late or never, or a byte is lost");
	assume_make_link(0);
	pair = assume_pair(false, true);
	net_tune_leg(pair.near_fd, true);
	net_keep_alive(pair.near_fd, IDLE_S);
	expect("the end that connected", pair.near_fd);
	assume_pair_close(&pair);
	expect_inherited(true);
	expect_inherited(false);
	expect_urgent_in_line();
	return assume_holds();
}
