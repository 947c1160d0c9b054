/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which sessions keep a thread busy. */
#include "unit.h"

#include "policy/placement.h"

#define HEAVY_BYTES (256u << 10)

static bool run_heavily(struct placement *placement, uint64_t n_bytes, uint32_t now_ms)
{
	return placement_is_bulk(placement, true, n_bytes, now_ms);
}

static bool run_lightly(struct placement *placement, uint32_t now_ms)
{
	return placement_is_bulk(placement, false, 100, now_ms);
}

static void test_much_in_heavy_runs_is_bulk(void **state)
{
	struct placement placement = { 0 };

	for (unsigned int i = 0; i < PLACEMENT_BULK_BYTES / HEAVY_BYTES - 1; i++)
		assert_false(run_heavily(&placement, HEAVY_BYTES, i * 900));
	assert_true(run_heavily(&placement, HEAVY_BYTES, 2700));
}

static void test_much_at_once_is_bulk(void **state)
{
	struct placement placement = { 0 };

	assert_true(run_heavily(&placement, 1ull << 40, 0));
	assert_true(run_heavily(&placement, 1ull << 40, 1));
}

static void test_light_runs_never_are(void **state)
{
	struct placement placement = { 0 };

	for (uint32_t i = 0; i < 2 * PLACEMENT_BULK_BYTES / 100; i++)
		assert_false(run_lightly(&placement, i / 100));
}

static void test_heavy_runs_far_apart_are_not(void **state)
{
	struct placement placement = { 0 };

	for (uint32_t i = 0; i < 100; i++)
		assert_false(run_heavily(&placement, HEAVY_BYTES, i * PLACEMENT_QUIET_MS));
}

static void test_bulk_is_over_after_a_while(void **state)
{
	struct placement placement = { 0 };

	assert_true(run_heavily(&placement, PLACEMENT_BULK_BYTES, 500));
	assert_true(run_lightly(&placement, 500 + PLACEMENT_QUIET_MS - 1));
	assert_true(run_heavily(&placement, 1, 500 + PLACEMENT_QUIET_MS - 1));
	assert_true(run_lightly(&placement, 499 + 2 * PLACEMENT_QUIET_MS - 1));
	assert_false(run_lightly(&placement, 499 + 2 * PLACEMENT_QUIET_MS));
	assert_false(run_heavily(&placement, PLACEMENT_BULK_BYTES - 1, 10000));
}

static void test_the_clock_may_go_round(void **state)
{
	struct placement placement = { 0 };

	assert_true(run_heavily(&placement, PLACEMENT_BULK_BYTES, UINT32_MAX - 10));
	assert_true(run_lightly(&placement, PLACEMENT_QUIET_MS - 12));
	assert_false(run_lightly(&placement, PLACEMENT_QUIET_MS - 11));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_much_in_heavy_runs_is_bulk),
		cmocka_unit_test(test_much_at_once_is_bulk),
		cmocka_unit_test(test_light_runs_never_are),
		cmocka_unit_test(test_heavy_runs_far_apart_are_not),
		cmocka_unit_test(test_bulk_is_over_after_a_while),
		cmocka_unit_test(test_the_clock_may_go_round),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
