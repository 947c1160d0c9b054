/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When a link is full, and what that says of what it can. */
#include "unit_health.h"

/* Of 2.4 kbit/s, a hundredth is 3 bytes a second. */
static void a_slow_link_gives_a_hundredth(void **state)
{
	struct home home = home_of(2);
	uint64_t n;

	for (size_t i = 0; i < 2; i++) {
		home.wires[i].sent_bps = 2400;
		home.wires[i].queue_us = 5 * US_PER_S;
		home.wires[i].rtt_us = 600 * US_PER_MS;
	}
	pass(&home, 20 * 1000);
	expect(&home, B, HEALTH_FULL);
	assert_in_range(home.health.links[B].full_bps, 2200, 2500);
	home.wires[B].dead = true;
	home.wires[B].sent_bps = 0;
	pass(&home, 600 * 1000);
	expect(&home, B, HEALTH_SILENT);
	n = home.health.links[B].n_probes;
	pass(&home, 3600 * 1000);
	assert_true((home.health.links[B].n_probes - n) * HEALTH_PROBE_BYTES <= 3600 * 3);
	assert_true(home.health.links[B].n_probes - n > 10);
}

/* A radio that wakes up takes its time, and carries next to nothing then: no measure of it, once it has carried
 * more. */
static void what_a_link_carries_it_can(void **state)
{
	struct home home = at_work(20 * MBIT, 0);
	struct wire *b = &home.wires[B];

	pass(&home, 10 * 1000);
	b->rx_bps = 4000;
	b->queue_us = 1500 * US_PER_MS;
	pass(&home, 1900);
	assert_int_equal(home.health.links[B].full_bps, 0);   /* not for one look's sake */
	pass(&home, 4000);
	expect(&home, B, HEALTH_FULL);
	assert_in_range(home.health.links[B].full_bps, 1, 10000);
	b->queue_us = 0;
	b->rx_bps = 10 * MBIT;
	pass(&home, 4100);
	assert_in_range(home.health.links[B].full_bps, 9 * MBIT, 11 * MBIT);
	pass(&home, 10 * 1000);
	expect(&home, B, HEALTH_GOOD);
	b->queue_us = 2 * US_PER_S;
	pass(&home, 6000);
	expect(&home, B, HEALTH_FULL);
	assert_in_range(home.health.links[B].full_bps, 9 * MBIT, 11 * MBIT);
	b->rx_bps = 100000;   /* it has become slower */
	pass(&home, 2 * 60 * 1000);
	assert_in_range(home.health.links[B].full_bps, 100000, 150000);
	b->queue_us = 0;
	b->rx_bps = 10 * MBIT;
	pass(&home, 10 * 1000);
	expect(&home, B, HEALTH_GOOD);
	b->dead = true;
	pass(&home, 60 * 1000);
	expect(&home, B, HEALTH_SILENT);
	b->dead = false;
	pass(&home, 4000);
	expect(&home, B, HEALTH_GOOD);
}

static void a_link_is_full_when_a_queue_stands(void **state)
{
	struct home home = at_work(20 * MBIT, 0);

	home.wires[B].queue_us = 100 * US_PER_MS;
	pass(&home, 6000);
	expect(&home, B, HEALTH_FULL);
	assert_int_equal(home.health.links[B].rtt_us, 150 * US_PER_MS);
	assert_int_equal(home.health.links[B].least_rtt_us, 50 * US_PER_MS);
	home.wires[B].queue_us = 26 * US_PER_MS;
	pass(&home, 20 * 1000);
	expect(&home, B, HEALTH_FULL);
	home.wires[B].queue_us = 10 * US_PER_MS;
	pass(&home, 20 * 1000);
	expect(&home, B, HEALTH_GOOD);
	assert_int_equal(home.n_changes, 2);
	home.wires[B].queue_us = 100 * US_PER_MS;
	home.wires[B].rx_bps = 50000;          /* too little to tell */
	pass(&home, 20 * 1000);
	expect(&home, B, HEALTH_GOOD);
}

/* It is farther away. */
static void another_converter_is_no_queue(void **state)
{
	struct home home = at_work(20 * MBIT, 0);

	home.wires[A].rtt_us = home.wires[B].rtt_us = 200 * US_PER_MS;
	health_elsewhere(&home.health);
	pass(&home, 20 * 1000);
	expect(&home, A, HEALTH_GOOD);
	expect(&home, B, HEALTH_GOOD);
	assert_int_equal(home.health.links[B].least_rtt_us, 200 * US_PER_MS);
	assert_int_equal(home.n_changes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slow_link_gives_a_hundredth),
		cmocka_unit_test(what_a_link_carries_it_can),
		cmocka_unit_test(a_link_is_full_when_a_queue_stands),
		cmocka_unit_test(another_converter_is_no_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
