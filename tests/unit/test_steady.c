/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When a leg's send buffer is bound, and when it is pushed on. */
#include "unit.h"

#include "base/clock.h"
#include "base/util.h"
#include "policy/steady.h"

/* A stall as it was recorded (Linux 6.18, short path): all has arrived, 3.2 MB aren't acknowledged by DATA_ACK. */
static struct steady_facts stall(uint64_t now_us)
{
	return (struct steady_facts){ .now_us = now_us, .acknowledged = 1000, .queued_bytes = 3200000,
				      .window_bytes = 6000000,
				      .min_rtt_us = 30, .most_bytes = 8u << 20 };
}

static void test_same_refusal_counts_once(void **state)
{
	struct steady steady = { 0 };

	steady_refused(&steady, 5000);
	assert_int_equal(steady.look_at_us, 5000 + US_PER_MS);
	steady_refused(&steady, 5500);
	assert_int_equal(steady.look_at_us, 5000 + US_PER_MS);
	steady_moved(&steady);
	assert_int_equal(steady.look_at_us, 0);
	steady_refused(&steady, 9000);
	assert_int_equal(steady.look_at_us, 9000 + US_PER_MS);
}

static void test_bound_follows_the_window_on_short_paths(void **state)
{
	struct steady steady = { 0 };
	struct steady_facts facts = stall(0);

	facts.min_rtt_us = 4000;
	assert_int_equal(steady_begin(&steady, &facts).bound_bytes, 4500000);
	assert_true(steady.begun);
	assert_int_equal(steady_follow(&steady, &facts).bound_bytes, 0);   /* as it is */
	facts.window_bytes = 6100000;
	assert_int_equal(steady_follow(&steady, &facts).bound_bytes, 0);   /* too little to be worth a call */
	facts.window_bytes = 8000000;
	assert_int_equal(steady_follow(&steady, &facts).bound_bytes, 6000000);
	facts.window_bytes = 2000000;
	assert_int_equal(steady_follow(&steady, &facts).bound_bytes, 1500000);
	facts.window_bytes = 40000000;
	assert_int_equal(steady_follow(&steady, &facts).bound_bytes, 8u << 20);   /* what we are allowed */
}

/* A receiver whose window closes is overrun by as much as is under way; and more than this brings no speed. */
static void test_the_shorter_the_path_the_less_is_under_way(void **state)
{
	static const struct { uint32_t rtt_us, bound_bytes;
			      } cases[] = { { 0, 2000000 }, { 30, 2060000 }, { 1000, 4000000 }, { 3500, 8u << 20 } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct steady steady = { 0 };
		struct steady_facts facts = stall(0);

		facts.min_rtt_us = cases[i].rtt_us;
		facts.window_bytes = 30000000;
		assert_int_equal(steady_begin(&steady, &facts).bound_bytes, cases[i].bound_bytes);
	}
}

