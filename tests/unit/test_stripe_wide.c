/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is otherwise where a stream is wide: decision 0044. */
#include "unit_stripe.h"

#define RTT_US (50 * US_PER_MS)

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
	unit_stripe_look(out, leg, queued / 2, RTT_US, *now_us);
	*now_us += queued * US_PER_S / bytes_per_s / 2;
	unit_stripe_look(out, leg, 0, RTT_US, *now_us);
}

/* The leg shows what it carries, the other end passing all on; at last nothing is left. */
static void show(struct stripe_out *out, uint8_t leg, uint64_t bytes_per_s, uint64_t *now_us)
{
	for (int i = 0; i < 20 || out->acked != out->end; i++) {
		if (i < 20)
			take_all(out);
		send_all(out, leg, *now_us, NULL);
		deliver(out, leg, bytes_per_s, now_us);
		assert_int_equal(stripe_acknowledge(out, (uint32_t)out->next, out->wide ? STRIPE_WINDOWS - 1 : 0), 0);
	}
}

static void pieces_are_as_long_as_a_leg_carries_in_a_moment(void **state)
{
	static const struct {
		bool wide;
		uint64_t bytes_per_s;
		size_t least, most;
	} table[] = { { true, 20000, 1024, 1024 }, { true, 200000, 2000, 8000 }, { true, 10000000, 16384, 16384 },
		      { false, 10000000, 1024, 1024 } };

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct stripe_out *out = unit_stripe_new(table[i].wide, 1);
		uint64_t now_us = US_PER_S;
		size_t longest = 0;

		show(out, 0, table[i].bytes_per_s, &now_us);
		take_all(out);
		send_all(out, 0, now_us, &longest);
		if (longest < table[i].least || longest > table[i].most)
			fail_msg("case %zu: a piece of %zu bytes, expected %zu to %zu", i, longest, table[i].least,
				 table[i].most);
		free(out);
	}
}

static void a_new_leg_beside_a_fast_one_is_given_something(void **state)
{
	struct stripe_out *out = unit_stripe_new(true, 1);
	uint64_t now_us = US_PER_S;

	show(out, 0, 5000000, &now_us);
	stripe_leg_open(out, 1, now_us);
	unit_stripe_look(out, 1, 0, RTT_US, now_us);
	take_all(out);
	assert_true(send_all(out, 1, now_us, NULL) > 0);
	free(out);
}

/* It was slow when it was measured, and would never be asked again. */
static void a_leg_that_seemed_slow_is_given_something_again(void **state)
{
	struct stripe_out *out = unit_stripe_new(true, 2);
	uint64_t now_us = US_PER_S;
	uint64_t n = 0;

	show(out, 0, 1000000, &now_us);
	out->legs[1].rate_bytes_per_s = 10;
	out->legs[1].progress_at_us = now_us;
	take_all(out);
	assert_int_equal(send_all(out, 1, now_us, NULL), 0);
	for (int i = 0; i < 20 && !n; i++) {
		unit_stripe_look(out, 1, 0, RTT_US, now_us += US_PER_S);
		n = send_all(out, 1, now_us, NULL);
	}
	assert_true(n > 0);
	for (int i = 0; i < 30; i++)
		unit_stripe_look(out, 1, 0, RTT_US, now_us += US_PER_S);
	assert_true(out->legs[1].rate_bytes_per_s <= out->legs[0].rate_bytes_per_s);
	free(out);
}

