/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A stream in pieces over several legs. */
#include "unit_stripe.h"

/* Links as they are simulated: a frame goes when the one before has gone, arrives half a round trip later, and is
 * acknowledged after another half. */
struct link {
	uint64_t bytes_per_s, rtt_us;
	bool dead;                     /* takes, and brings nothing */
	uint64_t free_at_us;
	struct { struct stripe_send send; uint32_t acknowledged; uint64_t n_bytes, there_us, acked_us;
		 bool arrived, acked; } under_way[600];
	size_t first, n;               /* of those */
	uint64_t n_carried;
};

struct world {
	uint64_t now_us;
	struct link links[STRIPE_LEGS];
	size_t n_links;
	struct stripe_out out;
	struct stripe_in in;
	uint8_t ring[STRIPE_WINDOW_BYTES];
	uint64_t n_stream, n_checked;  /* bytes: in all, seen in order at the other end */
	uint64_t n_again;
	enum stripe_end ending;
	uint32_t told;                 /* the other end's last acknowledgement, on its way back for half a round trip */
	uint64_t told_at_us;
};

static uint8_t byte_at(uint64_t offset)
{
	return (uint8_t)(offset * 31 + (offset >> 8) * 7);
}

static struct world *world_new(size_t n_links, uint64_t bytes_per_s, uint64_t rtt_us, uint64_t n_stream)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->now_us = US_PER_S;
	w->n_links = n_links;
	w->n_stream = n_stream;
	w->ending = STRIPE_ENDS;
	for (size_t i = 0; i < n_links; i++) {
		w->links[i] = (struct link){ .bytes_per_s = bytes_per_s, .rtt_us = rtt_us };
		stripe_leg_open(&w->out, (uint8_t)i, w->now_us);
	}
	return w;
}

static void feed(struct world *w)
{
	size_t room = stripe_room(&w->out), left = (size_t)(w->n_stream - w->out.end), n = room < left ? room : left;

	stripe_take(&w->out, n);
	if (w->out.end == w->n_stream && w->out.ending == STRIPE_GOES_ON)
		stripe_end(&w->out, w->ending);
}

static void send(struct world *w)
{
	const uint64_t overhead = 52;
	struct stripe_send send;

	while (stripe_next(&w->out, &send)) {
		struct link *link = &w->links[send.leg];
		size_t at = link->n++;

		assert_true(link->n <= ARRAY_SIZE(link->under_way));
		w->n_again += send.again;
		link->free_at_us = (link->free_at_us > w->now_us ? link->free_at_us : w->now_us) +
			(FRAME(send.n) + overhead) * US_PER_S / link->bytes_per_s;
		link->under_way[at].send = send;
		link->under_way[at].n_bytes = FRAME(send.n);
		link->under_way[at].there_us = link->dead ? CLOCK_NEVER_US : link->free_at_us + link->rtt_us / 2;
		link->under_way[at].acked_us = link->dead ? CLOCK_NEVER_US : link->free_at_us + link->rtt_us;
		stripe_sent(&w->out, &send, w->now_us);
	}
}

static void arrive(struct world *w, struct link *link, const struct stripe_send *send)
{
	size_t skip;

	link->n_carried += send->n;
	if (!send->n && send->ending == STRIPE_GOES_ON)
		return;
	assert_int_equal(stripe_arrive(&w->in, (uint32_t)send->offset, send->n, send->ending, &skip), 0);
	for (size_t i = skip; i < send->n; i++)
		w->ring[(send->offset + i) % STRIPE_WINDOW_BYTES] = byte_at(send->offset + i);
}

static void pass_on(struct world *w)
{
	size_t n;

	while ((n = stripe_readable(&w->in))) {
		for (size_t i = 0; i < n; i++)
			if (w->ring[(w->n_checked + i) % STRIPE_WINDOW_BYTES] != byte_at(w->n_checked + i))
				fail_msg("byte %llu is wrong", (unsigned long long)(w->n_checked + i));
		w->n_checked += n;
		stripe_pass_on(&w->in, n, w->now_us);
	}
	if (stripe_end_due(&w->in) != STRIPE_GOES_ON && !w->in.end_passed_on)
		stripe_pass_on_end(&w->in, w->now_us);
}

