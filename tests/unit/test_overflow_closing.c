/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When links that cost more are closed again, and who has not heard of it. */
#include "unit_overflow.h"

static void what_fits_again_is_closed(void **state)
{
	struct home home = full_home(2);

	carry(&home, COSTLY, 30);
	pass(&home, 5000);
	home.limited[OVERFLOW_DOWN] = false;
	carry(&home, CHEAP, 8);
	carry(&home, COSTLY, 6);
	home.changed_at_us = home.now_us;
	assert_int_equal(pass(&home, 2000), 3);
	assert_int_equal(pass(&home, 600), 1);
	expect(&home, false, OVERFLOW_FITS, 10);
	assert_true(home.last.carried_bps == 14 * MBIT && home.last.room_bps == 20 * MBIT &&
		    home.last.for_us >= 2 * US_PER_S);
	assert_int_equal(pass(&home, 60000), 1);
	assert_int_equal(home.n_changes, 2);
}

/* Bursts that the links need some time for, one after the other. */
static void bursts_keep_nothing_open(void **state)
{
	struct home home = full_home(2);

	carry(&home, CHEAP, 7);
	carry(&home, COSTLY, 7);
	for (int i = 0; i < 6; i++) {
		home.limited[OVERFLOW_DOWN] = true;
		pass(&home, 200);
		home.limited[OVERFLOW_DOWN] = false;
		pass(&home, 400);
	}
	assert_int_equal(look(&home), 1);
	expect(&home, false, OVERFLOW_FITS, 10);
}

static void what_would_not_fit_stays_open(void **state)
{
	struct home home = full_home(2);

	home.limited[OVERFLOW_DOWN] = false;
	carry(&home, CHEAP, 10);
	carry(&home, COSTLY, 8);
	assert_int_equal(pass(&home, 7500), 3);
}

static void both_ways_must_fit(void **state)
{
	struct home home = home_of(2);

	home.limited[OVERFLOW_UP] = home.limited[OVERFLOW_DOWN] = true;
	carry(&home, CHEAP, 20);
	home.rates_bps[CHEAP][OVERFLOW_UP] = 4 * MBIT;
	assert_int_equal(pass(&home, 500), 3);
	home.limited[OVERFLOW_UP] = home.limited[OVERFLOW_DOWN] = false;
	carry(&home, CHEAP, 2);
	home.rates_bps[COSTLY][OVERFLOW_UP] = 1 * MBIT;
	assert_int_equal(pass(&home, 3000), 3);
	home.rates_bps[CHEAP][OVERFLOW_UP] = 2 * MBIT;
	assert_int_equal(pass(&home, 4500), 1);
	expect(&home, false, OVERFLOW_FITS, 10);
	assert_int_equal(home.last.way, OVERFLOW_UP);
}

/* A rule's sessions, or what goes the ordinary way, were there before it was opened. */
static void what_is_not_ours_keeps_nothing_open(void **state)
{
	struct home home = home_of(2);

	carry(&home, CHEAP, 20);
	carry(&home, COSTLY, 12);
	home.limited[OVERFLOW_DOWN] = true;
	assert_int_equal(pass(&home, 500), 3);
	assert_true(home.last.carried_bps == 20 * MBIT);
	pass(&home, 1000);
	home.limited[OVERFLOW_DOWN] = false;
	carry(&home, CHEAP, 10);
	carry(&home, COSTLY, 14);
	assert_int_equal(pass(&home, 3000), 1);
	expect(&home, false, OVERFLOW_FITS, 10);
	assert_true(home.last.carried_bps == 12 * MBIT);
}

/* The cheap link was weak when the other was opened, and has recovered. */
static void a_link_that_recovers_is_found_by_its_rate(void **state)
{
	struct home home = full_home(2);

	home.limited[OVERFLOW_DOWN] = false;
	carry(&home, CHEAP, 40);
	carry(&home, COSTLY, 0);
	pass(&home, 3000);
	carry(&home, CHEAP, 20);
	carry(&home, COSTLY, 10);
	assert_int_equal(pass(&home, 4500), 1);
	assert_true(home.last.room_bps == 40 * MBIT);
}