/* It is longer than a slow leg would be given, and there is no other. */
static void a_long_piece_that_is_lost_goes_over_a_slow_leg(void **state)
{
	struct stripe_out *out = unit_stripe_new(true, 1);
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
	struct stripe_out *out = unit_stripe_new(true, 1), *narrow = unit_stripe_new(false, 1);
	uint64_t now_us = US_PER_S;
	size_t wide_bytes;

	assert_int_equal(stripe_room(out), STRIPE_WINDOW_BYTES);
	show(out, 0, 5000000, &now_us);
	wide_bytes = out->window_bytes;
	if (wide_bytes < 1500000 || wide_bytes > 4000000)   /* half a second of it */
		fail_msg("a window of %zu bytes", wide_bytes);
	/* of that, what isn't on its way yet */
	assert_int_equal(stripe_room(out), out->legs[0].rate_bytes_per_s * 3 / 10);
	out->memory_bytes = 1000000;
	assert_int_equal(stripe_room(out), 1000000);
	out->memory_bytes = 0;
	assert_int_equal(stripe_room(out), STRIPE_WINDOW_BYTES);
	stripe_take(out, STRIPE_WINDOW_BYTES);
	assert_int_equal(stripe_room(out), 0);
	out->memory_bytes = PLENTY;
	assert_int_equal(stripe_room(out), out->legs[0].rate_bytes_per_s * 3 / 10 - STRIPE_WINDOW_BYTES);
	stripe_leg_close(out, 0);
	assert_int_equal(out->window_bytes, wide_bytes);   /* it stays */
	assert_int_equal(stripe_room(out), 0);
	now_us = US_PER_S;
	show(narrow, 0, 5000000, &now_us);
	assert_int_equal(stripe_room(narrow), STRIPE_WINDOW_BYTES);
	free(out);
	free(narrow);
}

/* What is lost again and again takes far longer than a few round trips, and what comes meanwhile is to go on. */
static void it_is_wider_where_pieces_take_long(void **state)
{
	struct stripe_out *out = unit_stripe_new(true, 1);
	uint64_t now_us = US_PER_S, before;

	show(out, 0, 5000000, &now_us);
	before = out->window_bytes;
	out->legs[0].delay_us = 2 * US_PER_S;
	take_all(out);
	send_all(out, 0, now_us, NULL);
	deliver(out, 0, 5000000, &now_us);
	if (before > 4000000 || out->window_bytes < 4 * out->legs[0].rate_bytes_per_s * 9 / 10 ||
	    out->window_bytes > 4 * out->legs[0].rate_bytes_per_s * 11 / 10)
		fail_msg("%llu bytes, before %llu", (unsigned long long)out->window_bytes, (unsigned long long)before);
	free(out);
}

static void it_is_never_wider_than_that(void **state)
{
	struct stripe_out *out = unit_stripe_new(true, 1);
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
		struct stripe_out *out = unit_stripe_new(table[i].wide, 1);
		uint64_t now_us = US_PER_S;
		struct stripe_send send;

		for (int j = 0; j < 10000; j++) {   /* each byte by itself, and delivered, but not passed on */
			stripe_take(out, stripe_room(out) > 0);
			while (stripe_next(out, &send))
				stripe_sent(out, &send, now_us);
			unit_stripe_look(out, 0, 0, RTT_US, now_us += US_PER_MS);
		}
		assert_int_equal(out->n_pieces, table[i].most);
		free(out);
	}
}

/* What has arrived behind a packet that was lost has arrived: else a rate would go to and fro. */
static void a_rate_is_of_what_was_delivered(void **state)
{
	struct stripe_out *out = unit_stripe_new(true, 1);
	uint64_t now_us = US_PER_S, before, queued;

	show(out, 0, 1000000, &now_us);
	before = out->legs[0].rate_bytes_per_s;
	take_all(out);
	send_all(out, 0, now_us, NULL);
	queued = out->legs[0].written_bytes - out->legs[0].delivered_bytes;
	for (uint64_t i = 1; i * 100000 < queued; i++)   /* nothing in order */
		stripe_leg_look(out, 0, &(struct stripe_seen){ queued, i * 100000, RTT_US },
				now_us + RTT_US + i * 100 * US_PER_MS);
	assert_in_range(out->legs[0].rate_bytes_per_s, before * 3 / 4, before * 5 / 4);
	assert_int_equal(out->legs[0].acked_bytes + queued, out->legs[0].written_bytes);
	/* more than was ever written */
	stripe_leg_look(out, 0, &(struct stripe_seen){ queued, 2 * queued, RTT_US }, now_us + US_PER_S);
	assert_int_equal(out->legs[0].delivered_bytes, out->legs[0].written_bytes);
	free(out);
}