static void links_go_on(struct world *w)
{
	for (size_t i = 0; i < w->n_links; i++) {
		struct link *link = &w->links[i];
		uint64_t n_unacked = 0;

		for (size_t j = link->first; j < link->n; j++) {
			if (!link->under_way[j].arrived && link->under_way[j].there_us <= w->now_us) {
				link->under_way[j].arrived = true;
				arrive(w, link, &link->under_way[j].send);
			}
			link->under_way[j].acked = link->under_way[j].acked_us <= w->now_us;
			n_unacked += link->under_way[j].acked ? 0 : link->under_way[j].n_bytes;
		}
		while (link->first < link->n && link->under_way[link->first].acked)
			link->first++;
		if (w->out.legs[i].open)
			unit_stripe_look(&w->out, (uint8_t)i, n_unacked, link->rtt_us, w->now_us);
	}
}

static void acknowledge(struct world *w)
{
	if (w->told_at_us && w->now_us >= w->told_at_us) {
		assert_int_equal(stripe_acknowledge(&w->out, w->told, 0), 0);
		w->told_at_us = 0;
	}
	if (!w->told_at_us && stripe_owes_ack(&w->in, w->now_us)) {
		w->told = stripe_acknowledged(&w->in);
		w->told_at_us = w->now_us + w->links[0].rtt_us / 2;
		stripe_told(&w->in);
	}
}

static void step(struct world *w)
{
	w->now_us += 100 * US_PER_MS;
	links_go_on(w);
	pass_on(w);
	acknowledge(w);
	feed(w);
	send(w);
}

/* Until all is there, and known to be; returns how long it took. */
static double run(struct world *w, double limit_s)
{
	uint64_t begun_us = w->now_us;

	feed(w);
	send(w);
	while (!stripe_is_done(&w->out)) {
		step(w);
		if (w->now_us - begun_us > limit_s * US_PER_S)
			fail_msg("%llu of %llu bytes after %.0f s", (unsigned long long)w->n_checked,
				 (unsigned long long)w->n_stream, limit_s);
	}
	assert_int_equal(w->n_checked, w->n_stream);
	assert_int_equal(w->in.ending, w->ending);
	return (double)(w->now_us - begun_us) / US_PER_S;
}

static void four_slow_legs_are_nearly_four_times_one(void **state)
{
	struct world *one = world_new(1, 300, 600 * US_PER_MS, 60000),
		     *four = world_new(4, 300, 600 * US_PER_MS, 60000);
	double one_s = run(one, 1000), four_s = run(four, 1000);

	if (one_s / four_s < 3.7)
		fail_msg("one takes %.1f s, four take %.1f s", one_s, four_s);
	assert_true(four->n_again <= 3);
	free(one);
	free(four);
}

static void a_leg_that_dies_has_little_of_the_stream(void **state)
{
	struct world *w = world_new(4, 300, 600 * US_PER_MS, 60000);
	double took_s;

	feed(w);
	send(w);
	while (w->n_checked < 20000)
		step(w);
	w->links[2].dead = true;
	for (size_t i = w->links[2].first; i < w->links[2].n; i++)
		w->links[2].under_way[i].there_us = w->links[2].under_way[i].acked_us = CLOCK_NEVER_US;
	took_s = run(w, 1000);
	assert_true(w->out.legs[2].stalled);
	if (w->n_again > 8 || took_s > 70)   /* two thirds over three links: 50 s */
		fail_msg("%llu pieces again, %.1f s", (unsigned long long)w->n_again, took_s);
	free(w);
}

static void a_leg_that_is_closed_leaves_its_pieces_to_others_and_may_return(void **state)
{
	struct world *w = world_new(2, 300, 600 * US_PER_MS, 20000);

	feed(w);
	send(w);
	while (w->n_checked < 5000)
		step(w);
	stripe_leg_close(&w->out, 1);
	for (size_t i = w->links[1].first; i < w->links[1].n; i++)
		w->links[1].under_way[i].there_us = w->links[1].under_way[i].acked_us = CLOCK_NEVER_US;
	assert_false(w->out.legs[1].open);
	while (w->n_checked < 9000)
		step(w);
	w->links[1] = (struct link){ .bytes_per_s = 300, .rtt_us = 600 * US_PER_MS };
	stripe_leg_open(&w->out, 1, w->now_us);
	run(w, 1000);
	assert_true(w->links[1].n_carried > 3000);
	free(w);
}

