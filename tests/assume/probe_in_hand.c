/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * net_send_later() of net/socket.h for the last of the first pieces over a slow leg (policy/stripe.h): while something
 * is under way TCP keeps it; its tail loss probe (RFC 8985, 7), for which a packet of a slow link is often late enough,
 * sends it then, and nothing a second time.
 */
#include "assume.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#define SENT_BYTES 200
#define KEPT_BYTES 100
#define ATTEMPTS 10   /* a machine so busy that the probe comes first shows nothing */

static struct tcp_info info_of(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t n_info = sizeof(info);

	assume_that(!getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n_info), "TCP_INFO can't be had");
	return info;
}

/* Nothing comes back meanwhile. Whether the bytes were kept at first. */
static bool is_kept_for_the_probe(struct assume_stream *s)
{
	uint8_t bytes[SENT_BYTES];
	int error = 0;
	bool kept;

	assume_stream_fill(s, bytes, SENT_BYTES);
	assume_that(net_send(s->from_fd, bytes, SENT_BYTES, &error) == SENT_BYTES, "a piece is not sent: %s",
		    net_error_text(error));
	s->n_sent += SENT_BYTES;
	assume_stream_fill(s, bytes, KEPT_BYTES);
	assume_that(net_send_later(s->from_fd, bytes, KEPT_BYTES, &error) == KEPT_BYTES, "a piece is not taken: %s",
		    net_error_text(error));
	s->n_sent += KEPT_BYTES;
	kept = info_of(s->from_fd).tcpi_notsent_bytes == KEPT_BYTES;
	assume_stream_run(s, s->n_sent, s->n_sent, "what was kept, while nothing is acknowledged");
	return kept;
}

int main(void)
{
	struct net_listen_options listen = { 0 };
	struct net_connect_options connect = { 0 };
	bool kept = false;
	size_t n_sent;
	int listener_fd;

	assume_begin("What TCP keeps back (MSG_MORE) goes out as its tail loss probe, while nothing is acknowledged",
		     "the first packets over slow links are sent twice");
	assume_make_link(0);
	listener_fd = assume_listen(false, &listen);
	for (int i = 0; i < ATTEMPTS && !kept; i++) {
		struct assume_stream s = { 0 };

		s.from_fd = assume_connect_begin(false, connect, &n_sent);
		assume_wait_connected(s.from_fd);
		s.to_fd = assume_accept(listener_fd);
		assume_in(ASSUME_NEAR);
		assume_nft("table inet deaf { chain in { type filter hook input priority 0; tcp sport 7000 drop; }; }");
		kept = is_kept_for_the_probe(&s);
		assume_nft("delete table inet deaf");
		close(s.from_fd);
		close(s.to_fd);
	}
	assume_that(kept, "it was sent at once, %d times", ATTEMPTS);
	return assume_holds();
}
