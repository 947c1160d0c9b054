/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Links where a packet takes seconds: policy/health.h, health_link_facts.lowrate. */
#include "unit_health.h"

static struct home of_low_rate(void)
{
	struct home home = home_of(2);

	for (size_t i = 0; i < 2; i++) {
		home.wires[i].lowrate = true;
		home.wires[i].rtt_us = 1600 * US_PER_MS;
	}
	return home;
}

static void one_of_low_rate_is_asked_seldom(void **state)
{
	struct home home = of_low_rate();

	pass(&home, 60 * 1000);
	expect(&home, A, HEALTH_GOOD);
	assert_in_range(home.health.links[A].n_probes, 1, 3);
	home.wires[A].suspected = true;
	pass(&home, 3600 * 1000);
	assert_in_range(home.health.links[A].n_probes, 10, 3600 * 2400 / 8 / 100 / HEALTH_PROBE_BYTES + 3);
	expect(&home, A, HEALTH_GOOD);
}

/* Its answers stand in a queue behind half a minute of packets; the peer's acknowledgements come. */
static void one_of_low_rate_is_not_silent_while_something_comes(void **state)
{
	struct home home = of_low_rate();

	pass(&home, 10 * 1000);
	home.wires[A].queue_us = 30 * US_PER_S;
	home.wires[A].foreign_bps = 2400;
	home.wires[A].suspected = true;
	pass(&home, 600 * 1000);
	expect(&home, A, HEALTH_GOOD);
	assert_int_equal(home.n_changes, 2);
}

static void one_of_low_rate_falls_silent(void **state)
{
	struct home home = of_low_rate();

	pass(&home, 10 * 1000);
	home.wires[A].dead = true;
	pass(&home, 60 * 1000);
	expect(&home, A, HEALTH_SILENT);
	expect(&home, B, HEALTH_GOOD);
	home.wires[A].dead = false;
	pass(&home, 110 * 1000);
	expect(&home, A, HEALTH_GOOD);
}

/* Not of the profile, but slow: a transfer's first packets fill seconds of queue, and come eight in a second. */
static void a_slow_one_is_not_silent_while_a_transfer_fills_it(void **state)
{
	struct home home = home_of(2);

	pass(&home, 4500);   /* the workers' next look is far */
	home.wires[A].queue_us = 3 * US_PER_S;
	home.wires[A].suspected = true;
	for (unsigned int i = 0; i < 2 * 8; i++) {
		home.wires[A].rx_bps = 1500 * 8 * 100;   /* for ten milliseconds */
		pass(&home, 10);
		home.wires[A].rx_bps = 0;
		pass(&home, 115);
	}
	expect(&home, A, HEALTH_GOOD);
	home.wires[A].dead = true;
	pass(&home, 8 * 1000);
	expect(&home, A, HEALTH_SILENT);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_of_low_rate_is_asked_seldom),
		cmocka_unit_test(one_of_low_rate_is_not_silent_while_something_comes),
		cmocka_unit_test(one_of_low_rate_falls_silent),
		cmocka_unit_test(a_slow_one_is_not_silent_while_a_transfer_fills_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
