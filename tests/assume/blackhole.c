/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * path/settings.c sets blackhole_timeout and tcp_fastopen_blackhole_timeout_sec to 0: SYNs lost on one link must not
 * make connections over the others plain TCP, nor take their data out of the SYN.
 */
#include "assume.h"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>
#include "net/sysctl.h"

/* Eats SYNs with MPTCP options or data, as some middleboxes do. What is sent again without either passes. */
#define EAT \
	"table inet eat { chain in { type filter hook input priority 0; " \
	"tcp dport 7000 tcp option mptcp exists tcp flags & (syn|ack) == syn drop; }; }"

static const char request[] = "request";

static int connect_one(int listener_fd, int *far_fd)
{
	struct net_connect_options options = { .mptcp = true, .first = request, .n_first = sizeof(request) };
	size_t n_sent;
	int fd = assume_connect_begin(false, options, &n_sent), error = 0;

	assume_wait_connected(fd);
	if (n_sent < sizeof(request))
		assume_that(net_send(fd, request + n_sent, sizeof(request) - n_sent, &error) ==
			    (ssize_t)(sizeof(request) - n_sent),
			    "the rest of the request: %s", net_error_text(error));
	*far_fd = assume_accept(listener_fd);
	assume_wait_readable(*far_fd, "the request");
	return fd;
}

int main(void)
{
	struct net_listen_options options = { .mptcp = true, .fastopen_queue = 16 };
	int listener_fd, near_fd, far_fd;

	assume_begin("lost SYNs switch off neither MPTCP nor Fast Open for later connections, with both blackhole "
		     "timeouts at 0",
		     "one bad link makes all new sessions plain TCP, or slower to begin, for an hour");
	assume_make_link(0);
	listener_fd = assume_listen(false, &options);
	assume_nft(EAT);
	near_fd = connect_one(listener_fd, &far_fd);
	assume_that(mptcp_info_fell_back(near_fd), "MPTCP came through although its SYNs were eaten");
	close(near_fd);
	close(far_fd);
	assume_in(ASSUME_FAR);
	assume_nft("delete table inet eat");
	near_fd = connect_one(listener_fd, &far_fd);
	assume_that(!mptcp_info_fell_back(near_fd), "the next connection is plain TCP");
	assume_that(mptcp_info_beginning(near_fd).syn_data_acked, "the next connection had no data in its SYN");
	return assume_holds();
}
