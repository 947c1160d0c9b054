/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How many wait at a door, and how fast they come. */
#include "unit.h"

#include <errno.h>
#include "policy/crowd.h"

#define NOW_US 5000000ull
#define S_US 1000000ull

static const struct crowd_limits limits = { .waiting = 3, .fresh = { .per_s = 10, .burst = 5 } };

static struct crowd_key key_of(uint32_t n)
{
	struct crowd_key key = { 0 };

	memcpy(key.bytes, &n, sizeof(n));
	return key;
}

static int enter(struct crowd *crowd, uint32_t n, uint64_t now_us)
{
	struct crowd_key key = key_of(n);
	int r = crowd_look(crowd, &key, &limits, now_us);

	if (!r)
		crowd_enter(crowd, &key, &limits, now_us);
	return r;
}

static void leave(struct crowd *crowd, uint32_t n)
{
	struct crowd_key key = key_of(n);

	crowd_leave(crowd, &key);
}

static uint32_t waiting(const struct crowd *crowd, uint32_t n)
{
	struct crowd_key key = key_of(n);

	return crowd_waiting(crowd, &key);
}

static void so_many_wait_for_one(void **state)
{
	struct crowd *crowd;

	assert_int_equal(crowd_new(64, &crowd), 0);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(enter(crowd, 7, NOW_US), 0);
	assert_int_equal(enter(crowd, 7, NOW_US), CROWD_E_WAITING);
	assert_int_equal(waiting(crowd, 7), 3);
	assert_int_equal(enter(crowd, 8, NOW_US), 0);   /* another's door is open */
	leave(crowd, 7);
	assert_int_equal(enter(crowd, 7, NOW_US), 0);
	assert_int_equal(waiting(crowd, 7), 3);
	assert_int_equal(waiting(crowd, 9), 0);
	leave(crowd, 9);                                /* nobody is there: nothing happens */
	assert_int_equal(waiting(crowd, 9), 0);
	crowd_freep(&crowd);
	assert_null(crowd);
}

static void they_come_no_faster(void **state)
{
	struct crowd *crowd;

	assert_int_equal(crowd_new(64, &crowd), 0);
	for (unsigned int i = 0; i < 5; i++) {
		assert_int_equal(enter(crowd, 7, NOW_US), 0);
		leave(crowd, 7);
	}
	assert_int_equal(enter(crowd, 7, NOW_US), CROWD_E_FRESH);
	assert_int_equal(enter(crowd, 7, NOW_US + S_US / 10 - 1), CROWD_E_FRESH);
	assert_int_equal(enter(crowd, 8, NOW_US), 0);
	assert_int_equal(enter(crowd, 7, NOW_US + S_US / 10), 0);
	crowd_freep(&crowd);
}

/* One set of places, of which all keys have the same. */
static void a_place_is_given_up_when_it_is_quiet(void **state)
{
	struct crowd *crowd;

	assert_int_equal(crowd_new(1, &crowd), 0);
	for (uint32_t n = 1; n <= 8; n++)
		assert_int_equal(enter(crowd, n, NOW_US), 0);
	assert_int_equal(enter(crowd, 9, NOW_US), CROWD_E_FULL);
	leave(crowd, 4);
	assert_int_equal(enter(crowd, 9, NOW_US), CROWD_E_FULL);            /* it is remembered how fast they came */
	assert_int_equal(enter(crowd, 9, NOW_US + S_US), 0);                /* for a while */
	assert_int_equal(waiting(crowd, 9), 1);
	assert_int_equal(waiting(crowd, 4), 0);
	assert_int_equal(enter(crowd, 10, NOW_US + S_US), CROWD_E_FULL);
	for (uint32_t n = 1; n <= 8; n++)
		if (n != 4)
			assert_int_equal(waiting(crowd, n), 1);
	crowd_freep(&crowd);
}

static void a_table_too_large(void **state)
{
	struct crowd *crowd;

	assert_int_equal(crowd_new(SIZE_MAX >> 10, &crowd), -ENOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(so_many_wait_for_one),
		cmocka_unit_test(they_come_no_faster),
		cmocka_unit_test(a_place_is_given_up_when_it_is_quiet),
		cmocka_unit_test(a_table_too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
