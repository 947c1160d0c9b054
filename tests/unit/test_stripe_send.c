/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which piece goes over which leg where a stream is bulk, late or new: decisions 0033, 0044. */
#include "unit_stripe.h"

#define FAST 0
#define SLOW 1
#define FAST_BYTES_PER_S 10000000u
#define SLOW_BYTES_PER_S 1000000u
#define FAST_RTT_US (20 * US_PER_MS)
#define SLOW_RTT_US (600 * US_PER_MS)
#define FOR_THE_FAST 2900000   /* sooner through over that alone than the first of it over the other; and more than
			        * it takes at once, by a third of what is kept */

/* Both legs are known. */
static struct stripe_out *out_new(void)
{
	struct stripe_out *out = unit_stripe_new(true, 2);

	out->window_bytes = out->edge = STRIPE_WIDE_WINDOW_BYTES;
	out->legs[FAST].n_measured = out->legs[SLOW].n_measured = 4;
	out->legs[FAST].rate_bytes_per_s = FAST_BYTES_PER_S;
	out->legs[FAST].rtt_us = FAST_RTT_US;
	out->legs[SLOW].rate_bytes_per_s = SLOW_BYTES_PER_S;
	out->legs[SLOW].rtt_us = SLOW_RTT_US;
	return out;
}

/* Sends what goes; how much of it went over the leg. */
static uint64_t send_all(struct stripe_out *out, uint8_t leg, uint64_t now_us)
{
	uint64_t before = out->legs[leg].written_bytes;
	struct stripe_send send;

	while (stripe_next(out, &send))
		stripe_sent(out, &send, now_us);
	return out->legs[leg].written_bytes - before;
}

static void take_all(struct stripe_out *out, uint64_t now_us)
{
	stripe_look(out, now_us);
	stripe_take(out, stripe_room(out));
}

/* So much of what the leg has is there, in order; its TCP has sent everything. */
static void deliver(struct stripe_out *out, uint8_t leg, uint64_t n_bytes, uint64_t now_us)
{
	const struct stripe_leg *l = &out->legs[leg];
	uint64_t unacked = l->written_bytes - l->acked_bytes - n_bytes;

	stripe_leg_look(out, leg, &(struct stripe_seen){ .unacked_bytes = unacked }, now_us);
}

static void a_leg_has_what_its_tcp_sends_until_it_is_looked_at_again(void **state)
{
	struct stripe_out *out = out_new();
	struct stripe_seen seen = { .unsent_bytes = FAST_BYTES_PER_S / 5 };
	uint64_t now_us = US_PER_S, n;

	take_all(out, now_us);
	n = send_all(out, FAST, now_us);
	assert_in_range(n, FAST_BYTES_PER_S / 5 - STRIPE_WIDE_PIECE_BYTES, FAST_BYTES_PER_S / 5);
	seen.unacked_bytes = out->legs[FAST].written_bytes;
	take_all(out, now_us);
	stripe_leg_look(out, FAST, &seen, now_us);   /* it is all there still */
	assert_int_equal(send_all(out, FAST, now_us), 0);
	seen.unsent_bytes = 0;
	stripe_leg_look(out, FAST, &seen, now_us);   /* it is under way: two round trips, and what it sends in 0.3 s,
						      * are enough */
	n = send_all(out, FAST, now_us);
	assert_in_range(out->legs[FAST].written_bytes, FAST_BYTES_PER_S * 34 / 100 - STRIPE_WIDE_PIECE_BYTES,
			FAST_BYTES_PER_S * 34 / 100);
	assert_true(n > 0);
	out->legs[FAST].rising = true;
	seen.unacked_bytes = out->legs[FAST].written_bytes;
	take_all(out, now_us);
	stripe_leg_look(out, FAST, &seen, now_us);
	send_all(out, FAST, now_us);
	assert_in_range(out->legs[FAST].written_bytes, FAST_BYTES_PER_S * 42 / 100 - STRIPE_WIDE_PIECE_BYTES,
			FAST_BYTES_PER_S * 42 / 100);
	free(out);
}

