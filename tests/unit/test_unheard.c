/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "policy/unheard.h"

#define S US_PER_S

/* Lets three come, and a fourth at that time; whether a rest begins. */
static bool fourth(struct unheard *unheard, uint64_t first_us, uint64_t fourth_us)
{
	for (int i = 0; i < 3; i++)
		assert_false(unheard_caught(unheard, first_us));
	return unheard_caught(unheard, fourth_us);
}

static void many_at_once_may_come_yet(void **state)
{
	struct unheard unheard = { 0 };

	assert_false(fourth(&unheard, 5 * S, 7 * S - 1));
	assert_false(unheard_rests(&unheard, 7 * S));
	assert_true(unheard_caught(&unheard, 7 * S));
	assert_true(unheard_rests(&unheard, 67 * S - 1));
	assert_false(unheard_rests(&unheard, 67 * S));
}

static void few_say_nothing(void **state)
{
	struct unheard unheard = { 0 };

	assert_false(unheard_caught(&unheard, 1 * S));
	assert_false(unheard_caught(&unheard, 50 * S));
	assert_false(unheard_caught(&unheard, 100 * S));
	assert_true(unheard_caught(&unheard, 100 * S));
}

static void rests_grow(void **state)
{
	static const uint64_t expected_s[] = { 60, 120, 240, 480, 960, 1920, 3600, 3600 };
	struct unheard unheard = { 0 };
	uint64_t now_us = 1;

	for (size_t i = 0; i < ARRAY_SIZE(expected_s); i++) {
		assert_true(fourth(&unheard, now_us, now_us + 2 * S));
		assert_false(unheard_caught(&unheard, now_us + 3 * S));   /* on its way still */
		assert_int_equal(unheard.until_us - (now_us + 2 * S), expected_s[i] * S);
		now_us = unheard.until_us;
	}
}

static void one_that_comes_ends_it(void **state)
{
	struct unheard unheard = { 0 };

	assert_true(fourth(&unheard, 1, 1 + 2 * S));
	assert_true(unheard_arrived(&unheard));
	assert_false(unheard_arrived(&unheard));
	assert_false(unheard_rests(&unheard, 1 + 2 * S));
	assert_false(fourth(&unheard, 10 * S, 20 * S));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_at_once_may_come_yet),
		cmocka_unit_test(few_say_nothing),
		cmocka_unit_test(rests_grow),
		cmocka_unit_test(one_that_comes_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
