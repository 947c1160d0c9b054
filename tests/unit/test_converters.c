/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "base/clock.h"
#include "policy/converters.h"

#define MS US_PER_MS
#define S US_PER_S
#define RTT (20 * MS)

static uint64_t again_us;

static bool decide(struct converters *c, uint64_t now_us)
{
	return converters_decide(c, now_us, &again_us);
}

/* The first is in use since 1 s. */
static struct converters begin(size_t n)
{
	struct converters c;

	converters_begin(&c, n, 0);
	for (size_t i = 0; i < n; i++)
		converters_answered(&c, i, RTT, 1 * S);
	assert_true(decide(&c, 1 * S));
	assert_int_equal(c.in_use, 0);
	assert_int_equal(c.why, CONVERTERS_WHY_BEST);
	assert_true(again_us == CLOCK_NEVER_US);
	return c;
}

static void none_that_answers(void **state)
{
	struct converters c;

	converters_begin(&c, 0, 0);
	assert_false(decide(&c, 0));
	assert_int_equal(c.in_use, CONVERTERS_NONE);
	converters_begin(&c, 2, 0);
	assert_false(decide(&c, 0));
	converters_lost(&c, 0, 1);
	converters_lost(&c, 1, 1);
	assert_false(decide(&c, 10 * S));
	assert_int_equal(c.why, CONVERTERS_WHY_NONE);
	converters_suspect(&c, 10 * S);   /* of none there is nothing to doubt */
	assert_int_equal(c.suspected_at_us, 0);
	assert_true(again_us == CLOCK_NEVER_US);
}

/* One that answers sooner isn't taken before the preferred one has had its moment. */
static void preferred_is_given_a_moment(void **state)
{
	struct converters c;

	converters_begin(&c, 3, 5 * S);
	converters_answered(&c, 1, RTT, 5 * S + 10 * MS);
	assert_false(decide(&c, 5 * S + 10 * MS));
	assert_int_equal(again_us, 5 * S + 300 * MS);
	assert_true(decide(&c, again_us));
	assert_int_equal(c.in_use, 1);

	converters_begin(&c, 3, 5 * S);
	converters_answered(&c, 1, RTT, 5 * S + 10 * MS);
	converters_lost(&c, 0, 5 * S + 20 * MS);   /* no need to wait */
	assert_true(decide(&c, 5 * S + 20 * MS));
	assert_int_equal(c.in_use, 1);
	assert_int_equal(c.why, CONVERTERS_WHY_BEST);
}

static void next_is_used_at_once(void **state)
{
	struct converters c = begin(3);

	converters_lost(&c, 0, 2 * S);
	assert_true(decide(&c, 2 * S));
	assert_int_equal(c.in_use, 1);
	assert_int_equal(c.why, CONVERTERS_WHY_LOST);
	assert_false(decide(&c, 3 * S));
	converters_lost(&c, 1, 4 * S);
	assert_true(decide(&c, 4 * S));
	assert_int_equal(c.in_use, 2);
	converters_lost(&c, 2, 5 * S);
	assert_true(decide(&c, 5 * S));
	assert_int_equal(c.in_use, CONVERTERS_NONE);
	assert_int_equal(c.why, CONVERTERS_WHY_NONE);
	converters_answered(&c, 2, RTT, 6 * S);   /* no time is given to those that are known to be gone */
	assert_true(decide(&c, 6 * S));
	assert_int_equal(c.in_use, 2);
}

static void doubt_is_answered(void **state)
{
	struct converters c = begin(2);

	converters_suspect(&c, 2 * S);
	assert_false(decide(&c, 2 * S));
	assert_int_equal(again_us, 2 * S + 130 * MS);
	converters_suspect(&c, 2 * S + 100 * MS);   /* the first doubt counts */
	converters_answered(&c, 1, RTT, 2 * S + 100 * MS);
	assert_false(decide(&c, 2 * S + 100 * MS));   /* the one in use has time still */
	assert_int_equal(again_us, 2 * S + 130 * MS);
	converters_answered(&c, 0, RTT, 2 * S + 120 * MS);
	assert_false(decide(&c, 2 * S + 130 * MS));
	assert_true(again_us == CLOCK_NEVER_US);
	assert_int_equal(c.in_use, 0);
}