/* What was opened while a sender was still finding out what the cheap link can, is closed when that can it. */
static void what_full_links_carry_later_is_their_room(void **state)
{
	struct home home = home_of(2);

	carry(&home, CHEAP, 13);
	home.limited[OVERFLOW_DOWN] = true;
	assert_int_equal(pass(&home, 500), 3);
	carry(&home, CHEAP, 20);
	carry(&home, COSTLY, 30);
	pass(&home, 3000);
	home.limited[OVERFLOW_DOWN] = false;
	carry(&home, CHEAP, 7);
	carry(&home, COSTLY, 7);
	assert_int_equal(pass(&home, 3000), 1);
	assert_true(home.last.room_bps == 20 * MBIT);
}

static void what_a_link_could_just_now_it_can_still(void **state)
{
	struct home home = full_home(2);

	pass(&home, 2000);
	for (int i = 0; i < 2; i++) {
		home.limited[OVERFLOW_DOWN] = false;
		carry(&home, CHEAP, 12);
		assert_int_equal(pass(&home, 6000), 1);
		home.limited[OVERFLOW_DOWN] = true;          /* a burst, and it was opened for a mean of 12 */
		assert_int_equal(pass(&home, 500), 3);
		assert_true(home.last.carried_bps == 12 * MBIT);
		assert_true(home.overflow.steps[0].room_bps[OVERFLOW_DOWN] == 20 * MBIT);
	}
	home.limited[OVERFLOW_DOWN] = false;
	assert_int_equal(pass(&home, 9000), 1);
	expect(&home, false, OVERFLOW_FITS, 10);
	pass(&home, 60000);
	home.limited[OVERFLOW_DOWN] = true;                  /* long ago */
	assert_int_equal(pass(&home, 500), 3);
	assert_true(home.overflow.steps[0].room_bps[OVERFLOW_DOWN] == 12 * MBIT);
}

static void a_link_that_recovers_is_found_by_trying(void **state)
{
	struct home home = full_home(2);

	home.limited[OVERFLOW_DOWN] = false;
	carry(&home, CHEAP, 15);
	carry(&home, COSTLY, 15);
	assert_int_equal(pass(&home, 7500), 3);
	assert_int_equal(pass(&home, 2500), 1);
	expect(&home, false, OVERFLOW_TRY, 10);
	assert_true(home.last.for_us >= 8 * US_PER_S);
}

static void a_try_that_fails_is_repeated_ever_more_rarely(void **state)
{
	struct home home = home_of(2);
	uint64_t before_us = 0;

	carry(&home, CHEAP, 20);
	for (unsigned int i = 0; i < 9; i++) {
		uint64_t opened_at_us;

		home.limited[OVERFLOW_DOWN] = true;
		assert_int_equal(pass(&home, 1000), 3);
		opened_at_us = home.changed_at_us;
		home.limited[OVERFLOW_DOWN] = false;
		while (pass(&home, 1000) == 3)
			assert_true(home.now_us - opened_at_us < 600 * US_PER_S);
		expect(&home, false, OVERFLOW_TRY, 10);
		if (i < 6)
			assert_true(home.changed_at_us - opened_at_us > before_us + before_us / 2);
		before_us = home.changed_at_us - opened_at_us;
	}
	assert_true(before_us > 512 * US_PER_S && before_us < 520 * US_PER_S);
	assert_int_equal(pass(&home, 61000), 1);
	home.limited[OVERFLOW_DOWN] = true;
	assert_int_equal(pass(&home, 1000), 3);
	assert_int_equal(home.overflow.n_tries_failed, 0);
}

static void one_that_is_closed_too_soon_is_closed_later(void **state)
{
	struct home home = home_of(2);
	uint64_t opened_at_us = 0;

	for (unsigned int i = 0; i < 5; i++) {
		home.limited[OVERFLOW_DOWN] = true;
		carry(&home, CHEAP, 20);
		assert_int_equal(pass(&home, 1000), 3);
		opened_at_us = home.now_us;
		home.limited[OVERFLOW_DOWN] = false;
		carry(&home, CHEAP, 10);
		while (pass(&home, 100) == 3)
			assert_true(home.now_us - opened_at_us < 10 * US_PER_S);
		expect(&home, false, OVERFLOW_FITS, 10);
	}
	assert_true(home.changed_at_us - opened_at_us > 8 * US_PER_S);
	pass(&home, 10000);
	home.limited[OVERFLOW_DOWN] = true;
	carry(&home, CHEAP, 20);
	pass(&home, 1000);
	assert_int_equal(home.overflow.n_too_soon, 2);   /* it held for a while, but not for long */
}

