/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How links are, by what comes over them, what sessions show, and what probes find. */
#include "unit_health.h"

static void a_link_is_unknown_until_it_answers(void **state)
{
	struct home home = home_of(2);

	home.wires[B].up = false;
	pass(&home, 10);
	expect(&home, A, HEALTH_UNKNOWN);
	expect(&home, B, HEALTH_DOWN);
	pass(&home, 1000);
	expect(&home, A, HEALTH_GOOD);
	assert_int_equal(home.n_changes, 1);
	assert_int_equal(home.last_before, HEALTH_UNKNOWN);
	assert_int_equal(home.health.links[A].rtt_us, 50 * US_PER_MS);
	assert_int_equal(home.health.links[A].least_rtt_us, 50 * US_PER_MS);
	home.wires[A].up = false;
	pass(&home, 1000);
	expect(&home, A, HEALTH_DOWN);
	assert_int_equal(home.n_changes, 1);
	assert_int_equal(home.health.links[B].n_probes, 0);
}

/* By satellite, the next hop still to be found. */
static void one_whose_first_answer_takes_long_is_not_silent(void **state)
{
	struct home home = home_of(2);

	home.wires[B].rtt_us = 1700 * US_PER_MS;
	pass(&home, 10 * 1000);
	assert_int_equal(home.n_changes, 2);
	expect(&home, A, HEALTH_GOOD);
	expect(&home, B, HEALTH_GOOD);
}

static void an_idle_link_is_asked_ever_more_rarely_and_for_little(void **state)
{
	struct home home = home_of(2);
	uint64_t n;

	pass(&home, 3600 * 1000);
	n = home.health.links[A].n_probes;
	pass(&home, 3600 * 1000);
	assert_in_range(home.health.links[A].n_probes - n, 11, 12);
	assert_true((24 * 13 + n) * HEALTH_PROBE_BYTES < 1000000 / 5);   /* in a day */
	assert_int_equal(home.n_changes, 2);
	assert_int_equal(home.health.links[A].n_answered, home.health.links[A].n_probes);
}

static void a_link_that_sessions_use_is_not_asked(void **state)
{
	struct home home = home_of(2);
	uint64_t n;

	home.wires[A].rx_bps = home.wires[B].sent_bps = 5 * MBIT;
	pass(&home, 10 * 1000);
	n = home.health.links[A].n_probes + home.health.links[B].n_probes;
	pass(&home, 3600 * 1000);
	assert_int_equal(home.health.links[A].n_probes + home.health.links[B].n_probes, n);
	assert_in_range(home.health.links[A].down_bps, 4900000, 5200000);
	assert_in_range(home.health.links[B].up_bps, 4900000, 5200000);
}

static void a_capped_link_is_not_asked(void **state)
{
	struct home home = home_of(2);

	home.wires[A].spared = true;
	pass(&home, 60 * 1000);
	assert_int_equal(home.health.links[A].n_probes, 0);
	home.wires[A].spared = false;
	home.wires[A].dead = true;
	pass(&home, 2200);
	home.wires[A].spared = true;   /* amid it */
	pass(&home, 60 * 1000);
	assert_int_equal(home.health.links[A].n_probes, 2);
	expect(&home, A, HEALTH_UNKNOWN);
}

/* Nobody would find that it is back, and it may be the last one. */
static void one_that_is_spared_is_silent_no_longer(void **state)
{
	struct home home = home_of(2);

	pass(&home, 5000);
	home.wires[A].dead = true;
	pass(&home, 400 * 1000);
	expect(&home, A, HEALTH_SILENT);
	home.wires[A].spared = true;
	pass(&home, 60 * 1000);
	expect(&home, A, HEALTH_UNKNOWN);
	assert_int_equal(home.last_before, HEALTH_SILENT);
	home.wires[A].spared = false;
	pass(&home, 60 * 1000);
	expect(&home, A, HEALTH_SILENT);
	home.wires[A].dead = false;
	pass(&home, 60 * 1000);
	expect(&home, A, HEALTH_GOOD);
}

