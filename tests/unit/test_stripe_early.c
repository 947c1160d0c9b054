/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The stream's first piece, with the first packets of its legs: decision 0045. */
#include "unit.h"

#include "base/clock.h"
#include "policy/stripe.h"

#define MOST 1200
#define REQUEST 500

/* Legs 0 and 1 are begun with the request. */
static struct stripe_out *begun(void)
{
	struct stripe_out *out = calloc(1, sizeof(*out));
	struct stripe_send send;

	assert_non_null(out);
	out->wide = true;
	stripe_take(out, REQUEST);
	for (size_t i = 0; i < 2; i++) {
		assert_true(stripe_early(out, MOST, &send));
		assert_true(!send.offset && send.n == REQUEST && send.ending == STRIPE_GOES_ON);
		stripe_sent_early(out, &send);
	}
	assert_int_equal(out->n_pieces, 1);
	return out;
}

static void open_with_it(struct stripe_out *out, uint8_t leg)
{
	stripe_leg_open(out, leg, 1);
	stripe_leg_wrote(out, leg, 100, 1);
	stripe_early_over(out, leg, REQUEST, 1);
}

static void whichever_is_there_first_has_brought_it(void **state)
{
	struct stripe_out *out = begun();
	struct stripe_send send;

	assert_false(stripe_next(out, &send));   /* there is no leg */
	open_with_it(out, 1);
	assert_false(stripe_next(out, &send));
	assert_int_equal(out->legs[1].written_bytes, 100 + STRIPE_FRAME_OVERHEAD_BYTES + REQUEST);
	open_with_it(out, 0);
	assert_false(stripe_next(out, &send));
	assert_int_equal(out->legs[0].written_bytes, 100 + STRIPE_FRAME_OVERHEAD_BYTES + REQUEST);
	assert_int_equal(stripe_acknowledge(out, REQUEST, 0), 0);
	assert_int_equal(out->n_pieces, 0);
	free(out);
}

static void a_leg_that_had_not_brings_it(void **state)
{
	struct stripe_out *out = begun();
	struct stripe_send send;

	stripe_leg_open(out, 0, 1);
	stripe_early_over(out, 0, 0, 1);
	assert_true(stripe_next(out, &send) && send.again && send.leg == 0 && send.n == REQUEST);
	stripe_sent(out, &send, 1);
	assert_false(stripe_next(out, &send));
	stripe_leg_close(out, 0);
	open_with_it(out, 1);   /* and so it isn't to go over that one, either */
	assert_false(stripe_next(out, &send));
	free(out);
}

static void it_may_be_acknowledged_before_any_leg_is_open(void **state)
{
	struct stripe_out *out = begun();
	struct stripe_send send;

	assert_int_equal(stripe_acknowledge(out, REQUEST, 0), 0);
	assert_int_equal(stripe_acknowledge(out, REQUEST + 1, 0), STRIPE_E_WRONG);
	open_with_it(out, 0);
	assert_false(stripe_next(out, &send));
	assert_false(stripe_early(out, MOST, &send));
	free(out);
}

static void what_is_acknowledged_in_part_is_another_piece(void **state)
{
	struct stripe_out *out = begun();
	struct stripe_send send;

	assert_int_equal(stripe_acknowledge(out, 100, 0), 0);
	assert_false(stripe_early(out, MOST, &send));
	open_with_it(out, 0);
	assert_true(stripe_next(out, &send) && send.again && send.offset == 100 && send.n == REQUEST - 100);
	free(out);
}

static void as_much_as_fits_goes(void **state)
{
	struct stripe_out *out = calloc(1, sizeof(*out));
	struct stripe_send send;

	assert_non_null(out);
	stripe_take(out, 2 * MOST);
	assert_false(stripe_early(out, MOST, &send));   /* not where links are of low rate */
	out->wide = true;
	assert_true(stripe_early(out, MOST, &send) && send.n == MOST);
	stripe_sent_early(out, &send);
	assert_false(stripe_early(out, MOST - 1, &send));
	stripe_leg_open(out, 0, 1);
	stripe_early_over(out, 0, MOST, 1);
	assert_false(stripe_early(out, MOST, &send));
	assert_true(stripe_next(out, &send) && !send.again && send.offset == MOST);
	free(out);
}

static void nothing_is_said_where_there_is_nothing(void **state)
{
	struct stripe_out *out = calloc(1, sizeof(*out));
	struct stripe_send send;

	assert_non_null(out);
	out->wide = true;
	assert_false(stripe_early(out, MOST, &send));
	stripe_end(out, STRIPE_ENDS);
	assert_false(stripe_early(out, MOST, &send));
	free(out);
}

static void an_end_goes_by_itself(void **state)
{
	struct stripe_out *out = calloc(1, sizeof(*out));
	struct stripe_send send;

	assert_non_null(out);
	out->wide = true;
	stripe_take(out, REQUEST);
	stripe_end(out, STRIPE_ENDS);
	stripe_leg_open(out, 0, 1);
	assert_true(stripe_next(out, &send) && send.ending == STRIPE_ENDS);
	stripe_sent(out, &send, 1);
	stripe_leg_close(out, 0);
	assert_false(stripe_early(out, MOST, &send));
	free(out);
}

/* What was said with the first packet may be made use of before anything else is said. */
static void a_window_that_was_said_early_may_be_used(void **state)
{
	struct stripe_in *in = calloc(1, sizeof(*in)), *silent = calloc(1, sizeof(*silent));
	size_t skip;

	assert_true(in && silent);
	in->wide = silent->wide = true;
	in->window = silent->window = 15;
	stripe_promise(in);
	assert_int_equal(stripe_arrive(in, STRIPE_WINDOW_BYTES + 1, 1000, STRIPE_GOES_ON, &skip), 0);
	assert_int_equal(stripe_arrive(silent, STRIPE_WINDOW_BYTES + 1, 1000, STRIPE_GOES_ON, &skip), STRIPE_E_WRONG);
	free(in);
	free(silent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whichever_is_there_first_has_brought_it),
		cmocka_unit_test(a_leg_that_had_not_brings_it),
		cmocka_unit_test(it_may_be_acknowledged_before_any_leg_is_open),
		cmocka_unit_test(what_is_acknowledged_in_part_is_another_piece),
		cmocka_unit_test(as_much_as_fits_goes),
		cmocka_unit_test(nothing_is_said_where_there_is_nothing),
		cmocka_unit_test(an_end_goes_by_itself),
		cmocka_unit_test(a_window_that_was_said_early_may_be_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
