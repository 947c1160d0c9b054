/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When the end of a stream may go over a Multipath TCP leg. */
#include "unit.h"

#include "base/clock.h"
#include "policy/ending.h"

#define NOW_US (1000 * US_PER_S)
#define RTT_US (40 * US_PER_MS)

/* One subflow, much under way, the other direction goes on. */
static struct ending_facts lonely(uint64_t now_us)
{
	return (struct ending_facts){ .now_us = now_us, .n_subflows = 1, .queued_bytes = 1000000, .rtt_us = RTT_US,
				      .answered = true };
}

static void test_second_subflow_lets_it_go(void **state)
{
	for (int joins = 0; joins < 2; joins++) {
		struct ending ending = { .joins = joins };
		struct ending_facts facts = lonely(NOW_US);

		assert_false(ending_may_pass(&ending, &facts));
		facts.n_subflows = 2;
		assert_true(ending_may_pass(&ending, &facts));
		assert_int_equal(ending.look_at_us, 0);
	}
}

static void test_nothing_is_to_be_had_once_the_other_direction_has_ended(void **state)
{
	for (int joins = 0; joins < 2; joins++) {
		struct ending ending = { .joins = joins };
		struct ending_facts facts = lonely(NOW_US);

		facts.other_ended = true;
		assert_true(ending_may_pass(&ending, &facts));
	}
}

static void test_who_is_joined_waits_while_much_is_under_way(void **state)
{
	struct ending ending = { 0 };
	struct ending_facts facts = lonely(NOW_US);

	for (int i = 0; i < 100; i++) {
		assert_false(ending_may_pass(&ending, &facts));
		facts.now_us = ending.look_at_us;
	}
	facts.queued_bytes = 16385;
	assert_false(ending_may_pass(&ending, &facts));
	facts.queued_bytes = 16384;
	assert_true(ending_may_pass(&ending, &facts));
}

static void test_who_joins_waits_for_some_round_trips(void **state)
{
	struct ending ending = { .joins = true };
	struct ending_facts facts = lonely(NOW_US);

	facts.queued_bytes = 0;   /* the other direction's bytes are at stake */
	assert_false(ending_may_pass(&ending, &facts));
	facts.now_us = NOW_US + 4 * RTT_US + 100 * US_PER_MS;
	assert_false(ending_may_pass(&ending, &facts));
	facts.now_us++;
	assert_true(ending_may_pass(&ending, &facts));
}

static void test_the_wait_begins_with_the_answer(void **state)
{
	struct ending ending = { .joins = true };
	struct ending_facts facts = lonely(NOW_US);

	facts.answered = false;
	for (int i = 0; i < 100; i++) {
		facts.now_us += US_PER_S;
		assert_false(ending_may_pass(&ending, &facts));
		assert_int_equal(ending.look_at_us, 0);   /* the answer will tell */
	}
	facts.answered = true;
	facts.now_us += RTT_US;
	assert_false(ending_may_pass(&ending, &facts));
	facts.now_us += US_PER_S;
	assert_true(ending_may_pass(&ending, &facts));
}

static void test_looks_come_by_the_round_trip(void **state)
{
	const struct { uint32_t rtt_us; uint64_t after_us; } cases[] = {
		{ 0, 1 * US_PER_MS }, { 4000, 1 * US_PER_MS }, { 40000, 10 * US_PER_MS }, { 600000, 50 * US_PER_MS },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ending ending = { 0 };
		struct ending_facts facts = lonely(NOW_US);

		facts.rtt_us = cases[i].rtt_us;
		assert_false(ending_may_pass(&ending, &facts));
		assert_int_equal(ending.look_at_us, NOW_US + cases[i].after_us);
	}
}

/* A peer that reads nothing is asked ever more rarely, one that reads as often as before. */
static void test_looks_become_rare_where_nothing_moves(void **state)
{
	const uint64_t after_us[] = { 10, 20, 40, 80, 160, 160 };
	struct ending ending = { 0 };
	struct ending_facts facts = lonely(NOW_US);

	for (size_t i = 0; i < sizeof(after_us) / sizeof(after_us[0]); i++) {
		assert_false(ending_may_pass(&ending, &facts));
		assert_int_equal(ending.look_at_us, facts.now_us + after_us[i] * US_PER_MS);
		facts.now_us = ending.look_at_us;
	}
	facts.queued_bytes--;
	assert_false(ending_may_pass(&ending, &facts));
	assert_int_equal(ending.look_at_us, facts.now_us + 10 * US_PER_MS);
	facts.rtt_us = 1000 * US_PER_MS;
	facts.now_us = ending.look_at_us;
	for (int i = 0; i < 10; i++)
		assert_false(ending_may_pass(&ending, &facts));
	assert_int_equal(ending.look_at_us, facts.now_us + 200 * US_PER_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_second_subflow_lets_it_go),
		cmocka_unit_test(test_nothing_is_to_be_had_once_the_other_direction_has_ended),
		cmocka_unit_test(test_who_is_joined_waits_while_much_is_under_way),
		cmocka_unit_test(test_who_joins_waits_for_some_round_trips),
		cmocka_unit_test(test_the_wait_begins_with_the_answer),
		cmocka_unit_test(test_looks_come_by_the_round_trip),
		cmocka_unit_test(test_looks_become_rare_where_nothing_moves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