static void connections_dispel_doubt(void **state)
{
	struct converters c = begin(2);

	converters_suspect(&c, 2 * S);
	converters_heard(&c, 2 * S);   /* before, or at the same time */
	assert_int_equal(c.suspected_at_us, 2 * S);
	converters_heard(&c, 2 * S + 1);
	assert_int_equal(c.suspected_at_us, 0);
	converters_answered(&c, 1, RTT, 2 * S + 30 * MS);
	assert_false(decide(&c, 3 * S));
	assert_int_equal(c.in_use, 0);
}

static void silent_one_is_left(void **state)
{
	struct converters c = begin(3);

	converters_suspect(&c, 3 * S);
	converters_answered(&c, 2, RTT, 3 * S + 30 * MS);   /* the second doesn't answer either */
	assert_true(decide(&c, 3 * S + 130 * MS));
	assert_int_equal(c.in_use, 2);
	assert_int_equal(c.why, CONVERTERS_WHY_SILENT);
	assert_false(c.each[0].answers);

	c = begin(2);
	converters_suspect(&c, 1 * S + 900 * MS);   /* the second has just been heard */
	assert_true(decide(&c, 3 * S));
	assert_int_equal(c.in_use, 1);

	c = begin(2);
	converters_suspect(&c, 2 * S + 1);
	assert_false(decide(&c, 3 * S));   /* nobody has said anything since: it may be we */
	assert_int_equal(c.in_use, 0);
	converters_answered(&c, 1, RTT, 4 * S);
	assert_true(decide(&c, 4 * S));
	assert_int_equal(c.in_use, 1);
}

static void long_ways_are_waited_for(void **state)
{
	struct converters c = begin(2);

	converters_answered(&c, 0, 600 * MS, 2 * S);
	converters_suspect(&c, 3 * S);
	assert_false(decide(&c, 3 * S));
	assert_int_equal(again_us, 4 * S);
	converters_answered(&c, 0, 9 * S, 4 * S);
	converters_suspect(&c, 5 * S);
	assert_false(decide(&c, 5 * S));
	assert_int_equal(again_us, 8 * S);
	converters_answered(&c, 0, RTT, 6 * S);
	converters_suspect(&c, 7 * S);
	converters_answered(&c, 1, 600 * MS, 7 * S + 600 * MS);   /* all are slow just now */
	assert_false(decide(&c, 7 * S + 600 * MS));
	assert_int_equal(again_us, 8 * S);
}

/* Returns when the preferred one, which answers again since then, is in use. */
static uint64_t return_to_first(struct converters *c, uint64_t now_us)
{
	converters_answered(c, 0, RTT, now_us);
	assert_false(decide(c, now_us));
	now_us = again_us;
	assert_false(decide(c, now_us - 1));
	assert_true(decide(c, now_us));
	assert_int_equal(c->in_use, 0);
	assert_int_equal(c->why, CONVERTERS_WHY_BEST);
	return now_us;
}

static uint64_t lose_first(struct converters *c, uint64_t now_us)
{
	converters_lost(c, 0, now_us);
	assert_true(decide(c, now_us));
	assert_int_equal(c->in_use, 1);
	return now_us;
}

static void preferred_is_returned_to_gently(void **state)
{
	struct converters c = begin(2);
	uint64_t at_us = lose_first(&c, 2 * S);

	converters_answered(&c, 0, RTT, 3 * S);
	converters_lost(&c, 0, 8 * S);   /* a break: it begins anew */
	assert_false(decide(&c, 20 * S));
	assert_true(again_us == CLOCK_NEVER_US);
	at_us = return_to_first(&c, 20 * S);
	assert_int_equal(at_us, 30 * S);
}