/* A leg that has just shown what it carries, the other end taking so much and no more. */
static void more_than_the_other_end_takes_is_not_sent(void **state)
{
	struct stripe_out *out = unit_stripe_new(true, 1);
	uint64_t now_us = US_PER_S, edge;
	uint32_t early;

	show(out, 0, 5000000, &now_us);
	early = (uint32_t)out->acked;
	out->edge = out->acked + STRIPE_WINDOW_BYTES;
	assert_false(stripe_wants_window(out));
	out->bulk = true;
	assert_true(stripe_wants_window(out));
	out->bulk = false;
	assert_int_equal(stripe_room(out), STRIPE_WINDOW_BYTES);
	take_all(out);
	assert_true(stripe_wants_window(out));
	assert_int_equal(stripe_acknowledge(out, (uint32_t)out->acked, 3), 0);
	assert_false(stripe_wants_window(out));
	assert_int_equal(stripe_room(out), 3 * STRIPE_WINDOW_BYTES);
	edge = out->edge;
	send_all(out, 0, now_us, NULL);
	/* narrower: what was promised stays */
	assert_int_equal(stripe_acknowledge(out, (uint32_t)out->acked + 1000, 0), 0);
	assert_int_equal(out->edge, edge);
	assert_int_equal(stripe_acknowledge(out, early, 255), 0);   /* an old one, over a slower leg */
	assert_int_equal(out->edge, edge);
	out->memory_bytes = 0;   /* then it is up to us */
	take_all(out);
	assert_false(stripe_wants_window(out));
	free(out);
}

static void a_narrow_stream_has_one_window(void **state)
{
	struct stripe_out *out = unit_stripe_new(false, 1);

	assert_int_equal(stripe_acknowledge(out, 0, 1), STRIPE_E_WRONG);
	take_all(out);
	assert_false(stripe_wants_window(out));
	free(out);
}

/* What TCP had sent at once is acknowledged at once. */
static void a_rate_rises_by_steps(void **state)
{
	struct stripe_out *out = unit_stripe_new(true, 1);
	uint64_t now_us = US_PER_S, before;

	show(out, 0, 1000000, &now_us);
	before = out->legs[0].rate_bytes_per_s;
	stripe_leg_wrote(out, 0, before + 1000, now_us);
	unit_stripe_look(out, 0, 1000, RTT_US, now_us + 100 * US_PER_MS);   /* ten times as much as before */
	assert_int_equal(out->legs[0].rate_bytes_per_s, 4 * before);
	free(out);
}

/* Of the round trip before it there is nothing to say. */
static void behind_a_pause_a_leg_shows_no_lower_rate(void **state)
{
	struct stripe_out *out = unit_stripe_new(true, 1);
	uint64_t now_us = US_PER_S, before;

	show(out, 0, 1000000, &now_us);
	before = out->legs[0].rate_bytes_per_s;
	stripe_leg_wrote(out, 0, 60000, now_us);
	unit_stripe_look(out, 0, 30000, RTT_US, now_us += 150 * US_PER_MS);
	assert_int_equal(out->legs[0].rate_bytes_per_s, before);
	unit_stripe_look(out, 0, 1000, RTT_US, now_us += 150 * US_PER_MS);
	assert_true(out->legs[0].rate_bytes_per_s < before);
	free(out);
}

/* But where its rate was guessed meanwhile, that tells more than the guess; and what it was before was no guess. */
static void a_guessed_rate_is_measured_anew(void **state)
{
	static const struct { uint64_t n_bytes, bytes_per_s; } cases[] = { { 31000, 200000 + 1 }, { 4000, 100000 } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct stripe_out *out = unit_stripe_new(true, 2);
		uint64_t now_us = US_PER_S;

		show(out, 0, 100000, &now_us);
		out->legs[0].rate_bytes_per_s = 100000;
		out->legs[0].sample_bytes = out->legs[0].sample_us = 0;
		out->legs[1].rate_bytes_per_s = 400000;   /* the better one */
		for (int n = 0; n < 3; n++)
			unit_stripe_look(out, 0, 0, RTT_US, now_us += US_PER_S);
		assert_int_equal(out->legs[0].rate_bytes_per_s, 400000);
		stripe_leg_wrote(out, 0, cases[i].n_bytes, now_us);
		unit_stripe_look(out, 0, 1000, RTT_US, now_us += 150 * US_PER_MS);
		assert_int_equal(out->legs[0].rate_bytes_per_s, cases[i].bytes_per_s);
		free(out);
	}
}