static void an_interface_that_begins_anew_counts_from_nothing(void **state)
{
	struct home home = full_home(2);

	home.limited[OVERFLOW_DOWN] = false;
	carry(&home, CHEAP, 8);
	pass(&home, 1000);
	home.links[CHEAP].n_bytes[OVERFLOW_DOWN] = 0;
	assert_int_equal(pass(&home, 1800), 1);
	assert_true(home.last.carried_bps < 8 * MBIT);
}

static struct home closed_home(void)
{
	struct home home = full_home(2);

	home.limited[OVERFLOW_DOWN] = false;
	carry(&home, CHEAP, 8);
	assert_int_equal(pass(&home, 3000), 1);
	assert_int_equal(pass(&home, 5000), 1);
	assert_int_equal(home.n_tell_again, 0);
	return home;
}

static void a_peer_that_has_not_heard_is_told_again(void **state)
{
	struct home home = closed_home();

	carry(&home, COSTLY, 3);
	pass(&home, 4000);
	assert_int_equal(home.n_tell_again, 1);
	carry(&home, COSTLY, 0);
	pass(&home, 60000);
	assert_int_equal(home.n_tell_again, 2);      /* the window in which that took effect had some of it, too */
	carry(&home, COSTLY, 3);
	pass(&home, 4000);
	assert_int_equal(home.n_tell_again, 3);      /* soon again, as before */
}

static void what_never_ends_is_told_more_rarely(void **state)
{
	struct home home = closed_home();

	carry(&home, COSTLY, 3);
	pass(&home, 600000);
	assert_in_range(home.n_tell_again, 12, 15);
}

static void nobody_is_told_before_anything_was_closed(void **state)
{
	struct home home = home_of(2);

	carry(&home, COSTLY, 3);
	pass(&home, 60000);
	assert_int_equal(home.n_tell_again, 0);
	home = home_of(2);
	home.links[COSTLY].cost = UINT32_MAX;        /* none above it */
	carry(&home, CHEAP, 20);
	home.limited[OVERFLOW_DOWN] = true;
	pass(&home, 1000);
	home.limited[OVERFLOW_DOWN] = false;
	carry(&home, CHEAP, 8);
	pass(&home, 3000);
	home.links[CHEAP].works = false;
	carry(&home, COSTLY, 30);
	pass(&home, 60000);
	assert_int_equal(home.n_tell_again, 0);
}

/* What a link carried before it was opened it may carry when it is closed. */
static void what_was_not_ours_is_no_reason_to_tell_again(void **state)
{
	struct home home = home_of(2);

	carry(&home, CHEAP, 20);
	carry(&home, COSTLY, 5);
	home.limited[OVERFLOW_DOWN] = true;
	pass(&home, 500);
	home.limited[OVERFLOW_DOWN] = false;
	carry(&home, CHEAP, 8);
	assert_int_equal(pass(&home, 3000), 1);
	pass(&home, 30000);
	assert_int_equal(home.n_tell_again, 0);
}

static void a_peer_that_has_not_heard_of_an_opening_is_told_again(void **state)
{
	struct home home = full_home(2);

	assert_int_equal(pass(&home, 1700), 3);
	assert_int_equal(home.n_tell_open_again, 0);
	pass(&home, 300);
	assert_int_equal(home.n_tell_open_again, 1);
	pass(&home, 3500);
	assert_int_equal(home.n_tell_open_again, 1);   /* after twice the time */
	pass(&home, 600);
	assert_int_equal(home.n_tell_open_again, 2);
	pass(&home, 600000);
	assert_in_range(home.n_tell_open_again, 12, 15);
	carry(&home, COSTLY, 3);
	pass(&home, 70000);
	home.n_tell_open_again = 0;
	pass(&home, 60000);
	assert_int_equal(home.n_tell_open_again, 0);
	carry(&home, COSTLY, 0);
	pass(&home, 5000);
	assert_int_equal(home.n_tell_open_again, 1);   /* soon again, as at first */
}

