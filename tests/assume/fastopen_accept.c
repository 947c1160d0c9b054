/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The request travels in the SYN (role/gateway/attempt.c) and is there when the converter accepts
 * (role/converter/converter.c). */
#include "assume.h"

#include <string.h>
#include <unistd.h>

static const char request[] = "what a gateway puts into the SYN";

static void look(bool v6)
{
	struct net_listen_options listen_options = { .mptcp = true, .fastopen_queue = 16 };
	struct net_connect_options options = { .mptcp = true, .first = request, .n_first = sizeof(request) };
	const char *family = v6 ? "IPv6" : "IPv4";
	int listener_fd = assume_listen(v6, &listen_options);
	char seen[sizeof(request)] = "";
	int near_fd, far_fd, error = 0;
	size_t n_sent;
	ssize_t n;

	near_fd = assume_connect_begin(v6, options, &n_sent);
	assume_that(n_sent == sizeof(request), "%s: sendto(MSG_FASTOPEN) took %zu bytes of %zu", family, n_sent,
		    sizeof(request));
	far_fd = assume_accept(listener_fd);
	n = net_receive(far_fd, seen, sizeof(seen), &error);
	assume_that(n == sizeof(request) && !memcmp(seen, request, sizeof(request)),
		    "%s: the first recv after accept gave %zd bytes of %zu", family, n, sizeof(request));
	assume_wait_connected(near_fd);
	assume_that(mptcp_info_beginning(near_fd).syn_data_acked,
		    "%s: TCP_INFO of the MPTCP socket says that the data in the SYN was not acknowledged", family);
	assume_that(!mptcp_info_fell_back(near_fd) && !mptcp_info_fell_back(far_fd), "%s: plain TCP in place of MPTCP",
		    family);
	close(near_fd);
	close(far_fd);
	close(listener_fd);
}

int main(void)
{
	assume_begin("an MPTCP listener takes data in the SYN, without a cookie, and accept comes with the data",
		     "the request reaches the converter one round trip later");
	assume_make_link(0);
	look(false);
	look(true);
	return assume_holds();
}
