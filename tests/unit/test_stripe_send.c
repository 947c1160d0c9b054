/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which piece goes over which leg where a stream is bulk or new: decisions 0033, 0044. */
#include "unit_stripe_pair.h"

#define FOR_THE_FAST 2900000   /* sooner through over that alone than the first of it over the other; and more than
			        * it takes at once, by a third of what is kept */

static void a_leg_has_what_its_tcp_sends_until_it_is_looked_at_again(void **state)
{
	struct stripe_out *out = unit_pair_new();
	struct stripe_seen seen = { .unsent_bytes = FAST_BYTES_PER_S / 5 };
	uint64_t now_us = US_PER_S, n;

	unit_take_all(out, now_us);
	n = unit_send_all(out, FAST, now_us);
	assert_in_range(n, FAST_BYTES_PER_S / 5 - STRIPE_WIDE_PIECE_BYTES, FAST_BYTES_PER_S / 5);
	seen.unacked_bytes = out->legs[FAST].written_bytes;
	unit_take_all(out, now_us);
	stripe_leg_look(out, FAST, &seen, now_us);   /* it is all there still */
	assert_int_equal(unit_send_all(out, FAST, now_us), 0);
	seen.unsent_bytes = 0;
	stripe_leg_look(out, FAST, &seen, now_us);   /* it is under way: two round trips, and what it sends in 0.3 s,
						      * are enough */
	n = unit_send_all(out, FAST, now_us);
	assert_in_range(out->legs[FAST].written_bytes, FAST_BYTES_PER_S * 34 / 100 - STRIPE_WIDE_PIECE_BYTES,
			FAST_BYTES_PER_S * 34 / 100);
	assert_true(n > 0);
	out->legs[FAST].rising = true;
	seen.unacked_bytes = out->legs[FAST].written_bytes;
	unit_take_all(out, now_us);
	stripe_leg_look(out, FAST, &seen, now_us);
	unit_send_all(out, FAST, now_us);
	assert_in_range(out->legs[FAST].written_bytes, FAST_BYTES_PER_S * 42 / 100 - STRIPE_WIDE_PIECE_BYTES,
			FAST_BYTES_PER_S * 42 / 100);
	free(out);
}

/* What is under way, bbr bounds; what isn't, we do. */
static void a_leg_with_bbr_is_not_kept_short(void **state)
{
	struct stripe_out *out = unit_pair_new();
	struct stripe_seen seen = { 0 };
	uint64_t now_us = US_PER_S;

	out->legs[FAST].has_bbr = true;
	for (int i = 0; i < 5; i++) {   /* each time its TCP has sent everything */
		unit_take_all(out, now_us);
		assert_in_range(unit_send_all(out, FAST, now_us), FAST_BYTES_PER_S / 5 - STRIPE_WIDE_PIECE_BYTES,
				FAST_BYTES_PER_S / 5);
		seen.unacked_bytes = out->legs[FAST].written_bytes;
		stripe_leg_look(out, FAST, &seen, now_us);
	}
	seen.unsent_bytes = FAST_BYTES_PER_S / 5;
	stripe_leg_look(out, FAST, &seen, now_us);
	unit_take_all(out, now_us);
	assert_int_equal(unit_send_all(out, FAST, now_us), 0);
	free(out);
}

/* A short answer would wait for the slower leg; a long download wants both. */
static void a_slower_leg_carries_bulk(void **state)
{
	struct stripe_out *out = unit_pair_new();
	uint64_t now_us = US_PER_S;

	stripe_take(out, FOR_THE_FAST);
	stripe_look(out, now_us);
	unit_send_all(out, FAST, now_us);
	assert_int_equal(out->legs[SLOW].written_bytes, 0);
	stripe_look(out, now_us);
	stripe_look(out, now_us += US_PER_S - 1);
	assert_int_equal(unit_send_all(out, SLOW, now_us), 0);
	stripe_look(out, now_us += 1);
	assert_true(unit_send_all(out, SLOW, now_us) > 0);
	free(out);
}

/* Of bulk, over the slow leg, with so wide a window of our own, the other end taking so much. */
static uint64_t over_the_slow(uint64_t window_bytes, uint64_t taken_bytes)
{
	struct stripe_out *out = unit_pair_new();
	uint64_t now_us = US_PER_S, n;

	out->window_bytes = window_bytes;
	out->edge = taken_bytes;
	stripe_take(out, FOR_THE_FAST);
	out->bulk = true;
	unit_send_all(out, FAST, now_us);
	n = out->legs[SLOW].written_bytes;
	free(out);
	return n;
}

