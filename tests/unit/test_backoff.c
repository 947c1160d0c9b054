/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "policy/backoff.h"

#define BEGIN_US 1000000u

static void the_first_time_is_at_once(void **state)
{
	struct backoff backoff = { .first_us = 10, .most_us = 50 };

	assert_int_equal(backoff_at_us(&backoff, BEGIN_US), BEGIN_US);
	assert_int_equal(backoff_at_us(&backoff, 0), 0);
}

static void what_is_undone_each_time_becomes_rare(void **state)
{
	static const uint64_t waits_us[] = { 10, 20, 40, 50, 50, 50 };
	struct backoff backoff = { .first_us = 10, .most_us = 50 };
	uint64_t now_us = BEGIN_US;

	for (size_t i = 0; i < ARRAY_SIZE(waits_us); i++) {
		backoff_done(&backoff, now_us);
		assert_int_equal(backoff_at_us(&backoff, now_us), now_us + waits_us[i]);
		now_us = backoff_at_us(&backoff, now_us + 1);
	}
}

static void after_quiet_it_begins_anew(void **state)
{
	struct backoff backoff = { .first_us = 10, .most_us = 50 };

	backoff_done(&backoff, BEGIN_US);
	backoff_done(&backoff, BEGIN_US + 100);   /* twice the most isn't over yet */
	assert_int_equal(backoff_at_us(&backoff, BEGIN_US + 100), BEGIN_US + 120);
	assert_int_equal(backoff_at_us(&backoff, BEGIN_US + 121), BEGIN_US + 121);
	backoff_done(&backoff, BEGIN_US + 201);
	assert_int_equal(backoff_at_us(&backoff, BEGIN_US + 201), BEGIN_US + 211);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_time_is_at_once),
		cmocka_unit_test(what_is_undone_each_time_becomes_rare),
		cmocka_unit_test(after_quiet_it_begins_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
