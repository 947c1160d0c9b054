/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When the receive buffer of a plain leg is widened, and when it stays as it is. */
#include "unit.h"

#include "base/clock.h"
#include "policy/widen.h"

#define KIB 1024u
#define MIB (1024u * KIB)
#define BEGIN_BYTES (512u * KIB)
#define WINDOW_BYTES (BEGIN_BYTES / 2)
#define RTT_US (20 * US_PER_MS)

struct leg {
	struct widen widen;
	struct widen_limits limits;
	struct widen_facts facts;
};

static struct leg begin_with(uint32_t buffer_bytes, struct widen_limits limits)
{
	uint32_t held_bytes;
	struct leg leg = { .limits = limits,
			   .facts = { .now_us = 7 * US_PER_S, .n_bytes = 64 * KIB, .rtt_us = RTT_US,
				      .buffer_bytes = buffer_bytes, .window_bytes = WINDOW_BYTES } };

	widen_note(&leg.widen, true, true, leg.facts.n_bytes, leg.facts.now_us);
	held_bytes = widen_begin(&leg.widen, &leg.limits, &leg.facts);
	assert_int_equal(held_bytes, (uint32_t)leg.widen.buffer_kib << 10);
	return leg;
}

static struct leg begin(uint32_t buffer_bytes)
{
	struct leg leg = begin_with(buffer_bytes, widen_limits(32 * MIB, 32 * MIB));

	assert_int_equal(widen_to_set(&leg.widen), buffer_bytes < BEGIN_BYTES ? BEGIN_BYTES : buffer_bytes);
	assert_int_equal(widen_to_set(&leg.widen), 0);
	return leg;
}

static bool is_due(const struct leg *leg, uint32_t n_more_bytes, uint64_t after_us)
{
	return widen_is_due(&leg->widen, &leg->limits, leg->facts.n_bytes + n_more_bytes, leg->facts.now_us + after_us);
}

/* n_bytes come within took_us, the source is dry then, and it is looked at: what the buffer is set to. */
static uint32_t come(struct leg *leg, uint32_t n_bytes, uint64_t took_us)
{
	leg->facts.n_bytes += n_bytes;
	leg->facts.now_us += took_us;
	widen_note(&leg->widen, true, true, leg->facts.n_bytes, leg->facts.now_us);
	assert_true(widen_is_due(&leg->widen, &leg->limits, leg->facts.n_bytes, leg->facts.now_us));
	widen_look(&leg->widen, &leg->limits, &leg->facts);
	return widen_to_set(&leg->widen);
}

static void test_it_is_looked_at_when_a_quarter_of_the_buffer_has_come(void **state)
{
	struct leg leg = begin(128 * KIB);

	assert_false(is_due(&leg, BEGIN_BYTES / 4 - 1, RTT_US));
	assert_false(is_due(&leg, BEGIN_BYTES / 4, US_PER_MS - 1));
	assert_true(is_due(&leg, BEGIN_BYTES / 4, US_PER_MS));
	assert_int_equal(come(&leg, BEGIN_BYTES / 4, US_PER_MS), 2 * BEGIN_BYTES);
	assert_false(is_due(&leg, BEGIN_BYTES / 2 - 1, RTT_US));
	assert_true(is_due(&leg, BEGIN_BYTES / 2, RTT_US));
}

static void test_half_a_window_a_round_trip_doubles_it(void **state)
{
	struct leg leg = begin(128 * KIB);

	assert_int_equal(come(&leg, WINDOW_BYTES / 2, RTT_US + 1), 0);
	assert_int_equal(come(&leg, WINDOW_BYTES / 2, RTT_US), 2 * BEGIN_BYTES);   /* each look is one of its own */
	leg.facts.window_bytes = 2 * WINDOW_BYTES;
	assert_int_equal(come(&leg, WINDOW_BYTES, RTT_US + 1), 0);
	assert_int_equal(come(&leg, WINDOW_BYTES, RTT_US), 4 * BEGIN_BYTES);
}

