/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When a leg is to have bbr, and when cubic again. */
#include "unit_address.h"

#include "base/clock.h"
#include "policy/congestion.h"

#define RTT_US 20000u
#define MBYTE 1000000u

/* Links that a transfer goes over, as the kernel would tell of them. */
struct path {
	struct congestion congestion;
	struct leg_subflow subflows[LEG_SUBFLOWS + 1];
	size_t n;
	uint64_t now_us;
};

static struct path begin(size_t n)
{
	struct path path = { .n = n, .now_us = 5 * US_PER_S };

	for (size_t i = 0; i < n; i++) {
		unit_ends(&path.subflows[i].local, &path.subflows[i].remote, i);
		path.subflows[i].min_rtt_us = path.subflows[i].rtt_us = RTT_US;
	}
	return path;
}

static struct congestion_verdict look(struct path *path)
{
	struct leg_facts facts = { .now_us = path->now_us, .n_subflows = path->n, .subflows = path->subflows };

	return congestion_look(&path->congestion, &facts);
}

/* A second more, in which a subflow sends so much, of it so much again. */
static void carry(struct path *path, size_t i, uint64_t sent_bytes, uint64_t lost_bytes)
{
	path->subflows[i].sent_bytes += sent_bytes;
	path->subflows[i].retransmitted_bytes += lost_bytes;
}

static struct congestion_verdict second(struct path *path, uint64_t sent_bytes, uint64_t lost_bytes)
{
	carry(path, 0, sent_bytes, lost_bytes);
	path->now_us += US_PER_S;
	return look(path);
}

/* One link that loses 2 %, changed to bbr. */
static struct path changed(size_t n)
{
	struct path path = begin(n);

	look(&path);
	for (size_t i = 1; i < n; i++)
		carry(&path, i, 4 * MBYTE, 0);
	assert_false(second(&path, MBYTE, 20000).change);
	for (size_t i = 1; i < n; i++)
		carry(&path, i, 4 * MBYTE, 0);
	assert_true(second(&path, MBYTE, 20000).change);
	assert_true(path.congestion.bbr);
	return path;
}

static void test_random_loss_changes(void **state)
{
	struct path path = begin(1);
	struct congestion_verdict verdict = look(&path);

	assert_false(verdict.change);
	assert_int_equal(path.congestion.look_at_us, path.now_us + US_PER_S / 4);
	verdict = second(&path, MBYTE, 20000);
	assert_false(verdict.change);   /* one look may be chance */
	assert_int_equal(verdict.lossy, 0);
	verdict = second(&path, MBYTE, 20000);
	assert_true(verdict.change);
	assert_false(verdict.failed);
	assert_int_equal(verdict.lossy, 1);
	assert_true(path.congestion.bbr);
	assert_false(second(&path, 2 * MBYTE, 20000).change);
}

static void test_what_was_before_the_first_look_counts_nothing(void **state)
{
	struct path path = begin(1);

	carry(&path, 0, MBYTE, MBYTE / 2);   /* a slow start */
	look(&path);
	for (int i = 0; i < 10; i++)
		assert_false(second(&path, MBYTE, 0).change);
}

static void test_second_subflow_is_named(void **state)
{
	struct path path = begin(2);

	look(&path);
	for (int i = 0; i < 2; i++) {
		carry(&path, 1, MBYTE, 20000);
		assert_int_equal(second(&path, MBYTE, 0).lossy, i ? 2 : 0);
	}
}

static void test_little_loss_changes_nothing(void **state)
{
	struct path path = begin(1);

	look(&path);
	for (int i = 0; i < 20; i++)
		assert_false(second(&path, MBYTE, 6000).change);
}

static void test_few_packets_say_nothing(void **state)
{
	struct path path = begin(1);

	look(&path);
	for (int i = 0; i < 4; i++)
		assert_false(second(&path, 100000, 0).change);
	assert_false(second(&path, 100000, 5 * 1400).change);   /* 1.4 %, of five packets */
	assert_true(second(&path, 100000, 3 * 1400).change);
}

