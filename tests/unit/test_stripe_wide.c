/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is otherwise where a stream is wide: decision 0044. */
#include "unit.h"

#include "base/clock.h"
#include "policy/stripe.h"

#define RTT_US (50 * US_PER_MS)
#define PLENTY (1u << 30)

static struct stripe_out *out_new(bool wide, size_t n_legs)
{
	struct stripe_out *out = calloc(1, sizeof(*out));

	assert_non_null(out);
	out->wide = wide;
	out->memory_bytes = PLENTY;
	for (uint8_t i = 0; i < n_legs; i++)
		stripe_leg_open(out, i, US_PER_S);
	return out;
}

static void take_all(struct stripe_out *out)
{
	stripe_take(out, stripe_room(out));
}

/* Sends what goes; how much of it went over the leg. */
static uint64_t send_all(struct stripe_out *out, uint8_t leg, uint64_t now_us, size_t *longest)
{
	uint64_t n = 0;
	struct stripe_send send;

	while (stripe_next(out, &send)) {
		stripe_sent(out, &send, now_us);
		if (send.leg != leg)
			continue;
		n += send.n;
		if (longest && send.n > *longest)
			*longest = send.n;
	}
	return n;
}

/* The leg delivers all that it has, at this rate. */
static void deliver(struct stripe_out *out, uint8_t leg, uint64_t bytes_per_s, uint64_t *now_us)
{
	uint64_t queued = out->legs[leg].written_bytes - out->legs[leg].acked_bytes;

	*now_us += RTT_US + queued * US_PER_S / bytes_per_s / 2;
	stripe_leg_look(out, leg, queued / 2, RTT_US, *now_us);
	*now_us += queued * US_PER_S / bytes_per_s / 2;
	stripe_leg_look(out, leg, 0, RTT_US, *now_us);
}

/* The leg shows what it carries, the other end passing all on; at last nothing is left. */
static void show(struct stripe_out *out, uint8_t leg, uint64_t bytes_per_s, uint64_t *now_us)
{
	for (int i = 0; i < 20 || out->acked != out->end; i++) {
		if (i < 20)
			take_all(out);
		send_all(out, leg, *now_us, NULL);
		deliver(out, leg, bytes_per_s, now_us);
		assert_int_equal(stripe_acknowledge(out, (uint32_t)out->next), 0);
	}
}

static void pieces_are_as_long_as_a_leg_carries_in_a_moment(void **state)
{
	static const struct {
		bool wide;
		uint64_t bytes_per_s;
		size_t least, most;
	} table[] = { { true, 20000, 1024, 1024 }, { true, 200000, 2000, 8000 }, { true, 10000000, 16384, 16384 }, { false, 10000000, 1024, 1024 } };

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct stripe_out *out = out_new(table[i].wide, 1);
		uint64_t now_us = US_PER_S;
		size_t longest = 0;

		show(out, 0, table[i].bytes_per_s, &now_us);
		take_all(out);
		send_all(out, 0, now_us, &longest);
		if (longest < table[i].least || longest > table[i].most)
			fail_msg("case %zu: a piece of %zu bytes, expected %zu to %zu", i, longest, table[i].least, table[i].most);
		free(out);
	}
}

static void a_new_leg_beside_a_fast_one_is_given_something(void **state)
{
	struct stripe_out *out = out_new(true, 1);
	uint64_t now_us = US_PER_S;

	show(out, 0, 5000000, &now_us);
	stripe_leg_open(out, 1, now_us);
	stripe_leg_look(out, 1, 0, RTT_US, now_us);
	take_all(out);
	assert_true(send_all(out, 1, now_us, NULL) > 0);
	free(out);
}

/* It was slow when it was measured, and would never be asked again. */
static void a_leg_that_seemed_slow_is_given_something_again(void **state)
{
	struct stripe_out *out = out_new(true, 2);
	uint64_t now_us = US_PER_S;
	uint64_t n = 0;

	show(out, 0, 1000000, &now_us);
	out->legs[1].rate_bytes_per_s = 10;
	out->legs[1].progress_at_us = now_us;
	take_all(out);
	assert_int_equal(send_all(out, 1, now_us, NULL), 0);
	for (int i = 0; i < 20 && !n; i++) {
		stripe_leg_look(out, 1, 0, RTT_US, now_us += US_PER_S);
		n = send_all(out, 1, now_us, NULL);
	}
	assert_true(n > 0);
	for (int i = 0; i < 30; i++)
		stripe_leg_look(out, 1, 0, RTT_US, now_us += US_PER_S);
	assert_true(out->legs[1].rate_bytes_per_s <= out->legs[0].rate_bytes_per_s);
	free(out);
}

/* It is longer than a slow leg would be given, and there is no other. */
static void a_long_piece_that_is_lost_goes_over_a_slow_leg(void **state)
{
	struct stripe_out *out = out_new(true, 1);
	uint64_t now_us = US_PER_S;
	struct stripe_send send;

	show(out, 0, 10000000, &now_us);
	stripe_take(out, STRIPE_WIDE_PIECE_BYTES);
	assert_true(stripe_next(out, &send));
	assert_int_equal(send.n, STRIPE_WIDE_PIECE_BYTES);
	stripe_sent(out, &send, now_us);
	stripe_leg_close(out, 0);
	stripe_leg_open(out, 1, now_us);
	assert_true(stripe_next(out, &send));
	assert_true(send.again && send.leg == 1 && send.n == STRIPE_WIDE_PIECE_BYTES);
	free(out);
}