/* A download and an upload, a short and a long way: the second probe's time is over soon after the fourth round
 * trip. */
static void silence_amid_work_is_found_in_some_round_trips(void **state)
{
	static const struct { uint64_t rx_bps, sent_bps, rtt_us, most_us; } cases[] = {
		{ 20 * MBIT, 0, 50 * US_PER_MS, 400 * US_PER_MS }, { 0, 20 * MBIT, 50 * US_PER_MS, 400 * US_PER_MS },
		{ 20 * MBIT, 0, 5 * US_PER_MS, 350 * US_PER_MS },  { 20 * MBIT, 0, 600 * US_PER_MS, 1800 * US_PER_MS },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct home home = at_work_over(cases[i].rtt_us, cases[i].rx_bps, cases[i].sent_bps);
		uint64_t lost_at_us;

		home.wires[B].dead = true;
		lost_at_us = home.now_us;
		pass(&home, 3000);
		expect(&home, B, HEALTH_SILENT);
		expect(&home, A, HEALTH_GOOD);
		if (home.changed_at_us - lost_at_us > cases[i].most_us)
			fail_msg("case %zu: expected %u us at most, saw %u", i, (unsigned int)cases[i].most_us,
				 (unsigned int)(home.changed_at_us - lost_at_us));
		assert_int_equal(home.last_before, HEALTH_GOOD);
		assert_true(home.health.links[B].silent_us <= home.changed_at_us - lost_at_us + HEALTH_TICK_US);
	}
}

static void a_pause_of_the_sender_is_no_silence_and_costs_few_probes(void **state)
{
	struct home home = at_work(20 * MBIT, 0);
	uint64_t n = home.health.links[B].n_probes;

	for (unsigned int i = 0; i < 60; i++) {
		home.wires[B].rx_bps = i % 2 ? 20 * MBIT : 0;
		pass(&home, 1000);
	}
	assert_int_equal(home.n_changes, 0);
	assert_in_range(home.health.links[B].n_probes - n, 1, 8);
	pass(&home, 120 * 1000);   /* all is well, and forgotten */
	home.wires[B].rx_bps = 0;
	n = home.health.links[B].n_probes;
	pass(&home, 200);
	assert_int_equal(home.health.links[B].n_probes - n, 1);
}

static void one_lost_probe_drops_no_link(void **state)
{
	struct home home = at_work(20 * MBIT, 0);

	home.wires[B].answers_one_in_two = true;
	home.wires[B].n_seen = 1;
	home.wires[B].rx_bps = 0;
	pass(&home, 3000);
	assert_int_equal(home.n_changes, 0);
	expect(&home, B, HEALTH_GOOD);
}

/* It is asked four times then: one that has lost a probe, and one that is known to lose. */
static void a_link_that_loses_is_asked_more_often(void **state)
{
	for (unsigned int i = 0; i < 2; i++) {
		struct home home = at_work(0, 20 * MBIT);
		uint64_t n;

		if (i) {
			home.wires[B].loss_per_10_000 = 500;
			pass(&home, 10 * 1000);
			expect(&home, B, HEALTH_LOSSY);
		} else {
			home.wires[B].answers_one_in_two = true;
			home.wires[B].n_seen = 1;
			home.wires[B].sent_bps = 0;
			pass(&home, 1000);
			home.wires[B].sent_bps = 20 * MBIT;
			pass(&home, 5000);
			expect(&home, B, HEALTH_GOOD);
		}
		n = home.health.links[B].n_probes;
		home.wires[B].dead = true;
		pass(&home, 500);
		expect(&home, B, HEALTH_SILENT);
		assert_int_equal(home.health.links[B].n_probes - n, 4);
	}
}

/* As where SYNs are lost, or turned away: what is carried speaks for the link. */
static void a_link_that_carries_is_not_dropped_for_probes(void **state)
{
	struct home home = at_work(20 * MBIT, 0);

	home.wires[B].suspected = true;
	home.health.links[B].alive_at_us = home.now_us;
	for (unsigned int i = 0; i < 100; i++) {
		home.wires[B].n_asked = 0;
		pass(&home, 50);
	}
	expect(&home, B, HEALTH_GOOD);
	assert_int_equal(home.n_changes, 0);
}

