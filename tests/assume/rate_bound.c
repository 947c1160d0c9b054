/* SPDX-License-Identifier: GPL-2.0-or-later */
/* net_bound_rate() of net/socket.c, for legs of sessions in pieces: plain TCP with bbr is bound by it while it carries
 * data, and is let go again. What it sends by is the kernel's own figure. Multipath TCP refuses it. */
#include "assume.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BOUND_BYTES_PER_S 2000000u
#define PART_BYTES 500000u

static uint64_t pacing_bytes_per_s(int fd)
{
	struct tcp_info tcp = { 0 };
	socklen_t n_tcp = sizeof(tcp);

	assume_that(!getsockopt(fd, IPPROTO_TCP, TCP_INFO, &tcp, &n_tcp), "TCP_INFO: %s", strerror(errno));
	return tcp.tcpi_pacing_rate;
}

static void bound(int fd, uint64_t bytes_per_s)
{
	int r = net_bound_rate(fd, bytes_per_s);

	assume_that(!r, "SO_MAX_PACING_RATE on a connection that carries data: %s", strerror(-r));
}

static void part(struct assume_stream *s, const char *what)
{
	uint64_t n = s->n_sent + PART_BYTES;

	assume_stream_run(s, n, n, what);
}

static void expect_pacing(int fd, bool within, const char *when)
{
	uint64_t seen = pacing_bytes_per_s(fd);

	assume_that((seen <= BOUND_BYTES_PER_S) == within, "%s: expected %s than %u bytes/s, seen %llu", when,
		    within ? "no more" : "more", BOUND_BYTES_PER_S, (unsigned long long)seen);
}

static void expect_refused(void)
{
	struct assume_pair pair = assume_pair(false, true);
	int r = net_bound_rate(pair.near_fd, BOUND_BYTES_PER_S);

	assume_that(r == -EOPNOTSUPP, "Multipath TCP: expected %s, seen %s", strerror(EOPNOTSUPP), strerror(-r));
	assume_pair_close(&pair);
}

int main(void)
{
	struct net_listen_options listen_options = { .mptcp = false };
	struct net_connect_options options = { .congestion = "bbr" };
	struct assume_stream stream = { 0 };
	char congestion[NET_CONGESTION_BYTES];
	int listener_fd;
	size_t n_sent;

	assume_begin("a TCP connection with bbr is bound by SO_MAX_PACING_RATE under way, and let go again; Multipath "
		     "TCP refuses it",
		     "a leg whose bbr doesn't end its beginning sends twice what its link carries");
	assume_make_link(0);
	listener_fd = assume_listen(false, &listen_options);
	stream.from_fd = assume_connect_begin(false, options, &n_sent);
	assume_wait_connected(stream.from_fd);
	if (!net_congestion(stream.from_fd, congestion) || strcmp(congestion, "bbr"))
		assume_not_looked_at("no bbr");
	stream.to_fd = assume_accept(listener_fd);
	part(&stream, "before there is a bound");
	expect_pacing(stream.from_fd, false, "before there is a bound");
	bound(stream.from_fd, BOUND_BYTES_PER_S);
	part(&stream, "with a bound");
	expect_pacing(stream.from_fd, true, "with a bound");
	bound(stream.from_fd, 0);
	part(&stream, "when it is let go");
	expect_pacing(stream.from_fd, false, "when it is let go");
	close(stream.to_fd);
	close(stream.from_fd);
	close(listener_fd);
	expect_refused();
	return assume_holds();
}