/* One that doesn't keep up is waited for twice as long each time, up to a bound; one that has, as at first. */
static void trust_comes_back(void **state)
{
	struct converters c = begin(2);
	uint64_t at_us = lose_first(&c, 2 * S), wait_us = 0;

	for (unsigned int i = 0; i < 10; i++) {
		uint64_t used_us = return_to_first(&c, at_us);

		wait_us = used_us - at_us;
		assert_int_equal(wait_us, i < 6 ? (10 * S) << i : 640 * S);
		at_us = lose_first(&c, used_us + 1 * S);
	}
	at_us = return_to_first(&c, at_us);
	at_us = lose_first(&c, at_us + 60 * S);
	assert_int_equal(return_to_first(&c, at_us) - at_us, 10 * S);
}

static void the_nearest_of_those_preferred(void **state)
{
	struct converters c = begin(3);

	converters_lost(&c, 0, 2 * S);
	converters_lost(&c, 1, 2 * S);
	assert_true(decide(&c, 2 * S));
	assert_int_equal(c.in_use, 2);
	converters_answered(&c, 0, RTT, 3 * S);
	converters_answered(&c, 1, RTT, 5 * S);
	assert_false(decide(&c, 5 * S));
	assert_int_equal(again_us, 6 * S);   /* the first to have answered for long enough, be it the second choice:
					      * it was never lost while it was used */
	assert_true(decide(&c, 6 * S));
	assert_int_equal(c.in_use, 1);
	assert_false(decide(&c, 6 * S));
	assert_int_equal(again_us, 13 * S);
	assert_true(decide(&c, 13 * S));
	assert_int_equal(c.in_use, 0);
}

static void list_changes(void **state)
{
	struct converters c = begin(2);
	static const size_t swapped[] = { 1, 0, CONVERTERS_NONE }, without[] = { 0, 2 }, none[] = { CONVERTERS_NONE };

	converters_suspect(&c, 2 * S);
	converters_rearrange(&c, swapped, 3, 3 * S);
	assert_int_equal(c.in_use, 1);   /* what is used stays, and what is known of it */
	assert_int_equal(c.suspected_at_us, 2 * S);
	converters_answered(&c, 1, RTT, 3 * S);
	assert_false(decide(&c, 2 * S - 1));
	assert_int_equal(again_us, 2 * S);   /* the preferred one has answered since 1 s */
	assert_false(c.each[2].known);

	converters_rearrange(&c, without, 2, 4 * S);   /* the one in use has left */
	assert_int_equal(c.in_use, CONVERTERS_NONE);
	assert_true(decide(&c, 4 * S));
	assert_int_equal(c.in_use, 0);
	assert_int_equal(c.why, CONVERTERS_WHY_BEST);

	converters_rearrange(&c, none, 1, 5 * S);
	assert_false(decide(&c, 5 * S));
	converters_rearrange(&c, NULL, 0, 6 * S);
	assert_int_equal(c.why, CONVERTERS_WHY_NONE);
	converters_rearrange(&c, none, 1, 7 * S);
	assert_int_equal(c.begun_at_us, 7 * S);   /* none were there: those that come now begin */
}

/* The one in use left the list, and a worse one is what there is: no time is lost over those that are new. */
static void leaving_costs_no_time(void **state)
{
	static const size_t replaced[] = { CONVERTERS_NONE, 1 };
	struct converters c = begin(2);

	converters_rearrange(&c, replaced, 2, 4 * S);
	assert_true(decide(&c, 4 * S));
	assert_int_equal(c.in_use, 1);
	assert_int_equal(c.why, CONVERTERS_WHY_LOST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(none_that_answers), cmocka_unit_test(preferred_is_given_a_moment),
		cmocka_unit_test(next_is_used_at_once), cmocka_unit_test(doubt_is_answered),
		cmocka_unit_test(connections_dispel_doubt), cmocka_unit_test(silent_one_is_left),
		cmocka_unit_test(long_ways_are_waited_for), cmocka_unit_test(preferred_is_returned_to_gently),
		cmocka_unit_test(trust_comes_back), cmocka_unit_test(the_nearest_of_those_preferred),
		cmocka_unit_test(list_changes), cmocka_unit_test(leaving_costs_no_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