/* Its queue is full before the workers have looked. */
static void a_transfer_that_begins_is_no_silence(void **state)
{
	struct home home = at_work(0, 0);

	pass(&home, 6000);
	home.looked_at_us = home.now_us;
	pass(&home, 300);
	home.wires[A].rx_bps = home.wires[B].rx_bps = 20 * MBIT;
	pass(&home, 300);
	home.wires[B].suspected = true;
	for (unsigned int i = 0; i < 26; i++) {
		home.wires[B].n_asked = 0;   /* what is sent stands in it */
		pass(&home, 50);
	}
	assert_true(home.health.links[B].n_probes > home.health.links[B].n_answered + 1);
	expect(&home, B, HEALTH_GOOD);
	pass(&home, 3000);
	expect(&home, B, HEALTH_GOOD);
	assert_int_equal(home.n_changes, 0);
}

/* Only the way to the converter is gone: other things still come by that interface. */
static void sessions_that_stand_still_are_a_reason_to_ask(void **state)
{
	struct home home = at_work(20 * MBIT, 0);

	home.wires[B].foreign_bps = 10 * MBIT;
	pass(&home, 4000);
	home.wires[B].rx_bps = 0;
	home.wires[B].n_unanswered = 1;
	for (unsigned int i = 0; i < 300; i++) {
		home.wires[B].n_asked = 0;   /* never answered */
		pass(&home, 50);
	}
	expect(&home, B, HEALTH_SILENT);
}

static void an_idle_link_is_silent_when_another_one_answers(void **state)
{
	struct home home = home_of(3);

	pass(&home, 5000);
	home.wires[B].dead = true;
	pass(&home, 600 * 1000);
	expect(&home, B, HEALTH_SILENT);
	expect(&home, A, HEALTH_GOOD);
	expect(&home, 2, HEALTH_GOOD);
}

static void no_link_is_silent_where_nobody_answers(void **state)
{
	struct home home = at_work(20 * MBIT, 0);

	home.wires[A].dead = home.wires[B].dead = true;
	pass(&home, 1000 * 1000);
	expect(&home, A, HEALTH_UNKNOWN);
	expect(&home, B, HEALTH_UNKNOWN);
	home.wires[A].dead = false;
	pass(&home, 31 * 1000);
	expect(&home, A, HEALTH_GOOD);
	expect(&home, B, HEALTH_SILENT);
	home.wires[B].dead = false;
	pass(&home, 31 * 1000);
	expect(&home, B, HEALTH_GOOD);
}

static struct home with_a_silent_link(void)
{
	struct home home = at_work(20 * MBIT, 0);

	home.wires[B].dead = true;
	pass(&home, 1000);
	expect(&home, B, HEALTH_SILENT);
	return home;
}

static void come_back(struct home *home)
{
	home->wires[B].dead = false;
	home->wires[B].rx_bps = 20 * MBIT;
}

static void it_comes_back_when_it_answers(void **state)
{
	static const unsigned int outages_s[] = { 3, 60, 110 };

	for (size_t i = 0; i < ARRAY_SIZE(outages_s); i++) {
		struct home home = with_a_silent_link();
		uint64_t back_at_us;

		pass(&home, outages_s[i] * 1000);
		come_back(&home);
		back_at_us = home.now_us;
		pass(&home, 3000);
		expect(&home, B, HEALTH_GOOD);
		assert_int_equal(home.last_before, HEALTH_SILENT);
		assert_true(home.changed_at_us - back_at_us <= 1200 * US_PER_MS);
	}
}