static void a_slow_leg_does_not_hold_up_the_others(void **state)
{
	struct world *alone = world_new(1, 8000, 600 * US_PER_MS, 400000),
		     *both = world_new(2, 8000, 600 * US_PER_MS, 400000);
	double alone_s = run(alone, 1000), both_s;

	both->links[1].bytes_per_s = 250;
	both->links[1].rtt_us = 2 * US_PER_S;
	both_s = run(both, 1000);
	if (both_s > 1.05 * alone_s)
		fail_msg("%.1f s alone, %.1f s beside a slow one", alone_s, both_s);
	free(alone);
	free(both);
}

static void a_quick_leg_is_filled(void **state)
{
	struct world *w = world_new(2, 30000, 600 * US_PER_MS, 1000000);
	double took_s = run(w, 100);

	if (took_s > 30)   /* 17.5 s of both, 600 ms and what it takes to find their rate out beside it */
		fail_msg("%.1f s", took_s);
	free(w);
}

static void few_bytes_go_the_quickest_way(void **state)
{
	struct stripe_out out = { 0 };
	struct stripe_send send;

	assert_int_equal(stripe_best_leg(&out), STRIPE_NO_LEG);
	stripe_take(&out, 1);
	assert_false(stripe_next(&out, &send));
	out = (struct stripe_out){ 0 };
	stripe_leg_open(&out, 0, 1);
	stripe_leg_open(&out, 5, 1);
	unit_stripe_look(&out, 0, 0, 900 * US_PER_MS, 1);
	unit_stripe_look(&out, 5, 0, 300 * US_PER_MS, 1);
	assert_int_equal(stripe_best_leg(&out), 5);
	assert_false(stripe_next(&out, &send) || stripe_is_busy(&out));
	stripe_take(&out, 10);
	assert_true(stripe_is_busy(&out) && stripe_next(&out, &send));
	assert_true(send.leg == 5 && send.n == 10 && !send.again && send.ending == STRIPE_GOES_ON);
	stripe_sent(&out, &send, 1);
	assert_false(stripe_next(&out, &send));
	assert_true(stripe_is_busy(&out));
	assert_int_equal(stripe_acknowledge(&out, 10, 0), 0);
	assert_true(stripe_is_busy(&out));   /* its TCP has not heard of it yet */
	unit_stripe_look(&out, 5, 0, 0, 2 * US_PER_S);
	assert_false(stripe_is_busy(&out) || stripe_is_done(&out));
	assert_int_equal(out.legs[5].rtt_us, 300 * US_PER_MS);
}

static void few_bytes_say_nothing_of_the_rate(void **state)
{
	struct stripe_out out = { 0 };
	uint64_t now_us = 1;

	stripe_leg_open(&out, 0, now_us);
	for (size_t i = 0; i < 100; i++) {
		stripe_leg_wrote(&out, 0, 12, now_us);
		now_us += 2 * US_PER_S;
		unit_stripe_look(&out, 0, 0, 600 * US_PER_MS, now_us);
	}
	assert_int_equal(out.legs[0].rate_bytes_per_s, 0);
	stripe_leg_wrote(&out, 0, 1200, now_us);
	unit_stripe_look(&out, 0, 0, 0, now_us + 1800 * US_PER_MS);
	assert_in_range(out.legs[0].rate_bytes_per_s, 990, 1010);   /* the round trip left out */
	stripe_leg_open(&out, 1, now_us);
	out.legs[1].rtt_us = US_PER_S;
	stripe_leg_wrote(&out, 1, 1200, now_us);
	unit_stripe_look(&out, 1, 600, 0, now_us + 1);   /* sooner than could be */
	assert_int_equal(out.legs[1].rate_bytes_per_s, 0);
}

/* The quickest has no room, and has got all that waits before another one would have a part of it. */
static void waiting_may_be_quicker(void **state)
{
	struct stripe_out out = { 0 };
	struct stripe_send send;

	stripe_leg_open(&out, 0, 1);
	stripe_leg_open(&out, 1, 1);
	out.legs[0].rate_bytes_per_s = 20000;
	out.legs[1].rate_bytes_per_s = 20;
	out.legs[0].rtt_us = out.legs[1].rtt_us = 100 * US_PER_MS;
	stripe_leg_wrote(&out, 0, 10000, 1);
	stripe_take(&out, 1000);
	assert_false(stripe_next(&out, &send));
	stripe_take(&out, 50000);
	out.legs[1].rate_bytes_per_s = 2000;
	assert_true(stripe_next(&out, &send) && send.leg == 1);
	stripe_leg_wrote(&out, 1, 10000, 1);
	assert_false(stripe_next(&out, &send));
}

