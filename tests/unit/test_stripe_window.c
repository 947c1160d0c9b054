/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How much more of a wide stream may come, as it was promised: decisions 0044, 0050. */
#include "unit_stripe.h"

#define SLOW_BYTES_PER_S 1000u
#define FAST_BYTES_PER_S 999000u
#define RTT_US (50 * US_PER_MS)

static struct stripe_in *in_new(bool wide)
{
	struct stripe_in *in = calloc(1, sizeof(*in));

	assert_non_null(in);
	in->wide = wide;
	return in;
}

/* As one that wants more, and has sent a window's worth, which was passed on at once. */
static void go_through_a_window(struct stripe_in *in)
{
	uint64_t edge = in->passed_on + STRIPE_WINDOW_BYTES + stripe_promised(in);
	size_t skip;

	while (in->in_order < edge) {
		size_t n = edge - in->in_order < STRIPE_WIDE_PIECE_BYTES ? (size_t)(edge - in->in_order) :
			   STRIPE_WIDE_PIECE_BYTES;

		assert_int_equal(stripe_arrive(in, (uint32_t)in->in_order, n, STRIPE_GOES_ON, &skip), 0);
	}
	stripe_pass_on(in, stripe_readable(in), 1);
}

static void as_much_may_arrive_as_was_promised(void **state)
{
	struct stripe_in *in = in_new(true);
	uint32_t at;
	size_t skip;

	assert_int_equal(stripe_arrive(in, STRIPE_WINDOW_BYTES - 5, 6, STRIPE_GOES_ON, &skip), STRIPE_E_WRONG);
	for (int i = 0; i < 12; i++) {
		go_through_a_window(in);
		stripe_set_window(in, true, PLENTY);
		stripe_told(in);
	}
	assert_int_equal(in->window, STRIPE_WINDOWS - 1);
	assert_int_equal(stripe_promised(in), STRIPE_WIDE_WINDOW_BYTES - STRIPE_WINDOW_BYTES);
	at = (uint32_t)in->passed_on;
	assert_int_equal(stripe_arrive(in, at + STRIPE_WIDE_WINDOW_BYTES - 5, 5, STRIPE_GOES_ON, &skip), 0);
	assert_int_equal(stripe_arrive(in, at + STRIPE_WIDE_WINDOW_BYTES - 5, 6, STRIPE_GOES_ON, &skip),
			 STRIPE_E_WRONG);
	for (uint32_t i = 1; i < STRIPE_WIDE_PIECES; i++)
		assert_int_equal(stripe_arrive(in, at + 2 * i, 1, STRIPE_GOES_ON, &skip), 0);
	assert_int_equal(stripe_arrive(in, at + 2 * STRIPE_WIDE_PIECES, 1, STRIPE_GOES_ON, &skip), STRIPE_E_WRONG);
	/* one with two others */
	assert_int_equal(stripe_arrive(in, at + 2 * STRIPE_WIDE_PIECES - 3, 1, STRIPE_GOES_ON, &skip), 0);
	assert_int_equal(in->n_later, STRIPE_WIDE_PIECES - 1);
	free(in);
}