/* What is under way, bbr bounds; what isn't, we do. */
static void a_leg_with_bbr_is_not_kept_short(void **state)
{
	struct stripe_out *out = out_new();
	struct stripe_seen seen = { 0 };
	uint64_t now_us = US_PER_S;

	out->legs[FAST].has_bbr = true;
	for (int i = 0; i < 5; i++) {   /* each time its TCP has sent everything */
		take_all(out, now_us);
		assert_in_range(send_all(out, FAST, now_us), FAST_BYTES_PER_S / 5 - STRIPE_WIDE_PIECE_BYTES,
				FAST_BYTES_PER_S / 5);
		seen.unacked_bytes = out->legs[FAST].written_bytes;
		stripe_leg_look(out, FAST, &seen, now_us);
	}
	seen.unsent_bytes = FAST_BYTES_PER_S / 5;
	stripe_leg_look(out, FAST, &seen, now_us);
	take_all(out, now_us);
	assert_int_equal(send_all(out, FAST, now_us), 0);
	free(out);
}

/* A short answer would wait for the slower leg; a long download wants both. */
static void a_slower_leg_carries_bulk(void **state)
{
	struct stripe_out *out = out_new();
	uint64_t now_us = US_PER_S;

	stripe_take(out, FOR_THE_FAST);
	stripe_look(out, now_us);
	send_all(out, FAST, now_us);
	assert_int_equal(out->legs[SLOW].written_bytes, 0);
	stripe_look(out, now_us);
	stripe_look(out, now_us += US_PER_S - 1);
	assert_int_equal(send_all(out, SLOW, now_us), 0);
	stripe_look(out, now_us += 1);
	assert_true(send_all(out, SLOW, now_us) > 0);
	free(out);
}

/* Of bulk, over the slow leg, with so wide a window of our own, the other end taking so much. */
static uint64_t over_the_slow(uint64_t window_bytes, uint64_t taken_bytes)
{
	struct stripe_out *out = out_new();
	uint64_t now_us = US_PER_S, n;

	out->window_bytes = window_bytes;
	out->edge = taken_bytes;
	stripe_take(out, FOR_THE_FAST);
	out->bulk = true;
	send_all(out, FAST, now_us);
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
		struct stripe_out *out = out_new();
		struct stripe_leg *slow = &out->legs[SLOW];

		out->window_bytes = table[i].window_bytes;
		out->edge = table[i].taken_bytes;
		slow->known_bytes_per_s = table[i].guessed ? SLOW_BYTES_PER_S : 0;
		stripe_leg_wrote(out, SLOW, 3 * SLOW_BYTES_PER_S, US_PER_S);
		slow->unsent_bytes = 0;
		slow->has_bbr = table[i].bbr;
		stripe_take(out, FOR_THE_FAST);
		out->bulk = true;
		send_all(out, FAST, US_PER_S);
		if ((slow->written_bytes > 3 * SLOW_BYTES_PER_S) != table[i].has_some)
			fail_msg("case %zu: %llu bytes", i, (unsigned long long)slow->written_bytes);
		assert_true(slow->unsent_bytes <= SLOW_BYTES_PER_S / 5);
		free(out);
	}
}

static void what_ends_is_no_bulk(void **state)
{
	struct stripe_out *out = out_new();
	uint64_t now_us = US_PER_S;

	stripe_take(out, FOR_THE_FAST);
	stripe_look(out, now_us);
	send_all(out, FAST, now_us);
	stripe_end(out, STRIPE_ENDS);
	stripe_look(out, now_us += 2 * US_PER_S);
	assert_int_equal(send_all(out, SLOW, now_us), 0);
	free(out);
}

