/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What goes once more over another leg, as its own is stuck with it or has lost it. */
#include "unit_stripe.h"

/* What one leg is stuck with goes over another that has nothing to do, once. */
static void an_idle_leg_repeats_what_is_stuck(void **state)
{
	struct stripe_out out = { 0 };
	struct stripe_send send;

	stripe_leg_open(&out, 0, 1);
	out.legs[0].rate_bytes_per_s = 100;
	out.legs[0].n_measured = 2;
	stripe_take(&out, 2000);
	while (stripe_next(&out, &send))
		stripe_sent(&out, &send, 1);
	assert_int_equal(out.next, 2000);
	stripe_leg_open(&out, 1, 2);
	out.legs[1].rate_bytes_per_s = 1000;
	out.legs[1].rtt_us = 100 * US_PER_MS;
	assert_true(stripe_next(&out, &send));
	assert_true(send.leg == 1 && send.again && send.offset == 0);
	stripe_sent(&out, &send, 2);
	assert_false(stripe_next(&out, &send));   /* it has something to do now */
	unit_stripe_look(&out, 1, 0, 0, 2 * US_PER_S);
	assert_true(stripe_next(&out, &send) && send.offset > 0);
	unit_stripe_look(&out, 0, 0, 0, 3 * US_PER_S);   /* the other end has it all */
	assert_false(stripe_next(&out, &send));
}

/* Its TCP would wait for several times what longer packets took. Over a third leg it doesn't go. */
static void what_was_lost_at_last_goes_over_an_idle_leg(void **state)
{
	static const struct { bool wide; uint64_t after_ms; bool again; } table[] = {
		{ false, 1410, false }, { false, 1420, true }, { true, 1420, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct stripe_out *out = unit_stripe_new(table[i].wide, 3);
		const uint64_t sent_us = 9 * US_PER_S, looked_us = sent_us + table[i].after_ms * US_PER_MS;
		struct stripe_send send;

		for (uint8_t leg = 0; leg < 3; leg++) {
			out->legs[leg].rate_bytes_per_s = 300;
			out->legs[leg].rtt_us = (600 + 10 * leg) * US_PER_MS;
		}
		stripe_take(out, 20);
		assert_true(stripe_next(out, &send) && !send.again && send.leg == 0);
		stripe_sent(out, &send, sent_us);   /* 32 bytes, 107 ms */
		assert_false(stripe_next(out, &send));
		unit_stripe_look(out, 0, 32, 0, looked_us);
		if (stripe_next(out, &send) != table[i].again)
			fail_msg("case %zu", i);
		if (table[i].again) {
			assert_true(send.again && send.leg == 1);
			stripe_sent(out, &send, looked_us);
			unit_stripe_look(out, 1, 32, 0, looked_us + 2 * US_PER_S);
			assert_false(stripe_next(out, &send));
		}
		free(out);
	}
}

/* The end is a piece like any other: it is said again where its leg is lost. */
static void an_end_is_said_again(void **state)
{
	struct stripe_out out = { 0 };
	struct stripe_send send;

	stripe_leg_open(&out, 0, 1);
	stripe_end(&out, STRIPE_ENDS);
	assert_int_equal(stripe_room(&out), 0);
	assert_true(stripe_next(&out, &send) && !send.n && send.ending == STRIPE_ENDS);
	stripe_sent(&out, &send, 1);
	stripe_leg_close(&out, 0);
	assert_false(stripe_next(&out, &send));   /* no leg */
	stripe_leg_open(&out, 1, 2);
	assert_true(stripe_next(&out, &send) && send.again && send.ending == STRIPE_ENDS && send.leg == 1);
	stripe_sent(&out, &send, 2);
	assert_int_equal(stripe_acknowledge(&out, 1, 0), 0);
	assert_true(stripe_is_done(&out));
}

static void a_single_leg_that_stalls_is_left_to_its_tcp(void **state)
{
	struct stripe_out out = { 0 };
	struct stripe_send send;

	stripe_leg_open(&out, 3, 1);
	stripe_take(&out, 10);
	assert_true(stripe_next(&out, &send));
	stripe_sent(&out, &send, 1);
	unit_stripe_look(&out, 3, FRAME(10), 0, 100 * US_PER_S);
	assert_true(out.legs[3].stalled && out.pieces[0].leg == 3);
	assert_false(stripe_next(&out, &send));
	stripe_leg_open(&out, 4, 100 * US_PER_S);   /* another one comes */
	unit_stripe_look(&out, 3, FRAME(10), 0, 101 * US_PER_S);
	assert_true(stripe_next(&out, &send) && send.leg == 4 && send.again);
	stripe_sent(&out, &send, 101 * US_PER_S);
	unit_stripe_look(&out, 3, 0, 0, 102 * US_PER_S);   /* and it has got through after all */
	assert_false(out.legs[3].stalled);
	unit_stripe_look(&out, 3, 5000, 0, 103 * US_PER_S);   /* more than was ever written */
	assert_int_equal(out.legs[3].acked_bytes, FRAME(10));
}

/* What the other end's kernel has is not sent again for a stall: it is again where the leg dies, as nobody there may
 * have read it. */
static void what_has_arrived_is_left_where_it_is(void **state)
{
	struct stripe_out out = { 0 };
	struct stripe_send send;

	stripe_leg_open(&out, 0, 1);
	for (size_t i = 0; i < 2; i++) {
		stripe_take(&out, 10);
		assert_true(stripe_next(&out, &send));
		stripe_sent(&out, &send, 1);
	}
	unit_stripe_look(&out, 0, FRAME(10), 0, US_PER_S);
	stripe_leg_open(&out, 1, US_PER_S);
	unit_stripe_look(&out, 0, FRAME(10), 0, 100 * US_PER_S);
	assert_true(out.legs[0].stalled && out.pieces[0].leg == 0 && out.pieces[1].leg == STRIPE_NO_LEG);
	assert_true(stripe_next(&out, &send) && send.offset == 10 && send.leg == 1);
	stripe_leg_close(&out, 0);
	assert_true(stripe_next(&out, &send) && send.offset == 0 && send.leg == 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_idle_leg_repeats_what_is_stuck),
		cmocka_unit_test(what_was_lost_at_last_goes_over_an_idle_leg),
		cmocka_unit_test(an_end_is_said_again),
		cmocka_unit_test(a_single_leg_that_stalls_is_left_to_its_tcp),
		cmocka_unit_test(what_has_arrived_is_left_where_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