/* What stands in one link's queue can't go over another that joins, or is faster. */
static void test_bound_is_what_the_links_carry(void **state)
{
	static const struct { uint64_t rate_bytes_per_s; uint32_t longest_rtt_us, bound_bytes; } cases[] = {
		{ 0, 50000, 4500000 },              /* not known: the window's share */
		{ 280000, 50000, 65536 },           /* a first window of ten packets */
		{ 1250000, 60000, 300000 },         /* 10 Mbit/s */
		{ 12500000, 400000, 4500000 },      /* a long link beside a fast one */
		{ 1250000, 250000, 1250000 },
		{ 1250000, 1000000, 3125000 },      /* of long round trips fewer */
		{ UINT64_C(5000000000), 100000, 4500000 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct steady steady = { .guarded = true };
		struct steady_facts facts = stall(0);

		facts.min_rtt_us = 20000;
		facts.rate_bytes_per_s = cases[i].rate_bytes_per_s;
		facts.longest_rtt_us = cases[i].longest_rtt_us;
		assert_int_equal(steady_begin(&steady, &facts).bound_bytes, cases[i].bound_bytes);
	}
}

static void test_closed_window_is_not_followed(void **state)
{
	struct steady steady = { 0 };
	struct steady_facts facts = stall(0);

	facts.window_bytes = 10000;
	assert_int_equal(steady_begin(&steady, &facts).bound_bytes, 0);
	assert_int_equal(steady.bound_bytes, 0);
}

static void test_long_paths_are_left_alone_until_they_stall(void **state)
{
	struct steady steady = { 0 };
	struct steady_facts facts = stall(0);

	facts.min_rtt_us = 20000;
	facts.in_flight_packets = 10;
	assert_int_equal(steady_begin(&steady, &facts).bound_bytes, 0);
	assert_int_equal(steady_look(&steady, &facts).bound_bytes, 0);
	assert_false(steady.stalled);
	facts.in_flight_packets = 0;
	assert_int_equal(steady_look(&steady, &facts).bound_bytes, 4500000);
	assert_true(steady.stalled);
	facts.in_flight_packets = 10;
	facts.window_bytes = 8000000;
	assert_int_equal(steady_follow(&steady, &facts).bound_bytes, 6000000);
}

/* Linux's own tuning gives a fast link what its own round trip wants, however long all wait for a slow one. */
static void test_a_fast_link_beside_a_slow_one_gets_its_room(void **state)
{
	static const struct { uint64_t rate_bytes_per_s; uint32_t longest_rtt_us; uint64_t windows_bytes;
			      uint32_t queued_bytes, window_bytes, bound_bytes; } cases[] = {
		{ 6250000, 820000, 250000, 700000, 8000000, 6000000 },     /* 50 Mbit/s of 40 ms wait for what takes
									    * 0.8 s: 5 MB, and more for what is lost */
		{ 6250000, 820000, 250000, 700000, 20000000, 8u << 20 },
		{ 6250000, 820000, 250000, 5700000, 20000000, 0 },         /* we are not allowed more than there is */
		{ 13125000, 60000, 315000, 1000000, 8000000, 3150000 },    /* 100 Mbit/s of 22 ms beside 5 of 60 */
		{ 13125000, 60000, 437500, 1100000, 8000000, 0 },          /* nearly alike: Linux sees to it */
		{ 13125000, 60000, 437499, 1100000, 8000000, 3150000 },
		{ 13125000, 60000, 315000, 2100000, 8000000, 0 },          /* and there is as much */
		/* alike, but Linux's tuning has come to its limit */
		{ 25000000, 100000, 2500000, 3333333, 30000000, 8u << 20 },
		{ 25000000, 100000, 2500000, 3333334, 30000000, 0 },
		{ 6250000, 820000, 250000, 700000, 1400000, 0 },           /* a slow reader: no room in its window */
		{ 6250000, 820000, 250000, 0, 8000000, 0 },                /* nothing is waited for */
		{ 6250000, 820000, 0, 700000, 8000000, 0 },                /* not known */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct steady steady = { 0 };
		struct steady_facts facts = stall(0);

		facts.min_rtt_us = 20000;
		facts.in_flight_packets = 10;
		facts.rate_bytes_per_s = cases[i].rate_bytes_per_s;
		facts.longest_rtt_us = facts.longest_min_rtt_us = cases[i].longest_rtt_us;
		facts.windows_bytes = cases[i].windows_bytes;
		facts.queued_bytes = cases[i].queued_bytes;
		facts.window_bytes = cases[i].window_bytes;
		assert_int_equal(steady_begin(&steady, &facts).bound_bytes, 0);
		/* what is queued now may be less than was taken */
		assert_int_equal(steady_follow(&steady, &facts).bound_bytes, 0);
		assert_int_equal(steady_look(&steady, &facts).bound_bytes, cases[i].bound_bytes);
		assert_int_equal(steady.bound_bytes, cases[i].bound_bytes);
	}
}

/* 50 Mbit/s each of 20 ms, one of which has a deep queue: Linux's own tuning has room enough, and a wider buffer would
 * fill it. */
static void test_a_deep_queue_is_left_to_the_kernel(void **state)
{
	static const struct { uint32_t longest_rtt_us, longest_min_rtt_us, windows_bytes, queued_bytes, bound_bytes;
			      } cases[] = {
		{ 145000, 20000, 1190000, 1650000, 0 },
		{ 145000, 102612, 1190000, 1650000, 0 },               /* twice that is there */
		{ 145000, 102613, 1190000, 1650000, 6000000 },
		{ 145000, 145000, 1190000, 1650000, 6000000 },         /* not a queue: the link is long */
		{ 145000, UINT32_MAX, 1190000, 1650000, 6000000 },     /* not known */
		{ 145000, UINT32_MAX, 1190000, 2400000, 0 },
		{ 400000, 20000, 2600000, 2400000, 6000000 },          /* the queue of others, or a longer link */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct steady steady = { 0 };
		struct steady_facts facts = stall(0);

		facts.in_flight_packets = 800;
		facts.min_rtt_us = 20000;
		facts.window_bytes = 8000000;
		facts.rate_bytes_per_s = 12060000;
		facts.longest_rtt_us = cases[i].longest_rtt_us;
		facts.longest_min_rtt_us = cases[i].longest_min_rtt_us;
		facts.windows_bytes = cases[i].windows_bytes;
		facts.queued_bytes = cases[i].queued_bytes;
		assert_int_equal(steady_look(&steady, &facts).bound_bytes, cases[i].bound_bytes);
	}
}

static void test_guarded_legs_are_bound_where_the_window_is_near(void **state)
{
	static const struct { uint32_t queued_bytes, window_bytes, bound_bytes; } cases[] = {
		{ 4000000, 8000000, 0 },            /* the buffer fits into three quarters of it */
		{ 4000001, 8000000, 6000000 },
		{ 4000001, 2000000, 1500000 },
		{ 0, 2000000, 0 },
		{ 4000001, 10000, 65536 },          /* it has closed */
		{ 4000001, 0, 0 },                  /* never known: nothing to bind by, however much is queued */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct steady_facts facts = stall(0);

		facts.min_rtt_us = 300000;
		facts.queued_bytes = cases[i].queued_bytes;
		facts.window_bytes = cases[i].window_bytes;
		for (int guarded = 0; guarded < 2; guarded++) {
			struct steady begun = { .guarded = guarded }, followed = begun;
			uint32_t bound_bytes = guarded ? cases[i].bound_bytes : 0;

			assert_int_equal(steady_begin(&begun, &facts).bound_bytes, bound_bytes);
			assert_int_equal(steady_follow(&followed, &facts).bound_bytes, bound_bytes);
		}
	}
}

static void test_short_paths_are_bound_before_the_window_is_known(void **state)
{
	for (int guarded = 0; guarded < 2; guarded++) {
		struct steady steady = { .guarded = guarded }, seen = steady;
		struct steady_facts facts = stall(0);

		facts.queued_bytes = facts.window_bytes = 0;   /* taken to be as small as any Linux begins with */
		assert_int_equal(steady_begin(&steady, &facts).bound_bytes, 65535 * 3 / 4);
		assert_int_equal(steady_follow(&steady, &facts).bound_bytes, 0);
		seen.window_units = 10;
		assert_int_equal(steady_begin(&seen, &facts).bound_bytes, 10 * 131072 / 4 * 3);
		facts.window_bytes = 2000000;
		assert_int_equal(steady_follow(&steady, &facts).bound_bytes, 1500000);
		steady = (struct steady){ .guarded = guarded };
		facts.window_bytes = 0;
		facts.min_rtt_us = UINT32_MAX;   /* not known, either */
		assert_int_equal(steady_begin(&steady, &facts).bound_bytes, 0);
	}
}

/* In units of 128 KiB, and until there is a bound, which has seen it. */
static void test_a_window_is_remembered(void **state)
{
	static const struct { uint32_t window_bytes, bound_bytes; } cases[] = {
		{ 8000000, 61 * 131072 / 4 * 3 }, { 131072, 98304 }, { 10000, 98304 },
		{ 64u << 20, 255 * 131072 / 4 * 3 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct steady steady = { .guarded = true };
		struct steady_facts facts = stall(0);

		facts.min_rtt_us = 300000;
		facts.most_bytes = 64u << 20;
		facts.queued_bytes = 0;
		facts.window_bytes = cases[i].window_bytes;
		assert_int_equal(steady_follow(&steady, &facts).bound_bytes, 0);
		facts.queued_bytes = 32u << 20;
		facts.window_bytes = 0;
		assert_int_equal(steady_follow(&steady, &facts).bound_bytes, cases[i].bound_bytes);
		facts.rate_bytes_per_s = 300000;   /* there would be a narrower bound */
		facts.longest_rtt_us = 300000;
		assert_int_equal(steady_follow(&steady, &facts).bound_bytes, 0);
	}
}

/* What is queued shows how much the buffer takes only where it refused. */
static void test_who_waits_for_credit_has_no_narrow_buffer(void **state)
{
	for (int held = 0; held < 2; held++) {
		struct steady steady = { 0 };
		struct steady_facts facts = stall(0);

		facts.min_rtt_us = 20000;
		facts.in_flight_packets = 10;
		facts.queued_bytes = 100000;
		facts.rate_bytes_per_s = 6250000;
		facts.longest_rtt_us = facts.longest_min_rtt_us = 820000;
		facts.windows_bytes = 1000000;
		facts.held = held;
		assert_int_equal(steady_look(&steady, &facts).bound_bytes > 0, !held);
	}
}

/* A fast link beside a slow one is to get its room, though the window isn't known just then. */
static void test_a_window_that_is_remembered_has_room(void **state)
{
	for (int guarded = 0; guarded < 2; guarded++) {
		struct steady steady = { .guarded = guarded };
		struct steady_facts facts = stall(0);

		facts.min_rtt_us = 20000;
		facts.in_flight_packets = 10;
		facts.queued_bytes = 700000;
		assert_int_equal(steady_follow(&steady, &facts).bound_bytes, 0);
		facts.window_bytes = 0;
		facts.rate_bytes_per_s = 6250000;
		facts.longest_rtt_us = facts.longest_min_rtt_us = 820000;
		facts.windows_bytes = 250000;
		assert_int_equal(steady_look(&steady, &facts).bound_bytes, (6000000 >> 17) * 131072 / 4 * 3);
	}
}

static void test_begin_forgets_no_window_that_was_seen(void **state)
{
	struct steady steady = { .guarded = true };
	struct steady_facts facts = stall(0);

	facts.min_rtt_us = 4000;
	facts.window_bytes = 4000000;
	assert_int_equal(steady_look(&steady, &facts).bound_bytes, 3000000);   /* refused before it was bulk */
	facts.window_bytes = 0;
	assert_int_equal(steady_begin(&steady, &facts).bound_bytes, 0);
	assert_int_equal(steady.bound_bytes, 3000000);
	assert_true(steady.begun);
}

static void test_nudges_only_a_stall(void **state)
{
	struct steady_facts facts = stall(0);
	struct steady steady = { 0 };

	assert_true(steady_look(&steady, &facts).nudge);
	facts.in_flight_packets = 1;
	assert_false(steady_look(&steady, &facts).nudge);
	facts = stall(0);
	facts.unsent_bytes = 1;
	assert_false(steady_look(&steady, &facts).nudge);
	facts = stall(0);
	facts.queued_bytes = 0;
	assert_false(steady_look(&steady, &facts).nudge);
	facts = stall(0);
	facts.queued_bytes = facts.window_bytes - STEADY_NUDGE_BYTES + 1;   /* no room in the window: the peer may be
									     * slow */
	assert_false(steady_look(&steady, &facts).nudge);
	facts.queued_bytes--;
	assert_true(steady_look(&steady, &facts).nudge);
}

static void test_looks_become_rare_without_progress(void **state)
{
	struct steady steady = { 0 };
	struct steady_facts facts = stall(0);
	uint64_t wait_us = 0;

	steady_look(&steady, &facts);
	assert_int_equal(steady.look_at_us, US_PER_MS);
	for (int i = 0; i < 10; i++) {
		uint64_t before_us = wait_us;

		facts.now_us = steady.look_at_us;
		steady_look(&steady, &facts);
		wait_us = steady.look_at_us - facts.now_us;
		assert_true(wait_us >= before_us);
	}
	assert_int_equal(wait_us, 128 * US_PER_MS);
	facts.acknowledged++;
	facts.now_us = steady.look_at_us;
	steady_look(&steady, &facts);
	assert_int_equal(steady.look_at_us - facts.now_us, US_PER_MS);
}

static void test_long_paths_are_looked_at_less_often(void **state)
{
	static const struct {
		uint32_t min_rtt_us;
		unsigned int pause_ms;
	} paths[] = { { 0, 1 }, { 30, 1 }, { 7999, 1 }, { 8000, 2 }, { 100000, 25 }, { 128000, 32 }, { 800000, 32 },
		      { UINT32_MAX, 32 } };

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct steady steady = { 0 };
		struct steady_facts facts = stall(0);

		facts.min_rtt_us = paths[i].min_rtt_us;
		steady_look(&steady, &facts);
		assert_int_equal(steady.look_at_us, paths[i].pause_ms * US_PER_MS);
		steady_moved(&steady);
		steady_refused(&steady, 0);   /* and the next time from the beginning */
		assert_int_equal(steady.look_at_us, paths[i].pause_ms * US_PER_MS);
		for (int j = 0; j < 20; j++) {
			facts.now_us = steady.look_at_us;
			steady_look(&steady, &facts);
		}
		assert_int_equal(steady.look_at_us - facts.now_us, 128 * US_PER_MS);
	}
}

/* A loss, or a look at the least round trip, makes windows small for a moment. */
static void test_what_links_carry_is_held_for_a_while(void **state)
{
	struct steady steady = { .guarded = true };
	struct steady_facts facts = { .now_us = 4294967290u * US_PER_MS, .window_bytes = 64u << 20, .min_rtt_us = 20000,
				      .queued_bytes = 64u << 20, .longest_rtt_us = 100000,
				      .rate_bytes_per_s = 10000000, .most_bytes = 8u << 20 };

	assert_int_equal(steady_follow(&steady, &facts).bound_bytes, 4000000);
	facts.rate_bytes_per_s = 2500000;
	facts.now_us += 4999 * US_PER_MS;   /* the clock has gone round meanwhile */
	assert_int_equal(steady_follow(&steady, &facts).bound_bytes, 0);
	facts.now_us += US_PER_MS;
	assert_int_equal(steady_follow(&steady, &facts).bound_bytes, 1000000);
	facts.rate_bytes_per_s = 5000000;
	assert_int_equal(steady_follow(&steady, &facts).bound_bytes, 2000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_refusal_counts_once),
		cmocka_unit_test(test_bound_follows_the_window_on_short_paths),
		cmocka_unit_test(test_the_shorter_the_path_the_less_is_under_way),
		cmocka_unit_test(test_bound_is_what_the_links_carry),
		cmocka_unit_test(test_what_links_carry_is_held_for_a_while),
		cmocka_unit_test(test_closed_window_is_not_followed),
		cmocka_unit_test(test_long_paths_are_left_alone_until_they_stall),
		cmocka_unit_test(test_a_fast_link_beside_a_slow_one_gets_its_room),
		cmocka_unit_test(test_a_deep_queue_is_left_to_the_kernel),
		cmocka_unit_test(test_guarded_legs_are_bound_where_the_window_is_near),
		cmocka_unit_test(test_short_paths_are_bound_before_the_window_is_known),
		cmocka_unit_test(test_a_window_is_remembered),
		cmocka_unit_test(test_who_waits_for_credit_has_no_narrow_buffer),
		cmocka_unit_test(test_a_window_that_is_remembered_has_room),
		cmocka_unit_test(test_begin_forgets_no_window_that_was_seen),
		cmocka_unit_test(test_nudges_only_a_stall),
		cmocka_unit_test(test_looks_become_rare_without_progress),
		cmocka_unit_test(test_long_paths_are_looked_at_less_often),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
