/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What has passed a link, and when that is enough. */
#include "unit.h"

#include "policy/cap.h"

#define GB 1000000000ull
#define IFINDEX 7

static void what_was_there_before_is_not_counted(void **state)
{
	struct cap cap = { 0 };

	cap_count(&cap, IFINDEX, 5 * GB);
	assert_true(!cap.total_bytes);
	cap_count(&cap, IFINDEX, 7 * GB);
	assert_true(cap.total_bytes == 2 * GB);
	cap_count(&cap, IFINDEX, 7 * GB);
	assert_true(cap.total_bytes == 2 * GB);
}

static void a_counter_that_begins_anew_counts_whole(void **state)
{
	struct cap cap = { 0 };

	cap_count(&cap, IFINDEX, 5 * GB);
	cap_count(&cap, IFINDEX, 1 * GB);
	assert_true(cap.total_bytes == 1 * GB);
	cap_count(&cap, IFINDEX + 1, 3 * GB);    /* a modem that was plugged in again */
	assert_true(cap.total_bytes == 4 * GB);
}

static void what_passed_between_two_runs_is_counted(void **state)
{
	struct cap cap = { 0 };

	cap_resume_counter(&cap, IFINDEX, 5 * GB);
	cap_count(&cap, IFINDEX, 6 * GB);
	assert_true(cap.total_bytes == 1 * GB);
	cap = (struct cap){ 0 };
	cap_resume_counter(&cap, 0, 0);          /* before the machine began anew */
	cap_count(&cap, IFINDEX, 6 * GB);
	assert_true(cap.total_bytes == 6 * GB);
}

static void states_by_thresholds(void **state)
{
	static const struct { struct cap_limits limits; uint64_t used_bytes; enum cap_state expected; } cases[] = {
		{ { 0, QUOTA_MONTH, 80, 100 }, 100 * GB, CAP_FREE },
		{ { 10 * GB, QUOTA_MONTH, 80, 100 }, 0, CAP_FREE },
		{ { 10 * GB, QUOTA_MONTH, 80, 100 }, 8 * GB - 100, CAP_FREE },
		{ { 10 * GB, QUOTA_MONTH, 80, 100 }, 8 * GB, CAP_NEAR },
		{ { 10 * GB, QUOTA_MONTH, 80, 100 }, 10 * GB - 100, CAP_NEAR },
		{ { 10 * GB, QUOTA_DAY, 80, 100 }, 10 * GB, CAP_USED_UP },
		{ { 10 * GB, QUOTA_DAY, 0, 100 }, 9 * GB, CAP_FREE },
		{ { 10 * GB, QUOTA_DAY, 80, 50 }, 5 * GB, CAP_USED_UP },
		{ { 1000000000 * GB, QUOTA_DAY, 80, 100 }, 900000000 * GB, CAP_NEAR },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct cap cap = { 0 };
		enum cap_state seen;

		cap_count(&cap, IFINDEX, 0);
		cap_count(&cap, IFINDEX, cases[i].used_bytes);
		seen = cap_state(&cap, &cases[i].limits);
		if (seen != cases[i].expected)
			fail_msg("case %zu: expected %d, saw %d", i, cases[i].expected, seen);
	}
}

static void the_period_that_counts_is_its_own(void **state)
{
	struct quota_date first = quota_date_of(2026, 3, 30), next = quota_date_of(2026, 3, 31);
	struct cap_limits day = { 10 * GB, QUOTA_DAY, 80, 100 }, month = { 10 * GB, QUOTA_MONTH, 80, 100 };
	struct cap cap = { 0 };

	quota_turn(&cap.quota, &first, 0);
	cap_count(&cap, IFINDEX, 0);
	cap_count(&cap, IFINDEX, 10 * GB);
	assert_int_equal(cap_state(&cap, &day), CAP_USED_UP);
	quota_turn(&cap.quota, &next, cap.total_bytes);
	assert_int_equal(cap_state(&cap, &day), CAP_FREE);
	assert_int_equal(cap_state(&cap, &month), CAP_USED_UP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_there_before_is_not_counted),
		cmocka_unit_test(a_counter_that_begins_anew_counts_whole),
		cmocka_unit_test(what_passed_between_two_runs_is_counted),
		cmocka_unit_test(states_by_thresholds),
		cmocka_unit_test(the_period_that_counts_is_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
