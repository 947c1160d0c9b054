/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which sessions go in pieces. */
#include "unit.h"

#include "base/clock.h"
#include "base/util.h"
#include "policy/pieces.h"

#define LINK(ms) { .in_use = true, .least_rtt_us = (ms) * US_PER_MS }

static void one_that_loses_packets_is_enough(void **state)
{
	struct pieces_link links[] = { LINK(20), LINK(20) };

	assert_int_equal(pieces_wanted(links, 2, false), PIECES_NONE);
	links[1].lossy = true;
	links[1].cost = 1;
	assert_int_equal(pieces_wanted(links, 2, false), PIECES_LOSSY);
	assert_int_equal(pieces_wanted(links, 2, true), PIECES_LOSSY);
	links[1].in_use = false;
	assert_int_equal(pieces_wanted(links, 2, false), PIECES_NONE);
}

static void far_is_four_times_and_a_fifth_of_a_second(void **state)
{
	static const struct { uint64_t near_ms, far_ms; bool wanted; } cases[] = {
		{ 20, 220, true }, { 20, 219, false }, { 100, 400, true }, { 100, 399, false }, { 600, 600, false },
		{ 10, 100, false }, { 20, 1100, true }, { 20, 1101, false }, { 20, 0, false }, { 0, 0, false },
		{ 0, 500, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct pieces_link links[] = { LINK(cases[i].far_ms), LINK(cases[i].near_ms), LINK(cases[i].near_ms) };

		assert_int_equal(pieces_wanted(links, 3, false), cases[i].wanted ? PIECES_FAR_APART : PIECES_NONE);
		assert_int_equal(pieces_wanted(links, 3, true), PIECES_NONE);
	}
	assert_int_equal(pieces_wanted(NULL, 0, false), PIECES_NONE);
}

/* What is there beside it would be no better off. */
static void one_that_is_too_far_is_enough(void **state)
{
	struct pieces_link links[] = { LINK(20), LINK(400), LINK(1200) };

	assert_int_equal(pieces_wanted(links, 3, false), PIECES_NONE);
	assert_int_equal(pieces_wanted(links, 2, false), PIECES_FAR_APART);
}

static void only_what_is_in_use_is_far(void **state)
{
	struct pieces_link links[] = { LINK(20), LINK(400), LINK(20) };

	links[1].in_use = false;
	assert_int_equal(pieces_wanted(links, 3, false), PIECES_NONE);
}

static void what_costs_more_is_for_multipath_tcp(void **state)
{
	struct pieces_link links[] = { LINK(20), LINK(400), LINK(20) };

	links[2].cost = 5;
	assert_int_equal(pieces_wanted(links, 3, false), PIECES_NONE);
	links[2].in_use = false;   /* a backup, say */
	assert_int_equal(pieces_wanted(links, 3, false), PIECES_FAR_APART);
	links[0].cost = links[1].cost = 7;
	assert_int_equal(pieces_wanted(links, 3, false), PIECES_FAR_APART);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_that_loses_packets_is_enough),
		cmocka_unit_test(far_is_four_times_and_a_fifth_of_a_second),
		cmocka_unit_test(one_that_is_too_far_is_enough),
		cmocka_unit_test(only_what_is_in_use_is_far),
		cmocka_unit_test(what_costs_more_is_for_multipath_tcp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
