/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "policy/lateness.h"

#define MS US_PER_MS

static bool answered(struct lateness *lateness, uint64_t waited_us)
{
	return lateness_note(lateness, LATENESS_ANSWERED, waited_us);
}

static bool unanswered(struct lateness *lateness, uint64_t waited_us)
{
	return lateness_note(lateness, LATENESS_ASKED, waited_us);
}

static void a_second_is_late_at_once(void **state)
{
	struct lateness lateness = { 0 };

	assert_false(answered(&lateness, 1000 * MS - 1));
	assert_false(lateness.late);
	assert_true(answered(&lateness, 1000 * MS));
	assert_true(lateness.late);
}

static void less_is_late_where_it_lasts(void **state)
{
	struct lateness lateness = { 0 };

	assert_false(answered(&lateness, 999 * MS));
	assert_true(answered(&lateness, 200 * MS));
	assert_true(lateness.late);
}

static void a_burst_is_over_before(void **state)
{
	struct lateness lateness = { 0 };

	for (int i = 0; i < 10; i++) {
		assert_false(answered(&lateness, 999 * MS));
		assert_false(answered(&lateness, 200 * MS - 1));
	}
	assert_false(lateness.late);
}

static void it_ends_when_it_has_caught_up(void **state)
{
	struct lateness lateness = { 0 };

	assert_true(answered(&lateness, 5000 * MS));
	assert_false(answered(&lateness, 5000 * MS));
	assert_false(answered(&lateness, 50 * MS));
	assert_true(lateness.late);
	assert_true(answered(&lateness, 50 * MS - 1));
	assert_false(lateness.late);
	assert_false(answered(&lateness, 900 * MS));   /* from here on as at first */
	assert_true(answered(&lateness, 900 * MS));
}

static void one_stall_is_one_look(void **state)
{
	for (uint64_t stall_us = 500 * MS; stall_us < 1000 * MS; stall_us += 20 * MS) {
		struct lateness lateness = { 0 };

		assert_false(unanswered(&lateness, 500 * MS));
		assert_false(answered(&lateness, stall_us));
		assert_false(answered(&lateness, 0));
		assert_false(lateness.late);
	}
}

static void stalls_one_after_another_are_looks(void **state)
{
	struct lateness lateness = { 0 };

	assert_false(unanswered(&lateness, 500 * MS));
	assert_false(answered(&lateness, 600 * MS));
	assert_false(unanswered(&lateness, 500 * MS));   /* nor does it end what has begun */
	assert_true(answered(&lateness, 600 * MS));
	assert_true(lateness.late);
}

static void a_second_without_an_answer_is_late(void **state)
{
	struct lateness lateness = { 0 };

	assert_false(unanswered(&lateness, 1000 * MS - 1));
	assert_true(unanswered(&lateness, 1000 * MS));
	assert_true(lateness.late);
	assert_false(unanswered(&lateness, 9000 * MS));
	assert_int_equal(lateness.n_looks, 0);
}

static void what_is_not_answered_ends_nothing(void **state)
{
	struct lateness lateness = { 0 };

	assert_true(answered(&lateness, 1000 * MS));
	assert_false(unanswered(&lateness, 0));   /* posted a moment ago */
	assert_true(lateness.late);
	assert_true(answered(&lateness, 0));
}

static void where_nothing_was_asked_nothing_is_known(void **state)
{
	struct lateness lateness = { 0 };

	assert_false(lateness_note(&lateness, LATENESS_UNASKED, 0));
	assert_false(answered(&lateness, 200 * MS));
	assert_false(lateness_note(&lateness, LATENESS_UNASKED, 0));
	assert_true(answered(&lateness, 200 * MS));
	assert_false(lateness_note(&lateness, LATENESS_UNASKED, 0));
	assert_true(lateness.late);
}

static void many_looks_are_counted_no_further(void **state)
{
	struct lateness lateness = { 0 };

	for (int i = 0; i < 1000; i++)
		answered(&lateness, 300 * MS);
	assert_int_equal(lateness.n_looks, LATENESS_LOOKS);
	assert_true(lateness.late);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_second_is_late_at_once),
		cmocka_unit_test(less_is_late_where_it_lasts),
		cmocka_unit_test(a_burst_is_over_before),
		cmocka_unit_test(it_ends_when_it_has_caught_up),
		cmocka_unit_test(one_stall_is_one_look),
		cmocka_unit_test(stalls_one_after_another_are_looks),
		cmocka_unit_test(a_second_without_an_answer_is_late),
		cmocka_unit_test(what_is_not_answered_ends_nothing),
		cmocka_unit_test(where_nothing_was_asked_nothing_is_known),
		cmocka_unit_test(many_looks_are_counted_no_further),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
