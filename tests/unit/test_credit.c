/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How much is written before the peer's window is looked at again. */
#include "unit.h"

#include "base/clock.h"
#include "base/util.h"
#include "policy/credit.h"

#define WIDEST_BYTES (16u << 20)
#define FIRST_ACK 1000000u
#define PROBE_AFTER_US (5000 * US_PER_MS)

static struct credit_facts facts_of(uint32_t window_bytes, uint32_t queued_bytes)
{
	return (struct credit_facts){ .now_us = US_PER_S, .n_bytes = 100000, .acknowledged = FIRST_ACK,
				      .queued_bytes = queued_bytes, .window_bytes = window_bytes,
				      .window_sure = true };
}

static uint64_t given(struct credit *credit, const struct credit_facts *facts)
{
	bool some = credit_look(credit, facts);
	uint64_t n_bytes = credit_left_bytes(credit, facts->n_bytes);

	assert_int_equal(some, n_bytes > 0);
	return n_bytes;
}

/* The peer's window was wide; then its reader fell behind. */
static struct credit narrowed_to(uint32_t window_bytes)
{
	struct credit credit = { 0 };
	struct credit_facts facts = facts_of(WIDEST_BYTES, 0);

	given(&credit, &facts);
	facts = facts_of(window_bytes, 0);
	given(&credit, &facts);
	return credit;
}

static void test_short_transfers_need_no_look(void **state)
{
	struct credit credit = { 0 };

	assert_int_equal(credit_left_bytes(&credit, 0), CREDIT_FIRST_BYTES);
	assert_int_equal(credit_left_bytes(&credit, CREDIT_FIRST_BYTES - 1), 1);
	assert_int_equal(credit_left_bytes(&credit, CREDIT_FIRST_BYTES), 0);
	assert_int_equal(credit_left_bytes(&credit, UINT64_MAX), 0);
}

static void test_a_wide_window_is_looked_at_now_and_then(void **state)
{
	struct credit credit = { 0 };
	struct credit_facts facts = facts_of(WIDEST_BYTES, 8u << 20);

	assert_int_equal(given(&credit, &facts), WIDEST_BYTES / 8);   /* whatever is under way */
	facts.n_bytes += WIDEST_BYTES / 8;
	assert_int_equal(credit_left_bytes(&credit, facts.n_bytes), 0);
	facts = facts_of(WIDEST_BYTES / 2, WIDEST_BYTES);
	assert_int_equal(given(&credit, &facts), WIDEST_BYTES / 16);
}

static void test_a_window_that_is_not_known_is_no_reason_to_wait(void **state)
{
	struct credit credit = { 0 };
	struct credit_facts facts = facts_of(0, 100000);

	facts.window_heard_ms = UINT32_MAX;
	for (int i = 0; i < 3; i++)
		assert_int_equal(given(&credit, &facts), 65536);
}

/* Of a peer with little memory it is never wide. */
static void test_a_small_window_is_left_to_the_kernel(void **state)
{
	struct credit credit = { 0 };
	struct credit_facts facts = facts_of(65536, 0);

	assert_int_equal(given(&credit, &facts), 65536);
	facts.window_bytes = 0;
	facts.queued_bytes = 65536;
	assert_int_equal(given(&credit, &facts), 65536);
}

static void test_what_is_not_known_is_where_it_was(void **state)
{
	struct credit credit = narrowed_to(WIDEST_BYTES);
	struct credit_facts facts = facts_of(0, 1u << 20);

	facts.window_heard_ms = UINT32_MAX;
	facts.acknowledged += 4u << 20;
	assert_int_equal(given(&credit, &facts), (12u << 20) / 8);
	facts.acknowledged += 5u << 20;   /* less than half: soon again, it may be narrow */
	assert_int_equal(given(&credit, &facts), 65536);
	facts.acknowledged += 4u << 20;   /* 3 MiB are left, and 1 of them is under way */
	assert_int_equal(given(&credit, &facts), 512u << 10);
}