/* A thread that has much to do reads a whole window, or some, at once. */
static void test_what_came_counts_however_much_it_is(void **state)
{
	struct leg leg = begin(128 * KIB);

	assert_int_equal(come(&leg, WINDOW_BYTES, 2 * RTT_US + 1), 0);
	assert_int_equal(come(&leg, WINDOW_BYTES, 2 * RTT_US), 2 * BEGIN_BYTES);
}

static void test_the_longer_round_trip_counts_as_far_as_nobody_stood_still(void **state)
{
	struct leg leg = begin(128 * KIB);

	leg.facts.receiver_rtt_us = 2 * RTT_US;
	assert_int_equal(come(&leg, WINDOW_BYTES / 2, 2 * RTT_US), 2 * BEGIN_BYTES);
	leg = begin(128 * KIB);
	leg.facts.receiver_rtt_us = UINT32_MAX;
	assert_int_equal(come(&leg, WINDOW_BYTES / 2, 4 * RTT_US + 1), 0);
	assert_int_equal(come(&leg, WINDOW_BYTES / 2, 4 * RTT_US), 2 * BEGIN_BYTES);
	leg = begin(128 * KIB);
	leg.facts.receiver_rtt_us = UINT32_MAX;
	leg.facts.rtt_us = US_PER_MS;
	assert_int_equal(come(&leg, WINDOW_BYTES / 2, 50 * US_PER_MS + 1), 0);
	assert_int_equal(come(&leg, WINDOW_BYTES / 2, 50 * US_PER_MS), 2 * BEGIN_BYTES);
	leg = begin(128 * KIB);
	leg.facts.receiver_rtt_us = UINT32_MAX;
	leg.facts.rtt_us = 0;
	assert_int_equal(come(&leg, WINDOW_BYTES / 2, US_PER_S + 1), 0);
	assert_int_equal(come(&leg, WINDOW_BYTES / 2, US_PER_S), 2 * BEGIN_BYTES);
}

/* Of a thread that has much to do: the window was full all that time. */
static void test_how_long_it_takes_to_come_and_read_counts(void **state)
{
	struct leg leg = begin(128 * KIB);

	leg.facts.rtt_us = 0;
	assert_int_equal(come(&leg, WINDOW_BYTES / 2, 30 * US_PER_MS), 0);
	leg.facts.n_bytes += WINDOW_BYTES / 2;
	widen_note(&leg.widen, true, true, leg.facts.n_bytes, leg.facts.now_us + 12 * US_PER_MS);
	leg.facts.now_us += 20 * US_PER_MS;
	widen_look(&leg.widen, &leg.limits, &leg.facts);   /* read 8 ms ago, half a window in 20 ms */
	assert_int_equal(widen_to_set(&leg.widen), 0);
	leg.facts.n_bytes += WINDOW_BYTES / 2;
	widen_note(&leg.widen, true, true, leg.facts.n_bytes, leg.facts.now_us);
	leg.facts.now_us += 20 * US_PER_MS;
	widen_look(&leg.widen, &leg.limits, &leg.facts);   /* read 20 ms ago */
	assert_int_equal(widen_to_set(&leg.widen), 2 * BEGIN_BYTES);
}

/* The other direction's bytes have this one's source asked, too. */
static void test_a_pause_is_one_however_often_the_source_is_asked(void **state)
{
	struct leg leg = begin(128 * KIB);

	leg.facts.unsent_bytes = 1;
	assert_int_equal(come(&leg, WINDOW_BYTES / 2, US_PER_MS), 0);
	widen_note(&leg.widen, true, false, leg.facts.n_bytes, leg.facts.now_us + US_PER_MS / 2);
	assert_true(is_due(&leg, 0, US_PER_MS));
	widen_note(&leg.widen, true, true, leg.facts.n_bytes, leg.facts.now_us + US_PER_MS / 2);
	assert_false(is_due(&leg, 0, US_PER_MS));
}

/* A round trip in no time: who reads isn't there all the time. */
static void test_near_sources_have_some_time(void **state)
{
	struct leg leg = begin(128 * KIB);

	leg.facts.rtt_us = 0;
	assert_int_equal(come(&leg, WINDOW_BYTES / 2, 2 * US_PER_MS + 1), 0);
	assert_int_equal(come(&leg, WINDOW_BYTES / 2, 2 * US_PER_MS), 2 * BEGIN_BYTES);
}

