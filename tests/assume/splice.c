/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bulk in relay/half.c: socket, pipe, socket. */
#include "assume.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define N_BYTES (8u << 20)
#define PIECE_BYTES 32768

/* 0 at the end; -1 for "not now". */
static ssize_t move(int from_fd, int to_fd, size_t n_bytes, const char *what)
{
	ssize_t n = splice(from_fd, NULL, to_fd, NULL, n_bytes, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

	assume_that(n >= 0 || errno == EAGAIN, "splice %s: %s", what, strerror(errno));
	return n;
}

/* Pattern into the pipe, spliced to the socket, spliced from the other one, read from the second pipe. */
static void pass(struct assume_stream *s, const int in[2], const int out[2])
{
	uint8_t bytes[PIECE_BYTES];
	size_t n_piped = 0;

	while (s->n_received < N_BYTES) {
		ssize_t n;

		if (!n_piped && s->n_sent < N_BYTES) {
			assume_stream_fill(s, bytes, sizeof(bytes));
			n_piped = write(in[1], bytes, sizeof(bytes)) == sizeof(bytes) ? sizeof(bytes) : 0;
			s->n_sent += n_piped;
		}
		n = n_piped ? move(in[0], s->from_fd, n_piped, "to MPTCP") : 0;
		n_piped -= n > 0 ? (size_t)n : 0;
		n = move(s->to_fd, out[1], sizeof(bytes), "from MPTCP");
		assume_that(n, "splice from MPTCP: 0 after %llu bytes of %u, before the end",
			    (unsigned long long)s->n_received, N_BYTES);
		if (n < 0) {
			struct pollfd poll_fd = { .fd = s->to_fd, .events = POLLIN };

			assume_that(n_piped || poll(&poll_fd, 1, ASSUME_LIMIT_MS) == 1, "%llu bytes of %u arrived",
				    (unsigned long long)s->n_received, N_BYTES);
			continue;
		}
		assume_that(read(out[0], bytes, (size_t)n) == n, "the pipe holds less than splice said");
		assume_stream_check(s, bytes, (size_t)n);
	}
}

int main(void)
{
	struct assume_stream s = { 0 };
	struct assume_pair pair;
	int in[2], out[2];
	ssize_t n;

	assume_begin("splice from and to an MPTCP socket moves bytes, says EAGAIN where there are none, and 0 at the "
		     "end",
		     "bulk transfers break, or end too early or never");
	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		assume_not_looked_at("pipe: %s", strerror(errno));
	assume_make_link(0);
	pair = assume_pair(false, true);
	s.from_fd = pair.near_fd;
	s.to_fd = pair.far_fd;
	n = move(s.to_fd, out[1], PIECE_BYTES, "from MPTCP");
	assume_that(n < 0, "splice from an idle MPTCP socket: expected EAGAIN, seen %zd", n);
	pass(&s, in, out);
	shutdown(pair.near_fd, SHUT_WR);
	assume_wait_readable(s.to_fd, "the end");
	n = move(s.to_fd, out[1], PIECE_BYTES, "from MPTCP at the end");
	assume_that(!n, "splice at the end of the stream: expected 0, seen %zd", n);
	return assume_holds();
}