static void who_is_not_limited_need_not_hear_of_an_opening(void **state)
{
	struct home home = full_home(2);

	home.limited[OVERFLOW_DOWN] = false;
	assert_int_equal(pass(&home, 7000), 3);
	assert_int_equal(home.n_tell_open_again, 0);
	home.limited[OVERFLOW_DOWN] = true;   /* a while, and again */
	pass(&home, 1500);
	home.limited[OVERFLOW_DOWN] = false;
	pass(&home, 1200);
	home.limited[OVERFLOW_DOWN] = true;
	pass(&home, 1500);
	assert_int_equal(home.n_tell_open_again, 0);
	home.limited[OVERFLOW_DOWN] = false;   /* who can't tell for a moment is limited all the same */
	pass(&home, 500);
	home.limited[OVERFLOW_DOWN] = true;
	pass(&home, 500);
	assert_int_equal(home.n_tell_open_again, 1);
}

/* What is opened next has its own time. */
static void each_that_was_opened_is_to_carry(void **state)
{
	struct home home = full_home(3);

	assert_int_equal(pass(&home, 1500), 7);
	assert_int_equal(home.n_tell_open_again, 0);
	pass(&home, 2300);
	assert_int_equal(home.n_tell_open_again, 1);
	assert_int_equal(home.last_told, 6);
	carry(&home, COSTLY, 15);
	pass(&home, 10000);
	assert_int_equal(home.last_told, 4);
	carry(&home, COSTLY, 0);
	carry(&home, DEAR, 1);
	pass(&home, 20000);
	assert_int_equal(home.last_told, 2);
}

/* One that works, in a way that is limited; be it a slow one. */
static void what_comes_the_other_way_is_no_sign_of_an_opening(void **state)
{
	struct home home = full_home(2);

	home.rates_bps[COSTLY][OVERFLOW_UP] = 2 * MBIT;
	home.rates_bps[COSTLY][OVERFLOW_DOWN] = 2 * MBIT / 32;   /* their acknowledgements */
	pass(&home, 2300);
	assert_int_equal(home.n_tell_open_again, 1);
	home.limited[OVERFLOW_UP] = true;   /* which is enough for those */
	pass(&home, 4000);
	assert_int_equal(home.n_tell_open_again, 2);
	home.rates_bps[COSTLY][OVERFLOW_DOWN] += 200000;
	pass(&home, 20000);
	assert_int_equal(home.n_tell_open_again, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_fits_again_is_closed),
		cmocka_unit_test(bursts_keep_nothing_open),
		cmocka_unit_test(what_would_not_fit_stays_open),
		cmocka_unit_test(both_ways_must_fit),
		cmocka_unit_test(what_is_not_ours_keeps_nothing_open),
		cmocka_unit_test(a_link_that_recovers_is_found_by_its_rate),
		cmocka_unit_test(what_full_links_carry_later_is_their_room),
		cmocka_unit_test(what_a_link_could_just_now_it_can_still),
		cmocka_unit_test(a_link_that_recovers_is_found_by_trying),
		cmocka_unit_test(a_try_that_fails_is_repeated_ever_more_rarely),
		cmocka_unit_test(one_that_is_closed_too_soon_is_closed_later),
		cmocka_unit_test(an_interface_that_begins_anew_counts_from_nothing),
		cmocka_unit_test(a_peer_that_has_not_heard_is_told_again),
		cmocka_unit_test(what_never_ends_is_told_more_rarely),
		cmocka_unit_test(nobody_is_told_before_anything_was_closed),
		cmocka_unit_test(what_was_not_ours_is_no_reason_to_tell_again),
		cmocka_unit_test(a_peer_that_has_not_heard_of_an_opening_is_told_again),
		cmocka_unit_test(who_is_not_limited_need_not_hear_of_an_opening),
		cmocka_unit_test(each_that_was_opened_is_to_carry),
		cmocka_unit_test(what_comes_the_other_way_is_no_sign_of_an_opening),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