/* The end of a slow start loses a tenth of it at once, and its queue has gone by the look: that is the link's end,
 * and no loss at random. */
static void test_one_overshoot_says_nothing(void **state)
{
	struct path path = begin(1);

	look(&path);
	assert_false(second(&path, 10 * MBYTE, MBYTE / 2).change);
	for (int i = 0; i < 20; i++)
		assert_false(second(&path, 4 * MBYTE, i % 5 ? 0 : 5600).change);
	for (int i = 0; i < 3; i++)
		assert_int_equal(second(&path, MBYTE, 20000).change, i == 2);   /* but what comes again and again */
}

static void test_little_sent_says_nothing(void **state)
{
	struct path path = begin(1);

	look(&path);
	for (int i = 0; i < 3; i++)
		assert_false(second(&path, 30000, 3000).change);
	assert_true(second(&path, 30000, 3000).change);   /* but how often it loses */
}

static void test_little_sent_with_little_loss_says_nothing(void **state)
{
	struct path path = begin(1);

	look(&path);
	for (int i = 0; i < 100; i++)
		assert_false(second(&path, 130000, i % 2 ? 1400 : 0).change);   /* 0.5 % */
	assert_true(path.congestion.subflows[0].n_points <= 8);
	path = begin(1);
	path.subflows[0].rtt_us = path.subflows[0].min_rtt_us = 300 * US_PER_MS;
	look(&path);
	for (int i = 0; i < 5; i++)   /* then a hundred packets say it */
		assert_false(second(&path, 75000, 1400).change);   /* 1.9 % */
	assert_int_equal(path.congestion.subflows[0].n_points, 5);
}

/* One look with losses each: what an overshoot of both would come to, and no more. */
static void test_two_that_creep_are_seen_together(void **state)
{
	struct path path = begin(2);

	look(&path);
	for (int i = 0; i < 2; i++) {
		carry(&path, 1, 20000, 1400);
		assert_false(second(&path, 20000, i ? 0 : 1400).change);
	}
	carry(&path, 1, 20000, 1400);
	assert_int_equal(second(&path, 20000, 0).lossy, 3);
	assert_true(path.congestion.bbr);
}

static void test_long_paths_that_creep_need_two_looks(void **state)
{
	struct path path = begin(1);

	path.subflows[0].rtt_us = path.subflows[0].min_rtt_us = 600 * US_PER_MS;
	look(&path);
	assert_int_equal(path.congestion.look_at_us, path.now_us + 600 * US_PER_MS);
	assert_false(second(&path, 14000, 1400).change);
	assert_false(second(&path, 14000, 0).change);
	assert_true(second(&path, 14000, 1400).change);
	/* bbr grows once in each round trip */
	assert_int_equal(path.congestion.look_at_us, path.now_us + 1200 * US_PER_MS);
}

/* No queue, no short path, no little loss: else it is our own. */
static void test_what_creeps_with_a_queue_says_nothing(void **state)
{
	struct path path = begin(2);

	path.subflows[0].rtt_us = 2 * RTT_US;
	path.subflows[1].rtt_us = path.subflows[1].min_rtt_us = 2000;
	look(&path);
	for (int i = 0; i < 20; i++) {
		carry(&path, 1, 14000, 1400);
		assert_false(second(&path, 14000, 1400).change);
	}
}

static void test_looks_follow_round_trips(void **state)
{
	static const uint64_t table[][2] = { { 20000, 250000 }, { 400000, 400000 }, { 1000000, US_PER_S },
					     { 3000000, US_PER_S } };

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct path path = begin(2);

		path.subflows[1].rtt_us = path.subflows[1].min_rtt_us = (uint32_t)table[i][0];
		look(&path);
		assert_int_equal(path.congestion.look_at_us, path.now_us + table[i][1]);
		second(&path, 559999, 0);
		assert_int_equal(path.congestion.look_at_us, path.now_us + table[i][1]);
		second(&path, 560000, 0);   /* no creeping */
		assert_int_equal(path.congestion.look_at_us, path.now_us + US_PER_S);
	}
}

