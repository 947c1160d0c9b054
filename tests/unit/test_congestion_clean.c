/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When links are found to lose nothing any more, and have cubic again. */
#include "unit_congestion.h"

static void test_clean_links_get_cubic_again(void **state)
{
	struct path path = unit_changed(1);

	for (int i = 0; i < 9; i++)
		assert_false(unit_second(&path, 2 * MBYTE, 0).change);
	/* 0.15 % of all ten, but it may go on: from here on again */
	assert_false(unit_second(&path, 2 * MBYTE, 30000).change);
	for (int i = 0; i < 9; i++)
		assert_false(unit_second(&path, 2 * MBYTE, 1000).change);
	assert_true(unit_second(&path, 2 * MBYTE, 1000).change);
	assert_false(path.congestion.bbr);
	assert_int_equal(path.congestion.look_at_us, path.now_us + US_PER_S);
}

/* A link that carries a hundredth of all, and loses 1 % of that. */
static void test_little_that_is_lost_beside_much_is_loss(void **state)
{
	struct path path = unit_changed(2);

	for (int i = 0; i < 30; i++) {
		unit_carry(&path, 1, 20 * MBYTE, 0);
		assert_false(unit_second(&path, MBYTE / 5, 2000).change);
	}
	assert_true(path.congestion.bbr);
}

/* A second in which a link carries much, and is clean, and the other one a few packets. */
static bool changes_with_few(struct path *path, uint64_t sent_bytes, uint64_t lost_bytes)
{
	unit_carry(path, 1, 20 * MBYTE, 0);
	return unit_second(path, sent_bytes, lost_bytes).change;
}

static void test_a_packet_of_few_is_no_loss(void **state)
{
	struct path path = unit_changed(2);

	for (int i = 0; i < 33; i++)   /* after ten looks it has sent too little yet */
		assert_false(changes_with_few(&path, 42000, i == 3 ? 1400 : 0));
	assert_true(changes_with_few(&path, 42000, 0));
	assert_false(path.congestion.bbr);
}

static void test_packets_of_few_are_loss(void **state)
{
	struct path path = unit_changed(2);

	for (int i = 0; i < 60; i++)   /* 0.8 % */
		assert_false(changes_with_few(&path, 42000, i % 4 == 3 ? 1400 : 0));
	assert_true(path.congestion.bbr);
}

static void test_next_to_nothing_is_not_waited_for(void **state)
{
	struct path path = unit_changed(2);

	for (int i = 0; i < 10; i++)
		assert_int_equal(changes_with_few(&path, 10000, 0), i == 9);
}

/* It has carried something, and is idle since. */
static void test_who_is_idle_is_not_waited_for(void **state)
{
	struct path path = unit_changed(2);

	for (int i = 0; i < 10; i++)
		assert_false(changes_with_few(&path, 42000, 0));
	for (int i = 0; i < 6; i++)
		assert_int_equal(changes_with_few(&path, 0, 0), i == 5);
}

/* A link that creeps: a look has fewer packets than one would listen to, all of them together are enough. */
static void test_a_slow_link_gets_clean_too(void **state)
{
	struct path path = unit_changed(1);
	int n = 0;

	path.congestion.before_bps = 0;
	while (!unit_second(&path, 14000, 0).change)
		assert_in_range(++n, 0, 99);
	assert_int_equal(n, 99);
	assert_false(path.congestion.bbr);
}

/* It comes when the other one has counted to nine, and loses 1 %. */
static void test_who_comes_late_is_waited_for(void **state)
{
	struct path path = unit_changed(2);

	path.n = 1;
	for (int i = 0; i < 9; i++)
		assert_false(unit_second(&path, 2 * MBYTE, 0).change);
	path.n = 2;
	path.subflows[1].sent_bytes = path.subflows[1].retransmitted_bytes = 0;
	for (int i = 0; i < 60; i++) {
		unit_carry(&path, 1, 42000, i % 4 == 3 ? 1400 : 0);
		assert_false(unit_second(&path, 2 * MBYTE, 0).change);
	}
	assert_true(path.congestion.bbr);
}

/* Where each has a congestion control of its own: one that loses no more needn't wait for the other. */
static void test_each_is_clean_by_itself(void **state)
{
	struct path path = unit_changed(2);

	unit_carry(&path, 1, 20 * MBYTE, 400000);
	assert_int_equal(unit_second(&path, MBYTE, 20000).clean, 0);
	for (int i = 0; i < 30; i++) {
		struct congestion_verdict verdict;

		unit_carry(&path, 1, 20 * MBYTE, 0);
		verdict = unit_second(&path, MBYTE, 20000);
		assert_false(verdict.change);
		assert_int_equal(verdict.clean, i >= 9 ? 2 : 0);
		assert_true(verdict.lossy & 1);
	}
	unit_carry(&path, 1, 20 * MBYTE, 400000);
	assert_int_equal(unit_second(&path, MBYTE, 20000).clean, 0);
	unit_carry(&path, 1, 20 * MBYTE, 400000);
	assert_int_equal(unit_second(&path, MBYTE, 20000).lossy, 3);
}

/* What it had sent with cubic says nothing of what it loses since; the caller has found bbr there. */
static void test_the_count_begins_with_bbr(void **state)
{
	struct path path = unit_begin(1);

	unit_look(&path);
	for (int i = 0; i < 100; i++)
		assert_false(unit_second(&path, 20 * MBYTE, 0).change);
	path.congestion.bbr = true;
	for (int i = 0; i < 60; i++)
		/* 0.25 %: less, with those before */
		assert_false(unit_second(&path, 20 * MBYTE, i % 2 ? 0 : 100000).change);
}

static void test_what_was_shown_before_is_forgotten_with_bbr(void **state)
{
	struct path path = unit_begin(1);

	path.subflows[0].min_rtt_us = path.subflows[0].rtt_us = US_PER_S / 2;
	unit_look(&path);
	for (int i = 0; i < 2; i++)
		assert_int_equal(unit_second(&path, 60000, 2800).change, i == 1);   /* it creeps */
	for (int i = 0; i < 10; i++)
		assert_int_equal(unit_second(&path, 2 * MBYTE, 0).change, i == 9);
	assert_false(path.congestion.bbr);
	for (int i = 0; i < 20; i++)
		assert_false(unit_second(&path, 2 * MBYTE, 0).change);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clean_links_get_cubic_again),
		cmocka_unit_test(test_little_that_is_lost_beside_much_is_loss),
		cmocka_unit_test(test_a_packet_of_few_is_no_loss),
		cmocka_unit_test(test_packets_of_few_are_loss),
		cmocka_unit_test(test_next_to_nothing_is_not_waited_for),
		cmocka_unit_test(test_who_is_idle_is_not_waited_for),
		cmocka_unit_test(test_a_slow_link_gets_clean_too),
		cmocka_unit_test(test_who_comes_late_is_waited_for),
		cmocka_unit_test(test_each_is_clean_by_itself),
		cmocka_unit_test(test_the_count_begins_with_bbr),
		cmocka_unit_test(test_what_was_shown_before_is_forgotten_with_bbr),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