/* It is there after 0.3 s and what is queued at 1 MB/s; a window is used up in its bytes by 11 MB/s, and three
 * quarters of that count. */
static void what_a_window_would_wait_for_does_not_go_over_a_slow_leg(void **state)
{
	uint64_t some = over_the_slow(7000000, STRIPE_WIDE_WINDOW_BYTES),
		 most_of_it = over_the_slow(STRIPE_WIDE_WINDOW_BYTES, STRIPE_WIDE_WINDOW_BYTES);

	assert_int_equal(over_the_slow(4000000, STRIPE_WIDE_WINDOW_BYTES), 0);   /* 0.27 s */
	assert_int_equal(over_the_slow(STRIPE_WIDE_WINDOW_BYTES, 4000000), 0);
	assert_int_equal(over_the_slow(STRIPE_WIDE_WINDOW_BYTES, 7000000), some);
	if (some < 150000 || some > 177300)            /* 0.477 s */
		fail_msg("a window of 7 MB: %llu bytes over the slow leg, expected 0.15 to 0.1773 MB",
			 (unsigned long long)some);
	assert_true(most_of_it > some);   /* what its TCP would send in 0.2 s */
}

/* What it has sent in its slow start, three seconds' bytes here, is no reason to give it less: short of bytes, that
 * doesn't end. Unless it is by others that the window is narrow, or the rate is a guess. */
static void what_bbr_has_under_way_does_not_keep_it_short(void **state)
{
	static const struct { bool bbr, guessed; uint64_t window_bytes, taken_bytes; bool has_some; } table[] = {
		{ true, false, 10000000, 10000000, true }, { false, false, 10000000, 10000000, false },
		{ true, false, 4000000, 10000000, false }, { true, false, 10000000, 9999999, false },
		{ true, true, 10000000, 10000000, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct stripe_out *out = unit_pair_new();
		struct stripe_leg *slow = &out->legs[SLOW];

		out->window_bytes = table[i].window_bytes;
		out->edge = table[i].taken_bytes;
		slow->known_bytes_per_s = table[i].guessed ? SLOW_BYTES_PER_S : 0;
		stripe_leg_wrote(out, SLOW, 3 * SLOW_BYTES_PER_S, US_PER_S);
		slow->unsent_bytes = 0;
		slow->has_bbr = table[i].bbr;
		stripe_take(out, FOR_THE_FAST);
		out->bulk = true;
		unit_send_all(out, FAST, US_PER_S);
		if ((slow->written_bytes > 3 * SLOW_BYTES_PER_S) != table[i].has_some)
			fail_msg("case %zu: %llu bytes", i, (unsigned long long)slow->written_bytes);
		assert_true(slow->unsent_bytes <= SLOW_BYTES_PER_S / 5);
		free(out);
	}
}

static void what_ends_is_no_bulk(void **state)
{
	struct stripe_out *out = unit_pair_new();
	uint64_t now_us = US_PER_S;

	stripe_take(out, FOR_THE_FAST);
	stripe_look(out, now_us);
	unit_send_all(out, FAST, now_us);
	stripe_end(out, STRIPE_ENDS);
	stripe_look(out, now_us += 2 * US_PER_S);
	assert_int_equal(unit_send_all(out, SLOW, now_us), 0);
	free(out);
}

/* All is behind it: it goes where it will be there first, be there bulk. */
static void what_was_lost_is_no_bulk(void **state)
{
	uint64_t now_us = US_PER_S;
	struct stripe_out *out = unit_pair_new();
	struct stripe_send send;

	unit_take_all(out, now_us);
	unit_send_all(out, FAST, now_us);
	out->bulk = true;
	out->pieces[out->first].leg = STRIPE_NO_LEG;
	out->n_lost = 1;
	out->end = out->next;
	assert_false(stripe_next(out, &send));   /* the faster one has no room, and is worth waiting for */
	free(out);
}

/* A packet that waits behind others shows TCP how slow the link is, a little more each time; the last one is in hand
 * for a probe of TCP's. */
static void the_first_pieces_over_a_slow_leg_grow(void **state)
{
	static const uint16_t lengths[] = { 128, 128, 256, 256, 512, 512 };
	struct stripe_out *out = calloc(1, sizeof(*out));
	struct stripe_send send;

	assert_non_null(out);
	stripe_leg_open(out, 0, 1);
	stripe_leg_wrote(out, 0, 200, 1);   /* its opening, which is no piece */
	stripe_take(out, stripe_room(out));
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		assert_true(stripe_next(out, &send));
		if (send.n != lengths[i] || send.last_of_first != (i == ARRAY_SIZE(lengths) - 1))
			fail_msg("piece %zu: %u bytes, expected %u; the last of the first: %d", i, send.n, lengths[i],
				 send.last_of_first);
		stripe_sent(out, &send, 1);
	}
	assert_false(stripe_next(out, &send));
	unit_deliver(out, 0, 1100, 10 * US_PER_S);
	assert_true(stripe_next(out, &send) && !send.last_of_first);
	free(out);
}

