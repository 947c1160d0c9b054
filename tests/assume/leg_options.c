/* SPDX-License-Identifier: GPL-2.0-or-later */
/* net_tune_leg() of net/socket.c, which passes over refusals: here they show. */
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
		{ "SO_OOBINLINE", SOL_SOCKET, SO_OOBINLINE, 1 },
		{ "SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ "TCP_KEEPIDLE", IPPROTO_TCP, TCP_KEEPIDLE, IDLE_S },
		{ "TCP_KEEPINTVL", IPPROTO_TCP, TCP_KEEPINTVL, IDLE_S / 10 },
		{ "TCP_KEEPCNT", IPPROTO_TCP, TCP_KEEPCNT, 6 },
	};

	net_tune_leg(fd, IDLE_S);
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		int seen = -1;
		socklen_t n_seen = sizeof(seen);

		assume_that(!getsockopt(fd, wanted[i].level, wanted[i].option, &seen, &n_seen), "%s: %s: %s", end, wanted[i].name,
			    strerror(errno));
		if (wanted[i].option == TCP_NODELAY || wanted[i].level == SOL_SOCKET)
			seen = !!seen;
		assume_that(seen == wanted[i].value, "%s: %s: expected %d, seen %d", end, wanted[i].name, wanted[i].value, seen);
	}
}

int main(void)
{
	struct assume_pair pair;

	assume_begin("MPTCP sockets take TCP_NODELAY, SO_OOBINLINE and the keep-alive options",
		     "small writes wait for each other, or dead peers are found late or never");
	assume_make_link(0);
	pair = assume_pair(false, true);
	expect("the end that connected", pair.near_fd);
	expect("the end that accepted", pair.far_fd);
	return assume_holds();
}
