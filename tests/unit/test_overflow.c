/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which links are open, by what they cost, carry and can't: in which order, and what opens them. */
#include "unit_overflow.h"

static void what_is_not_limited_opens_nothing(void **state)
{
	struct home home = home_of(3);

	carry(&home, CHEAP, 19);
	assert_int_equal(pass(&home, 60000), 1);
	assert_int_equal(home.n_changes, 0);
}

static void links_of_one_cost_are_all_open(void **state)
{
	struct home home = home_of(3);

	home.links[COSTLY].cost = 0;
	assert_int_equal(pass(&home, 100), 3);
	home.links[DEAR].cost = 0;
	home.limited[OVERFLOW_UP] = true;
	assert_int_equal(pass(&home, 5000), 7);
	assert_int_equal(home.n_changes, 0);
	home.overflow = (struct overflow){ 0 };   /* before any is up, too: nobody looks again at links of one cost */
	for (size_t i = 0; i < home.n_links; i++)
		home.links[i] = (struct overflow_link){ .cost = i == DEAR ? 5 : 10, .out = i == DEAR };
	assert_int_equal(look(&home), 3);
}

static void the_order_is_that_of_costs(void **state)
{
	struct home home = home_of(3);

	home.links[CHEAP].cost = 7;
	home.links[COSTLY].cost = 3;
	home.links[DEAR].cost = 5;
	home.limited[OVERFLOW_UP] = true;
	assert_int_equal(pass(&home, 100), 1u << COSTLY);
	assert_int_equal(pass(&home, 400), 1u << COSTLY | 1u << DEAR);
	assert_int_equal(pass(&home, 500), 7);
}

static void nothing_is_decided_before_a_link_works(void **state)
{
	struct home home = home_of(2);

	home.links[CHEAP].works = home.links[COSTLY].works = false;
	home.limited[OVERFLOW_UP] = true;
	pass(&home, 5000);
	home.links[COSTLY].works = true;         /* the first there is: none was closed before */
	assert_int_equal(pass(&home, 100), 3);
	assert_int_equal(home.n_changes, 0);
}

static void a_burst_opens_nothing(void **state)
{
	struct home home = home_of(2);

	carry(&home, CHEAP, 20);
	for (int i = 0; i < 20; i++) {
		home.limited[OVERFLOW_DOWN] = true;
		pass(&home, 200);
		home.limited[OVERFLOW_DOWN] = false;
		assert_int_equal(pass(&home, 500), 1);
	}
	assert_int_equal(home.n_changes, 0);
}

static void full_links_open_the_next(void **state)
{
	struct home home = full_home(3);

	expect(&home, true, OVERFLOW_FULL, 10);
	assert_int_equal(home.last.way, OVERFLOW_DOWN);
	assert_true(home.last.carried_bps == 20 * MBIT && home.last.for_us >= BURST_US);
	carry(&home, COSTLY, 30);
	assert_int_equal(pass(&home, 600), 7);
	expect(&home, true, OVERFLOW_FULL, 20);
	assert_true(home.last.carried_bps == 50 * MBIT);
	assert_int_equal(pass(&home, 60000), 7);
}

static void uploads_open_too(void **state)
{
	struct home home = home_of(2);

	home.rates_bps[CHEAP][OVERFLOW_UP] = 5 * MBIT;
	home.limited[OVERFLOW_UP] = true;
	assert_int_equal(pass(&home, 500), 3);
	assert_int_equal(home.last.way, OVERFLOW_UP);
	assert_true(home.last.carried_bps == 5 * MBIT);
}

static void a_long_round_trip_takes_longer(void **state)
{
	struct home home = home_of(2);

	home.rtt_us = 400000;
	carry(&home, CHEAP, 20);
	home.limited[OVERFLOW_DOWN] = true;
	assert_int_equal(pass(&home, 1200), 1);
	assert_int_equal(pass(&home, 200), 3);
	home = home_of(2);
	home.rtt_us = 5 * US_PER_S;   /* a round trip of a queue */
	home.limited[OVERFLOW_DOWN] = true;
	assert_int_equal(pass(&home, 1400), 1);
	assert_int_equal(pass(&home, 300), 3);
}