static void test_less_than_half_a_window_is_not_filled(void **state)
{
	static const struct { uint32_t queued_bytes, given_bytes; } cases[] = {
		{ 0, (6u << 20) / 8 }, { 4u << 20, 512u << 10 }, { 4608u << 10, 0 }, { 6u << 20, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct credit credit = narrowed_to(WIDEST_BYTES);
		struct credit_facts facts = facts_of(6u << 20, cases[i].queued_bytes);

		assert_int_equal(given(&credit, &facts), cases[i].given_bytes);
	}
}

static void test_of_a_narrow_window_half_is_under_way(void **state)
{
	static const struct { uint32_t window_bytes, queued_bytes, given_bytes; } cases[] = {
		{ 2u << 20, 0, 1u << 20 }, { 2u << 20, 512u << 10, 512u << 10 }, { 2u << 20, 960u << 10, 65536 },
		{ 2u << 20, (960u << 10) + 1, 0 }, { 131072, 0, 65536 }, { 131071, 0, 0 }, { 0, 0, 0 },
		{ 131072, 1, 65536 },   /* a probe is on its way */
		{ 131072, 2, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct credit credit = narrowed_to(cases[i].window_bytes);
		struct credit_facts facts = facts_of(cases[i].window_bytes, cases[i].queued_bytes);

		assert_int_equal(given(&credit, &facts), cases[i].given_bytes);
	}
}

/* As it was recorded (Linux 6.18): when the window that was left had been filled by half, and that had arrived, the
 * other subflow told of the window before. */
static void test_a_window_that_was_filled_is_not_told_again(void **state)
{
	struct credit credit = narrowed_to(673792);
	struct credit_facts facts = facts_of(673792, 0);

	assert_int_equal(given(&credit, &facts), 336896);
	facts.acknowledged += 336896;
	assert_int_equal(given(&credit, &facts), 168448);   /* half of what is left */
	facts.queued_bytes = 168448;
	assert_int_equal(given(&credit, &facts), 0);
}

/* By more than what is under way can make a window too wide. */
static void test_a_window_that_is_wide_again_is_believed_at_once(void **state)
{
	static const struct { uint32_t window_bytes; bool sure; uint32_t given_bytes; } cases[] = {
		{ WIDEST_BYTES / 2 + 99999, true, 0 },
		{ WIDEST_BYTES / 2 + 100000, true, (WIDEST_BYTES / 2 + 100000) / 8 },
		{ WIDEST_BYTES, false, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct credit credit = narrowed_to(100000);
		struct credit_facts facts = facts_of(cases[i].window_bytes, 100000);

		facts.window_sure = cases[i].sure;
		assert_int_equal(given(&credit, &facts), cases[i].given_bytes);
	}
}

static void test_an_old_word_is_none_while_bytes_are_under_way(void **state)
{
	struct credit credit = narrowed_to(6u << 20);
	struct credit_facts facts = facts_of(7u << 20, 1u << 20);

	facts.window_heard_ms = 51;
	assert_int_equal(given(&credit, &facts), 65536);
	facts.window_heard_ms = 50;
	assert_int_equal(given(&credit, &facts), (7u << 20) / 8);
	facts = facts_of(16u << 20, 1);
	facts.window_heard_ms = 100000;   /* nothing has come since, and all has arrived, but for a probe */
	assert_int_equal(given(&credit, &facts), 2u << 20);
}

/* Its full window is less than three times what was left, and more. */
static void test_a_small_peers_window_opens_again(void **state)
{
	struct credit credit = { 0 };
	struct credit_facts facts = facts_of(143360, 0);

	given(&credit, &facts);
	facts.window_bytes = 28672;
	assert_int_equal(given(&credit, &facts), 0);
	facts.window_bytes = 143360;
	assert_int_equal(given(&credit, &facts), 65536);
}

static void test_after_a_while_any_word_is_believed(void **state)
{
	struct credit credit = narrowed_to(100000);
	struct credit_facts facts = facts_of(250000, 0);

	assert_int_equal(given(&credit, &facts), 0);
	facts.now_us += PROBE_AFTER_US;
	assert_int_equal(given(&credit, &facts), 125000);
}

static void test_a_nudge_goes_where_there_is_room(void **state)
{
	struct credit credit = narrowed_to(100000);
	struct credit_facts facts = facts_of(100000, 90000);

	assert_int_equal(given(&credit, &facts), 0);
	credit_nudge(&credit, &facts, 10001);
	assert_int_equal(credit_left_bytes(&credit, facts.n_bytes), 0);
	credit_nudge(&credit, &facts, 10000);
	assert_int_equal(credit_left_bytes(&credit, facts.n_bytes), 10000);
}

/* A reader that stops for as long as it likes, and reads on: never more than its window, and all in the end. */
static void test_rounds_come_to_an_end_and_go_on(void **state)
{
	static const uint32_t windows_bytes[] = { 143360, 262144, 1u << 20, 3u << 20, 20u << 20 };

	for (size_t i = 0; i < ARRAY_SIZE(windows_bytes); i++) {
		struct credit credit = { 0 };
		struct credit_facts facts = facts_of(windows_bytes[i], 0);
		uint64_t end = facts.acknowledged + windows_bytes[i], before;

		for (int looks = 0; looks < 200; looks++) {
			uint64_t n_bytes = given(&credit, &facts);

			assert_true(n_bytes <= end - facts.acknowledged);
			facts.n_bytes += n_bytes;
			facts.acknowledged += n_bytes;
			facts.window_bytes = (uint32_t)(end - facts.acknowledged);
			facts.now_us += 10 * US_PER_MS;
		}
		before = facts.n_bytes;
		facts.window_bytes = windows_bytes[i];
		assert_true(end - facts.acknowledged < 262144);   /* it was filled but for a little */
		assert_true(given(&credit, &facts) >= 65536);
		assert_int_equal(facts.n_bytes, before);
	}
}

static void test_a_narrower_window_is_believed_at_once(void **state)
{
	struct credit credit = narrowed_to(2u << 20);
	struct credit_facts facts = facts_of(1u << 20, 400000);

	facts.window_sure = false;
	assert_int_equal(given(&credit, &facts), (512u << 10) - 400000);
}

static void test_while_packets_are_missing_a_window_may_be_too_wide(void **state)
{
	struct credit credit = narrowed_to(6u << 20);
	struct credit_facts facts = facts_of(7u << 20, 0);

	facts.window_sure = false;
	assert_int_equal(given(&credit, &facts), (6u << 20) / 8);
	facts.window_sure = true;
	assert_int_equal(given(&credit, &facts), (7u << 20) / 8);
	facts.window_sure = false;
	facts.window_bytes = 8u << 20;   /* half of the widest is wide enough to err */
	assert_int_equal(given(&credit, &facts), 1u << 20);
}

static void test_a_reader_that_reads_on_gets_more(void **state)
{
	struct credit credit = narrowed_to(100000);
	struct credit_facts facts = facts_of(3 * 100000 + 65536, 0);

	assert_int_equal(given(&credit, &facts), 0);
	facts.window_bytes++;
	assert_int_equal(given(&credit, &facts), facts.window_bytes / 2);
	facts.window_bytes = WIDEST_BYTES;
	assert_int_equal(given(&credit, &facts), WIDEST_BYTES / 8);
}

static void test_a_closed_window_is_asked_after_a_while(void **state)
{
	struct credit credit = narrowed_to(0);
	struct credit_facts facts = facts_of(0, 0);

	facts.now_us += PROBE_AFTER_US - 2 * US_PER_MS;
	assert_int_equal(given(&credit, &facts), 0);
	facts.now_us += 2 * US_PER_MS;
	assert_int_equal(given(&credit, &facts), 1);
	facts.n_bytes++;
	facts.queued_bytes = 1;
	facts.now_us += 2 * PROBE_AFTER_US;   /* the kernel sends it again, as long as it isn't acknowledged */
	assert_int_equal(given(&credit, &facts), 0);
	facts.acknowledged++;
	facts.queued_bytes = 0;
	assert_int_equal(given(&credit, &facts), 0);
	facts.now_us += PROBE_AFTER_US;
	assert_int_equal(given(&credit, &facts), 1);
}

static void test_what_is_under_way_asks_by_itself(void **state)
{
	struct credit credit = narrowed_to(0);
	struct credit_facts facts = facts_of(0, 100000);

	assert_int_equal(given(&credit, &facts), 0);
	facts.now_us += PROBE_AFTER_US;
	facts.queued_bytes = 0;
	assert_int_equal(given(&credit, &facts), 0);   /* it waits from here on */
	facts.now_us += PROBE_AFTER_US;
	assert_int_equal(given(&credit, &facts), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_short_transfers_need_no_look),
		cmocka_unit_test(test_a_wide_window_is_looked_at_now_and_then),
		cmocka_unit_test(test_a_window_that_is_not_known_is_no_reason_to_wait),
		cmocka_unit_test(test_a_small_window_is_left_to_the_kernel),
		cmocka_unit_test(test_what_is_not_known_is_where_it_was),
		cmocka_unit_test(test_less_than_half_a_window_is_not_filled),
		cmocka_unit_test(test_of_a_narrow_window_half_is_under_way),
		cmocka_unit_test(test_a_window_that_was_filled_is_not_told_again),
		cmocka_unit_test(test_a_window_that_is_wide_again_is_believed_at_once),
		cmocka_unit_test(test_an_old_word_is_none_while_bytes_are_under_way),
		cmocka_unit_test(test_a_small_peers_window_opens_again),
		cmocka_unit_test(test_after_a_while_any_word_is_believed),
		cmocka_unit_test(test_a_nudge_goes_where_there_is_room),
		cmocka_unit_test(test_rounds_come_to_an_end_and_go_on),
		cmocka_unit_test(test_a_narrower_window_is_believed_at_once),
		cmocka_unit_test(test_while_packets_are_missing_a_window_may_be_too_wide),
		cmocka_unit_test(test_a_reader_that_reads_on_gets_more),
		cmocka_unit_test(test_a_closed_window_is_asked_after_a_while),
		cmocka_unit_test(test_what_is_under_way_asks_by_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
