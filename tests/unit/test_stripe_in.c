/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How pieces become a stream again. */
#include "unit.h"

#include "base/clock.h"
#include "policy/stripe.h"

static void pieces_arrive_in_any_order(void **state)
{
	struct stripe_in in = { 0 };
	size_t skip;

	assert_int_equal(stripe_arrive(&in, 10, 10, STRIPE_GOES_ON, &skip), 0);
	assert_int_equal(skip, 0);
	assert_int_equal(stripe_arrive(&in, 30, 10, STRIPE_GOES_ON, &skip), 0);
	assert_int_equal(stripe_arrive(&in, 15, 20, STRIPE_GOES_ON, &skip), 0);   /* over both */
	assert_int_equal(in.n_later, 1);
	assert_int_equal(stripe_readable(&in), 0);
	assert_int_equal(stripe_arrive(&in, 50, 5, STRIPE_GOES_ON, &skip), 0);
	assert_int_equal(stripe_arrive(&in, 45, 3, STRIPE_GOES_ON, &skip), 0);
	assert_int_equal(in.n_later, 3);
	assert_int_equal(stripe_arrive(&in, 0, 10, STRIPE_GOES_ON, &skip), 0);
	assert_int_equal(stripe_readable(&in), 40);
	assert_false(stripe_owes_ack(&in, 1));
	stripe_pass_on(&in, 40, 1);
	assert_false(stripe_owes_ack(&in, 1));
	assert_int_equal(stripe_owes_ack_at_us(&in), 1 + 15 * US_PER_S);
	assert_false(stripe_owes_ack(&in, 15 * US_PER_S));
	assert_true(stripe_owes_ack(&in, 1 + 15 * US_PER_S));
	assert_int_equal(stripe_arrive(&in, 35, 12, STRIPE_GOES_ON, &skip), 0);
	assert_int_equal(skip, 5);
	assert_int_equal(stripe_readable(&in), 8);
	stripe_told(&in);
	/* all of it was here: perhaps that isn't known */
	assert_int_equal(stripe_arrive(&in, 0, 20, STRIPE_GOES_ON, &skip), 0);
	assert_int_equal(skip, 20);
	assert_true(stripe_owes_ack(&in, 1));
}

static void pieces_that_cant_be(void **state)
{
	static const struct { uint32_t offset; size_t n; enum stripe_end ending; } cases[] = {
		{ STRIPE_WINDOW_BYTES - 5, 6, STRIPE_GOES_ON }, { 0xffffffff, 1, STRIPE_GOES_ON },
		{ 0x80000001, 1, STRIPE_GOES_ON }, { 10, 5, STRIPE_ENDS },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct stripe_in in = { 0 };
		size_t skip;

		assert_int_equal(stripe_arrive(&in, 15, 5, STRIPE_GOES_ON, &skip), 0);
		assert_int_equal(stripe_arrive(&in, cases[i].offset, cases[i].n, cases[i].ending, &skip),
				 STRIPE_E_WRONG);
	}
}

static void ends_that_cant_be(void **state)
{
	struct stripe_in in = { 0 };
	size_t skip;

	assert_int_equal(stripe_arrive(&in, 10, 5, STRIPE_ENDS, &skip), 0);
	assert_int_equal(stripe_arrive(&in, 10, 5, STRIPE_ENDS, &skip), 0);
	assert_int_equal(stripe_end_due(&in), STRIPE_GOES_ON);
	assert_int_equal(stripe_arrive(&in, 12, 3, STRIPE_GOES_ON, &skip), 0);
	assert_int_equal(stripe_arrive(&in, 12, 4, STRIPE_GOES_ON, &skip), STRIPE_E_WRONG);
	assert_int_equal(stripe_arrive(&in, 0, 4, STRIPE_ENDS, &skip), STRIPE_E_WRONG);
	assert_int_equal(stripe_arrive(&in, 10, 5, STRIPE_RESETS, &skip), 0);
	assert_int_equal(in.ending, STRIPE_RESETS);
	assert_int_equal(stripe_arrive(&in, 10, 5, STRIPE_ENDS, &skip), 0);   /* the older of both, later */
	assert_int_equal(in.ending, STRIPE_RESETS);
}