static void a_sender_that_still_grows_is_waited_for(void **state)
{
	struct home home = home_of(2);

	home.limited[OVERFLOW_DOWN] = true;
	for (uint64_t mbit = 1; mbit <= 256; mbit *= 2) {
		carry(&home, CHEAP, mbit);
		assert_int_equal(pass(&home, 100), 1);
	}
	assert_int_equal(pass(&home, 500), 3);
}

static void the_costlier_opens_when_none_cheaper_works(void **state)
{
	struct home home = home_of(3);

	assert_int_equal(pass(&home, 100), 1);
	home.links[CHEAP].works = false;
	assert_int_equal(look(&home), 3);   /* at once; one that doesn't work is open all the same, for its return */
	expect(&home, true, OVERFLOW_NONE_CHEAPER, 10);
	home.links[COSTLY].works = false;
	assert_int_equal(look(&home), 7);
	expect(&home, true, OVERFLOW_NONE_CHEAPER, 20);
	home.links[DEAR].works = false;
	assert_int_equal(pass(&home, 5000), 7);   /* none at all */
	home.links[CHEAP].works = true;
	pass(&home, 100);
	assert_int_equal(home.n_changes, 2);
	home.links[COSTLY].works = home.links[DEAR].works = true;
	pass(&home, 3000);
	assert_int_equal(pass(&home, 3000), 1);
}

static void the_cheaper_one_that_is_back_closes_it_after_a_while(void **state)
{
	struct home home = home_of(2);

	pass(&home, 100);
	home.links[CHEAP].works = false;
	carry(&home, COSTLY, 10);
	pass(&home, 5000);
	home.links[CHEAP].works = true;
	assert_int_equal(pass(&home, 1900), 3);
	assert_int_equal(pass(&home, 300), 1);
	expect(&home, false, OVERFLOW_CHEAPER_BACK, 10);
	assert_int_equal(home.n_changes, 2);
}

static void what_is_open_already_is_not_opened_again(void **state)
{
	struct home home = full_home(2);

	home.links[CHEAP].works = false;
	assert_int_equal(pass(&home, 100), 3);
	assert_int_equal(home.n_changes, 1);
	home.links[CHEAP].works = true;
	assert_int_equal(pass(&home, 1000), 3);
	home.links[COSTLY].works = false;       /* its step goes with it */
	assert_int_equal(pass(&home, 100), 1);
	home.limited[OVERFLOW_DOWN] = false;
	pass(&home, 1000);
	home.links[COSTLY].works = true;
	assert_int_equal(pass(&home, 5000), 1);
}

static void those_that_are_out_are_never_open(void **state)
{
	struct home home = full_home(3);

	home.links[COSTLY].out = true;
	assert_int_equal(look(&home), 1);
	home.limited[OVERFLOW_DOWN] = true;
	assert_int_equal(pass(&home, 500), 5);
	expect(&home, true, OVERFLOW_FULL, 20);
	home.links[CHEAP].out = true;
	assert_int_equal(pass(&home, 100), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_limited_opens_nothing),
		cmocka_unit_test(links_of_one_cost_are_all_open),
		cmocka_unit_test(the_order_is_that_of_costs),
		cmocka_unit_test(nothing_is_decided_before_a_link_works),
		cmocka_unit_test(a_burst_opens_nothing),
		cmocka_unit_test(full_links_open_the_next),
		cmocka_unit_test(uploads_open_too),
		cmocka_unit_test(a_long_round_trip_takes_longer),
		cmocka_unit_test(a_sender_that_still_grows_is_waited_for),
		cmocka_unit_test(the_costlier_opens_when_none_cheaper_works),
		cmocka_unit_test(the_cheaper_one_that_is_back_closes_it_after_a_while),
		cmocka_unit_test(what_is_open_already_is_not_opened_again),
		cmocka_unit_test(those_that_are_out_are_never_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
