/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the subflows of a connection come to together. */
#include "unit.h"

#include <linux/tcp.h>
#include "net/mptcp_abi.h"
#include "net/mptcp_send.h"

/* 20 packets in 40 ms. */
static struct tcp_info subflow(void)
{
	return (struct tcp_info){ .tcpi_state = ABI_TCP_ESTABLISHED, .tcpi_snd_cwnd = 20, .tcpi_snd_mss = 1000,
				  .tcpi_rtt = 40000, .tcpi_min_rtt = 20000, .tcpi_unacked = 5 };
}

static struct mptcp_send_state sum(const struct tcp_info *all, size_t n)
{
	struct mptcp_send_state state;

	mptcp_send_none(&state);
	for (size_t i = 0; i < n; i++)
		mptcp_send_add(&state, &all[i]);
	return state;
}

static void test_paths_are_added_up(void **state)
{
	struct tcp_info all[] = { subflow(), subflow() };
	struct mptcp_send_state seen;

	all[1].tcpi_rtt = 300000;
	all[1].tcpi_min_rtt = 100000;
	all[1].tcpi_snd_cwnd = 10;
	for (size_t i = 0; i < 2; i++) {   /* whichever comes first */
		seen = sum(all, 2);
		assert_int_equal(seen.n_subflows, 2);
		assert_int_equal(seen.in_flight_packets, 10);
		assert_int_equal(seen.windows_bytes, 30000);
		assert_int_equal(seen.rate_bytes_per_s, 500000 + 33333);
		assert_int_equal(seen.longest_rtt_us, 300000);
		assert_int_equal(seen.min_rtt_us, 20000);
		assert_int_equal(seen.longest_min_rtt_us, 100000);
		all[0] = all[1];
		all[1] = subflow();
	}
}

static void test_what_is_closing_has_no_path(void **state)
{
	struct tcp_info all[] = { subflow(), subflow() };
	struct mptcp_send_state seen;

	all[1].tcpi_state = 0;
	all[1].tcpi_rtt = all[1].tcpi_min_rtt = 300000;
	seen = sum(all, 2);
	assert_int_equal(seen.n_subflows, 1);
	assert_int_equal(seen.longest_rtt_us, 40000);
	assert_int_equal(seen.longest_min_rtt_us, 20000);
	assert_int_equal(seen.rate_bytes_per_s, 500000);
}

static void test_what_the_kernel_does_not_know(void **state)
{
	struct tcp_info tcp = subflow();
	struct mptcp_send_state seen;

	tcp.tcpi_min_rtt = UINT32_MAX;
	assert_int_equal(sum(&tcp, 1).longest_min_rtt_us, UINT32_MAX);
	tcp.tcpi_rtt = 0;   /* nothing was acknowledged yet: neither rate nor round trip */
	seen = sum(&tcp, 1);
	assert_int_equal(seen.rate_bytes_per_s, 0);
	assert_int_equal(seen.longest_min_rtt_us, 0);
	assert_int_equal(sum(NULL, 0).longest_min_rtt_us, 0);
}

static struct tcp_info told(uint32_t window_bytes, uint32_t heard_ms)
{
	struct tcp_info tcp = subflow();

	tcp.tcpi_snd_wscale = 10;
	tcp.tcpi_bytes_acked = 1000;
	tcp.tcpi_snd_wnd = window_bytes;
	tcp.tcpi_last_ack_recv = heard_ms;
	return tcp;
}

static void test_who_heard_last_knows_the_window(void **state)
{
	struct tcp_info all[] = { told(2u << 20, 30), told(1u << 20, 40), told(3u << 20, 30) };
	struct mptcp_send_state seen = sum(all, 3);

	assert_int_equal(seen.window_bytes, 2u << 20);   /* of two at once the narrower */
	assert_int_equal(seen.window_heard_ms, 30);
	assert_true(seen.window_sure);
	all[1] = told(0, 10);   /* closed, and known to be */
	all[1].tcpi_sacked = 1;
	seen = sum(all, 3);
	assert_int_equal(seen.window_bytes, 0);
	assert_int_equal(seen.window_heard_ms, 10);
	assert_false(seen.window_sure);
	all[1].tcpi_sacked = 0;
	assert_true(sum(all, 3).window_sure);
	all[1].tcpi_lost = 1;
	assert_false(sum(all, 3).window_sure);
}

static void test_what_is_no_window_of_the_peers(void **state)
{
	struct tcp_info tcp = told((1u << 20) + 1, 10);   /* the kernel's own idea */

	assert_int_equal(sum(&tcp, 1).window_heard_ms, UINT32_MAX);
	tcp = told(65535u << 10, 10);   /* of the SYN */
	tcp.tcpi_bytes_acked = 1;
	assert_int_equal(sum(&tcp, 1).window_heard_ms, UINT32_MAX);
	tcp = told(0, 10);   /* a subflow that is being joined */
	tcp.tcpi_bytes_acked = 0;
	assert_int_equal(sum(&tcp, 1).window_heard_ms, UINT32_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths_are_added_up),
		cmocka_unit_test(test_what_is_closing_has_no_path),
		cmocka_unit_test(test_what_the_kernel_does_not_know),
		cmocka_unit_test(test_who_heard_last_knows_the_window),
		cmocka_unit_test(test_what_is_no_window_of_the_peers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
