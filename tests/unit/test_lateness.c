/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "policy/lateness.h"

#define MS US_PER_MS

static void a_second_is_late_at_once(void **state)
{
	struct lateness lateness = { 0 };

	assert_false(lateness_note(&lateness, 1000 * MS - 1));
	assert_false(lateness.late);
	assert_true(lateness_note(&lateness, 1000 * MS));
	assert_true(lateness.late);
}

static void less_is_late_where_it_lasts(void **state)
{
	struct lateness lateness = { 0 };

	assert_false(lateness_note(&lateness, 999 * MS));
	assert_true(lateness_note(&lateness, 200 * MS));
	assert_true(lateness.late);
}

static void a_burst_is_over_before(void **state)
{
	struct lateness lateness = { 0 };

	for (int i = 0; i < 10; i++) {
		assert_false(lateness_note(&lateness, 999 * MS));
		assert_false(lateness_note(&lateness, 200 * MS - 1));
	}
	assert_false(lateness.late);
}

static void it_ends_when_it_has_caught_up(void **state)
{
	struct lateness lateness = { 0 };

	assert_true(lateness_note(&lateness, 5000 * MS));
	assert_false(lateness_note(&lateness, 5000 * MS));
	assert_false(lateness_note(&lateness, 50 * MS));
	assert_true(lateness.late);
	assert_true(lateness_note(&lateness, 50 * MS - 1));
	assert_false(lateness.late);
	assert_false(lateness_note(&lateness, 900 * MS));   /* from here on as at first */
	assert_true(lateness_note(&lateness, 900 * MS));
}

static void many_looks_are_counted_no_further(void **state)
{
	struct lateness lateness = { 0 };

	for (int i = 0; i < 1000; i++)
		lateness_note(&lateness, 300 * MS);
	assert_int_equal(lateness.n_looks, LATENESS_LOOKS);
	assert_true(lateness.late);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_second_is_late_at_once),
		cmocka_unit_test(less_is_late_where_it_lasts),
		cmocka_unit_test(a_burst_is_over_before),
		cmocka_unit_test(it_ends_when_it_has_caught_up),
		cmocka_unit_test(many_looks_are_counted_no_further),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
