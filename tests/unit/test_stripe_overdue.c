/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A leg whose acknowledgement is overdue, and what is said beside it: decision 0044. */
#include "unit_stripe.h"

#define RTT_US (50 * US_PER_MS)

static uint8_t best_at(struct stripe_out *out, uint64_t unacked_bytes, uint64_t now_us)
{
	unit_stripe_look(out, 0, unacked_bytes, RTT_US, now_us);
	return stripe_best_leg(out);
}

/* Behind what its TCP has to send once more words would wait, most likely as long again. */
static void few_bytes_go_past_a_leg_that_is_overdue(void **state)
{
	struct stripe_out *out = unit_stripe_new(true, 2);
	const uint64_t slack_us = 200 * US_PER_MS;
	uint64_t now_us = US_PER_S;

	unit_stripe_look(out, 1, 0, 2 * RTT_US, now_us);
	assert_int_equal(best_at(out, 0, now_us), 0);
	stripe_leg_wrote(out, 0, 12, now_us);
	stripe_leg_wrote(out, 0, 12, now_us + 20 * US_PER_MS);
	assert_int_equal(best_at(out, 24, now_us + RTT_US + slack_us - 1), 0);
	assert_int_equal(best_at(out, 24, now_us + RTT_US + slack_us), 1);
	now_us += US_PER_S;
	assert_int_equal(best_at(out, 12, now_us), 0);   /* the other word is awaited as if it were new */
	assert_int_equal(best_at(out, 12, now_us + RTT_US + slack_us), 1);
	stripe_leg_wrote(out, 1, 12, now_us);
	/* overdue for 0.3 s, the other one for 0.35 */
	unit_stripe_look(out, 1, 12, 2 * RTT_US, now_us + 400 * US_PER_MS);
	assert_int_equal(best_at(out, 12, now_us + 400 * US_PER_MS), 1);
	assert_int_equal(best_at(out, 0, now_us + 2 * US_PER_S), 0);
	assert_int_equal(out->legs[0].overdue_us, 0);
	free(out);
}

static void a_far_leg_is_no_better_at_once(void **state)
{
	static const struct { uint64_t after_ms; uint8_t leg; } cases[] = { { 250, 0 }, { 310, 0 }, { 330, 1 } };
	struct stripe_out *out = unit_stripe_new(true, 2);

	unit_stripe_look(out, 1, 0, 600 * US_PER_MS, US_PER_S);
	assert_int_equal(best_at(out, 0, US_PER_S), 0);
	stripe_leg_wrote(out, 0, 12, US_PER_S);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (best_at(out, 12, US_PER_S + cases[i].after_ms * US_PER_MS) != cases[i].leg)
			fail_msg("case %zu", i);
	free(out);
}

/* Of much that was written at once, and waits in its TCP, nothing is awaited. */
static void what_has_not_left_is_not_overdue(void **state)
{
	struct stripe_out *out = unit_stripe_new(true, 1);
	struct stripe_seen seen = { .unacked_bytes = 90000, .rtt_us = RTT_US, .unsent_bytes = 80000 };

	stripe_leg_wrote(out, 0, 10000, US_PER_S);
	stripe_leg_wrote(out, 0, 90000, US_PER_S);
	stripe_leg_look(out, 0, &seen, US_PER_S + RTT_US);
	assert_int_equal(out->legs[0].awaited.end, 20000);
	seen = (struct stripe_seen){ .unacked_bytes = 80000, .rtt_us = RTT_US, .unsent_bytes = 80000 };
	stripe_leg_look(out, 0, &seen, US_PER_S + 7 * RTT_US);
	assert_int_equal(out->legs[0].overdue_us, 0);
	free(out);
}

static void of_a_long_leg_an_acknowledgement_may_take_longer(void **state)
{
	static const struct { bool wide; uint64_t rtt_ms, after_ms; bool overdue; } cases[] = {
		{ true, 600, 799, false }, { true, 600, 800, true }, { true, 20, 219, false }, { true, 20, 220, true },
		{ false, 600, 60000, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct stripe_out *out = unit_stripe_new(cases[i].wide, 1);

		unit_stripe_look(out, 0, 0, cases[i].rtt_ms * US_PER_MS, US_PER_S);
		stripe_leg_wrote(out, 0, 12, US_PER_S);
		unit_stripe_look(out, 0, 12, cases[i].rtt_ms * US_PER_MS, US_PER_S + cases[i].after_ms * US_PER_MS);
		if (!out->legs[0].overdue_us == cases[i].overdue)
			fail_msg("case %zu", i);
		free(out);
	}
}

static void what_was_told_late_is_told_again_once(void **state)
{
	struct stripe_in in = { .wide = true };
	size_t skip;

	stripe_tell_late(&in);   /* nothing was */
	assert_false(stripe_owes_ack(&in, US_PER_S));
	assert_int_equal(stripe_arrive(&in, 0, 100, STRIPE_GOES_ON, &skip), 0);
	stripe_pass_on(&in, 100, US_PER_S);
	stripe_told(&in);
	for (int i = 0; i < 3; i++) {
		stripe_tell_late(&in);
		assert_int_equal(stripe_owes_ack(&in, US_PER_S), !i);
		stripe_told(&in);
	}
	assert_int_equal(stripe_arrive(&in, 100, 10, STRIPE_GOES_ON, &skip), 0);
	stripe_pass_on(&in, 10, US_PER_S);
	stripe_tell_late(&in);   /* it wasn't told yet */
	assert_false(stripe_owes_ack(&in, US_PER_S));
	stripe_told(&in);
	stripe_tell_late(&in);
	assert_true(stripe_owes_ack(&in, US_PER_S));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(few_bytes_go_past_a_leg_that_is_overdue),
		cmocka_unit_test(a_far_leg_is_no_better_at_once),
		cmocka_unit_test(what_has_not_left_is_not_overdue),
		cmocka_unit_test(of_a_long_leg_an_acknowledgement_may_take_longer),
		cmocka_unit_test(what_was_told_late_is_told_again_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
