/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the round trip is long few losses among many packets have bbr tried: decision 0049. */
#include "unit_congestion.h"

#define LONG_RTT_US 600000u
#define PACKET 1400u

static struct path begin_long(size_t n)
{
	struct path path = unit_begin(n);

	for (size_t i = 0; i < n; i++)
		path.subflows[i].min_rtt_us = path.subflows[i].rtt_us = LONG_RTT_US;
	unit_look(&path);
	return path;
}

/* Seconds until it changes, one of so many with a packet lost; 0: it doesn't in five minutes. */
static unsigned int changes_after_s(struct path *path, uint64_t sent_bytes, unsigned int each)
{
	for (unsigned int s = 1; s <= 300; s++)
		if (unit_second(path, sent_bytes, s % each ? 0 : PACKET).change)
			return s;
	return 0;
}

/* 0.1 % is half of what a long link carries with cubic, and less. */
static void test_few_losses_are_enough(void **state)
{
	static const struct { uint32_t rtt_us; uint64_t sent_bytes; unsigned int each, after_s; } cases[] = {
		{ 600000, 300000, 5, 15 },    /* one of a thousand */
		{ 200000, 300000, 5, 15 },
		{ 199999, 300000, 5, 0 },     /* it comes back from each soon enough */
		{ 600000, 840000, 5, 15 },    /* one of three thousand, */
		{ 600000, 841400, 5, 0 },     /* and fewer: as cubic has by itself that fills a faster link */
		{ 600000, 300000, 2, 10 },    /* apart by more than two seconds, else it is one */
		{ 1000000, 300000, 2, 10 },
		{ 200000, 300000, 1, 5 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct path path = begin_long(1);
		unsigned int s;

		path.subflows[0].min_rtt_us = path.subflows[0].rtt_us = cases[i].rtt_us;
		s = changes_after_s(&path, cases[i].sent_bytes, cases[i].each);
		if (s != cases[i].after_s)
			fail_msg("case %zu: after %u s", i, s);
	}
}

static void test_the_subflow_is_named(void **state)
{
	struct path path = begin_long(2);
	struct congestion_verdict verdict = { 0 };

	path.subflows[0].min_rtt_us = path.subflows[0].rtt_us = RTT_US;
	for (int i = 0; i < 60 && !verdict.change; i++) {
		unit_carry(&path, 1, 300000, i % 5 ? 0 : PACKET);
		verdict = unit_second(&path, MBYTE, 0);
	}
	assert_true(verdict.change && path.congestion.bbr);
	assert_int_equal(verdict.tried, 1u << 1);
	assert_int_equal(verdict.lossy, 0);
}

/* What the end of a slow start lost is sent again in look after look. */
static void test_an_overshoot_is_one_event(void **state)
{
	struct path path = begin_long(1);

	for (int i = 0; i < 3; i++)
		assert_false(unit_second(&path, MBYTE, PACKET).change);
	assert_int_equal(path.congestion.subflows[0].n_events, 1);
	path.subflows[0].min_rtt_us = path.subflows[0].rtt_us = RTT_US;   /* it isn't long any more */
	assert_false(unit_second(&path, MBYTE, PACKET).change);
	assert_int_equal(path.congestion.subflows[0].n_events, 0);
}

/* With a queue, it is ours. */
static void test_losses_with_a_queue_count_nothing(void **state)
{
	struct path path = begin_long(1);

	path.subflows[0].rtt_us = 2 * LONG_RTT_US;
	assert_int_equal(changes_after_s(&path, 300000, 5), 0);
	path.subflows[0].rtt_us = LONG_RTT_US;
	assert_false(unit_second(&path, 300000, 0).change);
	assert_false(unit_second(&path, 300000, PACKET).change);
	assert_int_equal(path.congestion.subflows[0].n_events, 1);
	path.subflows[0].rtt_us = 2 * LONG_RTT_US;
	assert_false(unit_second(&path, 300000, 0).change);
	assert_int_equal(path.congestion.subflows[0].n_events, 0);
}

/* Five looks of bbr, which get so much of what cubic did. */
static bool fails_with(uint64_t percent)
{
	struct path path = begin_long(1);
	bool failed = false;

	assert_int_equal(changes_after_s(&path, 300000, 5), 15);
	for (int i = 0; i < 5; i++)
		failed |= unit_second(&path, 300000 * percent / 100, 0).failed;
	assert_int_equal(path.congestion.bbr, !failed);
	return failed;
}

static void test_bbr_is_to_bring_more_then(void **state)
{
	assert_true(fails_with(100));
	assert_true(fails_with(108));
	assert_false(fails_with(111));
	assert_false(fails_with(300));
}

/* Many losses are no trial for more. */
static void test_many_losses_are_as_before(void **state)
{
	struct path path = begin_long(1);

	while (!unit_second(&path, MBYTE, 20000).change)
		assert_true(path.now_us < 60 * US_PER_S);
	for (int i = 0; i < 5; i++)
		assert_false(unit_second(&path, MBYTE, 20000).failed);
	assert_true(path.congestion.bbr);
}

/* What those lose that are tried may be bbr's own doing. Where others do, it is no trial any more. */
static void test_losses_in_a_trial(void **state)
{
	static const struct { size_t loser; uint64_t far_bytes; bool fails; } cases[] = {
		{ 0, 320000, true }, { 0, 350000, false }, { 1, 320000, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct path path = begin_long(2);
		bool failed = false;

		path.subflows[1].min_rtt_us = path.subflows[1].rtt_us = RTT_US;
		for (int s = 1; s <= 15; s++) {
			unit_carry(&path, 1, MBYTE, 0);
			assert_int_equal(unit_second(&path, 300000, s % 5 ? 0 : PACKET).change, s == 15);
		}
		for (int s = 0; s < 5; s++) {
			unit_carry(&path, 1, MBYTE, cases[i].loser == 1 ? 20000 : 0);
			failed |= unit_second(&path, cases[i].far_bytes, cases[i].loser ? 0 : 6000).failed;
		}
		if (failed != cases[i].fails)
			fail_msg("case %zu", i);
	}
}

/* Two far links: the other one is tried, too, if it lost something lately. */
static void test_who_lost_something_is_tried_too(void **state)
{
	static const struct { int lost_at_s; uint32_t tried; } cases[] = { { 0, 1 }, { 12, 3 }, { 1, 1 } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct path path = begin_long(2);
		struct congestion_verdict verdict = { 0 };

		for (int s = 1; s <= 15; s++) {
			unit_carry(&path, 1, MBYTE, s == cases[i].lost_at_s ? PACKET : 0);
			verdict = unit_second(&path, 300000, s % 5 ? 0 : PACKET);
		}
		assert_true(verdict.change);
		if (verdict.tried != cases[i].tried)
			fail_msg("case %zu: %x", i, verdict.tried);
		assert_int_equal(unit_second(&path, MBYTE, 0).tried, 0);
	}
}

/* It lost nothing when the trial began: it has bbr beside the one that was found better off with it. */
static void test_another_one_follows(void **state)
{
	struct path path = begin_long(2);
	uint32_t tried = 0;

	for (int s = 1; s <= 15; s++) {
		unit_carry(&path, 1, 300000, 0);
		unit_second(&path, 300000, s % 5 ? 0 : PACKET);
	}
	for (int s = 0; s < 5; s++) {
		unit_carry(&path, 1, 300000, 0);
		assert_int_equal(unit_second(&path, MBYTE, PACKET).tried, 0);
	}
	for (int s = 1; s <= 15; s++) {
		unit_carry(&path, 1, 300000, s % 5 ? 0 : PACKET);
		tried = unit_second(&path, MBYTE, PACKET).tried;
		assert_int_equal(tried >> 1, s == 15);
	}
	assert_true(path.congestion.bbr);
}

/* Of a near link that carries twenty times as much nobody could tell. */
static void test_the_one_that_lost_is_compared(void **state)
{
	static const struct { uint64_t near_bytes, far_bytes; bool fails; } cases[] = {
		{ 10 * MBYTE, 450000, false }, { 10 * MBYTE, 300000, true }, { 8 * MBYTE, 450000, true },
		{ 20 * MBYTE, 300000, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct path path = begin_long(2);
		bool failed = false;

		path.subflows[1].min_rtt_us = path.subflows[1].rtt_us = RTT_US;
		for (int s = 1; s <= 15; s++) {
			unit_carry(&path, 1, 10 * MBYTE, 0);
			assert_int_equal(unit_second(&path, 300000, s % 5 ? 0 : PACKET).change, s == 15);
		}
		for (int s = 0; s < 5; s++) {
			unit_carry(&path, 1, cases[i].near_bytes, 0);
			failed |= unit_second(&path, cases[i].far_bytes, 0).failed;
		}
		if (failed != cases[i].fails)
			fail_msg("case %zu", i);
	}
}

/* As there is nothing to compare with, after a pause or with another link: cubic, and none is worse off for it. */
static void test_a_trial_that_cant_be_judged_ends(void **state)
{
	for (int pauses = 0; pauses < 2; pauses++) {
		struct path path = begin_long(1);
		struct congestion_verdict verdict = { 0 };

		assert_int_equal(changes_after_s(&path, 300000, 5), 15);
		if (pauses) {
			congestion_rest(&path.congestion);
			unit_look(&path);
		} else {
			unit_ends(&path.subflows[1].local, &path.subflows[1].remote, 1);
			path.subflows[1].min_rtt_us = path.subflows[1].rtt_us = LONG_RTT_US;
			path.n = 2;
		}
		for (int i = 0; i < 5; i++)
			verdict = unit_second(&path, MBYTE, 0);
		assert_true(verdict.change && !verdict.failed && !verdict.tried);
		assert_false(path.congestion.bbr);
		assert_int_equal(path.congestion.look_at_us, path.now_us + US_PER_S);
		assert_int_equal(changes_after_s(&path, 300000, 5), 15);
	}
}

/* It is told as one that loses, so that those who remember that do, once the trial has shown it. */
static void test_who_was_found_better_off_is_named(void **state)
{
	struct path path = begin_long(1);

	assert_int_equal(changes_after_s(&path, 300000, 5), 15);
	for (int i = 0; i < 4; i++)
		assert_int_equal(unit_second(&path, MBYTE, 0).lossy, 0);
	for (int i = 0; i < 9; i++)
		assert_int_equal(unit_second(&path, MBYTE, 0).lossy, 1);
	assert_true(unit_second(&path, MBYTE, 0).change);
	assert_int_equal(unit_second(&path, MBYTE, 0).lossy, 0);
}

/* Losses that have bbr tried are none that have cubic back. */
static void test_few_losses_keep_bbr(void **state)
{
	struct path path = begin_long(1);

	assert_int_equal(changes_after_s(&path, 300000, 5), 15);
	assert_int_equal(changes_after_s(&path, 2 * MBYTE, 2), 0);   /* one of three thousand */
	assert_true(path.congestion.bbr);
}

static void test_no_losses_have_cubic_back(void **state)
{
	struct path path = begin_long(1);
	unsigned int s;

	assert_int_equal(changes_after_s(&path, 300000, 5), 15);
	s = changes_after_s(&path, MBYTE, 1000);   /* 14 MB tell of fewer than one in five thousand */
	if (s != 14)
		fail_msg("after %u s", s);
	assert_false(path.congestion.bbr);
	assert_int_equal(path.congestion.subflows[0].n_events, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_few_losses_are_enough),
		cmocka_unit_test(test_the_subflow_is_named),
		cmocka_unit_test(test_an_overshoot_is_one_event),
		cmocka_unit_test(test_losses_with_a_queue_count_nothing),
		cmocka_unit_test(test_bbr_is_to_bring_more_then),
		cmocka_unit_test(test_many_losses_are_as_before),
		cmocka_unit_test(test_losses_in_a_trial),
		cmocka_unit_test(test_who_lost_something_is_tried_too),
		cmocka_unit_test(test_another_one_follows),
		cmocka_unit_test(test_the_one_that_lost_is_compared),
		cmocka_unit_test(test_a_trial_that_cant_be_judged_ends),
		cmocka_unit_test(test_who_was_found_better_off_is_named),
		cmocka_unit_test(test_few_losses_keep_bbr),
		cmocka_unit_test(test_no_losses_have_cubic_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