static void test_a_window_that_still_grows_isnt_the_buffers(void **state)
{
	struct leg leg = begin(128 * KIB);

	leg.facts.window_bytes = 1;
	assert_int_equal(come(&leg, BEGIN_BYTES / 4, 4 * RTT_US + 1), 0);   /* an eighth of the buffer is taken for
									     * it */
	assert_int_equal(come(&leg, BEGIN_BYTES / 4, 4 * RTT_US), 2 * BEGIN_BYTES);
}

static void test_nothing_is_widened_while_the_other_leg_has_something_to_send(void **state)
{
	struct leg leg = begin(128 * KIB);

	leg.facts.unsent_bytes = 1;
	assert_int_equal(come(&leg, 2 * BEGIN_BYTES, US_PER_MS), 0);
	leg.facts.unsent_bytes = 0;
	assert_int_equal(come(&leg, BEGIN_BYTES / 4, US_PER_MS), 2 * BEGIN_BYTES);
}

/* Within a burst the other leg always has something to send. */
static void test_it_is_asked_again_after_a_pause(void **state)
{
	struct leg leg = begin(128 * KIB);

	leg.facts.unsent_bytes = 1;
	assert_int_equal(come(&leg, WINDOW_BYTES / 2, US_PER_MS), 0);
	assert_false(is_due(&leg, WINDOW_BYTES, US_PER_MS - 1));
	assert_true(is_due(&leg, 0, US_PER_MS));
	leg.facts.now_us += RTT_US - US_PER_MS;
	leg.facts.unsent_bytes = 0;
	widen_look(&leg.widen, &leg.limits, &leg.facts);   /* what came in the burst is by the round trip with the
							    * pause */
	assert_int_equal(widen_to_set(&leg.widen), 2 * BEGIN_BYTES);
}

static void test_a_source_without_pauses_is_asked_again_when_much_has_come(void **state)
{
	struct leg leg = begin(128 * KIB);

	leg.facts.unsent_bytes = 1;
	assert_int_equal(come(&leg, WINDOW_BYTES / 2, US_PER_MS), 0);
	assert_false(is_due(&leg, 2 * BEGIN_BYTES - WINDOW_BYTES / 2 - 1, US_PER_MS - 1));
	assert_true(is_due(&leg, 2 * BEGIN_BYTES - WINDOW_BYTES / 2, US_PER_MS - 1));
	assert_int_equal(come(&leg, 2 * BEGIN_BYTES - WINDOW_BYTES / 2, US_PER_MS), 0);
	assert_false(is_due(&leg, BEGIN_BYTES / 4 - 1, US_PER_MS));   /* begun anew */
	assert_true(is_due(&leg, BEGIN_BYTES / 4, US_PER_MS));
}

static void test_a_source_that_has_more_isnt_waited_for(void **state)
{
	struct leg leg = begin(128 * KIB);
	uint64_t n_bytes = leg.facts.n_bytes + BEGIN_BYTES / 4, now_us = leg.facts.now_us + RTT_US;

	widen_note(&leg.widen, false, true, n_bytes, now_us);
	assert_false(widen_is_due(&leg.widen, &leg.limits, n_bytes, now_us));
	widen_note(&leg.widen, true, true, n_bytes, now_us);   /* and yet what it had counts */
	assert_true(widen_is_due(&leg.widen, &leg.limits, n_bytes, now_us));
}

static void test_nothing_is_looked_at_before_it_is_set(void **state)
{
	struct leg leg = begin_with(128 * KIB, widen_limits(32 * MIB, 32 * MIB));

	assert_false(is_due(&leg, MIB, RTT_US));
	widen_to_set(&leg.widen);
	assert_true(is_due(&leg, MIB, RTT_US));
}

static void test_it_is_widened_to_the_limit_and_stays_there(void **state)
{
	struct leg leg = begin_with(4 * MIB, widen_limits(7 * MIB + 32, 7 * MIB + 32));

	assert_int_equal(widen_to_set(&leg.widen), 4 * MIB);
	assert_int_equal(come(&leg, 2 * MIB, US_PER_MS), 7 * MIB);
	assert_false(is_due(&leg, 14 * MIB, RTT_US));   /* nothing is to be asked any more */
}

