/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a link lets Multipath TCP through, by probes. */
#include "unit.h"

#include "base/clock.h"
#include "policy/multipath.h"

enum carrier { CLEAN, STRIPS, DROPS, DEAD };

struct home {
	struct multipath multipath;
	struct multipath_facts facts;
	enum carrier carrier;
	unsigned int n_asked;
	uint64_t queue_us;                    /* that nobody knows of yet */
};

static struct home home_of(enum carrier carrier)
{
	return (struct home){ .carrier = carrier,
			      .facts = { .now_us = 100 * US_PER_S, .works = true, .rtt_us = 50 * US_PER_MS } };
}

static void pass(struct home *home, uint64_t ms)
{
	for (uint64_t i = 0; i < ms; i += 50) {
		home->facts.now_us += 50 * US_PER_MS;
		if (home->carrier != DEAD)
			home->facts.alive_at_us = home->facts.now_us;
		if (!multipath_look(&home->multipath, &home->facts))
			continue;
		home->n_asked++;
		if (home->carrier < DROPS)
			multipath_answered(&home->multipath, home->carrier == STRIPS,
					   home->facts.rtt_us + home->queue_us,
					   home->facts.now_us + home->facts.rtt_us + home->queue_us);
	}
}

static void expect(const struct home *home, enum multipath_state state)
{
	assert_int_equal(home->multipath.state, state);
	if (state == MULTIPATH_CLEAN || state == MULTIPATH_UNKNOWN)
		assert_int_equal(multipath_bad_until_us(&home->multipath), 0);
	else
		assert_true(multipath_bad_until_us(&home->multipath) > home->facts.now_us);
}

static void a_clean_link_is_asked_once(void **state)
{
	struct home home = home_of(CLEAN);

	expect(&home, MULTIPATH_UNKNOWN);
	home.facts.works = false;
	pass(&home, 60 * 1000);
	assert_int_equal(home.n_asked, 0);
	home.facts.works = true;
	pass(&home, 3600 * 1000);
	assert_int_equal(home.n_asked, 1);
	expect(&home, MULTIPATH_CLEAN);
}

static void a_suspicion_is_looked_into_once_a_minute(void **state)
{
	struct home home = home_of(CLEAN);

	pass(&home, 1000);
	home.facts.suspected = true;
	pass(&home, 10 * 1000);
	assert_int_equal(home.n_asked, 1);
	pass(&home, 600 * 1000);
	assert_in_range(home.n_asked, 9, 11);
	home.carrier = STRIPS;
	pass(&home, 70 * 1000);
	expect(&home, MULTIPATH_STRIPS);
}

/* Without descriptors, or a budget, there is no answer to miss. */
static void what_could_not_be_asked_is_nothing_dropped(void **state)
{
	struct home home = home_of(DROPS);

	for (int i = 0; i < 10 * 20; i++) {
		home.facts.now_us += 50 * US_PER_MS;
		home.facts.alive_at_us = home.facts.now_us;
		if (multipath_look(&home.multipath, &home.facts))
			multipath_not_asked(&home.multipath);
	}
	expect(&home, MULTIPATH_UNKNOWN);
	multipath_not_asked(&home.multipath);   /* more often than asked */
	pass(&home, 10 * 1000);
	expect(&home, MULTIPATH_DROPS);
}

/* Never forgotten between two probes, which come more and more rarely. */
static void who_does_not_let_it_through_stays_known(void **state)
{
	static const struct { enum carrier carrier; enum multipath_state expected; } cases[] = {
		{ STRIPS, MULTIPATH_STRIPS }, { DROPS, MULTIPATH_DROPS },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct home home = home_of(cases[i].carrier);
		unsigned int n;

		pass(&home, 3200);
		for (unsigned int j = 0; j < 3600; j++) {
			expect(&home, cases[i].expected);
			pass(&home, 1000);
		}
		n = home.n_asked;
		pass(&home, 3600 * 1000);
		assert_in_range(home.n_asked - n, cases[i].carrier == STRIPS ? 5 : 15,
				cases[i].carrier == STRIPS ? 6 : 18);
		home.carrier = CLEAN;
		pass(&home, 610 * 1000);
		expect(&home, MULTIPATH_CLEAN);
	}
}

static void a_dead_link_drops_nothing_in_particular(void **state)
{
	struct home home = home_of(DEAD);

	pass(&home, 10 * 1000);
	assert_int_equal(home.n_asked, 3);
	expect(&home, MULTIPATH_UNKNOWN);
}

static void one_that_stops_working_amid_it_is_asked_later(void **state)
{
	struct home home = home_of(DROPS);

	pass(&home, 1100);
	home.facts.works = false;
	pass(&home, 10 * 1000);
	home.facts.works = true;
	home.carrier = CLEAN;
	pass(&home, 100);
	expect(&home, MULTIPATH_CLEAN);
}

static void a_long_way_has_longer(void **state)
{
	struct home home = home_of(DROPS);

	home.facts.rtt_us = 1 * US_PER_S;
	pass(&home, 3200);
	assert_int_equal(home.n_asked, 2);
	home = home_of(DROPS);
	home.facts.rtt_us = 60 * US_PER_S;   /* Linux would have made plain TCP of it */
	pass(&home, 5200);
	assert_int_equal(home.n_asked, 0);
	expect(&home, MULTIPATH_UNKNOWN);
}

static void plain_tcp_that_comes_late_tells_nothing(void **state)
{
	struct home home = home_of(STRIPS);

	home.queue_us = 3 * US_PER_S;
	pass(&home, 10 * 1000);
	assert_int_equal(home.n_asked, 1);
	expect(&home, MULTIPATH_UNKNOWN);
	home.queue_us = 0;
	pass(&home, 70 * 1000);
	expect(&home, MULTIPATH_STRIPS);
}

static void states_have_names(void **state)
{
	assert_string_equal(multipath_state_name(MULTIPATH_UNKNOWN), "unknown");
	assert_string_equal(multipath_state_name(MULTIPATH_DROPS), "drops");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_clean_link_is_asked_once),
		cmocka_unit_test(a_suspicion_is_looked_into_once_a_minute),
		cmocka_unit_test(what_could_not_be_asked_is_nothing_dropped),
		cmocka_unit_test(who_does_not_let_it_through_stays_known),
		cmocka_unit_test(a_dead_link_drops_nothing_in_particular),
		cmocka_unit_test(one_that_stops_working_amid_it_is_asked_later),
		cmocka_unit_test(a_long_way_has_longer),
		cmocka_unit_test(plain_tcp_that_comes_late_tells_nothing),
		cmocka_unit_test(states_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