static void a_reset_leaves_out_what_no_leg_has(void **state)
{
	struct stripe_out out = { 0 };
	struct stripe_send send;

	stripe_leg_open(&out, 0, 1);
	stripe_take(&out, 100000);
	while (stripe_next(&out, &send))
		stripe_sent(&out, &send, 1);
	stripe_end(&out, STRIPE_RESETS);
	assert_int_equal(out.end, out.next);
	unit_stripe_look(&out, 0, 0, 0, 10 * US_PER_S);
	assert_true(stripe_next(&out, &send) && !send.n && send.ending == STRIPE_RESETS && send.offset == out.next);
	stripe_sent(&out, &send, 1);
	assert_false(stripe_is_done(&out));
	assert_int_equal(stripe_acknowledge(&out, (uint32_t)out.end + 1, 0), 0);
	assert_true(stripe_is_done(&out));
}

static void a_reset_may_follow_an_end(void **state)
{
	struct stripe_out out = { 0 };
	struct stripe_in in = { 0 };
	struct stripe_send send;
	size_t skip;

	stripe_leg_open(&out, 0, 1);
	stripe_end(&out, STRIPE_ENDS);
	assert_true(stripe_next(&out, &send));
	stripe_sent(&out, &send, 1);
	assert_int_equal(stripe_arrive(&in, 0, 0, STRIPE_ENDS, &skip), 0);
	assert_int_equal(stripe_end_due(&in), STRIPE_ENDS);
	stripe_pass_on_end(&in, 1);
	assert_int_equal(stripe_end_due(&in), STRIPE_GOES_ON);
	assert_int_equal(stripe_acknowledge(&out, stripe_acknowledged(&in), 0), 0);
	stripe_end(&out, STRIPE_RESETS);
	assert_int_equal(stripe_acknowledge(&out, 1, 0), 0);
	assert_int_equal(stripe_acknowledge(&out, 2, 0), STRIPE_E_WRONG);
	assert_true(stripe_next(&out, &send) && send.ending == STRIPE_RESETS && !send.n);
	stripe_sent(&out, &send, 2);
	assert_int_equal(stripe_arrive(&in, (uint32_t)send.offset, 0, STRIPE_RESETS, &skip), 0);
	assert_int_equal(stripe_end_due(&in), STRIPE_RESETS);
}

/* The acknowledgement of the end in order is under way still when the reset is on its way, or waits for a leg. */
static void an_end_may_be_acknowledged_once_it_is_to_be_a_reset(void **state)
{
	struct stripe_out out = { 0 };
	struct stripe_send send;

	stripe_leg_open(&out, 0, 1);
	stripe_take(&out, 10);
	stripe_end(&out, STRIPE_ENDS);
	assert_true(stripe_next(&out, &send) && send.n == 10 && send.ending == STRIPE_ENDS);
	stripe_sent(&out, &send, 1);
	stripe_end(&out, STRIPE_RESETS);
	assert_int_equal(stripe_acknowledge(&out, 11, 0), 0);
	assert_false(stripe_is_done(&out));
	assert_int_equal(stripe_acknowledge(&out, 12, 0), STRIPE_E_WRONG);
	assert_true(stripe_next(&out, &send) && send.ending == STRIPE_RESETS && !send.n);
	stripe_sent(&out, &send, 2);
	assert_true(stripe_is_done(&out));
}

static void acknowledgements_that_cant_be(void **state)
{
	struct stripe_out out = { 0 };
	struct stripe_send send;

	stripe_leg_open(&out, 0, 1);
	stripe_take(&out, 100);
	assert_int_equal(stripe_acknowledge(&out, 1, 0), STRIPE_E_WRONG);   /* nothing was sent */
	assert_true(stripe_next(&out, &send));
	stripe_sent(&out, &send, 1);
	assert_int_equal(stripe_acknowledge(&out, 101, 0), STRIPE_E_WRONG);
	assert_int_equal(stripe_acknowledge(&out, 60, 0), 0);
	assert_int_equal(out.n_pieces, 1);
	assert_int_equal(stripe_acknowledge(&out, 50, 0), 0);   /* an old one */
	assert_int_equal(out.acked, 60);
	assert_int_equal(stripe_acknowledge(&out, 100, 0), 0);
	assert_int_equal(out.n_pieces, 0);
	assert_int_equal(stripe_room(&out), STRIPE_WINDOW_BYTES);
}