static void a_window_widens_for_who_wants_it_and_is_passed_on(void **state)
{
	static const struct {
		bool wide, wanted;
		size_t n_kept, n_windows;   /* not passed on; gone through */
		uint64_t left_bytes;
		uint8_t window;
	} table[] = {
		{ true, true, 0, 1, PLENTY, 3 }, { true, false, 0, 1, PLENTY, 0 }, { false, true, 0, 1, PLENTY, 0 },
		{ true, true, 0, 0, PLENTY, 0 }, { true, true, STRIPE_WINDOW_BYTES / 4, 1, PLENTY, 3 },
		{ true, true, STRIPE_WINDOW_BYTES / 4 + 1, 1, PLENTY, 0 }, { true, true, 0, 1, STRIPE_WINDOW_BYTES, 1 },
		{ true, true, 0, 1, STRIPE_WINDOW_BYTES - 1, 0 }, { true, true, 0, 1, 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct stripe_in *in = in_new(table[i].wide);
		size_t skip;

		for (size_t n = 0; n < table[i].n_windows; n++)
			go_through_a_window(in);
		for (size_t n = table[i].n_kept; n; n -= n < 10000 ? n : 10000)
			assert_int_equal(stripe_arrive(in, (uint32_t)in->in_order, n < 10000 ? n : 10000,
						       STRIPE_GOES_ON, &skip), 0);
		stripe_set_window(in, table[i].wanted, table[i].left_bytes);
		if (in->window != table[i].window)
			fail_msg("case %zu: window %u, expected %u", i, in->window, table[i].window);
		free(in);
	}
}

/* Two legs, whose rates are known. */
static struct stripe_out *out_new(bool wide, uint64_t window_bytes)
{
	struct stripe_out *out = unit_stripe_new(wide, 2);

	out->window_bytes = window_bytes;
	out->legs[0].rate_bytes_per_s = FAST_BYTES_PER_S;
	out->legs[1].rate_bytes_per_s = SLOW_BYTES_PER_S;
	return out;
}

static void more_is_asked_for_where_half_a_window_is_used(void **state)
{
	struct stripe_out *out = out_new(true, PLENTY);

	stripe_take(out, STRIPE_WINDOW_BYTES / 2 - 1);
	assert_false(stripe_wants_window(out));
	out->bulk = true;
	assert_true(stripe_wants_window(out));
	out->bulk = false;
	stripe_take(out, 1);
	assert_true(stripe_wants_window(out));
	stripe_end(out, STRIPE_ENDS);
	assert_false(stripe_wants_window(out));
	free(out);
}

/* By the time that it may send more, it carries more: four times, and the slow one doesn't matter. */
static void where_legs_are_rising_it_is_asked_for_sooner(void **state)
{
	enum { NONE, FAST = 1, SLOW = 2, BOTH = 3 };
	const uint64_t window = STRIPE_WINDOW_BYTES;
	const struct {
		bool narrow;
		int rising, stalled;
		uint64_t used_bytes, memory_bytes, own_bytes;
		bool wants;
	} table[] = {
		{ false, BOTH, NONE, window / 8, PLENTY, PLENTY, true },
		{ false, BOTH, NONE, window / 8 - 1, PLENTY, PLENTY, false },
		{ false, NONE, NONE, window / 8, PLENTY, PLENTY, false },
		{ true, BOTH, NONE, window / 2, PLENTY, PLENTY, false },
		{ false, FAST, NONE, window / 8 + window / 1000, PLENTY, PLENTY, true },
		{ false, SLOW, NONE, window / 2 - window / 100, PLENTY, PLENTY, false },
		{ false, FAST, FAST, window / 2 - 1, PLENTY, PLENTY, false },
		{ false, SLOW, FAST, window / 8, PLENTY, PLENTY, true },
		{ false, BOTH, NONE, window / 2, window, PLENTY, false },
		{ false, BOTH, NONE, window / 2, window + 1, PLENTY, true },
		{ false, BOTH, NONE, window / 2, PLENTY, 0, true },   /* of a window it has 128 kB of its own anyway */
		{ false, NONE, NONE, window / 2, PLENTY, 0, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct stripe_out *out = out_new(!table[i].narrow, table[i].own_bytes);

		out->memory_bytes = table[i].memory_bytes;
		for (int leg = 0; leg < 2; leg++) {
			out->legs[leg].rising = table[i].rising & 1 << leg;
			out->legs[leg].stalled = table[i].stalled & 1 << leg;
		}
		stripe_take(out, table[i].used_bytes);
		if (stripe_wants_window(out) != table[i].wants)
			fail_msg("case %zu", i);
		free(out);
	}
}

static void no_more_is_asked_for_than_rising_legs_will_use(void **state)
{
	struct stripe_out *out = out_new(true, 2 * STRIPE_WINDOW_BYTES);

	out->legs[0].rising = out->legs[1].rising = true;
	stripe_take(out, 2 * STRIPE_WINDOW_BYTES);
	out->edge = 8 * STRIPE_WINDOW_BYTES - 1;
	assert_true(stripe_wants_window(out));
	out->edge++;
	assert_false(stripe_wants_window(out));
	free(out);
}

static void the_widest_window_is_not_asked_for_again(void **state)
{
	struct stripe_out *out = out_new(true, PLENTY);

	out->legs[0].rising = true;
	out->edge = STRIPE_WIDE_WINDOW_BYTES - 1;
	stripe_take(out, STRIPE_WIDE_WINDOW_BYTES / 2);
	assert_true(stripe_wants_window(out));
	out->edge = STRIPE_WIDE_WINDOW_BYTES;
	assert_false(stripe_wants_window(out));
	free(out);
}

/* What was seen while a leg began says nothing when it has stood still, or rested. */
static void a_leg_that_stalls_or_rests_rises_no_more(void **state)
{
	struct stripe_out *out = out_new(true, PLENTY);
	uint64_t now_us = 2 * US_PER_S;

	unit_stripe_look(out, 0, 0, RTT_US, now_us);
	out->legs[0].rising = out->legs[1].rising = true;
	stripe_leg_wrote(out, 0, 1000, now_us);
	unit_stripe_look(out, 0, 1000, RTT_US, now_us + 5 * US_PER_S);
	assert_true(out->legs[0].stalled && !out->legs[0].rising);
	unit_stripe_look(out, 1, 0, RTT_US, now_us - 1);
	assert_true(out->legs[1].rising);
	unit_stripe_look(out, 1, 0, RTT_US, now_us);
	assert_false(out->legs[1].rising);
	free(out);
}

/* All that comes is passed on, or nothing is. */
static void come(struct stripe_in *in, uint64_t n_bytes, bool passed_on)
{
	size_t skip;

	for (size_t n; n_bytes; n_bytes -= n) {
		n = n_bytes < STRIPE_WIDE_PIECE_BYTES ? (size_t)n_bytes : STRIPE_WIDE_PIECE_BYTES;
		assert_int_equal(stripe_arrive(in, (uint32_t)in->in_order, n, STRIPE_GOES_ON, &skip), 0);
		if (passed_on)
			stripe_pass_on(in, n, 1);
		stripe_set_window(in, true, PLENTY);
		stripe_told(in);
	}
}

/* In time for what comes with the next round trips, be some of this lost. */
static void an_eighth_of_a_window_gives_the_next_one(void **state)
{
	struct stripe_in *in = in_new(true);

	come(in, STRIPE_WINDOW_BYTES / 8 - 1, true);
	assert_int_equal(in->window, 0);
	come(in, 1, true);
	assert_int_equal(in->window, 3);
	free(in);
}

static void who_reads_nothing_has_no_wider_window(void **state)
{
	struct stripe_in *in = in_new(true);

	stripe_begin_window(in, PLENTY);
	stripe_told(in);
	come(in, 16 * STRIPE_WINDOW_BYTES, false);
	assert_int_equal(in->window, 15);
	free(in);
}

/* It was asked for by what had been sent before the other end heard that it has it. */
static void a_window_is_widened_once_for_what_asked_at_once(void **state)
{
	struct stripe_in *in = in_new(true);
	size_t skip;

	stripe_told(in);
	come(in, STRIPE_WINDOW_BYTES / 8, true);
	assert_int_equal(in->window, 3);
	assert_in_range(in->widened_edge, STRIPE_WINDOW_BYTES, STRIPE_WINDOW_BYTES + STRIPE_WINDOW_BYTES / 8);
	come(in, in->widened_edge - in->in_order, true);   /* up to what it was promised before, */
	assert_int_equal(in->window, 3);
	/* and beyond it, be it behind something that was lost */
	assert_int_equal(stripe_arrive(in, (uint32_t)in->in_order + 1, 1, STRIPE_GOES_ON, &skip), 0);
	stripe_set_window(in, true, PLENTY);
	assert_int_equal(in->window, 15);
	free(in);
}

/* As it has no more of what others have taken, what was promised before it was narrowed is no measure. */
static void a_window_that_was_narrowed_grows_again(void **state)
{
	struct stripe_in *in = in_new(true);

	stripe_begin_window(in, PLENTY);
	stripe_told(in);
	come(in, 16 * STRIPE_WINDOW_BYTES, true);
	assert_int_equal(in->window, 63);
	come(in, 16 * STRIPE_WINDOW_BYTES, true);
	assert_int_equal(in->window, STRIPE_WINDOWS - 1);
	stripe_set_window(in, true, 0);   /* for who wants more, too */
	assert_int_equal(in->window, 0);
	come(in, STRIPE_WINDOW_BYTES, true);
	assert_int_equal(in->window, 0);
	come(in, 1, true);
	assert_int_equal(in->window, 3);
	free(in);
}

static void a_window_that_lapsed_begins_anew(void **state)
{
	struct stripe_in *in = in_new(true);

	stripe_begin_window(in, PLENTY);
	stripe_told(in);
	come(in, 32 * STRIPE_WINDOW_BYTES, true);
	stripe_lapse(in, 100 * US_PER_S);
	assert_int_equal(in->window, 0);
	stripe_comes(in, PLENTY, 101 * US_PER_S);
	assert_int_equal(in->window, 15);
	come(in, 2 * STRIPE_WINDOW_BYTES - 1, true);   /* an eighth */
	assert_int_equal(in->window, 15);
	come(in, 1, true);
	assert_int_equal(in->window, 63);
	free(in);
}

static void a_stream_begins_with_a_part_of_what_is_left(void **state)
{
	static const struct { bool wide; uint64_t left_bytes; uint8_t window; } table[] = {
		{ true, PLENTY, 15 }, { true, 64u << 20, 15 }, { true, 32u << 20, 7 }, { true, 8u << 20, 1 },
		{ true, 4u << 20, 0 }, { true, 0, 0 }, { false, PLENTY, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct stripe_in *in = in_new(table[i].wide);

		stripe_begin_window(in, table[i].left_bytes);
		if (in->window != table[i].window)
			fail_msg("case %zu: window %u, expected %u", i, in->window, table[i].window);
		free(in);
	}
}

/* Once told, it can't be taken back. */
static void what_was_promised_stays(void **state)
{
	struct stripe_in *in = in_new(true);
	uint32_t at;
	size_t skip;

	go_through_a_window(in);
	stripe_set_window(in, true, PLENTY);
	stripe_told(in);
	at = (uint32_t)in->passed_on;
	stripe_set_window(in, false, 0);
	stripe_told(in);
	assert_int_equal(in->window, 0);
	assert_int_equal(stripe_promised(in), 3 * STRIPE_WINDOW_BYTES);
	assert_int_equal(stripe_arrive(in, at + 4 * STRIPE_WINDOW_BYTES - 5, 6, STRIPE_GOES_ON, &skip), STRIPE_E_WRONG);
	assert_int_equal(stripe_arrive(in, at + 4 * STRIPE_WINDOW_BYTES - 5, 5, STRIPE_GOES_ON, &skip), 0);
	free(in);
}

/* Nothing has come for long: the memory is there for others, and for this one if there is enough when it is needed. */
static void a_promise_lapses(void **state)
{
	static const struct { uint64_t left_bytes; int r; uint8_t window; } table[] = {
		{ PLENTY, 0, 15 }, { 3 * STRIPE_WINDOW_BYTES, 0, 0 },
		{ 3 * STRIPE_WINDOW_BYTES - 1, STRIPE_E_WRONG, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct stripe_in *in = in_new(true);
		size_t skip;

		assert_int_equal(stripe_lapses_at_us(in), CLOCK_NEVER_US);
		stripe_comes(in, PLENTY, US_PER_S);
		go_through_a_window(in);
		stripe_set_window(in, true, PLENTY);
		stripe_told(in);
		stripe_lapse(in, 11 * US_PER_S - 1);
		assert_int_equal(stripe_promised(in), 3 * STRIPE_WINDOW_BYTES);
		assert_int_equal(stripe_lapses_at_us(in), 11 * US_PER_S);
		stripe_lapse(in, 11 * US_PER_S);
		assert_int_equal(stripe_promised(in), 0);
		assert_int_equal(stripe_lapses_at_us(in), CLOCK_NEVER_US);
		stripe_set_window(in, true, PLENTY);
		stripe_told(in);
		assert_int_equal(in->window, 0);
		stripe_comes(in, table[i].left_bytes, 12 * US_PER_S);
		assert_int_equal(stripe_arrive(in, (uint32_t)in->passed_on + 4 * STRIPE_WINDOW_BYTES - 1, 1,
					       STRIPE_GOES_ON, &skip), table[i].r);
		if (in->window != table[i].window)
			fail_msg("case %zu: window %u, expected %u", i, in->window, table[i].window);
		free(in);
	}
}

/* A reader waits, or something is missing: what is here is held, and counts. */
static void what_is_here_doesnt_lapse(void **state)
{
	struct stripe_in *in = in_new(true);
	size_t skip;

	stripe_begin_window(in, PLENTY);
	stripe_told(in);
	stripe_comes(in, PLENTY, US_PER_S);
	assert_int_equal(stripe_arrive(in, 2 * STRIPE_WINDOW_BYTES, 10, STRIPE_GOES_ON, &skip), 0);
	assert_int_equal(stripe_lapses_at_us(in), CLOCK_NEVER_US);
	stripe_lapse(in, 100 * US_PER_S);
	assert_int_equal(stripe_promised(in), 15 * STRIPE_WINDOW_BYTES);
	in->edge = 0;
	assert_int_equal(stripe_promised(in), STRIPE_WINDOW_BYTES + 10);
	/* once more, whatever is promised by now */
	assert_int_equal(stripe_arrive(in, 2 * STRIPE_WINDOW_BYTES, 10, STRIPE_GOES_ON, &skip), 0);
	free(in);
}

static void nothing_is_promised_behind_the_end(void **state)
{
	struct stripe_in *in = in_new(true);
	size_t skip;

	stripe_begin_window(in, PLENTY);
	stripe_told(in);
	assert_int_equal(stripe_promised(in), 15 * STRIPE_WINDOW_BYTES);
	assert_int_equal(stripe_arrive(in, 3 * STRIPE_WINDOW_BYTES, 10, STRIPE_ENDS, &skip), 0);
	assert_int_equal(stripe_promised(in), 2 * STRIPE_WINDOW_BYTES + 10);
	free(in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_much_may_arrive_as_was_promised),
		cmocka_unit_test(a_window_widens_for_who_wants_it_and_is_passed_on),
		cmocka_unit_test(more_is_asked_for_where_half_a_window_is_used),
		cmocka_unit_test(where_legs_are_rising_it_is_asked_for_sooner),
		cmocka_unit_test(no_more_is_asked_for_than_rising_legs_will_use),
		cmocka_unit_test(the_widest_window_is_not_asked_for_again),
		cmocka_unit_test(a_leg_that_stalls_or_rests_rises_no_more),
		cmocka_unit_test(an_eighth_of_a_window_gives_the_next_one),
		cmocka_unit_test(who_reads_nothing_has_no_wider_window),
		cmocka_unit_test(a_window_is_widened_once_for_what_asked_at_once),
		cmocka_unit_test(a_window_that_was_narrowed_grows_again),
		cmocka_unit_test(a_window_that_lapsed_begins_anew),
		cmocka_unit_test(a_stream_begins_with_a_part_of_what_is_left),
		cmocka_unit_test(what_was_promised_stays),
		cmocka_unit_test(a_promise_lapses),
		cmocka_unit_test(what_is_here_doesnt_lapse),
		cmocka_unit_test(nothing_is_promised_behind_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
