/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Volumes by the day and by the month. */
#include "unit.h"

#include <time.h>
#include "policy/quota.h"

static const struct quota_date today = { { 20000, 24000 } };

static struct quota_date later(int days, int months)
{
	return (struct quota_date){ { today.number[QUOTA_DAY] + days, today.number[QUOTA_MONTH] + months } };
}

static struct quota quota_at(uint64_t total_bytes)
{
	struct quota quota = { 0 };

	assert_true(quota_turn(&quota, &today, total_bytes));
	return quota;
}

static void expect_used(const struct quota *quota, uint64_t total_bytes, uint64_t day_bytes, uint64_t month_bytes)
{
	assert_int_equal(quota_used_bytes(quota, QUOTA_DAY, total_bytes), day_bytes);
	assert_int_equal(quota_used_bytes(quota, QUOTA_MONTH, total_bytes), month_bytes);
}

/* Each day of 140 years, as the C library counts them. */
static void test_days_are_counted_as_the_calendar_does(void **state)
{
	for (int32_t day = 0; day < 140 * 365; day++) {
		time_t at_s = (time_t)day * 86400;
		struct quota_date date;
		struct tm tm;

		assert_non_null(gmtime_r(&at_s, &tm));
		date = quota_date_of(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
		assert_int_equal(date.number[QUOTA_DAY], day);
		assert_int_equal(date.number[QUOTA_MONTH], (tm.tm_year + 1900) * 12 + tm.tm_mon);
	}
}

static void test_a_day_ends_and_the_month_goes_on(void **state)
{
	struct quota quota = quota_at(100);
	struct quota_date tomorrow = later(1, 0), next_month = later(2, 1);

	assert_false(quota_turn(&quota, &today, 150));
	expect_used(&quota, 150, 50, 50);
	assert_true(quota_turn(&quota, &tomorrow, 160));
	expect_used(&quota, 170, 10, 70);
	assert_true(quota_turn(&quota, &next_month, 170));
	expect_used(&quota, 175, 5, 5);
}

static void test_a_day_does_not_come_twice(void **state)
{
	struct quota quota = quota_at(0);
	struct quota_date yesterday = later(-1, -1), long_ago = later(-2, -2);

	assert_false(quota_turn(&quota, &yesterday, 50));
	assert_false(quota_turn(&quota, &today, 60));
	expect_used(&quota, 70, 70, 70);
	assert_true(quota_turn(&quota, &long_ago, 80));
	expect_used(&quota, 81, 1, 1);
}

static void test_an_earlier_run_counts_within_its_period(void **state)
{
	struct quota quota = quota_at(10);

	quota_resume(&quota, QUOTA_DAY, today.number[QUOTA_DAY] - 1, 1000);
	quota_resume(&quota, QUOTA_MONTH, today.number[QUOTA_MONTH], 5000);
	expect_used(&quota, 15, 5, 5005);
}

/* A machine without a clock of its own begins in 1970, or where it was last built, and learns the date later; or
 * begins far ahead. */
static void test_a_period_comes_when_the_clock_is_right(void **state)
{
	for (int wrong = -400; wrong <= 400; wrong += 800) {
		struct quota_date at_start = later(wrong * 30, wrong);
		struct quota quota = { 0 };

		quota_turn(&quota, &at_start, 0);
		quota_resume(&quota, QUOTA_DAY, today.number[QUOTA_DAY], 1000);
		quota_resume(&quota, QUOTA_MONTH, today.number[QUOTA_MONTH], 5000);
		expect_used(&quota, 7, 7, 7);
		assert_true(quota_turn(&quota, &today, 10));
		expect_used(&quota, 15, 1015, 5015);
		assert_false(quota_turn(&quota, &today, 20));
		expect_used(&quota, 20, 1020, 5020);
		quota_turn(&quota, &at_start, 30);
		quota_turn(&quota, &today, 30);
		expect_used(&quota, 30, 0, 0);
	}
}

/* Set back over midnight: what was counted since is of the day before. */
static void test_a_period_comes_in_its_time(void **state)
{
	struct quota quota = quota_at(0);
	struct quota_date tomorrow = later(1, 1), beyond = later(3, 3);

	quota_resume(&quota, QUOTA_DAY, today.number[QUOTA_DAY] + 1, 1000);
	quota_resume(&quota, QUOTA_DAY, today.number[QUOTA_DAY] - 5, 2000);   /* the later one stays */
	quota_resume(&quota, QUOTA_MONTH, today.number[QUOTA_MONTH] - 1, 7000);
	quota_turn(&quota, &tomorrow, 100);
	expect_used(&quota, 101, 1001, 1);
	quota_turn(&quota, &beyond, 110);
	expect_used(&quota, 110, 0, 0);
}

static void test_a_volume_is_used_up(void **state)
{
	struct quota quota = quota_at(0);
	const uint64_t none[] = { 0, 0 }, by_day[] = { 100, 0 }, by_month[] = { 0, 200 }, both[] = { 100, 200 };
	struct quota_date tomorrow = later(1, 0);

	assert_false(quota_is_over(&quota, none, UINT64_MAX));
	assert_false(quota_is_over(&quota, by_day, 99));
	assert_true(quota_is_over(&quota, by_day, 100));
	assert_false(quota_is_over(&quota, by_month, 199));
	assert_true(quota_is_over(&quota, by_month, 200));
	quota_turn(&quota, &tomorrow, 150);
	assert_false(quota_is_over(&quota, both, 199));
	assert_true(quota_is_over(&quota, both, 200));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_days_are_counted_as_the_calendar_does),
		cmocka_unit_test(test_a_day_ends_and_the_month_goes_on),
		cmocka_unit_test(test_a_day_does_not_come_twice),
		cmocka_unit_test(test_an_earlier_run_counts_within_its_period),
		cmocka_unit_test(test_a_period_comes_when_the_clock_is_right),
		cmocka_unit_test(test_a_period_comes_in_its_time),
		cmocka_unit_test(test_a_volume_is_used_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
