/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * relay/ watches both legs with EPOLLET. A readable edge has to come with every arrival; a writable one may be missing
 * on MPTCP, for which relay/ tries again after RESCUE_US (relay/waiting.c): so sending must work after EAGAIN, once the
 * peer has read, with or without an edge. A reader that stops at a read that brought less than it asked for misses
 * nothing: what comes later has an edge of its own, and an end that stood behind was told by EPOLLRDHUP.
 */
#include "assume.h"

#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define ARRIVALS 200
#define FILLS 10
#define ENDS 20
#define ASKED_BYTES 65536   /* at once, far more than there is */

static int watch(int fd)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET };
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);

	if (epoll_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event))
		assume_not_looked_at("no epoll");
	return epoll_fd;
}

/* The events of the next edge that is one of those; 0: none came. */
static uint32_t edge(int epoll_fd, uint32_t events, int limit_ms)
{
	struct epoll_event event;

	while (epoll_wait(epoll_fd, &event, 1, limit_ms) == 1)
		if (event.events & events)
			return event.events;
	return 0;
}

/* Each byte is sent after the one before it was read, and EAGAIN seen. */
static void expect_readable(const struct assume_pair *pair)
{
	struct assume_stream s = { .from_fd = pair->near_fd, .to_fd = pair->far_fd };
	int epoll_fd = watch(pair->far_fd);

	for (int i = 0; i < ARRIVALS; i++) {
		assume_stream_send(&s, 1);
		while (s.n_received < s.n_sent) {
			assume_that(edge(epoll_fd, EPOLLIN, ASSUME_LIMIT_MS), "no EPOLLIN edge for arrival %d of %d",
				    i + 1, ARRIVALS);
			while (assume_stream_receive(&s))
				;
		}
		assume_that(!assume_stream_receive(&s), "bytes after the last one sent");
	}
}

static ssize_t read_once(int fd)
{
	static char bytes[ASKED_BYTES];
	int error = 0;

	return net_receive(fd, bytes, sizeof(bytes), &error);
}

/* Bytes and, right behind them, the end; read as relay/half.c reads. */
static void expect_end(bool far_mptcp)
{
	struct assume_pair pair = assume_pair(false, far_mptcp);
	int epoll_fd = watch(pair.far_fd);
	size_t n = 0;

	assume_that(send(pair.near_fd, "abc", 3, 0) == 3 && !shutdown(pair.near_fd, SHUT_WR), "cannot send and end");
	for (bool ended = false; !ended;) {
		uint32_t events = edge(epoll_fd, EPOLLIN | EPOLLRDHUP, ASSUME_LIMIT_MS);
		ssize_t got;

		assume_that(events, "%s: no edge for the end, %zu of 3 bytes read", far_mptcp ? "MPTCP" : "TCP", n);
		do {
			got = read_once(pair.far_fd);
			n += got > 0 ? (size_t)got : 0;
		} while (got > 0 && events & EPOLLRDHUP);
		ended = !got;
	}
	assume_that(n == 3, "expected 3 bytes before the end, seen %zu", n);
	assume_pair_close(&pair);
	close(epoll_fd);
}

/* Each arrival is read once, without EAGAIN. */
static void expect_readable_after_less(const struct assume_pair *pair)
{
	int epoll_fd = watch(pair->far_fd);

	for (int i = 0; i < ARRIVALS; i++) {
		assume_that(send(pair->near_fd, "x", 1, 0) == 1, "cannot send");
		do
			assume_that(edge(epoll_fd, EPOLLIN, ASSUME_LIMIT_MS),
				    "no EPOLLIN edge for arrival %d of %d after a short read", i + 1, ARRIVALS);
		while (read_once(pair->far_fd) != 1);
	}
	close(epoll_fd);
}

struct refill {
	struct assume_stream s;
	bool full;
};

static bool takes_more(void *context)
{
	struct refill *refill = context;
	uint64_t before = refill->s.n_sent;

	assume_stream_send(&refill->s, 1);
	return refill->s.n_sent > before;
}

static void expect_writable(const struct assume_pair *pair)
{
	struct refill refill = { .s = { .from_fd = pair->far_fd, .to_fd = pair->near_fd } };

	for (int i = 0; i < FILLS; i++) {
		assume_that(!assume_stream_send(&refill.s, 256u << 20), "a socket takes 256 MB that nobody reads");
		assume_stream_run(&refill.s, 0, refill.s.n_sent, "what filled the socket");
		assume_that(assume_wait(takes_more, &refill),
			    "send says EAGAIN for %d ms although the peer has read all", ASSUME_LIMIT_MS);
	}
}

int main(void)
{
	struct assume_pair pair;

	assume_begin("edge-triggered epoll tells of each arrival on MPTCP, and sending works again once the peer has "
		     "read",
		     "sessions hang with bytes waiting");
	assume_make_link(0);
	pair = assume_pair(false, true);
	expect_readable_after_less(&pair);
	expect_readable(&pair);
	expect_writable(&pair);
	assume_pair_close(&pair);
	for (int i = 0; i < ENDS; i++) {
		expect_end(true);
		expect_end(false);
	}
	return assume_holds();
}
