/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What braidctl's "links", "sessions" and "why" are made of. */
#include "assume.h"

#include <string.h>

#define N_BYTES (4u << 20)

static void expect_subflow(const char *end, enum assume_place place, const struct subflow_info *subflow, unsigned int n)
{
	struct address near = assume_address(ASSUME_NEAR, n, false, 0), far = assume_server(false);
	const struct address *local = place == ASSUME_NEAR ? &subflow->local : &subflow->remote;
	const struct address *remote = place == ASSUME_NEAR ? &subflow->remote : &subflow->local;
	char local_text[ADDRESS_TEXT_BYTES], remote_text[ADDRESS_TEXT_BYTES];

	assume_that(address_equal_ip(local, &near) && local->port && address_equal(remote, &far),
		    "%s: subflow %u has the addresses %s and %s", end, n, address_format(local, local_text),
		    address_format(remote, remote_text));
	assume_that(subflow->rtt_us, "%s: subflow %u has no round trip time", end, n);
}

static void expect(const char *end, enum assume_place place, int fd)
{
	struct mptcp_connection_info info;
	uint64_t n_bytes = 0;
	int r = mptcp_info_read(fd, &info);

	assume_that(!r, "%s: %s", end, r < 0 ? strerror(-r) : "plain TCP");
	assume_that(info.n_subflows == 2, "%s: expected 2 subflows, seen %zu", end, info.n_subflows);
	assume_that(info.token, "%s: no token", end);
	for (unsigned int i = 0; i < 2; i++) {
		expect_subflow(end, place, &info.subflows[i], i);
		n_bytes += place == ASSUME_NEAR ? info.subflows[i].bytes_sent : info.subflows[i].bytes_received;
	}
	assume_that(n_bytes >= N_BYTES, "%s: expected at least %u bytes in all subflows, seen %llu", end, N_BYTES,
		    (unsigned long long)n_bytes);
}

int main(void)
{
	struct assume_stream s = { 0 };
	struct assume_pair pair;

	assume_begin("MPTCP_FULL_INFO lists subflows with addresses, bytes and round trips",
		     "bytes and subflows of a session cannot be shown by link");
	pair = assume_pair_of_two();
	s.from_fd = pair.near_fd;
	s.to_fd = pair.far_fd;
	assume_stream_run(&s, N_BYTES, N_BYTES, "4 MB");
	expect("the sender", ASSUME_NEAR, pair.near_fd);
	expect("the receiver", ASSUME_FAR, pair.far_fd);
	return assume_holds();
}
