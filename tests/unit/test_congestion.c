/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When a leg is to have bbr, and when cubic again. */
#include "unit_congestion.h"

static void test_random_loss_changes(void **state)
{
	struct path path = unit_begin(1);
	struct congestion_verdict verdict = unit_look(&path);

	assert_false(verdict.change);
	assert_int_equal(path.congestion.look_at_us, path.now_us + US_PER_S / 4);
	verdict = unit_second(&path, MBYTE, 20000);
	assert_false(verdict.change);   /* one look may be chance */
	assert_int_equal(verdict.lossy, 0);
	verdict = unit_second(&path, MBYTE, 20000);
	assert_true(verdict.change);
	assert_false(verdict.failed);
	assert_int_equal(verdict.lossy, 1);
	assert_true(path.congestion.bbr);
	assert_false(unit_second(&path, 2 * MBYTE, 20000).change);
}

static void test_what_was_before_the_first_look_counts_nothing(void **state)
{
	struct path path = unit_begin(1);

	unit_carry(&path, 0, MBYTE, MBYTE / 2);   /* a slow start */
	unit_look(&path);
	for (int i = 0; i < 10; i++)
		assert_false(unit_second(&path, MBYTE, 0).change);
}

static void test_second_subflow_is_named(void **state)
{
	struct path path = unit_begin(2);

	unit_look(&path);
	for (int i = 0; i < 2; i++) {
		unit_carry(&path, 1, MBYTE, 20000);
		assert_int_equal(unit_second(&path, MBYTE, 0).lossy, i ? 2 : 0);
	}
}

static void test_little_loss_changes_nothing(void **state)
{
	struct path path = unit_begin(1);

	unit_look(&path);
	for (int i = 0; i < 20; i++)
		assert_false(unit_second(&path, MBYTE, 6000).change);
}

static void test_few_packets_say_nothing(void **state)
{
	struct path path = unit_begin(1);

	unit_look(&path);
	for (int i = 0; i < 4; i++)
		assert_false(unit_second(&path, 100000, 0).change);
	assert_false(unit_second(&path, 100000, 5 * 1400).change);   /* 1.4 %, of five packets */
	assert_true(unit_second(&path, 100000, 3 * 1400).change);
}

/* The end of a slow start loses a tenth of it at once, and its queue has gone by the look: that is the link's end,
 * and no loss at random. */
static void test_one_overshoot_says_nothing(void **state)
{
	struct path path = unit_begin(1);

	unit_look(&path);
	assert_false(unit_second(&path, 10 * MBYTE, MBYTE / 2).change);
	for (int i = 0; i < 20; i++)
		assert_false(unit_second(&path, 4 * MBYTE, i % 5 ? 0 : 5600).change);
	for (int i = 0; i < 3; i++)
		/* but what comes again and again */
		assert_int_equal(unit_second(&path, MBYTE, 20000).change, i == 2);
}

static void test_little_sent_says_nothing(void **state)
{
	struct path path = unit_begin(1);

	unit_look(&path);
	for (int i = 0; i < 3; i++)
		assert_false(unit_second(&path, 30000, 3000).change);
	assert_true(unit_second(&path, 30000, 3000).change);   /* but how often it loses */
}

static void test_little_sent_with_little_loss_says_nothing(void **state)
{
	struct path path = unit_begin(1);

	unit_look(&path);
	for (int i = 0; i < 100; i++)
		assert_false(unit_second(&path, 130000, i % 2 ? 1400 : 0).change);   /* 0.5 % */
	assert_true(path.congestion.subflows[0].n_points <= 8);
	path = unit_begin(1);
	path.subflows[0].rtt_us = path.subflows[0].min_rtt_us = 300 * US_PER_MS;
	unit_look(&path);
	for (int i = 0; i < 4; i++)   /* then a hundred packets say it */
		assert_false(unit_second(&path, 75000, 1400).change);   /* 1.9 % */
	assert_int_equal(path.congestion.subflows[0].n_points, 8);
}

/* One look with losses each: what an overshoot of both would come to, and no more. */
static void test_two_that_creep_are_seen_together(void **state)
{
	struct path path = unit_begin(2);

	unit_look(&path);
	for (int i = 0; i < 2; i++) {
		unit_carry(&path, 1, 20000, 1400);
		assert_false(unit_second(&path, 20000, i ? 0 : 1400).change);
	}
	unit_carry(&path, 1, 20000, 1400);
	assert_int_equal(unit_second(&path, 20000, 0).lossy, 3);
	assert_true(path.congestion.bbr);
}