/* The first piece is the slower leg's, and some more; the faster one has what comes then. */
static struct stripe_out *waits_for_the_slower(size_t n_slow, uint64_t now_us)
{
	struct stripe_out *out = out_new();
	struct stripe_send send;

	take_all(out, now_us);
	for (size_t i = 0; i < 2 * n_slow; i++) {
		assert_true(stripe_next(out, &send));
		send.leg = i < n_slow ? SLOW : FAST;
		stripe_sent(out, &send, now_us);
	}
	out->legs[SLOW].acked_due_us = UINT64_MAX / 2;   /* it is late, and not silent */
	return out;
}

static void what_is_late_goes_over_a_busy_leg(void **state)
{
	uint64_t now_us = US_PER_S;
	struct stripe_out *out = waits_for_the_slower(2, now_us);
	struct stripe_send send;

	stripe_look(out, now_us);
	stripe_look(out, now_us += 900 * US_PER_MS - 1);
	assert_true(stripe_next(out, &send) && !send.again);
	stripe_look(out, now_us += 1);
	assert_true(stripe_next(out, &send) && send.again && send.leg == FAST && !send.offset);
	stripe_sent(out, &send, now_us);
	assert_true(stripe_next(out, &send) && send.again && send.offset == STRIPE_WIDE_PIECE_BYTES);
	stripe_sent(out, &send, now_us);
	assert_true(stripe_next(out, &send) && !send.again);   /* each once */
	assert_int_equal(stripe_acknowledge(out, 100, 255), 0);
	out->pieces[out->first].leg = SLOW;
	out->pieces[out->first].tried = 1u << SLOW;
	stripe_look(out, now_us);   /* it goes on */
	assert_true(stripe_next(out, &send) && !send.again);
	free(out);
}

static void only_the_first_that_are_late_do(void **state)
{
	uint64_t now_us = US_PER_S;
	struct stripe_out *out = waits_for_the_slower(20, now_us);
	struct stripe_send send;
	size_t n = 0;

	stripe_look(out, now_us);
	stripe_look(out, now_us += US_PER_S);
	for (; stripe_next(out, &send) && send.again; n++)
		stripe_sent(out, &send, now_us);
	assert_int_equal(n, 16);
	free(out);
}

/* Legs of 50 ms: TCP needs 75 for what was lost, and a third of a second is short enough; unless so little is under
 * way that the other end needn't have told yet. */
static void how_late_is_late(void **state)
{
	static const struct { size_t n_slow; uint64_t late_us;
			      } table[] = { { 2, 300 * US_PER_MS }, { 1, 750 * US_PER_MS } };

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		uint64_t now_us = US_PER_S;
		struct stripe_out *out = waits_for_the_slower(1, now_us);

		out->legs[SLOW].rtt_us = 50 * US_PER_MS;
		if (table[i].n_slow == 1)
			assert_int_equal(stripe_acknowledge(out, 1, 255), 0);
		stripe_look(out, now_us);
		stripe_look(out, now_us += table[i].late_us - 1);
		assert_false(out->late);
		stripe_look(out, now_us += 1);
		assert_true(out->late);
		assert_int_equal(stripe_acknowledge(out, (uint32_t)out->next, 255), 0);
		stripe_look(out, now_us += US_PER_S);   /* there is nothing to be late */
		stripe_take(out, 100);
		assert_true(stripe_next(out, &(struct stripe_send){ 0 }));
		stripe_look(out, now_us);
		assert_false(out->late);
		free(out);
	}
}

/* The slower leg's TCP has sent a second's worth and more, and hears of that when the queue is through; and has to say
 * again what the queue had no room for. bbr makes no queue, and what TCP hasn't sent yet is in none. */