/* It is known before what is in front of it is there, and takes no range. */
static void an_end_alone_may_come_early(void **state)
{
	struct stripe_in in = { 0 };
	size_t skip;

	assert_int_equal(stripe_arrive(&in, 4, 0, STRIPE_ENDS, &skip), 0);
	assert_int_equal(in.n_later, 0);
	assert_int_equal(stripe_end_due(&in), STRIPE_GOES_ON);
	assert_int_equal(stripe_arrive(&in, 0, 4, STRIPE_GOES_ON, &skip), 0);
	stripe_pass_on(&in, 4, 1);
	assert_int_equal(stripe_end_due(&in), STRIPE_ENDS);
}

static void there_are_so_many_ranges_and_no_more(void **state)
{
	struct stripe_in in = { 0 };
	size_t skip;

	for (uint32_t i = 0; i < STRIPE_PIECES; i++)
		assert_int_equal(stripe_arrive(&in, 2 * i + 1, 1, STRIPE_GOES_ON, &skip), 0);
	assert_int_equal(stripe_arrive(&in, 2 * STRIPE_PIECES + 1, 1, STRIPE_GOES_ON, &skip), STRIPE_E_WRONG);
	assert_int_equal(stripe_arrive(&in, 2, 1, STRIPE_GOES_ON, &skip), 0);
	assert_int_equal(in.n_later, STRIPE_PIECES - 1);
}

/* The other end has no more than 256 pieces under way, and they may be of a byte each. */
static void many_pieces_are_acknowledged_at_once(void **state)
{
	struct stripe_in in = { 0 };
	size_t skip;

	for (uint32_t i = 0; i < STRIPE_PIECES / 4; i++) {
		assert_false(stripe_owes_ack(&in, 1));
		assert_int_equal(stripe_arrive(&in, STRIPE_PIECES / 4 - 1 - i, 1, STRIPE_GOES_ON, &skip), 0);
	}
	assert_false(stripe_owes_ack(&in, 1));   /* nothing of it has been passed on */
	stripe_pass_on(&in, 1, 1);
	assert_true(stripe_owes_ack(&in, 1));
	stripe_told(&in);
	stripe_pass_on(&in, 1, 1);
	assert_false(stripe_owes_ack(&in, 1));
}

static void much_is_acknowledged_at_once(void **state)
{
	struct stripe_in in = { 0 };
	size_t skip;

	assert_int_equal(stripe_arrive(&in, 0, 8192, STRIPE_GOES_ON, &skip), 0);
	assert_int_equal(stripe_arrive(&in, 8192, 8192, STRIPE_ENDS, &skip), 0);
	stripe_pass_on(&in, 16383, 1);
	assert_false(stripe_owes_ack(&in, 1));
	stripe_pass_on(&in, 1, 1);
	assert_true(stripe_owes_ack(&in, 1));
	stripe_told(&in);
	assert_int_equal(stripe_owes_ack_at_us(&in), CLOCK_NEVER_US);
	stripe_pass_on_end(&in, 2);
	assert_true(stripe_owes_ack(&in, 2));
	assert_int_equal(stripe_acknowledged(&in), 16385);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_arrive_in_any_order),
		cmocka_unit_test(pieces_that_cant_be),
		cmocka_unit_test(ends_that_cant_be),
		cmocka_unit_test(an_end_alone_may_come_early),
		cmocka_unit_test(there_are_so_many_ranges_and_no_more),
		cmocka_unit_test(many_pieces_are_acknowledged_at_once),
		cmocka_unit_test(much_is_acknowledged_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