static void test_long_paths_that_creep_need_two_looks(void **state)
{
	struct path path = unit_begin(1);

	path.subflows[0].rtt_us = path.subflows[0].min_rtt_us = 600 * US_PER_MS;
	unit_look(&path);
	assert_int_equal(path.congestion.look_at_us, path.now_us + 600 * US_PER_MS);
	assert_false(unit_second(&path, 14000, 1400).change);
	assert_false(unit_second(&path, 14000, 0).change);
	assert_true(unit_second(&path, 14000, 1400).change);
	/* bbr grows once in each round trip */
	assert_int_equal(path.congestion.look_at_us, path.now_us + 1200 * US_PER_MS);
}

/* No queue, no short path, no little loss: else it is our own. */
static void test_what_creeps_with_a_queue_says_nothing(void **state)
{
	struct path path = unit_begin(2);

	path.subflows[0].rtt_us = 2 * RTT_US;
	path.subflows[1].rtt_us = path.subflows[1].min_rtt_us = 2000;
	unit_look(&path);
	for (int i = 0; i < 20; i++) {
		unit_carry(&path, 1, 14000, 1400);
		assert_false(unit_second(&path, 14000, 1400).change);
	}
}

static void test_looks_follow_round_trips(void **state)
{
	static const uint64_t table[][2] = { { 20000, 250000 }, { 400000, 400000 }, { 1000000, US_PER_S },
					     { 3000000, US_PER_S } };

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct path path = unit_begin(2);

		path.subflows[1].rtt_us = path.subflows[1].min_rtt_us = (uint32_t)table[i][0];
		unit_look(&path);
		assert_int_equal(path.congestion.look_at_us, path.now_us + table[i][1]);
		unit_second(&path, 559999, 0);
		assert_int_equal(path.congestion.look_at_us, path.now_us + table[i][1]);
		unit_second(&path, 560000, 0);   /* no creeping */
		assert_int_equal(path.congestion.look_at_us, path.now_us + US_PER_S);
	}
}

static void test_losses_with_a_queue_are_our_own(void **state)
{
	struct path path = unit_begin(1);

	unit_look(&path);
	path.subflows[0].rtt_us = RTT_US + RTT_US / 4 + 2001;
	for (int i = 0; i < 10; i++)
		assert_false(unit_second(&path, MBYTE, 20000).change);
	path.subflows[0].rtt_us--;   /* two looks in a row without one */
	assert_false(unit_second(&path, MBYTE, 20000).change);
	path.subflows[0].rtt_us++;
	assert_false(unit_second(&path, MBYTE, 20000).change);
	path.subflows[0].rtt_us--;
	assert_false(unit_second(&path, MBYTE, 20000).change);
	assert_true(unit_second(&path, MBYTE, 20000).change);
}

static void test_short_paths_keep_cubic(void **state)
{
	struct path path = unit_begin(1);

	path.subflows[0].rtt_us = path.subflows[0].min_rtt_us = 2999;
	unit_look(&path);
	for (int i = 0; i < 10; i++)
		assert_false(unit_second(&path, MBYTE, 20000).change);
}

/* 80 MB without a loss don't outweigh what is lost now. */
static void test_old_looks_fade(void **state)
{
	struct path path = unit_begin(1);

	unit_look(&path);
	for (int i = 0; i < 20; i++)
		unit_second(&path, 4 * MBYTE, 0);
	assert_false(unit_second(&path, MBYTE, 30000).change);
	assert_true(unit_second(&path, MBYTE, 30000).change);
}

/* Which of both is better over unequal links the trial tells. */
static void test_very_unequal_links_are_tried(void **state)
{
	struct path path = unit_begin(2);

	path.subflows[1].min_rtt_us = path.subflows[1].rtt_us = 20 * RTT_US;
	unit_look(&path);
	unit_carry(&path, 1, MBYTE, 0);
	assert_false(unit_second(&path, MBYTE, 20000).change);
	unit_carry(&path, 1, MBYTE, 0);
	assert_true(unit_second(&path, MBYTE, 20000).change);
	assert_true(path.congestion.bbr);
	for (int i = 0; i < 10; i++) {
		unit_carry(&path, 1, MBYTE, 0);
		assert_false(unit_second(&path, MBYTE, 20000).change);
	}
}