static void one_that_comes_and_goes_has_to_answer_longer(void **state)
{
	struct home home = with_a_silent_link();
	uint64_t back_at_us, before_us = 0;

	for (unsigned int i = 0; i < 4; i++) {
		come_back(&home);
		back_at_us = home.now_us;
		while (state_of(&home, B) == HEALTH_SILENT)
			pass(&home, 10);
		assert_true(home.now_us - back_at_us >= before_us);
		before_us = home.now_us - back_at_us;
		pass(&home, 2000);
		home.wires[B].dead = true;
		pass(&home, 2000);
		expect(&home, B, HEALTH_SILENT);
	}
	assert_true(before_us >= 5 * US_PER_S);
	pass(&home, 2000);
	home.wires[B].answers_one_in_two = true;   /* not in a row */
	come_back(&home);
	home.wires[B].rx_bps = 0;
	pass(&home, 2000);
	expect(&home, B, HEALTH_SILENT);
	home.wires[B].answers_one_in_two = false;
	pass(&home, 40 * 1000);
	expect(&home, B, HEALTH_GOOD);
	pass(&home, 120 * 1000);
	home.wires[B].dead = true;
	pass(&home, 2000);
	come_back(&home);
	pass(&home, 1500);
	expect(&home, B, HEALTH_GOOD);
}

static void a_long_silence_is_asked_rarely(void **state)
{
	struct home home = with_a_silent_link();
	uint64_t n;

	pass(&home, 600 * 1000);
	n = home.health.links[B].n_probes;
	pass(&home, 600 * 1000);
	assert_in_range(home.health.links[B].n_probes - n, 19, 21);
}

static void a_link_is_lossy_when_much_is_sent_again(void **state)
{
	struct home home = at_work(0, 10 * MBIT);

	home.wires[B].loss_per_10_000 = 500;
	pass(&home, 2100);
	expect(&home, B, HEALTH_GOOD);   /* not for one look's sake */
	pass(&home, 8000);
	expect(&home, B, HEALTH_LOSSY);
	assert_int_equal(home.n_changes, 1);
	assert_in_range(home.health.links[B].loss_per_10_000, 300, 500);
	assert_true(health_knows_loss(&home.health.links[B]));
	home.wires[B].loss_per_10_000 = 150;   /* between getting in and getting out */
	pass(&home, 60 * 1000);
	expect(&home, B, HEALTH_LOSSY);
	home.wires[B].loss_per_10_000 = 20;
	pass(&home, 60 * 1000);
	expect(&home, B, HEALTH_GOOD);
	assert_int_equal(home.n_changes, 2);
	assert_int_equal(home.last_before, HEALTH_LOSSY);
	assert_false(health_knows_loss(&(struct health_link){ .loss_of_bytes = 100 }));
}

static void the_least_round_trip_is_forgotten(void **state)
{
	struct home home = at_work(20 * MBIT, 0);

	home.wires[B].rtt_us = 200 * US_PER_MS;   /* another way */
	pass(&home, 20 * 1000);
	expect(&home, B, HEALTH_FULL);
	pass(&home, 700 * 1000);
	expect(&home, B, HEALTH_GOOD);
	assert_int_equal(home.health.links[B].least_rtt_us, 200 * US_PER_MS);
}

static void probes_tell_the_round_trip_while_sessions_do_not(void **state)
{
	struct home home = at_work(20 * MBIT, 0);

	home.wires[B].queue_us = 10 * US_PER_MS;
	pass(&home, 4000);
	home.wires[B].rx_bps = home.wires[A].rx_bps = 0;
	health_answered(&home.health, B, home.now_us, 52 * US_PER_MS, home.now_us);
	assert_int_equal(home.health.links[B].rtt_us, 60 * US_PER_MS);
	pass(&home, 20 * 1000);
	health_answered(&home.health, B, home.now_us, 52 * US_PER_MS, home.now_us);
	assert_int_equal(home.health.links[B].rtt_us, 52 * US_PER_MS);
}

static void a_suspicion_is_looked_into(void **state)
{
	struct home home = home_of(2);
	uint64_t n;

	pass(&home, 400 * 1000);
	n = home.health.links[B].n_probes;
	home.wires[B].suspected = true;
	pass(&home, 600);
	assert_int_equal(home.health.links[B].n_probes - n, 1);
}

