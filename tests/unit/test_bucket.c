/* SPDX-License-Identifier: GPL-2.0-or-later */
/* So many a second, and a burst. */
#include "unit.h"

#include "policy/bucket.h"

#define NOW_US 5000000ull
#define S_US 1000000ull

static void test_a_full_bucket_holds_the_burst(void **state)
{
	const struct bucket_limit limit = { .per_s = 10, .burst = 30 };

	assert_int_equal(bucket_level(0, &limit, NOW_US), 30);
	assert_int_equal(bucket_level(NOW_US * 1000, &limit, NOW_US), 30);
	assert_int_equal(bucket_ready_at_us(0, &limit, NOW_US, 30), NOW_US);
}

static void test_it_fills_at_the_rate(void **state)
{
	const struct bucket_limit limit = { .per_s = 10, .burst = 30 };
	uint64_t bucket = bucket_take(0, &limit, NOW_US, 30);

	assert_int_equal(bucket_level(bucket, &limit, NOW_US), 0);
	assert_int_equal(bucket_ready_at_us(bucket, &limit, NOW_US, 1), NOW_US + S_US / 10);
	assert_int_equal(bucket_level(bucket, &limit, NOW_US + S_US / 10 - 1), 0);
	assert_int_equal(bucket_level(bucket, &limit, NOW_US + S_US / 10), 1);
	assert_int_equal(bucket_level(bucket, &limit, NOW_US + S_US), 10);
	assert_int_equal(bucket_level(bucket, &limit, NOW_US + 2 * S_US + S_US / 2), 25);
	assert_int_equal(bucket_level(bucket, &limit, NOW_US + 100 * S_US), 30);
}

static void test_a_debt_is_paid(void **state)
{
	const struct bucket_limit limit = { .per_s = 10, .burst = 30 };
	uint64_t bucket = bucket_take(bucket_take(0, &limit, NOW_US, 30), &limit, NOW_US, 20);

	assert_int_equal(bucket_level(bucket, &limit, NOW_US), 0);
	assert_int_equal(bucket_level(bucket, &limit, NOW_US + 2 * S_US), 0);
	assert_int_equal(bucket_level(bucket, &limit, NOW_US + 3 * S_US), 10);
	assert_int_equal(bucket_ready_at_us(bucket, &limit, NOW_US, 10), NOW_US + 3 * S_US);
}

/* Whoever looks with a clock that is a little behind another thread's. */
static void test_an_earlier_now_finds_less(void **state)
{
	const struct bucket_limit limit = { .per_s = 1000, .burst = 100 };
	uint64_t bucket = bucket_take(0, &limit, NOW_US, 50);

	assert_int_equal(bucket_level(bucket, &limit, NOW_US - 10000), 40);
}

/* A second of many takes of a size that doesn't divide the rate: never more than the rate and the burst, and nearly
 * that. */
static void test_rounding_gives_nothing_away(void **state)
{
	const struct bucket_limit limit = { .per_s = 1250000007, .burst = 65536 };
	uint64_t bucket = 0, n = 0;

	for (uint64_t now_us = NOW_US; now_us <= NOW_US + S_US; now_us += 7)
		while (bucket_level(bucket, &limit, now_us) >= 1447) {
			bucket = bucket_take(bucket, &limit, now_us, 1447);
			n += 1447;
		}
	assert_in_range(n, limit.per_s / 1000 * 999, limit.per_s + limit.burst);
}

static void test_the_largest_rate_and_a_long_debt(void **state)
{
	const struct bucket_limit limit = { .per_s = BUCKET_PER_S_MOST, .burst = BUCKET_PER_S_MOST };
	uint64_t bucket = bucket_take(0, &limit, NOW_US, BUCKET_PER_S_MOST);

	assert_int_equal(bucket, (NOW_US + S_US) * 1000);
	assert_int_equal(bucket_level(bucket, &limit, NOW_US + S_US / 2), BUCKET_PER_S_MOST / 2);
	for (int i = 0; i < 1000; i++)
		bucket = bucket_take(bucket, &limit, NOW_US, BUCKET_PER_S_MOST);
	assert_int_equal(bucket_level(bucket, &limit, NOW_US), 0);
	assert_int_equal(bucket_level(bucket, &limit, NOW_US + 1001 * S_US), BUCKET_PER_S_MOST);
}

static void test_bytes_move_in_quanta(void **state)
{
	assert_int_equal(bucket_quantum_bytes(1), 16 << 10);
	assert_int_equal(bucket_quantum_bytes(12500000), 62500);
	assert_int_equal(bucket_quantum_bytes(12500000000), 1 << 20);
	assert_int_equal(bucket_of_bytes(1).burst, 32 << 10);
	assert_int_equal(bucket_of_bytes(12500000).burst, 1250000);
	assert_int_equal(bucket_of_bytes(12500000).per_s, 12500000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_full_bucket_holds_the_burst),
		cmocka_unit_test(test_it_fills_at_the_rate),
		cmocka_unit_test(test_a_debt_is_paid),
		cmocka_unit_test(test_an_earlier_now_finds_less),
		cmocka_unit_test(test_rounding_gives_nothing_away),
		cmocka_unit_test(test_the_largest_rate_and_a_long_debt),
		cmocka_unit_test(test_bytes_move_in_quanta),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