static void test_both_clocks_go_round(void **state)
{
	struct leg leg = begin(128 * KIB);

	leg.facts.now_us = 2ull * UINT32_MAX - RTT_US / 2;
	leg.facts.n_bytes = 3ull * UINT32_MAX - BEGIN_BYTES / 8;
	leg.widen.looks = false;
	widen_note(&leg.widen, true, true, leg.facts.n_bytes, leg.facts.now_us);
	assert_int_equal(come(&leg, BEGIN_BYTES / 4, RTT_US), 2 * BEGIN_BYTES);
}

static void test_who_may_not_set_enough_leaves_distant_sources_to_the_kernel(void **state)
{
	static const struct {
		uint32_t may_set_bytes, rtt_us;
		bool left;
	} cases[] = {
		{ 32 * MIB, UINT32_MAX, false },         /* as wide as the kernel's own tuning would get: nothing is
							  * lost */
		{ 64 * MIB, 0, false },
		{ 8 * MIB, 33554, false },               /* 4 MiB at a gigabit a second */
		{ 8 * MIB, 33555, true },
		{ 8 * MIB, 0, true },                    /* nobody knows how far it is */
		{ 0, 1, true },
		{ BEGIN_BYTES - 1, 1, true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct widen widen = { 0 };
		struct widen_limits limits = widen_limits(cases[i].may_set_bytes, 32 * MIB);
		struct widen_facts facts = { .rtt_us = cases[i].rtt_us, .buffer_bytes = 128 * KIB };

		assert_int_equal(widen_begin(&widen, &limits, &facts), cases[i].left ? 0 : BEGIN_BYTES);
		assert_int_equal(widen.left_to_kernel, cases[i].left);
		assert_int_equal(widen_to_set(&widen), cases[i].left ? 0 : BEGIN_BYTES);
		assert_false(widen_is_due(&widen, &limits, MIB, US_PER_S));
	}
}

static void test_what_is_wider_than_may_be_set_is_left(void **state)
{
	struct leg leg = begin_with(8 * MIB + 1, widen_limits(8 * MIB, 32 * MIB));

	assert_true(leg.widen.left_to_kernel);
	assert_int_equal(widen_to_set(&leg.widen), 0);
}

static void test_no_buffer_is_wider_than_can_be_noted(void **state)
{
	assert_int_equal(widen_limits(UINT32_MAX, UINT32_MAX).most_bytes, INT32_MAX - KIB + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_is_looked_at_when_a_quarter_of_the_buffer_has_come),
		cmocka_unit_test(test_half_a_window_a_round_trip_doubles_it),
		cmocka_unit_test(test_what_came_counts_however_much_it_is),
		cmocka_unit_test(test_the_longer_round_trip_counts_as_far_as_nobody_stood_still),
		cmocka_unit_test(test_how_long_it_takes_to_come_and_read_counts),
		cmocka_unit_test(test_a_pause_is_one_however_often_the_source_is_asked),
		cmocka_unit_test(test_near_sources_have_some_time),
		cmocka_unit_test(test_a_window_that_still_grows_isnt_the_buffers),
		cmocka_unit_test(test_nothing_is_widened_while_the_other_leg_has_something_to_send),
		cmocka_unit_test(test_it_is_asked_again_after_a_pause),
		cmocka_unit_test(test_a_source_without_pauses_is_asked_again_when_much_has_come),
		cmocka_unit_test(test_a_source_that_has_more_isnt_waited_for),
		cmocka_unit_test(test_nothing_is_looked_at_before_it_is_set),
		cmocka_unit_test(test_it_is_widened_to_the_limit_and_stays_there),
		cmocka_unit_test(test_both_clocks_go_round),
		cmocka_unit_test(test_who_may_not_set_enough_leaves_distant_sources_to_the_kernel),
		cmocka_unit_test(test_what_is_wider_than_may_be_set_is_left),
		cmocka_unit_test(test_no_buffer_is_wider_than_can_be_noted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
