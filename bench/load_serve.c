// SPDX-License-Identifier: GPL-2.0-or-later
/* The server: sinks, sources, or answers, as each connection's first bytes ask for. */
#include "load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 256
#define BACKLOG 4096

struct conn {
	int fd;
	uint32_t events;
	size_t head_bytes;              /* of the request's head that are here */
	struct load_head head;
	size_t request_left, answer_left;
	uint64_t bulk_left;             /* of a bulk transfer with an end */
	bool closing;
};

static unsigned char block[LOAD_BLOCK_BYTES];
static int epoll_fd;
static struct load_counters *counters;

static void conn_watch(struct conn *conn, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = conn };

	if (events == conn->events)
		return;
	if (epoll_ctl(epoll_fd, conn->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, conn->fd, &event))
		load_die("epoll_ctl");
	conn->events = events;
}

static void conn_end(struct conn *conn)
{
	atomic_fetch_sub(&counters->open, 1);
	close(conn->fd);
	free(conn);
}

static bool is_bulk(const struct conn *conn)
{
	return conn->head_bytes == sizeof(conn->head) && conn->head.kind <= LOAD_BOTH;
}

static size_t bulk_due(const struct conn *conn)
{
	return conn->head.bulk_bytes && conn->bulk_left < sizeof(block) ? conn->bulk_left : sizeof(block);
}

/* Sends what is due. False: the connection is over. */
static bool conn_send(struct conn *conn)
{
	bool bulk = is_bulk(conn);
	size_t due = bulk ? bulk_due(conn) : conn->answer_left;
	ssize_t n;

	if (!due)
		return true;
	n = send(conn->fd, block, due, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN)
		return false;
	if (!bulk && n > 0)
		conn->answer_left -= n;
	if (bulk && n > 0)
		conn->bulk_left -= n;
	return bulk || conn->answer_left || !conn->closing;
}

static void answer_due(struct conn *conn)
{
	conn->answer_left += conn->head.answer_bytes;
	conn->closing = conn->head.kind == LOAD_NEW;
	conn->head_bytes = 0;
}

/* Takes bytes of requests; false when they aren't ours. */
static bool conn_take(struct conn *conn, const unsigned char *bytes, size_t n)
{
	while (n) {
		size_t take;

		if (conn->head_bytes < sizeof(conn->head)) {
			take = sizeof(conn->head) - conn->head_bytes;
			take = take < n ? take : n;
			memcpy((unsigned char *)&conn->head + conn->head_bytes, bytes, take);
			conn->head_bytes += take;
			if (conn->head_bytes == sizeof(conn->head)) {
				if (conn->head.magic != LOAD_MAGIC)
					return false;
				conn->request_left = conn->head.request_bytes - sizeof(conn->head);
				conn->bulk_left = conn->head.bulk_bytes;
			}
		} else if (is_bulk(conn)) {
			return true;
		} else {
			take = conn->request_left < n ? conn->request_left : n;
			conn->request_left -= take;
		}
		bytes += take;
		n -= take;
		if (conn->head_bytes == sizeof(conn->head) && !is_bulk(conn) && !conn->request_left)
			answer_due(conn);
	}
	return true;
}

static bool conn_receive(struct conn *conn)
{
	ssize_t n = recv(conn->fd, block, sizeof(block), MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN;
	if (!n)
		return false;
	atomic_fetch_add(&counters->received_bytes, n);
	return is_bulk(conn) || conn_take(conn, block, n);
}

static void conn_step(struct conn *conn, uint32_t events)
{
	bool sends;

	if ((events & EPOLLERR) || ((events & (EPOLLIN | EPOLLHUP)) && !conn_receive(conn)) ||
	    (!is_bulk(conn) && !conn_send(conn)) || (is_bulk(conn) && (events & EPOLLOUT) && !conn_send(conn))) {
		conn_end(conn);
		return;
	}
	sends = is_bulk(conn) ? conn->head.kind != LOAD_UP && bulk_due(conn) : conn->answer_left != 0;
	conn_watch(conn, EPOLLIN | (sends ? EPOLLOUT : 0));
}

static void accept_all(int listener)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
		struct conn *conn = calloc(1, sizeof(*conn));

		if (!conn)
			load_die("calloc");
		conn->fd = fd;
		atomic_fetch_add(&counters->open, 1);
		conn_watch(conn, EPOLLIN);
	}
}

int load_serve(const struct load_options *options)
{
	int one = 1, listener = load_socket(options, SOCK_NONBLOCK);
	struct epoll_event event = { .events = EPOLLIN }, events[EVENTS];

	counters = options->counters;
	atomic_store(&counters->open, 0);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (listener < 0 || bind(listener, (const struct sockaddr *)&options->address, sizeof(options->address)) ||
	    listen(listener, BACKLOG) || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event))
		load_die("listen");
	for (;;) {
		int n = epoll_wait(epoll_fd, events, EVENTS, -1);

		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr)
				conn_step(events[i].data.ptr, events[i].events);
			else
				accept_all(listener);
		}
	}
}
