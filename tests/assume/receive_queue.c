/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy/broken.h: bytes that have arrived and are in no queue were duplicates. */
#include "assume.h"

#include <string.h>

#define N_BYTES (1u << 20)
#define TRIES 20u

static uint64_t received_up_to(int fd)
{
	struct mptcp_connection_info info;
	int r = mptcp_info_read(fd, &info);

	assume_that(!r, "the receiver: %s", r < 0 ? strerror(-r) : "plain TCP");
	return info.received;
}

static uint32_t waiting_bytes(int fd)
{
	uint32_t n_bytes;
	int r = net_receive_queue_bytes(fd, &n_bytes);

	assume_that(!r, "SO_MEMINFO: %s", strerror(-r));
	return n_bytes;
}

/* What can be read is; what waits then is out of order. Or nothing is left to come. */
static bool is_settled(void *context)
{
	struct assume_stream *s = context;

	while (assume_stream_receive(s))
		;
	return s->n_received == s->n_sent || waiting_bytes(s->to_fd);
}

/* One of two links swallows what it is given. Whether it was given something that the other has not brought first. */
static bool leaves_a_hole(struct assume_stream *s, unsigned int silent)
{
	bool hole;

	assume_in(ASSUME_NEAR);
	assume_set_silence(silent, true);
	assume_stream_send(s, N_BYTES);
	assume_that(assume_wait(is_settled, s), "nothing waits, and %llu of %llu bytes were read",
		    (unsigned long long)s->n_received, (unsigned long long)s->n_sent);
	hole = s->n_received < s->n_sent;
	assume_stream_run(s, s->n_sent, s->n_sent, "what the silent link had, over the other");
	assume_set_silence(silent, false);
	return hole;
}

int main(void)
{
	struct assume_stream s = { 0 };
	struct assume_pair pair;
	unsigned int n_tries = 0;
	uint64_t before;

	assume_begin("SO_MEMINFO of an MPTCP socket tells of bytes that wait out of order, and nothing where all were "
		     "read",
		     "a session whose end something on its way has swallowed waits for a minute");
	pair = assume_pair_of_two();
	s.from_fd = pair.near_fd;
	s.to_fd = pair.far_fd;
	before = received_up_to(pair.far_fd);
	while (!leaves_a_hole(&s, n_tries % 2))
		assume_that(++n_tries < TRIES, "no bytes were out of order in %u tries with a silent link", TRIES);
	assume_that(!waiting_bytes(pair.far_fd), "%u bytes wait where all were read", waiting_bytes(pair.far_fd));
	assume_that(received_up_to(pair.far_fd) - before == s.n_received, "expected %llu bytes received, seen %llu",
		    (unsigned long long)s.n_received, (unsigned long long)(received_up_to(pair.far_fd) - before));
	return assume_holds();
}