static void test_losses_with_a_queue_are_our_own(void **state)
{
	struct path path = begin(1);

	look(&path);
	path.subflows[0].rtt_us = RTT_US + RTT_US / 4 + 2001;
	for (int i = 0; i < 10; i++)
		assert_false(second(&path, MBYTE, 20000).change);
	path.subflows[0].rtt_us--;   /* two looks in a row without one */
	assert_false(second(&path, MBYTE, 20000).change);
	path.subflows[0].rtt_us++;
	assert_false(second(&path, MBYTE, 20000).change);
	path.subflows[0].rtt_us--;
	assert_false(second(&path, MBYTE, 20000).change);
	assert_true(second(&path, MBYTE, 20000).change);
}

static void test_short_paths_keep_cubic(void **state)
{
	struct path path = begin(1);

	path.subflows[0].rtt_us = path.subflows[0].min_rtt_us = 2999;
	look(&path);
	for (int i = 0; i < 10; i++)
		assert_false(second(&path, MBYTE, 20000).change);
}

/* 80 MB without a loss don't outweigh what is lost now. */
static void test_old_looks_fade(void **state)
{
	struct path path = begin(1);

	look(&path);
	for (int i = 0; i < 20; i++)
		second(&path, 4 * MBYTE, 0);
	assert_false(second(&path, MBYTE, 30000).change);
	assert_true(second(&path, MBYTE, 30000).change);
}

/* Which of both is better over unequal links the trial tells. */
static void test_very_unequal_links_are_tried(void **state)
{
	struct path path = begin(2);

	path.subflows[1].min_rtt_us = path.subflows[1].rtt_us = 20 * RTT_US;
	look(&path);
	carry(&path, 1, MBYTE, 0);
	assert_false(second(&path, MBYTE, 20000).change);
	carry(&path, 1, MBYTE, 0);
	assert_true(second(&path, MBYTE, 20000).change);
	assert_true(path.congestion.bbr);
	for (int i = 0; i < 10; i++) {
		carry(&path, 1, MBYTE, 0);
		assert_false(second(&path, MBYTE, 20000).change);
	}
}

static void test_bbr_that_brings_more_stays(void **state)
{
	struct path path = changed(1);

	for (int i = 0; i < 100; i++)
		assert_false(second(&path, 2 * MBYTE, 20000).change);
	assert_true(path.congestion.bbr);
}

static void test_bbr_that_brings_less_goes(void **state)
{
	struct path path = changed(1);
	struct congestion_verdict verdict;

	for (int i = 0; i < 4; i++)
		assert_false(second(&path, MBYTE / 2, 10000).change);
	verdict = second(&path, MBYTE / 2, 10000);
	assert_true(verdict.change && verdict.failed);
	assert_false(path.congestion.bbr);
	assert_int_equal(path.congestion.look_at_us, path.now_us + 60 * US_PER_S);
}

/* Later looks are later each time, but never by more than 16 minutes; a look back at the figures begins anew. */
static void test_failures_are_remembered(void **state)
{
	struct path path = changed(1);

	for (unsigned int n = 0; n < 7; n++) {
		while (path.congestion.bbr)
			second(&path, MBYTE / 2, 10000);
		assert_int_equal(path.congestion.look_at_us, path.now_us + (60 * US_PER_S << (n < 4 ? n : 4)));
		carry(&path, 0, 100 * MBYTE, 50 * MBYTE);
		path.now_us = path.congestion.look_at_us;
		assert_false(look(&path).change);
		assert_false(second(&path, MBYTE, 20000).change);
		assert_true(second(&path, MBYTE, 20000).change);
	}
}

