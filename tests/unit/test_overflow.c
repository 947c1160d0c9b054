/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which links are open, by what they cost, carry and can't. */
#include "unit.h"

#include "base/clock.h"
#include "policy/overflow.h"

#define MBIT 1000000ull
#define BURST_US (200 * US_PER_MS)
#define CHEAP 0u
#define COSTLY 1u
#define DEAR 2u

/* A gateway whose links carry what a test says. */
struct home {
	struct overflow overflow;
	struct overflow_link links[OVERFLOW_LINKS];
	size_t n_links;
	uint64_t rates_bps[OVERFLOW_LINKS][OVERFLOW_WAYS];
	bool limited[OVERFLOW_WAYS];
	uint64_t limited_at_us[OVERFLOW_WAYS];
	uint64_t now_us, rtt_us;
	struct overflow_verdict last;        /* that changed something */
	unsigned int n_changes, n_tell_again;
	uint64_t changed_at_us;
};

static struct home home_of(size_t n_links)
{
	struct home home = { .n_links = n_links, .now_us = 100 * US_PER_S, .rtt_us = 30000 };

	for (size_t i = 0; i < n_links; i++)
		home.links[i] = (struct overflow_link){ .works = true, .cost = (uint32_t)i * 10 };
	return home;
}

static uint32_t look(struct home *home)
{
	struct overflow_facts facts = { .now_us = home->now_us, .links = home->links, .n_links = home->n_links, .rtt_us = home->rtt_us, .burst_us = BURST_US };
	struct overflow_verdict verdict;

	memcpy(facts.limited_at_us, home->limited_at_us, sizeof(facts.limited_at_us));
	verdict = overflow_look(&home->overflow, &facts);
	home->n_tell_again += verdict.tell_again;
	if (verdict.changed) {
		home->last = verdict;
		home->n_changes++;
		home->changed_at_us = home->now_us;
	}
	return verdict.open;
}

/* Time passes, in looks. Returns what is open then. */
static uint32_t pass(struct home *home, unsigned int ms)
{
	uint32_t open = look(home);

	for (unsigned int i = 0; i < ms / 100; i++) {
		home->now_us += OVERFLOW_LOOK_US;
		for (size_t link = 0; link < home->n_links; link++)
			for (unsigned int way = 0; way < OVERFLOW_WAYS; way++)
				home->links[link].n_bytes[way] += home->rates_bps[link][way] / 80;
		for (unsigned int way = 0; way < OVERFLOW_WAYS; way++)
			if (home->limited[way])
				home->limited_at_us[way] = home->now_us;
		open = look(home);
	}
	return open;
}

static void carry(struct home *home, size_t link, uint64_t down_mbit)
{
	home->rates_bps[link][OVERFLOW_DOWN] = down_mbit * MBIT;
}

/* 20 Mbit/s on the cheap link, and more wanted, until the costly one is open. */
static struct home full_home(size_t n_links)
{
	struct home home = home_of(n_links);

	carry(&home, CHEAP, 20);
	home.limited[OVERFLOW_DOWN] = true;
	assert_int_equal(pass(&home, 500), 3);
	assert_int_equal(home.n_changes, 1);
	return home;
}

static void expect(const struct home *home, bool opened, enum overflow_why why, uint32_t cost)
{
	assert_int_equal(home->last.opened, opened);
	assert_int_equal(home->last.why, why);
	assert_int_equal(home->last.cost, cost);
}

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
	assert_true(home.last.carried_bps == 14 * MBIT && home.last.room_bps == 20 * MBIT && home.last.for_us >= 2 * US_PER_S);
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
		cmocka_unit_test(the_costlier_opens_when_none_cheaper_works),
		cmocka_unit_test(the_cheaper_one_that_is_back_closes_it_after_a_while),
		cmocka_unit_test(what_is_open_already_is_not_opened_again),
		cmocka_unit_test(those_that_are_out_are_never_open),
		cmocka_unit_test(an_interface_that_begins_anew_counts_from_nothing),
		cmocka_unit_test(a_peer_that_has_not_heard_is_told_again),
		cmocka_unit_test(what_never_ends_is_told_more_rarely),
		cmocka_unit_test(nobody_is_told_before_anything_was_closed),
		cmocka_unit_test(what_was_not_ours_is_no_reason_to_tell_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
