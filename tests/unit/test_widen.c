/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When the receive buffer of a plain leg is widened, and when it stays as it is. */
#include "unit.h"

#include "base/clock.h"
#include "policy/widen.h"

#define KIB 1024u
#define MIB (1024u * KIB)
#define BEGIN_BYTES (512u * KIB)
#define RTT_US (20 * US_PER_MS)

struct leg {
	struct widen widen;
	struct widen_limits limits;
	struct widen_facts facts;
};

static struct leg begin(uint32_t buffer_bytes)
{
	struct leg leg = { .limits = widen_limits(32 * MIB, 32 * MIB), .facts = { .now_us = 7 * US_PER_S, .n_bytes = 64 * KIB, .rtt_us = RTT_US, .buffer_bytes = buffer_bytes } };
	uint32_t expected = buffer_bytes < BEGIN_BYTES ? BEGIN_BYTES : buffer_bytes;

	assert_int_equal(widen_begin(&leg.widen, &leg.limits, &leg.facts), expected);
	return leg;
}

/* n_bytes come within took_us: what the buffer is set to then. */
static uint32_t come(struct leg *leg, uint32_t n_bytes, uint64_t took_us)
{
	leg->facts.n_bytes += n_bytes;
	leg->facts.now_us += took_us;
	return widen_look(&leg->widen, &leg->limits, &leg->facts);
}

static void test_half_a_window_in_a_round_trip_doubles_it(void **state)
{
	struct leg leg = begin(128 * KIB);

	assert_false(widen_is_due(&leg.widen, leg.facts.n_bytes + BEGIN_BYTES / 4 - 1));
	assert_true(widen_is_due(&leg.widen, leg.facts.n_bytes + BEGIN_BYTES / 4));
	assert_int_equal(come(&leg, BEGIN_BYTES / 4, RTT_US), 2 * BEGIN_BYTES);
	assert_false(widen_is_due(&leg.widen, leg.facts.n_bytes + BEGIN_BYTES / 2 - 1));
	assert_true(widen_is_due(&leg.widen, leg.facts.n_bytes + BEGIN_BYTES / 2));
	assert_int_equal(come(&leg, BEGIN_BYTES / 2, RTT_US), 4 * BEGIN_BYTES);
}

static void test_a_slower_source_needs_no_more(void **state)
{
	struct leg leg = begin(128 * KIB);

	assert_int_equal(come(&leg, BEGIN_BYTES / 4, RTT_US + 1), 0);
	assert_int_equal(come(&leg, BEGIN_BYTES / 4, RTT_US), 2 * BEGIN_BYTES);   /* each look is one of its own */
}

static void test_nothing_is_widened_while_the_other_leg_has_something_to_send(void **state)
{
	struct leg leg = begin(128 * KIB);

	leg.facts.pending_bytes = 1;
	assert_int_equal(come(&leg, BEGIN_BYTES / 4, 0), 0);
	leg.facts.pending_bytes = 0;
	assert_int_equal(come(&leg, BEGIN_BYTES / 4, 0), 2 * BEGIN_BYTES);
}

/* A round trip in no time: who reads isn't there all the time. */
static void test_near_sources_have_some_time(void **state)
{
	struct leg leg = begin(128 * KIB);

	leg.facts.rtt_us = 0;
	assert_int_equal(come(&leg, BEGIN_BYTES / 4, 2 * US_PER_MS + 1), 0);
	assert_int_equal(come(&leg, BEGIN_BYTES / 4, 2 * US_PER_MS), 2 * BEGIN_BYTES);
}

static void test_it_is_widened_to_the_limit_and_stays_there(void **state)
{
	struct leg leg = begin(20 * MIB);

	assert_int_equal(come(&leg, 5 * MIB, 0), 32 * MIB);
	assert_int_equal(come(&leg, 8 * MIB, 0), 0);
	assert_int_equal(come(&leg, 8 * MIB, 0), 0);
}

static void test_both_clocks_go_round(void **state)
{
	struct leg leg = begin(128 * KIB);

	leg.facts.now_us = 2ull * UINT32_MAX - RTT_US;
	leg.facts.n_bytes = 3ull * UINT32_MAX - BEGIN_BYTES / 8;
	come(&leg, 0, 0);
	assert_true(widen_is_due(&leg.widen, leg.facts.n_bytes + BEGIN_BYTES / 4));
	assert_int_equal(come(&leg, BEGIN_BYTES / 4, RTT_US), 2 * BEGIN_BYTES);
}

static void test_who_may_not_set_enough_leaves_distant_sources_to_the_kernel(void **state)
{
	static const struct {
		uint32_t may_set_bytes, rtt_us;
		bool left;
	} cases[] = {
		{ 32 * MIB, UINT32_MAX, false },         /* as wide as the kernel's own tuning would get: nothing is lost */
		{ 64 * MIB, UINT32_MAX, false },
		{ 8 * MIB, 33554, false },               /* 4 MiB at a gigabit a second */
		{ 8 * MIB, 33555, true },
		{ 0, 0, true },
		{ BEGIN_BYTES - 1, 0, true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct widen widen = { 0 };
		struct widen_limits limits = widen_limits(cases[i].may_set_bytes, 32 * MIB);
		struct widen_facts facts = { .rtt_us = cases[i].rtt_us, .buffer_bytes = 128 * KIB };

		assert_int_equal(widen_begin(&widen, &limits, &facts), cases[i].left ? 0 : BEGIN_BYTES);
		assert_int_equal(widen.left, cases[i].left);
	}
}

static void test_what_is_wider_than_may_be_set_is_left(void **state)
{
	struct widen widen = { 0 };
	struct widen_limits limits = widen_limits(8 * MIB, 32 * MIB);
	struct widen_facts facts = { .buffer_bytes = 8 * MIB + 1 };

	assert_int_equal(widen_begin(&widen, &limits, &facts), 0);
	assert_true(widen.left);
}

static void test_no_buffer_is_wider_than_can_be_noted(void **state)
{
	assert_int_equal(widen_limits(UINT32_MAX, UINT32_MAX).most_bytes, 65535u * KIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_half_a_window_in_a_round_trip_doubles_it),
		cmocka_unit_test(test_a_slower_source_needs_no_more),
		cmocka_unit_test(test_nothing_is_widened_while_the_other_leg_has_something_to_send),
		cmocka_unit_test(test_near_sources_have_some_time),
		cmocka_unit_test(test_it_is_widened_to_the_limit_and_stays_there),
		cmocka_unit_test(test_both_clocks_go_round),
		cmocka_unit_test(test_who_may_not_set_enough_leaves_distant_sources_to_the_kernel),
		cmocka_unit_test(test_what_is_wider_than_may_be_set_is_left),
		cmocka_unit_test(test_no_buffer_is_wider_than_can_be_noted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