/* Four pieces that come together after 0.8 s are no leg of a megabyte a second. */
static void a_long_leg_begins_with_what_it_carries_in_a_round_trip(void **state)
{
	struct stripe_out *out = unit_stripe_new(true, 1);
	const uint64_t long_us = 800 * US_PER_MS, n_bytes = 4144;

	stripe_leg_wrote(out, 0, n_bytes + 1000, US_PER_S);
	unit_stripe_look(out, 0, 1000, long_us, US_PER_S + long_us);
	assert_int_equal(out->legs[0].rate_bytes_per_s, n_bytes * US_PER_S / long_us + 1);
	free(out);
}

/* Short packets that have arrived behind one that was lost seem to be more than was ever written: what is in order
 * alone says that nothing is left. */
static void a_leg_that_is_silent_behind_a_loss_stalls(void **state)
{
	struct stripe_out *out = unit_stripe_new(true, 2);
	uint64_t now_us = 2 * US_PER_S;
	struct stripe_send send;

	for (uint8_t i = 0; i < 2; i++)
		unit_stripe_look(out, i, 0, RTT_US, now_us);
	stripe_take(out, 2 * STRIPE_LEAST_PIECE_BYTES);
	for (int i = 0; i < 2; i++) {
		assert_true(stripe_next(out, &send));
		send.leg = 0;
		stripe_sent(out, &send, now_us);
	}
	stripe_leg_look(out, 0, &(struct stripe_seen){ out->legs[0].written_bytes, 1448, RTT_US }, now_us += RTT_US);
	assert_false(out->legs[0].stalled);
	stripe_leg_look(out, 0, &(struct stripe_seen){ out->legs[0].written_bytes, 1448, RTT_US }, now_us += US_PER_S);
	assert_true(out->legs[0].stalled);
	assert_true(stripe_next(out, &send) && send.again && send.leg == 1 && !send.offset);
	free(out);
}

/* All has arrived, and no word of it: that was lost with a leg, or what was in it when its end there was closed. */
static void where_nothing_is_heard_the_oldest_piece_asks(void **state)
{
	static const struct { bool wide; uint64_t rtt_us, after_us; } table[] = {
		{ true, RTT_US, US_PER_S }, { false, RTT_US, 45 * US_PER_S },
		{ true, 600 * US_PER_MS, 1800 * US_PER_MS },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct stripe_out *out = unit_stripe_new(table[i].wide, 1);
		uint64_t now_us = US_PER_S, after_us = table[i].after_us;
		struct stripe_send send;

		out->legs[0].rate_bytes_per_s = 1000;
		stripe_take(out, 100);
		stripe_look(out, now_us);
		assert_true(stripe_next(out, &send));
		stripe_sent(out, &send, now_us);
		stripe_look(out, now_us += 10 * after_us);   /* it is on its way */
		assert_false(stripe_next(out, &send));
		unit_stripe_look(out, 0, 0, table[i].rtt_us, now_us);
		for (int n = 0; n < 8; n++) {
			stripe_look(out, now_us);
			stripe_look(out, now_us += after_us - 1);
			assert_false(stripe_next(out, &send));
			stripe_look(out, now_us += 1);
			assert_true(stripe_next(out, &send) && send.again && !send.offset && send.n == 100);
			stripe_sent(out, &send, now_us);
			stripe_look(out, now_us);
			unit_stripe_look(out, 0, 0, table[i].rtt_us, now_us);
			after_us *= n < 5 ? 2 : 1;
		}
		assert_int_equal(stripe_acknowledge(out, 1, 0), 0);   /* a word */
		stripe_look(out, now_us);
		stripe_look(out, now_us += table[i].after_us);
		assert_true(stripe_next(out, &send) && send.again && send.offset == 1 && send.n == 99);
		free(out);
	}
}