static void what_others_want_is_asked_at_once(void **state)
{
	struct home home = home_of(2);
	uint64_t n;

	pass(&home, 400 * 1000);
	n = home.health.links[B].n_probes;
	assert_false(health_is_alive(&home.health, B, US_PER_S, home.now_us));
	health_want(&home.health, B);
	pass(&home, 600);
	assert_int_equal(home.health.links[B].n_probes - n, 1);
	assert_true(health_is_alive(&home.health, B, US_PER_S, home.now_us));
	assert_false(health_is_alive(&(struct health){ 0 }, B, US_PER_S, US_PER_S / 2));
}

static void a_change_forgets_all_but_what_it_has_cost(void **state)
{
	struct home home = with_a_silent_link();
	uint64_t n = home.health.links[B].n_probes;

	come_back(&home);
	health_changed(&home.health, B);
	assert_int_equal(home.health.links[B].n_probes, n);
	pass(&home, 1000);
	expect(&home, B, HEALTH_GOOD);
	assert_int_equal(home.last_before, HEALTH_UNKNOWN);
}

static void a_probe_that_could_not_be_begun_says_nothing(void **state)
{
	struct home home = home_of(2);

	pass(&home, 2000);
	for (unsigned int i = 0; i < 600; i++) {
		uint64_t n = home.health.links[B].n_probes;

		pass(&home, 500);
		if (home.health.links[B].n_probes == n)
			continue;
		home.wires[B].n_asked = 0;
		health_not_asked(&home.health, B);
	}
	expect(&home, B, HEALTH_GOOD);
	health_not_asked(&home.health, B);
	assert_int_equal(home.health.links[B].n_asked, 0);
}

static void others_probes_are_counted(void **state)
{
	struct home home = home_of(1);
	unsigned int n = 0;

	home.now_us = 1;
	while (n < 100 && health_charge(&home.health, A, home.now_us))
		n++;
	assert_int_equal(n, 8);
	assert_int_equal(home.health.links[A].n_probes, 8);
	assert_true(health_charge(&home.health, A, home.now_us + US_PER_S));
	assert_true(health_charge(&home.health, A, home.now_us + 3600 * US_PER_S));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_link_is_unknown_until_it_answers),
		cmocka_unit_test(one_whose_first_answer_takes_long_is_not_silent),
		cmocka_unit_test(an_idle_link_is_asked_ever_more_rarely_and_for_little),
		cmocka_unit_test(a_link_that_sessions_use_is_not_asked),
		cmocka_unit_test(a_capped_link_is_not_asked),
		cmocka_unit_test(one_that_is_spared_is_silent_no_longer),
		cmocka_unit_test(silence_amid_work_is_found_in_some_round_trips),
		cmocka_unit_test(a_pause_of_the_sender_is_no_silence_and_costs_few_probes),
		cmocka_unit_test(one_lost_probe_drops_no_link),
		cmocka_unit_test(a_link_that_loses_is_asked_more_often),
		cmocka_unit_test(a_link_that_carries_is_not_dropped_for_probes),
		cmocka_unit_test(a_transfer_that_begins_is_no_silence),
		cmocka_unit_test(sessions_that_stand_still_are_a_reason_to_ask),
		cmocka_unit_test(an_idle_link_is_silent_when_another_one_answers),
		cmocka_unit_test(no_link_is_silent_where_nobody_answers),
		cmocka_unit_test(it_comes_back_when_it_answers),
		cmocka_unit_test(one_that_comes_and_goes_has_to_answer_longer),
		cmocka_unit_test(a_long_silence_is_asked_rarely),
		cmocka_unit_test(a_link_is_lossy_when_much_is_sent_again),
		cmocka_unit_test(the_least_round_trip_is_forgotten),
		cmocka_unit_test(probes_tell_the_round_trip_while_sessions_do_not),
		cmocka_unit_test(a_suspicion_is_looked_into),
		cmocka_unit_test(what_others_want_is_asked_at_once),
		cmocka_unit_test(a_change_forgets_all_but_what_it_has_cost),
		cmocka_unit_test(a_probe_that_could_not_be_begun_says_nothing),
		cmocka_unit_test(others_probes_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