static void test_first_looks_after_the_change_do_not_count(void **state)
{
	struct path path = changed(1);

	second(&path, 100000, 1000);
	second(&path, 100000, 1000);
	for (int i = 0; i < 10; i++)
		assert_false(second(&path, MBYTE, 10000).change);
}

static void test_link_that_goes_makes_trials_incomparable(void **state)
{
	struct path path = changed(2);

	path.n = 1;
	for (int i = 0; i < 10; i++)
		assert_false(second(&path, MBYTE, 20000).change);   /* a fifth of what both brought */
	assert_true(path.congestion.bbr);
}

static void test_link_that_comes_makes_figures_incomparable(void **state)
{
	struct path path = begin(2);

	path.n = 1;
	look(&path);
	assert_false(second(&path, MBYTE, 20000).change);
	path.n = 2;
	assert_true(second(&path, MBYTE, 20000).change);
	assert_int_equal(path.congestion.before_bps, (MBYTE - 20000) * 8);
}

static void test_clean_links_get_cubic_again(void **state)
{
	struct path path = changed(1);

	for (int i = 0; i < 9; i++)
		assert_false(second(&path, 2 * MBYTE, 0).change);
	assert_false(second(&path, 2 * MBYTE, 30000).change);   /* 0.15 % of all ten, but it may go on: from here on
								 * again */
	assert_false(second(&path, 1000, 0).change);   /* idle: says nothing */
	for (int i = 0; i < 9; i++)
		assert_false(second(&path, 2 * MBYTE, 1000).change);
	assert_true(second(&path, 2 * MBYTE, 1000).change);
	assert_false(path.congestion.bbr);
	assert_int_equal(path.congestion.look_at_us, path.now_us + US_PER_S);
}

/* A link that carries a hundredth of all, and loses 1 % of that. */
static void test_little_that_is_lost_beside_much_is_loss(void **state)
{
	struct path path = changed(2);

	for (int i = 0; i < 30; i++) {
		carry(&path, 1, 20 * MBYTE, 0);
		assert_false(second(&path, MBYTE / 5, 2000).change);
	}
	assert_true(path.congestion.bbr);
}

/* A second in which a link carries much, and is clean, and the other one a few packets. */
static bool changes_with_few(struct path *path, uint64_t sent_bytes, uint64_t lost_bytes)
{
	carry(path, 1, 20 * MBYTE, 0);
	return second(path, sent_bytes, lost_bytes).change;
}

static void test_a_packet_of_few_is_no_loss(void **state)
{
	struct path path = changed(2);

	for (int i = 0; i < 33; i++)   /* after ten looks it has sent too little yet */
		assert_false(changes_with_few(&path, 42000, i == 3 ? 1400 : 0));
	assert_true(changes_with_few(&path, 42000, 0));
	assert_false(path.congestion.bbr);
}

static void test_packets_of_few_are_loss(void **state)
{
	struct path path = changed(2);

	for (int i = 0; i < 60; i++)   /* 0.8 % */
		assert_false(changes_with_few(&path, 42000, i % 4 == 3 ? 1400 : 0));
	assert_true(path.congestion.bbr);
}

static void test_next_to_nothing_is_not_waited_for(void **state)
{
	struct path path = changed(2);

	for (int i = 0; i < 10; i++)
		assert_int_equal(changes_with_few(&path, 10000, 0), i == 9);
}

/* It has carried something, and is idle since. */
static void test_who_is_idle_is_not_waited_for(void **state)
{
	struct path path = changed(2);

	for (int i = 0; i < 10; i++)
		assert_false(changes_with_few(&path, 42000, 0));
	for (int i = 0; i < 6; i++)
		assert_int_equal(changes_with_few(&path, 0, 0), i == 5);
}