static void the_window_is_what_legs_carry(void **state)
{
	struct stripe_out *out = out_new(true, 1), *narrow = out_new(false, 1);
	uint64_t now_us = US_PER_S;
	size_t wide_bytes;

	assert_int_equal(stripe_room(out), STRIPE_WINDOW_BYTES);
	show(out, 0, 5000000, &now_us);
	wide_bytes = stripe_room(out);
	if (wide_bytes < 1500000 || wide_bytes > 4000000)   /* half a second of it */
		fail_msg("a window of %zu bytes", wide_bytes);
	stripe_leg_close(out, 0);
	assert_int_equal(stripe_room(out), wide_bytes);   /* it stays */
	out->memory_bytes = 1000000;
	assert_int_equal(stripe_room(out), 1000000);
	out->memory_bytes = 0;
	assert_int_equal(stripe_room(out), STRIPE_WINDOW_BYTES);
	stripe_take(out, STRIPE_WINDOW_BYTES);
	out->memory_bytes = PLENTY;
	assert_int_equal(stripe_room(out), wide_bytes - STRIPE_WINDOW_BYTES);
	out->memory_bytes = 0;
	assert_int_equal(stripe_room(out), 0);
	now_us = US_PER_S;
	show(narrow, 0, 5000000, &now_us);
	assert_int_equal(stripe_room(narrow), STRIPE_WINDOW_BYTES);
	free(out);
	free(narrow);
}

static void it_is_never_wider_than_that(void **state)
{
	struct stripe_out *out = out_new(true, 1);
	uint64_t now_us = US_PER_S;

	show(out, 0, 200000000, &now_us);
	assert_int_equal(stripe_room(out), STRIPE_WIDE_WINDOW_BYTES);
	free(out);
}

static void so_many_pieces_are_under_way(void **state)
{
	static const struct {
		bool wide;
		size_t most;
	} table[] = { { false, STRIPE_PIECES }, { true, STRIPE_WIDE_PIECES } };

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct stripe_out *out = out_new(table[i].wide, 1);
		uint64_t now_us = US_PER_S;
		struct stripe_send send;

		for (int j = 0; j < 10000; j++) {   /* each byte by itself, and delivered, but not passed on */
			stripe_take(out, stripe_room(out) > 0);
			while (stripe_next(out, &send))
				stripe_sent(out, &send, now_us);
			stripe_leg_look(out, 0, 0, RTT_US, now_us += US_PER_MS);
		}
		assert_int_equal(out->n_pieces, table[i].most);
		free(out);
	}
}

static void as_much_may_arrive(void **state)
{
	struct stripe_in *in = calloc(1, sizeof(*in));
	size_t skip;

	assert_non_null(in);
	in->wide = true;
	assert_int_equal(stripe_arrive(in, STRIPE_WIDE_WINDOW_BYTES - 5, 5, STRIPE_GOES_ON, &skip), 0);
	assert_int_equal(stripe_arrive(in, STRIPE_WIDE_WINDOW_BYTES - 5, 6, STRIPE_GOES_ON, &skip), STRIPE_E_WRONG);
	for (uint32_t i = 1; i < STRIPE_WIDE_PIECES; i++)
		assert_int_equal(stripe_arrive(in, 2 * i, 1, STRIPE_GOES_ON, &skip), 0);
	assert_int_equal(stripe_arrive(in, 2 * STRIPE_WIDE_PIECES, 1, STRIPE_GOES_ON, &skip), STRIPE_E_WRONG);
	free(in);
}

static void long_pieces_are_acknowledged_by_twos(void **state)
{
	struct stripe_in in = { .wide = true };
	size_t skip;

	assert_int_equal(stripe_arrive(&in, 0, 10000, STRIPE_GOES_ON, &skip), 0);
	stripe_pass_on(&in, 10000, 1);
	assert_false(stripe_owes_ack(&in, 1));
	assert_int_equal(stripe_arrive(&in, 10000, 10000, STRIPE_GOES_ON, &skip), 0);
	stripe_pass_on(&in, 10000, 1);
	assert_true(stripe_owes_ack(&in, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_as_long_as_a_leg_carries_in_a_moment),
		cmocka_unit_test(a_new_leg_beside_a_fast_one_is_given_something),
		cmocka_unit_test(a_leg_that_seemed_slow_is_given_something_again),
		cmocka_unit_test(a_long_piece_that_is_lost_goes_over_a_slow_leg),
		cmocka_unit_test(the_window_is_what_legs_carry),
		cmocka_unit_test(it_is_never_wider_than_that),
		cmocka_unit_test(so_many_pieces_are_under_way),
		cmocka_unit_test(as_much_may_arrive),
		cmocka_unit_test(long_pieces_are_acknowledged_by_twos),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