static void test_bbr_that_brings_more_stays(void **state)
{
	struct path path = unit_changed(1);

	for (int i = 0; i < 100; i++)
		assert_false(unit_second(&path, 2 * MBYTE, 20000).change);
	assert_true(path.congestion.bbr);
}

static void test_bbr_that_brings_less_goes(void **state)
{
	struct path path = unit_changed(1);
	struct congestion_verdict verdict;

	for (int i = 0; i < 4; i++)
		assert_false(unit_second(&path, MBYTE / 2, 10000).change);
	verdict = unit_second(&path, MBYTE / 2, 10000);
	assert_true(verdict.change && verdict.failed);
	assert_false(path.congestion.bbr);
	assert_int_equal(path.congestion.look_at_us, path.now_us + 60 * US_PER_S);
}

/* Later looks are later each time, but never by more than 16 minutes; a look back at the figures begins anew. */
static void test_failures_are_remembered(void **state)
{
	struct path path = unit_changed(1);

	for (unsigned int n = 0; n < 7; n++) {
		while (path.congestion.bbr)
			unit_second(&path, MBYTE / 2, 10000);
		assert_int_equal(path.congestion.look_at_us, path.now_us + (60 * US_PER_S << (n < 4 ? n : 4)));
		unit_carry(&path, 0, 100 * MBYTE, 50 * MBYTE);
		path.now_us = path.congestion.look_at_us;
		assert_false(unit_look(&path).change);
		assert_false(unit_second(&path, MBYTE, 20000).change);
		assert_true(unit_second(&path, MBYTE, 20000).change);
	}
}

static void test_first_looks_after_the_change_do_not_count(void **state)
{
	struct path path = unit_changed(1);

	unit_second(&path, 100000, 1000);
	unit_second(&path, 100000, 1000);
	for (int i = 0; i < 10; i++)
		assert_false(unit_second(&path, MBYTE, 10000).change);
}

static void test_link_that_goes_makes_trials_incomparable(void **state)
{
	struct path path = unit_changed(2);

	path.n = 1;
	for (int i = 0; i < 10; i++)
		assert_false(unit_second(&path, MBYTE, 20000).change);   /* a fifth of what both brought */
	assert_true(path.congestion.bbr);
}

static void test_link_that_comes_makes_figures_incomparable(void **state)
{
	struct path path = unit_begin(2);

	path.n = 1;
	unit_look(&path);
	assert_false(unit_second(&path, MBYTE, 20000).change);
	path.n = 2;
	assert_true(unit_second(&path, MBYTE, 20000).change);
	assert_int_equal(path.congestion.before_bps, (MBYTE - 20000) * 8);
}

/* A trial of bbr in which nothing is to be sent for ten seconds. */
static void test_rest_is_no_failure(void **state)
{
	struct path path = unit_changed(1);

	for (int i = 0; i < 3; i++)
		assert_false(unit_second(&path, MBYTE, 20000).change);
	congestion_rest(&path.congestion);
	path.now_us += 10 * US_PER_S;
	for (int i = 0; i < 5; i++) {
		struct congestion_verdict verdict = unit_second(&path, MBYTE / 2, 10000);

		assert_false(verdict.change);
		assert_int_equal(verdict.lossy, i > 0);   /* kept in mind */
	}
	assert_true(path.congestion.bbr);
}

static void test_begins_with_what_there_is(void **state)
{
	struct path path = unit_begin(1);

	path.congestion.bbr = true;
	unit_look(&path);
	for (int i = 0; i < 20; i++)
		assert_false(unit_second(&path, 2 * MBYTE, 20000).change);   /* nothing to compare with */
	assert_true(path.congestion.bbr);
}

/* A port that another subflow had, counters that go backwards, two looks at one time, more subflows than there is
 * room for. */