#define AS_LONG_AS_IT_IS UINT64_MAX
#define SACKED_BYTES 10000
static const struct { bool bbr; uint64_t unsent_bytes, bytes_per_s, known_bytes_per_s, rtt_us, queue_us; } queues[] = {
	{ false, 0, SLOW_BYTES_PER_S, 0, SLOW_RTT_US, AS_LONG_AS_IT_IS },
	{ false, SLOW_BYTES_PER_S / 2, SLOW_BYTES_PER_S, 0, SLOW_RTT_US, AS_LONG_AS_IT_IS },
	{ true, 0, SLOW_BYTES_PER_S, 0, SLOW_RTT_US, 0 },
	{ false, UINT32_MAX, SLOW_BYTES_PER_S, 0, SLOW_RTT_US, 0 },
	{ false, 0, 0, 0, SLOW_RTT_US, 0 },                                 /* not known */
	{ false, 0, SLOW_BYTES_PER_S, 1000, SLOW_RTT_US, 0 },               /* a guess */
	{ false, 0, 3 * SLOW_BYTES_PER_S, 0, SLOW_RTT_US, 0 },              /* no more than a round trip of it */
	{ false, 0, SLOW_BYTES_PER_S / 10, 0, 210 * US_PER_MS, 840 * US_PER_MS },   /* no queue is as long */
	{ false, 0, SLOW_BYTES_PER_S / 10, 0, 800 * US_PER_MS, 3 * US_PER_S },
};

static struct stripe_out *has_a_queue(size_t i, uint64_t now_us, uint64_t *queue_us)
{
	struct stripe_out *out = waits_for_the_slower(80, now_us);
	struct stripe_leg *leg = &out->legs[SLOW];

	leg->has_bbr = queues[i].bbr;
	deliver(out, FAST, out->legs[FAST].written_bytes, now_us);
	deliver(out, SLOW, 0, now_us);
	leg->unsent_bytes = queues[i].unsent_bytes;
	leg->delivered_bytes += SACKED_BYTES;
	leg->rate_bytes_per_s = queues[i].bytes_per_s;
	leg->known_bytes_per_s = queues[i].known_bytes_per_s;
	leg->rtt_us = queues[i].rtt_us;
	*queue_us = queues[i].queue_us;
	if (*queue_us == AS_LONG_AS_IT_IS)
		*queue_us = (leg->written_bytes - leg->delivered_bytes - leg->unsent_bytes) * US_PER_S /
			    SLOW_BYTES_PER_S - SLOW_RTT_US;
	assert_true(leg->written_bytes > SLOW_BYTES_PER_S * 5 / 4);
	return out;
}

static void expect_late_after(struct stripe_out *out, uint64_t now_us, uint64_t late_us)
{
	stripe_look(out, now_us);
	stripe_look(out, now_us + late_us - 1);
	assert_false(out->late);
	stripe_look(out, now_us + late_us);
	assert_true(out->late);
}

static void what_waits_in_a_queue_is_not_late(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(queues); i++) {
		uint64_t now_us = US_PER_S, queue_us;
		struct stripe_out *out = has_a_queue(i, now_us, &queue_us);
		uint64_t rtt_us = queues[i].rtt_us + queue_us;

		expect_late_after(out, now_us, rtt_us + rtt_us / 2);
		free(out);
	}
}

/* The other end takes its time to say what it has. */
static void what_little_waits_in_a_queue_is_not_late(void **state)
{
	uint64_t now_us = US_PER_S;
	struct stripe_out *out = waits_for_the_slower(1, now_us);

	deliver(out, SLOW, 0, now_us);
	out->legs[SLOW].rate_bytes_per_s = out->legs[SLOW].written_bytes;   /* a second with its queue */
	assert_int_equal(stripe_acknowledge(out, 1, 255), 0);
	expect_late_after(out, now_us, US_PER_S + 700 * US_PER_MS);
	free(out);
}