static void look_and_send(struct stripe_out *out, uint64_t now_us)
{
	unit_take_all(out, now_us);
	unit_send_all(out, FAST, now_us);
}

/* Not where all that the other end takes is under way, or the source has no more. */
static void what_legs_do_not_take_holds_a_stream_back(void **state)
{
	struct stripe_out *out = unit_pair_new();
	uint64_t now_us = US_PER_S;

	assert_int_equal(stripe_held_back_us(out, now_us), 0);
	look_and_send(out, now_us);
	assert_int_equal(stripe_held_back_us(out, now_us), 0);
	look_and_send(out, now_us += 100 * US_PER_MS);
	look_and_send(out, now_us += 100 * US_PER_MS);
	unit_stripe_look(out, FAST, out->legs[FAST].written_bytes, FAST_RTT_US, now_us);   /* some is under way */
	assert_int_equal(stripe_held_back_us(out, now_us), 200 * US_PER_MS);
	out->legs[FAST].stalled = true;   /* it isn't their rate, but that they don't work */
	assert_int_equal(stripe_held_back_us(out, now_us), 0);
	out->legs[FAST].stalled = false;
	out->edge = out->end;   /* it takes no more; and legs take what there is */
	unit_deliver(out, FAST, out->legs[FAST].written_bytes - out->legs[FAST].acked_bytes, now_us);
	while (out->next < out->end) {
		unit_send_all(out, FAST, now_us);
		unit_deliver(out, FAST, out->legs[FAST].written_bytes - out->legs[FAST].acked_bytes, now_us);
		unit_deliver(out, SLOW, out->legs[SLOW].written_bytes - out->legs[SLOW].acked_bytes, now_us);
	}
	look_and_send(out, now_us += 100 * US_PER_MS);
	assert_int_equal(stripe_held_back_us(out, now_us), 0);
	look_and_send(out, now_us += US_PER_S);
	assert_int_equal(stripe_held_back_us(out, now_us), 0);
	free(out);
}

static void a_stream_that_is_held_up_is_no_rest(void **state)
{
	struct stripe_out *out = calloc(1, sizeof(*out));

	assert_non_null(out);
	out->wide = true;
	assert_true(stripe_rests(out));
	out->bulk = true;
	assert_false(stripe_rests(out));
	out->bulk = false;
	stripe_take(out, stripe_room(out));   /* the other end takes no more */
	assert_false(stripe_rests(out));
	assert_int_equal(stripe_acknowledge(out, 0, STRIPE_WINDOWS - 1), 0);
	stripe_leg_open(out, 0, 1);
	stripe_end(out, STRIPE_ENDS);
	assert_false(stripe_rests(out));
	free(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_leg_has_what_its_tcp_sends_until_it_is_looked_at_again),
		cmocka_unit_test(a_leg_with_bbr_is_not_kept_short),
		cmocka_unit_test(a_slower_leg_carries_bulk),
		cmocka_unit_test(what_a_window_would_wait_for_does_not_go_over_a_slow_leg),
		cmocka_unit_test(what_bbr_has_under_way_does_not_keep_it_short),
		cmocka_unit_test(what_ends_is_no_bulk),
		cmocka_unit_test(what_was_lost_is_no_bulk),
		cmocka_unit_test(what_legs_do_not_take_holds_a_stream_back),
		cmocka_unit_test(a_stream_that_is_held_up_is_no_rest),
		cmocka_unit_test(the_first_pieces_over_a_slow_leg_grow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