static void what_was_promised_long_ago_isnt_made_use_of(void **state)
{
	struct stripe_out *out = unit_stripe_new(true, 1);
	uint64_t now_us = US_PER_S;

	show(out, 0, 5000000, &now_us);
	stripe_look(out, now_us);
	stripe_look(out, now_us += 5 * US_PER_S - 1);
	assert_true(stripe_room(out) > STRIPE_WINDOW_BYTES);
	stripe_look(out, now_us += 1);
	assert_int_equal(stripe_room(out), STRIPE_WINDOW_BYTES);
	assert_int_equal(stripe_acknowledge(out, (uint32_t)out->acked, 7), 0);
	assert_int_equal(stripe_room(out), 8 * STRIPE_WINDOW_BYTES);
	free(out);
}

/* Bytes were had from the local stream by a promise that nobody keeps any more. */
static void no_more_is_sent_than_the_other_end_takes_now(void **state)
{
	struct stripe_out *out = unit_stripe_new(true, 1);
	uint64_t now_us = US_PER_S;

	show(out, 0, 5000000, &now_us);
	stripe_look(out, now_us);
	take_all(out);
	assert_true(out->end - out->acked > STRIPE_WINDOW_BYTES);
	stripe_look(out, now_us += 5 * US_PER_S);
	for (int i = 0; i < 20; i++) {
		send_all(out, 0, now_us, NULL);
		deliver(out, 0, 5000000, &now_us);
	}
	assert_int_equal(out->next - out->acked, STRIPE_WINDOW_BYTES);
	free(out);
}

static void what_was_told_over_a_lost_leg_is_told_again(void **state)
{
	struct stripe_in in = { .wide = true };

	assert_false(stripe_owes_ack(&in, 1));
	stripe_tell_again(&in);
	assert_true(stripe_owes_ack(&in, 1));
	stripe_told(&in);
	assert_false(stripe_owes_ack(&in, 1));
}

static void a_leg_that_is_full_is_given_nothing(void **state)
{
	struct stripe_out *out = unit_stripe_new(true, 1);
	uint64_t now_us = US_PER_S;
	struct stripe_send send;

	show(out, 0, 1000000, &now_us);
	stripe_take(out, 50000);
	out->legs[0].full = true;
	assert_true(stripe_next(out, &send));   /* nothing waits in it: that can't be so any more */
	stripe_sent(out, &send, now_us);
	assert_false(stripe_next(out, &send));
	out->legs[0].full = false;
	assert_true(stripe_next(out, &send));
	free(out);
}

static void long_pieces_are_acknowledged_by_twos(void **state)
{
	struct stripe_in in = { .wide = true };
	size_t skip;

	assert_int_equal(stripe_arrive(&in, 0, 10000, STRIPE_GOES_ON, &skip), 0);
	stripe_pass_on(&in, 10000, 1);
	assert_int_equal(stripe_owes_ack_at_us(&in), 1 + 500 * US_PER_MS);
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
		cmocka_unit_test(it_is_wider_where_pieces_take_long),
		cmocka_unit_test(it_is_never_wider_than_that),
		cmocka_unit_test(so_many_pieces_are_under_way),
		cmocka_unit_test(a_rate_is_of_what_was_delivered),
		cmocka_unit_test(more_than_the_other_end_takes_is_not_sent),
		cmocka_unit_test(a_narrow_stream_has_one_window),
		cmocka_unit_test(a_rate_rises_by_steps),
		cmocka_unit_test(behind_a_pause_a_leg_shows_no_lower_rate),
		cmocka_unit_test(a_guessed_rate_is_measured_anew),
		cmocka_unit_test(a_long_leg_begins_with_what_it_carries_in_a_round_trip),
		cmocka_unit_test(a_leg_that_is_silent_behind_a_loss_stalls),
		cmocka_unit_test(where_nothing_is_heard_the_oldest_piece_asks),
		cmocka_unit_test(what_was_promised_long_ago_isnt_made_use_of),
		cmocka_unit_test(no_more_is_sent_than_the_other_end_takes_now),
		cmocka_unit_test(what_was_told_over_a_lost_leg_is_told_again),
		cmocka_unit_test(a_leg_that_is_full_is_given_nothing),
		cmocka_unit_test(long_pieces_are_acknowledged_by_twos),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
