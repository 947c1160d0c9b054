/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A connection within this process: all that a connection has. */
#include "unit.h"

#include <poll.h>
#include <sys/socket.h>
#include "net/pair.h"
#include "net/socket.h"

static void await(int fd, short events)
{
	struct pollfd one = { .fd = fd, .events = events };

	assert_int_equal(poll(&one, 1, 10000), 1);
}

static void open_pair(int *one, int *other)
{
	int r = net_pair(one, other, 32768);

	if (r)
		fail_msg("no pair: %s", net_error_text(r));
}

static void bytes_and_ends_go_both_ways(void **state)
{
	int one, other, error = 0;
	struct net_sent sent;
	char got[8];

	open_pair(&one, &other);
	assert_int_equal(net_send(one, "to", 2, &error), 2);
	await(other, POLLIN);
	assert_int_equal(net_receive(other, got, sizeof(got), &error), 2);
	assert_int_equal(shutdown(one, SHUT_WR), 0);
	await(other, POLLIN);
	assert_int_equal(net_receive(other, got, sizeof(got), &error), 0);
	assert_int_equal(net_send(other, "fro", 3, &error), 3);
	await(one, POLLIN);
	assert_int_equal(net_receive(one, got, sizeof(got), &error), 3);
	assert_int_equal(net_receive(one, got, sizeof(got), &error), -1);
	assert_int_equal(error, NET_E_AGAIN);
	assert_int_equal(net_sent(other, &sent), 0);
	assert_in_range(sent.unacked_bytes, 0, 3);
	assert_int_equal(sent.sacked_bytes, 0);
	close(one);
	close(other);
	assert_true(net_sent(other, &sent) < 0);
}

static void a_reset_is_told(void **state)
{
	int one, other, error = 0;
	char got;

	open_pair(&one, &other);
	net_close_reset(one);
	await(other, POLLIN);
	assert_int_equal(net_receive(other, &got, 1, &error), -1);
	assert_int_equal(error, NET_E_RESET);
	close(other);
}

static void whoever_does_not_read_stops_the_other(void **state)
{
	static const uint8_t block[4096];
	int one, other, error = 0;
	size_t n = 0;

	open_pair(&one, &other);
	while (net_send(one, block, sizeof(block), &error) > 0)
		n += sizeof(block);
	assert_int_equal(error, NET_E_AGAIN);
	assert_in_range(n, 1, 1 << 20);
	close(one);
	close(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_and_ends_go_both_ways),
		cmocka_unit_test(a_reset_is_told),
		cmocka_unit_test(whoever_does_not_read_stops_the_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
