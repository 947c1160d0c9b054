/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Descriptors and connections for tests: counting them, making pairs, moving bytes without waiting. */
#ifndef BRAID_TESTS_UNIT_FDS_H
#define BRAID_TESTS_UNIT_FDS_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include "unit.h"

static inline size_t unit_n_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* A TCP connection over loopback, both ends non-blocking. small: little room in the buffers, so that a reader can be
 * slow. */
static inline void unit_tcp_pair(int fds[2], bool small)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), bytes = 16384, one = 1;

	if (small)
		setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &n), 0);
	fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (small) {
		setsockopt(fds[0], SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
		setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	}
	assert_int_equal(connect(fds[0], (struct sockaddr *)&address, sizeof(address)), 0);
	fds[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(fds[1] >= 0);
	if (small)
		setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	for (int i = 0; i < 2; i++) {
		setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		assert_int_equal(fcntl(fds[i], F_SETFL, O_NONBLOCK), 0);
	}
	close(listener);
}

/* The byte at a place of the stream that tests send: an error of one byte or of a whole buffer shows. */
static inline uint8_t unit_stream_byte(uint64_t at)
{
	return (uint8_t)(at * 7 + at / 251 + at / 65521);
}

/* Sends the stream from *at on, n_most bytes at most, as much as fits now. */
static inline void unit_stream_send(int fd, uint64_t *at, size_t n_most)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	uint8_t bytes[65536];

	while (n_most && poll(&p, 1, 0) == 1) {
		size_t n_now = size_min(n_most, sizeof(bytes));
		ssize_t n;

		for (size_t i = 0; i < n_now; i++)
			bytes[i] = unit_stream_byte(*at + i);
		n = send(fd, bytes, n_now, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0)
			fail_msg("expected to send at %llu, saw %s", (unsigned long long)*at, strerror(errno));
		*at += (uint64_t)n;
		n_most -= (size_t)n;
	}
}

enum unit_stream { UNIT_STREAM_OPEN, UNIT_STREAM_ENDED, UNIT_STREAM_RESET };

/* Receives n_most bytes at most, as much as is there, and compares them with the stream. */
static inline enum unit_stream unit_stream_receive(int fd, uint64_t *at, size_t n_most)
{
	uint8_t bytes[65536];

	while (n_most) {
		ssize_t n = recv(fd, bytes, size_min(n_most, sizeof(bytes)), MSG_DONTWAIT);

		if (!n)
			return UNIT_STREAM_ENDED;
		if (n < 0 && errno != EAGAIN && errno != ECONNRESET && errno != EPIPE)
			fail_msg("expected to receive at %llu, saw %s", (unsigned long long)*at, strerror(errno));
		if (n < 0)
			return errno == EAGAIN ? UNIT_STREAM_OPEN : UNIT_STREAM_RESET;
		for (ssize_t i = 0; i < n; i++, ++*at)
			if (bytes[i] != unit_stream_byte(*at))
				fail_msg("byte %llu: expected %02x, saw %02x", (unsigned long long)*at,
					 unit_stream_byte(*at), bytes[i]);
		n_most -= (size_t)n;
	}
	return UNIT_STREAM_OPEN;
}

static inline void unit_reset(int *fd)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(*fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(*fd);
	*fd = -1;
}

/* Waits until fd can be read from (what loopback still carries has arrived). */
static inline void unit_wait_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (poll(&p, 1, 10000) != 1)
		fail_msg("expected descriptor %d to become readable within 10 s, saw nothing", fd);
}

/* Waits until n_bytes can be read at once. */
static inline void unit_wait_bytes(int fd, int n_bytes)
{
	int seen = 0;

	for (int tries = 0; tries < 10000; tries++) {
		if (ioctl(fd, FIONREAD, &seen) || seen >= n_bytes)
			return;
		poll(NULL, 0, 1);
	}
	fail_msg("expected %d bytes to read within 10 s, saw %d", n_bytes, seen);
}

static inline void unit_wait_ended(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLRDHUP };

	if (poll(&p, 1, 10000) != 1)
		fail_msg("expected descriptor %d to see its peer's end within 10 s, saw nothing", fd);
}

#endif