/* Nobody waits for what is in it: another leg has what is next, or none has. */
static void the_queue_of_another_leg_is_no_reason(void **state)
{
	static const uint8_t legs[] = { FAST, STRIPE_KEPT, STRIPE_NO_LEG };

	for (size_t i = 0; i < ARRAY_SIZE(legs); i++) {
		uint64_t now_us = US_PER_S, queue_us;
		struct stripe_out *out = has_a_queue(0, now_us, &queue_us);

		out->pieces[out->first].leg = legs[i];
		out->pieces[out->first].leg_end = UINT64_MAX;
		expect_late_after(out, now_us, SLOW_RTT_US * 3 / 2);
		free(out);
	}
}

static void what_a_queue_lost_has_its_time_to_be_said_again(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(queues); i++) {
		uint64_t now_us = US_PER_S, queue_us;
		struct stripe_out *out = has_a_queue(i, now_us, &queue_us);

		out->legs[SLOW].acked_due_us = now_us;
		stripe_look(out, now_us);
		now_us += u64_max(queues[i].rtt_us / 2, 300 * US_PER_MS) + 2 * queue_us;
		stripe_look(out, now_us - 1);
		assert_false(out->legs[SLOW].holds_up);
		stripe_look(out, now_us);
		assert_true(out->legs[SLOW].holds_up);
		free(out);
	}
}

/* A link of 500 kbit/s carries less than the longest piece between two looks. */
static void what_is_late_goes_over_a_narrow_link_too(void **state)
{
	uint64_t now_us = US_PER_S;
	struct stripe_out *out = waits_for_the_slower(2, now_us);
	struct stripe_send send;

	out->legs[FAST].rate_bytes_per_s = 60000;
	out->pieces[out->first].n = 1000;
	deliver(out, FAST, out->legs[FAST].written_bytes - out->legs[FAST].acked_bytes - 1, now_us);
	stripe_look(out, now_us);
	stripe_look(out, now_us += US_PER_S);
	assert_true(stripe_next(out, &send) && send.again && send.leg == FAST && !send.offset);
	free(out);
}

/* The end of the stream with it. */
static void what_is_late_may_be_the_end(void **state)
{
	uint64_t now_us = US_PER_S;
	struct stripe_out *out = out_new();
	struct stripe_send send;

	stripe_take(out, 100);
	stripe_end(out, STRIPE_ENDS);
	assert_true(stripe_next(out, &send) && send.ending == STRIPE_ENDS);
	send.leg = SLOW;
	stripe_sent(out, &send, now_us);
	stripe_look(out, now_us);
	stripe_look(out, now_us += 2 * US_PER_S);
	assert_true(stripe_next(out, &send) && send.again && send.leg == FAST && send.ending == STRIPE_ENDS);
	free(out);
}

/* All is behind it: it goes where it will be there first, be there bulk. */
static void what_was_lost_is_no_bulk(void **state)
{
	uint64_t now_us = US_PER_S;
	struct stripe_out *out = out_new();
	struct stripe_send send;

	take_all(out, now_us);
	send_all(out, FAST, now_us);
	out->bulk = true;
	out->pieces[out->first].leg = STRIPE_NO_LEG;
	out->n_lost = 1;
	out->end = out->next;
	assert_false(stripe_next(out, &send));   /* the faster one has no room, and is worth waiting for */
	free(out);
}

static void a_piece_that_is_lost_is_not_stuck(void **state)
{
	uint64_t now_us = US_PER_S;
	struct stripe_out *out = out_new();
	struct stripe_send send;

	stripe_take(out, 100);
	assert_true(stripe_next(out, &send));
	stripe_sent(out, &send, now_us);
	stripe_leg_close(out, FAST);
	stripe_leg_close(out, SLOW);
	assert_int_equal(out->n_lost, 1);
	stripe_look(out, now_us);
	stripe_look(out, now_us += 10 * US_PER_S);
	assert_int_equal(out->n_stuck, 0);
	assert_int_equal(stripe_acknowledge(out, 100, 255), 0);   /* it had come */
	assert_int_equal(out->n_lost, 0);
	assert_false(stripe_next(out, &send));
	free(out);
}

