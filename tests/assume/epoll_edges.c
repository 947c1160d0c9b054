/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * relay/ watches both legs with EPOLLET. A readable edge has to come with every arrival; a writable one may be missing on MPTCP, for which
 * relay/ tries again after RESCUE_US (relay/waiting.c): so sending must work after EAGAIN, once the peer has read, with or without an edge.
 */
#include "assume.h"

#include <stdio.h>
#include <sys/epoll.h>

#define ARRIVALS 200
#define FILLS 10

static int watch(int fd)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET };
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);

	if (epoll_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event))
		assume_not_looked_at("no epoll");
	return epoll_fd;
}

static bool edge(int epoll_fd, uint32_t events, int limit_ms)
{
	struct epoll_event event;

	while (epoll_wait(epoll_fd, &event, 1, limit_ms) == 1)
		if (event.events & events)
			return true;
	return false;
}

/* Each byte is sent after the one before it was read, and EAGAIN seen. */
static void expect_readable(const struct assume_pair *pair)
{
	struct assume_stream s = { .from_fd = pair->near_fd, .to_fd = pair->far_fd };
	int epoll_fd = watch(pair->far_fd);

	for (int i = 0; i < ARRIVALS; i++) {
		assume_stream_send(&s, 1);
		while (s.n_received < s.n_sent) {
			assume_that(edge(epoll_fd, EPOLLIN, ASSUME_LIMIT_MS), "no EPOLLIN edge for arrival %d of %d", i + 1, ARRIVALS);
			while (assume_stream_receive(&s))
				;
		}
		assume_that(!assume_stream_receive(&s), "bytes after the last one sent");
	}
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
		assume_that(assume_wait(takes_more, &refill), "send says EAGAIN for %d ms although the peer has read all", ASSUME_LIMIT_MS);
	}
}

int main(void)
{
	struct assume_pair pair;

	assume_begin("edge-triggered epoll tells of each arrival on MPTCP, and sending works again once the peer has read",
		     "sessions hang with bytes waiting");
	assume_make_link(0);
	pair = assume_pair(false, true);
	expect_readable(&pair);
	expect_writable(&pair);
	return assume_holds();
}