static void test_odd_facts(void **state)
{
	struct path path = unit_begin(1), many = unit_begin(LEG_SUBFLOWS + 1);

	unit_carry(&path, 0, MBYTE, 20000);
	unit_look(&path);
	path.subflows[0].sent_bytes = path.subflows[0].retransmitted_bytes = 0;
	assert_false(unit_second(&path, 0, 0).change);
	assert_false(unit_second(&path, MBYTE, 20000).change);
	path.subflows[0].retransmitted_bytes = 0;
	assert_false(unit_second(&path, MBYTE, 0).change);
	path.subflows[0].remote.port = 1;
	assert_false(unit_second(&path, MBYTE, 20000).change);
	assert_false(unit_look(&path).change);

	unit_look(&many);
	for (int i = 0; i < 3; i++) {
		unit_carry(&many, LEG_SUBFLOWS, MBYTE, 20000);
		assert_false(unit_second(&many, 0, 0).change);
	}
	assert_int_equal(many.congestion.n_subflows, LEG_SUBFLOWS);
}

/* 0.3 % of what a link carries, without a queue: too little for bbr. Each subflow once, with cubic alone. */
static void test_what_a_short_queue_drops_is_paced(void **state)
{
	struct path path = unit_begin(2);
	struct congestion_verdict verdict = unit_look(&path);

	assert_int_equal(verdict.bursty, 0);
	verdict = unit_second(&path, 10 * MBYTE, 5 * 1400);   /* it may be chance */
	assert_int_equal(verdict.bursty, 0);
	path.subflows[0].rtt_us = 2 * RTT_US;   /* with a queue */
	verdict = unit_second(&path, 10 * MBYTE, 30000);
	assert_int_equal(verdict.bursty, 0);
	path.subflows[0].rtt_us = RTT_US;
	verdict = unit_second(&path, 10 * MBYTE, 30000);
	assert_int_equal(verdict.bursty, 1);
	assert_false(verdict.change);
	unit_carry(&path, 1, 10 * MBYTE, 30000);
	verdict = unit_second(&path, 10 * MBYTE, 30000);
	assert_int_equal(verdict.bursty, 2);
	verdict = unit_second(&path, 10 * MBYTE, 30000);
	assert_int_equal(verdict.bursty, 0);
}

/* Where a link loses so much, bbr comes, and paces by itself. */
static void test_with_bbr_nothing_is_paced(void **state)
{
	struct path path = unit_changed(2);
	struct congestion_verdict verdict;

	unit_carry(&path, 1, 4 * MBYTE, 40000);
	verdict = unit_second(&path, 4 * MBYTE, 40000);
	assert_true(path.congestion.bbr);
	assert_int_equal(verdict.bursty, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_loss_changes),
		cmocka_unit_test(test_what_was_before_the_first_look_counts_nothing),
		cmocka_unit_test(test_second_subflow_is_named),
		cmocka_unit_test(test_little_loss_changes_nothing),
		cmocka_unit_test(test_few_packets_say_nothing),
		cmocka_unit_test(test_one_overshoot_says_nothing),
		cmocka_unit_test(test_little_sent_says_nothing),
		cmocka_unit_test(test_little_sent_with_little_loss_says_nothing),
		cmocka_unit_test(test_two_that_creep_are_seen_together),
		cmocka_unit_test(test_long_paths_that_creep_need_two_looks),
		cmocka_unit_test(test_what_creeps_with_a_queue_says_nothing),
		cmocka_unit_test(test_looks_follow_round_trips),
		cmocka_unit_test(test_losses_with_a_queue_are_our_own),
		cmocka_unit_test(test_short_paths_keep_cubic),
		cmocka_unit_test(test_old_looks_fade),
		cmocka_unit_test(test_very_unequal_links_are_tried),
		cmocka_unit_test(test_bbr_that_brings_more_stays),
		cmocka_unit_test(test_bbr_that_brings_less_goes),
		cmocka_unit_test(test_failures_are_remembered),
		cmocka_unit_test(test_first_looks_after_the_change_do_not_count),
		cmocka_unit_test(test_link_that_goes_makes_trials_incomparable),
		cmocka_unit_test(test_link_that_comes_makes_figures_incomparable),
		cmocka_unit_test(test_rest_is_no_failure),
		cmocka_unit_test(test_begins_with_what_there_is),
		cmocka_unit_test(test_odd_facts),
		cmocka_unit_test(test_what_a_short_queue_drops_is_paced),
		cmocka_unit_test(test_with_bbr_nothing_is_paced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
