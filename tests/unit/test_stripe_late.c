/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is late, and what holds up the stream: decisions 0044, 0053. */
#include "unit_stripe_pair.h"

static void what_is_late_goes_over_a_busy_leg(void **state)
{
	uint64_t now_us = US_PER_S;
	struct stripe_out *out = unit_waits_for_the_slower(2, now_us);
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
	struct stripe_out *out = unit_waits_for_the_slower(20, now_us);
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
		struct stripe_out *out = unit_waits_for_the_slower(1, now_us);

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
	struct stripe_out *out = unit_waits_for_the_slower(80, now_us);
	struct stripe_leg *leg = &out->legs[SLOW];

	leg->has_bbr = queues[i].bbr;
	unit_deliver(out, FAST, out->legs[FAST].written_bytes, now_us);
	unit_deliver(out, SLOW, 0, now_us);
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
	struct stripe_out *out = unit_waits_for_the_slower(1, now_us);

	unit_deliver(out, SLOW, 0, now_us);
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
	struct stripe_out *out = unit_waits_for_the_slower(2, now_us);
	struct stripe_send send;

	out->legs[FAST].rate_bytes_per_s = 60000;
	out->pieces[out->first].n = 1000;
	unit_deliver(out, FAST, out->legs[FAST].written_bytes - out->legs[FAST].acked_bytes - 1, now_us);
	stripe_look(out, now_us);
	stripe_look(out, now_us += US_PER_S);
	assert_true(stripe_next(out, &send) && send.again && send.leg == FAST && !send.offset);
	free(out);
}

/* The end of the stream with it. */
static void what_is_late_may_be_the_end(void **state)
{
	uint64_t now_us = US_PER_S;
	struct stripe_out *out = unit_pair_new();
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

static void a_piece_that_is_lost_is_not_stuck(void **state)
{
	uint64_t now_us = US_PER_S;
	struct stripe_out *out = unit_pair_new();
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
	struct stripe_out *out = unit_pair_new();
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
	struct stripe_out *out = unit_pair_new();
	struct stripe_send send;

	unit_take_all(out, now_us);
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
	struct stripe_out *out = unit_waits_for_the_slower(2, now_us);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_late_goes_over_a_busy_leg),
		cmocka_unit_test(only_the_first_that_are_late_do),
		cmocka_unit_test(how_late_is_late),
		cmocka_unit_test(what_waits_in_a_queue_is_not_late),
		cmocka_unit_test(what_little_waits_in_a_queue_is_not_late),
		cmocka_unit_test(the_queue_of_another_leg_is_no_reason),
		cmocka_unit_test(what_a_queue_lost_has_its_time_to_be_said_again),
		cmocka_unit_test(what_is_late_goes_over_a_narrow_link_too),
		cmocka_unit_test(what_is_late_may_be_the_end),
		cmocka_unit_test(a_piece_that_is_lost_is_not_stuck),
		cmocka_unit_test(so_many_pieces_hold_up),
		cmocka_unit_test(what_is_late_does_not_go_over_a_slower_leg),
		cmocka_unit_test(what_holds_up_a_window_goes_over_a_busy_leg),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
