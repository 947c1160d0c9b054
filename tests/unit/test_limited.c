/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether the links hold back what is sent, or somebody else does. */
#include "unit.h"

#include "policy/limited.h"

static struct limited_facts sending(void)
{
	return (struct limited_facts){ .queued_bytes = 500000, .pending_bytes = 300000, .unsent_bytes = 20000,
				       .in_flight_packets = 100, .cwnd_packets = 110,
				       .window_bytes = 2000000 };
}

static void links_limit_what_their_windows_keep_back(void **state)
{
	struct limited_facts facts = sending();

	assert_true(limited_by_links(&facts));
	facts.window_bytes = 203000;             /* the reader does */
	assert_false(limited_by_links(&facts));
	facts.window_bytes = 203001;
	assert_true(limited_by_links(&facts));
	facts = sending();
	facts.in_flight_packets = 0;             /* a window of zero */
	assert_false(limited_by_links(&facts));
	facts = sending();
	facts.pending_bytes = 0;
	assert_true(limited_by_links(&facts));
	facts.unsent_bytes = 0;                  /* all is on its way */
	assert_false(limited_by_links(&facts));
	facts = sending();
	facts.window_bytes = 0;
	facts.window_closed = true;
	assert_false(limited_by_links(&facts));
	facts = sending();
	facts.pending_bytes = facts.queued_bytes + 1;   /* told at two instants */
	assert_false(limited_by_links(&facts));
}

static void where_the_window_is_not_known_what_is_under_way_tells(void **state)
{
	struct limited_facts facts = sending();

	facts.window_bytes = 0;
	assert_true(limited_by_links(&facts));
	facts.in_flight_packets = 36;
	assert_true(limited_by_links(&facts));
	facts.in_flight_packets = 35;
	assert_false(limited_by_links(&facts));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(links_limit_what_their_windows_keep_back),
		cmocka_unit_test(where_the_window_is_not_known_what_is_under_way_tells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