/* No more of them may be under way: that holds up as a window does. */
static void so_many_pieces_hold_up(void **state)
{
	uint64_t now_us = US_PER_S;
	struct stripe_out *out = out_new();
	struct stripe_send send;

	for (size_t i = 0; i < STRIPE_WIDE_PIECES; i++) {
		stripe_take(out, 1);
		assert_true(stripe_next(out, &send));
		send.leg = i ? FAST : SLOW;
		stripe_sent(out, &send, now_us);
	}
	assert_true(stripe_next(out, &send) && send.again && send.leg == FAST && !send.offset);
	out->pieces[(out->first + 7) % STRIPE_WIDE_PIECES].leg = SLOW;   /* and what the faster one alone has isn't
									  * counted among what is held up */
	out->pieces[(out->first + 7) % STRIPE_WIDE_PIECES].tried = 1u << SLOW;
	stripe_sent(out, &send, now_us);
	assert_true(stripe_next(out, &send) && send.again && send.offset == 7);
	free(out);
}

static void what_is_late_does_not_go_over_a_slower_leg(void **state)
{
	uint64_t now_us = US_PER_S;
	struct stripe_out *out = out_new();
	struct stripe_send send;

	take_all(out, now_us);
	assert_true(stripe_next(out, &send) && send.leg == FAST);
	stripe_sent(out, &send, now_us);
	stripe_leg_wrote(out, SLOW, 1, now_us);
	stripe_look(out, now_us);
	stripe_look(out, now_us += US_PER_S);
	assert_true(stripe_next(out, &send) && !send.again);
	free(out);
}

/* The window is used up: the faster leg has nothing to do but what the other end waits for. */
static void what_holds_up_a_window_goes_over_a_busy_leg(void **state)
{
	uint64_t now_us = US_PER_S;
	struct stripe_out *out = waits_for_the_slower(2, now_us);
	struct stripe_send send;

	out->edge = out->end = out->next;
	out->window_bytes = 0;
	out->acked = out->next - STRIPE_WINDOW_BYTES;   /* of places alone: what pieces there are stays as it is */
	assert_int_equal(stripe_room(out), 0);
	assert_true(stripe_next(out, &send) && send.again && send.leg == FAST && !send.offset);
	out->legs[FAST].full = true;
	assert_false(stripe_next(out, &send));
	out->legs[FAST].full = false;
	out->end--;   /* now it isn't, but the host has nothing to say */
	out->next--;
	assert_false(stripe_next(out, &send));
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
	deliver(out, 0, 1100, 10 * US_PER_S);
	assert_true(stripe_next(out, &send) && !send.last_of_first);
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
		cmocka_unit_test(what_is_late_goes_over_a_busy_leg),
		cmocka_unit_test(only_the_first_that_are_late_do),
		cmocka_unit_test(how_late_is_late),
		cmocka_unit_test(what_waits_in_a_queue_is_not_late),
		cmocka_unit_test(what_little_waits_in_a_queue_is_not_late),
		cmocka_unit_test(the_queue_of_another_leg_is_no_reason),
		cmocka_unit_test(what_a_queue_lost_has_its_time_to_be_said_again),
		cmocka_unit_test(what_is_late_goes_over_a_narrow_link_too),
		cmocka_unit_test(what_is_late_may_be_the_end),
		cmocka_unit_test(what_was_lost_is_no_bulk),
		cmocka_unit_test(a_stream_that_is_held_up_is_no_rest),
		cmocka_unit_test(a_piece_that_is_lost_is_not_stuck),
		cmocka_unit_test(so_many_pieces_hold_up),
		cmocka_unit_test(what_is_late_does_not_go_over_a_slower_leg),
		cmocka_unit_test(what_holds_up_a_window_goes_over_a_busy_leg),
		cmocka_unit_test(the_first_pieces_over_a_slow_leg_grow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
