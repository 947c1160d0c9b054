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

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_of_low_rate_is_asked_seldom),
		cmocka_unit_test(one_of_low_rate_is_not_silent_while_something_comes),
		cmocka_unit_test(one_of_low_rate_falls_silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