/* What is acknowledged is kept no longer: what is left of its piece goes once more, and the end by itself. */
static void a_piece_that_is_passed_on_in_part_goes_on_with_the_rest(void **state)
{
	struct stripe_out out = { 0 };
	struct stripe_send send;

	stripe_leg_open(&out, 0, 1);
	stripe_take(&out, 100);
	stripe_end(&out, STRIPE_ENDS);
	assert_true(stripe_next(&out, &send));
	stripe_sent(&out, &send, 1);
	assert_int_equal(stripe_acknowledge(&out, 60, 0), 0);
	stripe_leg_close(&out, 0);
	stripe_leg_open(&out, 1, 2);
	assert_true(stripe_next(&out, &send));
	assert_true(send.again && send.offset == 60 && send.n == 40 && send.ending == STRIPE_ENDS);
	stripe_sent(&out, &send, 2);
	assert_int_equal(stripe_acknowledge(&out, 100, 0), 0);
	stripe_leg_close(&out, 1);
	stripe_leg_open(&out, 0, 3);
	assert_true(stripe_next(&out, &send));
	assert_true(send.again && send.offset == 100 && !send.n && send.ending == STRIPE_ENDS);
	stripe_sent(&out, &send, 3);
	assert_int_equal(stripe_acknowledge(&out, 101, 0), 0);
	assert_int_equal(out.n_pieces, 0);
	assert_true(stripe_is_done(&out));
}

static void there_are_so_many_pieces_and_no_more(void **state)
{
	struct stripe_out out = { 0 };
	struct stripe_send send;

	stripe_leg_open(&out, 0, 1);
	out.legs[0].rate_bytes_per_s = 1u << 30;
	out.legs[0].rtt_us = US_PER_S;
	for (size_t i = 0; i < STRIPE_PIECES; i++) {
		stripe_take(&out, 1);
		assert_true(stripe_next(&out, &send));
		stripe_sent(&out, &send, 1);
	}
	stripe_take(&out, 1);
	assert_false(stripe_next(&out, &send));
	assert_int_equal(stripe_acknowledge(&out, 1, 0), 0);
	assert_true(stripe_next(&out, &send));
}

static void places_wrap(void **state)
{
	struct stripe_in in = { .passed_on = 0x1fffffff0, .in_order = 0x1fffffff0, .told = 0x1fffffff0 };
	struct stripe_out out = { .acked = 0x1fffffff0, .next = 0x1fffffff0, .end = 0x1fffffff0 };
	struct stripe_send send;
	size_t skip;

	assert_int_equal(stripe_place(&in, 8), 0x200000008);
	assert_int_equal(stripe_place(&in, 0xffffffe0), 0x1ffffffe0);
	assert_int_equal(stripe_arrive(&in, 0xfffffff0, 32, STRIPE_GOES_ON, &skip), 0);
	assert_int_equal(in.in_order, 0x200000010);
	assert_int_equal(stripe_readable(&in), 32);
	stripe_pass_on(&in, 32, 1);
	assert_int_equal(stripe_acknowledged(&in), 0x10);
	stripe_leg_open(&out, 0, 1);
	stripe_take(&out, 32);
	assert_true(stripe_next(&out, &send));
	stripe_sent(&out, &send, 1);
	assert_int_equal(stripe_acknowledge(&out, 0x10, 0), 0);
	assert_int_equal(out.acked, 0x200000010);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(four_slow_legs_are_nearly_four_times_one),
		cmocka_unit_test(a_leg_that_dies_has_little_of_the_stream),
		cmocka_unit_test(a_leg_that_is_closed_leaves_its_pieces_to_others_and_may_return),
		cmocka_unit_test(a_slow_leg_does_not_hold_up_the_others),
		cmocka_unit_test(a_quick_leg_is_filled),
		cmocka_unit_test(few_bytes_go_the_quickest_way),
		cmocka_unit_test(few_bytes_say_nothing_of_the_rate),
		cmocka_unit_test(waiting_may_be_quicker),
		cmocka_unit_test(a_reset_leaves_out_what_no_leg_has),
		cmocka_unit_test(a_reset_may_follow_an_end),
		cmocka_unit_test(an_end_may_be_acknowledged_once_it_is_to_be_a_reset),
		cmocka_unit_test(acknowledgements_that_cant_be),
		cmocka_unit_test(a_piece_that_is_passed_on_in_part_goes_on_with_the_rest),
		cmocka_unit_test(there_are_so_many_pieces_and_no_more),
		cmocka_unit_test(places_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