/* What it had sent with cubic says nothing of what it loses since; the caller has found bbr there. */
static void test_the_count_begins_with_bbr(void **state)
{
	struct path path = begin(1);

	look(&path);
	for (int i = 0; i < 100; i++)
		assert_false(second(&path, 20 * MBYTE, 0).change);
	path.congestion.bbr = true;
	for (int i = 0; i < 60; i++)
		/* 0.25 %: less, with those before */
		assert_false(second(&path, 20 * MBYTE, i % 2 ? 0 : 100000).change);
}

static void test_what_was_shown_before_is_forgotten_with_bbr(void **state)
{
	struct path path = begin(1);

	path.subflows[0].min_rtt_us = path.subflows[0].rtt_us = US_PER_S / 2;
	look(&path);
	for (int i = 0; i < 2; i++)
		assert_int_equal(second(&path, 60000, 2800).change, i == 1);   /* it creeps */
	for (int i = 0; i < 10; i++)
		assert_int_equal(second(&path, 2 * MBYTE, 0).change, i == 9);
	assert_false(path.congestion.bbr);
	for (int i = 0; i < 20; i++)
		assert_false(second(&path, 2 * MBYTE, 0).change);
}

/* A trial of bbr in which nothing is to be sent for ten seconds. */
static void test_rest_is_no_failure(void **state)
{
	struct path path = changed(1);

	for (int i = 0; i < 3; i++)
		assert_false(second(&path, MBYTE, 20000).change);
	congestion_rest(&path.congestion);
	path.now_us += 10 * US_PER_S;
	for (int i = 0; i < 5; i++) {
		struct congestion_verdict verdict = second(&path, MBYTE / 2, 10000);

		assert_false(verdict.change);
		assert_int_equal(verdict.lossy, i > 0);   /* kept in mind */
	}
	assert_true(path.congestion.bbr);
}

static void test_begins_with_what_there_is(void **state)
{
	struct path path = begin(1);

	path.congestion.bbr = true;
	look(&path);
	for (int i = 0; i < 20; i++)
		assert_false(second(&path, 2 * MBYTE, 20000).change);   /* nothing to compare with */
	assert_true(path.congestion.bbr);
}

/* A port that another subflow had, counters that go backwards, two looks at one time, more subflows than there is
 * room for. */
static void test_odd_facts(void **state)
{
	struct path path = begin(1), many = begin(LEG_SUBFLOWS + 1);

	carry(&path, 0, MBYTE, 20000);
	look(&path);
	path.subflows[0].sent_bytes = path.subflows[0].retransmitted_bytes = 0;
	assert_false(second(&path, 0, 0).change);
	assert_false(second(&path, MBYTE, 20000).change);
	path.subflows[0].retransmitted_bytes = 0;
	assert_false(second(&path, MBYTE, 0).change);
	path.subflows[0].remote.port = 1;
	assert_false(second(&path, MBYTE, 20000).change);
	assert_false(look(&path).change);

	look(&many);
	for (int i = 0; i < 3; i++) {
		carry(&many, LEG_SUBFLOWS, MBYTE, 20000);
		assert_false(second(&many, 0, 0).change);
	}
	assert_int_equal(many.congestion.n_subflows, LEG_SUBFLOWS);
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
		cmocka_unit_test(test_clean_links_get_cubic_again),
		cmocka_unit_test(test_a_packet_of_few_is_no_loss),
		cmocka_unit_test(test_packets_of_few_are_loss),
		cmocka_unit_test(test_next_to_nothing_is_not_waited_for),
		cmocka_unit_test(test_who_is_idle_is_not_waited_for),
		cmocka_unit_test(test_the_count_begins_with_bbr),
		cmocka_unit_test(test_little_that_is_lost_beside_much_is_loss),
		cmocka_unit_test(test_what_was_shown_before_is_forgotten_with_bbr),
		cmocka_unit_test(test_rest_is_no_failure),
		cmocka_unit_test(test_begins_with_what_there_is),
		cmocka_unit_test(test_odd_facts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
