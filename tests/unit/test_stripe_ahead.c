/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From which place a long leg takes its pieces: decision 0047. */
#include "unit_stripe.h"

#include "base/clock.h"
#include "policy/stripe.h"

#define NEAR 0
#define FAR 1
#define NEAR_BYTES_PER_S 10000000u
#define FAR_BYTES_PER_S 2500000u
#define NEAR_RTT_US (20 * US_PER_MS)
#define FAR_RTT_US (600 * US_PER_MS)
#define STEP_US (5 * US_PER_MS)
#define UNDER_WAY 4096

/* Two links and both ends. A frame comes when those before it have gone, and half a round trip later; each n-th one a
 * round trip after that, as it is lost once. None of those behind it is there sooner. */
struct link {
	uint64_t bytes_per_s, rtt_us, late_each;
	uint64_t late_us;                /* the next one comes so much later */
	uint64_t free_at_us, there_us;   /* of the last one */
	struct { struct stripe_send send; uint64_t n_bytes, comes_us, there_us; bool arrived; } under_way[UNDER_WAY];
	size_t first, n;                 /* of those, by their turns */
	uint64_t n_sent;
};

struct world {
	uint64_t now_us;
	struct link links[2];
	struct stripe_out out;
	struct stripe_in in;
	uint64_t n_stream, n_again, furthest;
	struct { uint32_t acknowledged; uint64_t there_us; } words[UNDER_WAY];
	size_t first_word, n_words;
};

static struct world *world_new(uint64_t n_stream)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->now_us = US_PER_S;
	w->n_stream = n_stream;
	w->out.wide = w->in.wide = true;
	w->out.memory_bytes = PLENTY;
	w->links[NEAR] = (struct link){ .bytes_per_s = NEAR_BYTES_PER_S, .rtt_us = NEAR_RTT_US };
	w->links[FAR] = (struct link){ .bytes_per_s = FAR_BYTES_PER_S, .rtt_us = FAR_RTT_US };
	stripe_begin_window(&w->in, PLENTY);
	stripe_promise(&w->in);
	for (uint8_t i = 0; i < 2; i++) {
		stripe_leg_open(&w->out, i, w->now_us);
		w->out.legs[i].rate_bytes_per_s = w->links[i].bytes_per_s;   /* it has shown that */
		w->out.legs[i].rtt_us = w->links[i].rtt_us;
		w->out.legs[i].n_measured = 4;
	}
	return w;
}

/* What is under way over it gets lost. */
static void cut_link(struct world *w, uint8_t leg)
{
	w->links[leg].first = w->links[leg].n;
	w->links[leg].free_at_us = w->links[leg].there_us = 0;
	stripe_leg_close(&w->out, leg);
}

static void feed(struct world *w)
{
	uint64_t room = stripe_room(&w->out), left = w->n_stream - w->out.end;

	stripe_take(&w->out, room < left ? room : left);
	if (w->out.end == w->n_stream && w->out.ending == STRIPE_GOES_ON)
		stripe_end(&w->out, STRIPE_ENDS);
}

static void send_all(struct world *w)
{
	struct stripe_send send;

	while (stripe_next(&w->out, &send)) {
		struct link *link = &w->links[send.leg];
		size_t at = link->n++ % UNDER_WAY;

		assert_true(link->n - link->first < UNDER_WAY);
		w->n_again += send.again;
		link->under_way[at].send = send;
		link->under_way[at].arrived = false;
		link->under_way[at].n_bytes = send.n + STRIPE_FRAME_OVERHEAD_BYTES;
		if (link->free_at_us < w->now_us)
			link->free_at_us = w->now_us;
		link->free_at_us += link->under_way[at].n_bytes * US_PER_S / link->bytes_per_s;
		link->under_way[at].comes_us = link->free_at_us + link->rtt_us / 2 + link->late_us;
		link->late_us = 0;
		if (link->late_each && !(link->n % link->late_each))
			link->under_way[at].comes_us += link->rtt_us;
		if (link->there_us < link->under_way[at].comes_us)
			link->there_us = link->under_way[at].comes_us;
		link->under_way[at].there_us = link->there_us;
		link->n_sent += send.n;
		stripe_sent(&w->out, &send, w->now_us);
	}
}

static void go_on(struct world *w, uint8_t leg)
{
	struct link *link = &w->links[leg];
	uint64_t n_unacked = 0, n_sacked = 0, n_unsent = 0, waits_us = link->free_at_us - w->now_us;
	size_t skip;

	for (size_t i = link->first; i < link->n; i++) {
		const struct stripe_send *send = &link->under_way[i % UNDER_WAY].send;
		uint64_t there_us = link->under_way[i % UNDER_WAY].there_us;

		if (there_us + link->rtt_us / 2 <= w->now_us)
			link->first = i + 1;
		else
			n_unacked += link->under_way[i % UNDER_WAY].n_bytes;
		if (there_us + link->rtt_us / 2 > w->now_us &&
		    link->under_way[i % UNDER_WAY].comes_us + link->rtt_us / 2 <= w->now_us)
			n_sacked += link->under_way[i % UNDER_WAY].n_bytes;
		if (there_us > w->now_us || link->under_way[i % UNDER_WAY].arrived)
			continue;
		link->under_way[i % UNDER_WAY].arrived = true;
		assert_int_equal(stripe_arrive(&w->in, (uint32_t)send->offset, send->n, send->ending, &skip), 0);
		if (send->offset + send->n > w->furthest)
			w->furthest = send->offset + send->n;
	}
	if (link->free_at_us > w->now_us)
		n_unsent = waits_us * link->bytes_per_s / US_PER_S;
	if (w->out.legs[leg].open)
		stripe_leg_look(&w->out, leg, &(struct stripe_seen){ .unacked_bytes = n_unacked,
				.unsent_bytes = n_unsent < n_unacked ? n_unsent : n_unacked, .sacked_bytes = n_sacked,
				.rtt_us = link->rtt_us }, w->now_us);
}

static void pass_on(struct world *w)
{
	stripe_pass_on(&w->in, stripe_readable(&w->in), w->now_us);
	if (stripe_end_due(&w->in) != STRIPE_GOES_ON)
		stripe_pass_on_end(&w->in, w->now_us);
	stripe_set_window(&w->in, stripe_wants_window(&w->out), PLENTY);
	w->words[w->n_words % UNDER_WAY].acknowledged = stripe_acknowledged(&w->in);
	w->words[w->n_words++ % UNDER_WAY].there_us = w->now_us + NEAR_RTT_US / 2;
	stripe_told(&w->in);
	while (w->words[w->first_word % UNDER_WAY].there_us <= w->now_us)
		assert_int_equal(stripe_acknowledge(&w->out, w->words[w->first_word++ % UNDER_WAY].acknowledged,
						    w->in.window), 0);
}

static void step(struct world *w)
{
	w->now_us += STEP_US;
	for (uint8_t i = 0; i < 2; i++)
		go_on(w, i);
	pass_on(w);
	stripe_look(&w->out, w->now_us);
	feed(w);
	send_all(w);
}

/* The least that came in order in any second from the given one on. */
static uint64_t least_in_a_second(struct world *w, unsigned int from_s, unsigned int to_s)
{
	uint64_t least = UINT64_MAX;

	for (unsigned int s = 0; s < to_s; s++) {
		uint64_t before = w->in.passed_on;

		for (uint64_t us = 0; us < US_PER_S; us += STEP_US)
			step(w);
		if (s >= from_s && w->in.passed_on - before < least)
			least = w->in.passed_on - before;
	}
	return least;
}

static void run_to_the_end(struct world *w)
{
	for (unsigned int i = 0; i < 100 * (unsigned int)(US_PER_S / STEP_US) && !stripe_is_done(&w->out); i++)
		step(w);
	if (!stripe_is_done(&w->out))
		fail_msg("%llu of %llu bytes after 100 s", (unsigned long long)w->in.passed_on,
			 (unsigned long long)w->n_stream);
	assert_int_equal(w->in.passed_on, w->n_stream);
	assert_int_equal(w->out.kept_bytes, 0);
}

static void a_far_leg_holds_nothing_up(void **state)
{
	static const uint64_t late_each[] = { 0, 40 };

	for (size_t i = 0; i < ARRAY_SIZE(late_each); i++) {
		struct world *w = world_new(PLENTY);
		uint64_t least;

		w->links[FAR].late_each = late_each[i];
		least = least_in_a_second(w, 1, 12);
		if (least < NEAR_BYTES_PER_S * 9 / 10)
			fail_msg("%llu bytes in a second, late each %llu", (unsigned long long)least,
				 (unsigned long long)late_each[i]);
		if (w->links[FAR].n_sent < FAR_BYTES_PER_S * 7)
			fail_msg("%llu bytes over the far leg", (unsigned long long)w->links[FAR].n_sent);
		free(w);
	}
}

/* One of its packets is lost again and again. What it has is sent once more as the other end comes to it, and no more
 * than that. */
static void a_far_leg_that_waits_for_a_packet_holds_little_up(void **state)
{
	struct world *w = world_new(PLENTY);
	uint64_t least, before;

	least_in_a_second(w, 5, 5);
	w->links[FAR].late_us = 3 * US_PER_S;
	least = least_in_a_second(w, 0, 4);
	if (least < NEAR_BYTES_PER_S / 2)
		fail_msg("%llu bytes in a second", (unsigned long long)least);
	before = w->n_again;
	if (!before || before > 3 * FAR_BYTES_PER_S / STRIPE_WIDE_PIECE_BYTES)
		fail_msg("%llu pieces went again", (unsigned long long)before);
	least_in_a_second(w, 0, 4);
	assert_int_equal(w->n_again, before);
	free(w);
}

/* All of it, each byte once, and the far leg has its part. */
static void what_was_kept_is_sent_once(void **state)
{
	struct world *w = world_new(80000000);

	run_to_the_end(w);
	assert_int_equal(w->n_again, 0);
	assert_int_equal(w->links[NEAR].n_sent + w->links[FAR].n_sent, w->n_stream);
	if (w->now_us > 9 * US_PER_S || w->links[FAR].n_sent < w->n_stream / 10)
		fail_msg("%llu us, %llu bytes over the far leg", (unsigned long long)w->now_us,
			 (unsigned long long)w->links[FAR].n_sent);
	free(w);
}

static void run_for(struct world *w, uint64_t us)
{
	for (uint64_t end_us = w->now_us + us; w->now_us < end_us;)
		step(w);
}

/* So that something is kept, and much of the stream is beyond it. */
static struct world *world_amid(uint64_t n_stream)
{
	struct world *w = world_new(n_stream);

	run_for(w, 4 * US_PER_S);
	assert_true(w->out.kept_bytes > 1000000);
	assert_true(w->out.first_kept < w->out.n_pieces);
	return w;
}

static void what_was_kept_for_a_leg_that_dies_goes_over_another(void **state)
{
	static const uint8_t legs[] = { NEAR, FAR };

	for (size_t i = 0; i < ARRAY_SIZE(legs); i++) {
		struct world *w = world_amid(70000000);

		cut_link(w, legs[i]);
		run_to_the_end(w);
		assert_true(w->n_again > 0);
		free(w);
	}
}

/* What is kept was cut for a quicker one. Else it would be given one such piece a round trip, and never show that it is
 * quicker. */
static void a_leg_that_is_taken_for_slow_has_several_pieces_under_way(void **state)
{
	struct world *w = world_amid(PLENTY);
	uint64_t before;

	stripe_end(&w->out, STRIPE_ENDS);
	cut_link(w, NEAR);
	cut_link(w, FAR);
	stripe_leg_open(&w->out, FAR, w->now_us);
	w->out.legs[FAR].rate_bytes_per_s = 40000;
	w->out.legs[FAR].rtt_us = FAR_RTT_US;
	w->out.legs[FAR].n_measured = 4;
	before = w->links[FAR].n_sent;
	send_all(w);
	assert_int_equal(w->links[FAR].n_sent - before, 2 * STRIPE_WIDE_PIECE_BYTES);
	free(w);
}

static void a_leg_that_comes_back_has_its_part(void **state)
{
	struct world *w = world_amid(150000000);
	uint64_t before;

	cut_link(w, NEAR);
	run_for(w, US_PER_S);
	before = w->links[NEAR].n_sent;
	stripe_leg_open(&w->out, NEAR, w->now_us);
	run_to_the_end(w);
	assert_true(w->links[NEAR].n_sent - before > 30000000);
	free(w);
}

/* Its source has nothing more, and hasn't ended. */
static void a_stream_that_pauses_keeps_nothing(void **state)
{
	struct world *w = world_amid(PLENTY);

	for (uint64_t end_us = w->now_us + 3 * US_PER_S; w->now_us < end_us; w->now_us += STEP_US) {
		go_on(w, NEAR);
		go_on(w, FAR);
		pass_on(w);
		stripe_look(&w->out, w->now_us);
		send_all(w);
	}
	assert_int_equal(w->in.passed_on, w->out.end);
	assert_int_equal(w->out.kept_bytes, 0);
	assert_int_equal(w->out.n_pieces, 0);
	free(w);
}

/* What is before a piece that is under way goes still. */
static void a_reset_comes_behind_what_is_kept(void **state)
{
	struct world *w = world_amid(PLENTY);

	stripe_end(&w->out, STRIPE_RESETS);
	w->n_stream = w->out.end;
	assert_int_equal(w->out.end, w->out.next);
	run_to_the_end(w);
	assert_int_equal(w->in.ending, STRIPE_RESETS);
	free(w);
}

/* It has nothing of them: only it is the worse off for it. */
static void the_other_end_may_acknowledge_what_is_kept(void **state)
{
	struct world *w = world_amid(PLENTY);
	const struct stripe_piece *piece = &w->out.pieces[(w->out.first + w->out.first_kept) % STRIPE_WIDE_PIECES];
	uint64_t before = w->out.kept_bytes;

	assert_int_equal(stripe_acknowledge(&w->out, (uint32_t)piece->offset + 1, 0), 0);
	assert_int_equal(w->out.kept_bytes, before - 1);
	assert_int_equal(w->out.first_kept, 0);
	assert_int_equal(stripe_acknowledge(&w->out, (uint32_t)w->out.next, 0), 0);
	assert_int_equal(w->out.kept_bytes, 0);
	assert_int_equal(w->out.n_pieces, 0);
	assert_int_equal(w->out.first_kept, 0);
	free(w);
}

/* As many pieces as there can be, most of them kept: what is next goes on. */
static void there_are_so_many_pieces_and_no_more(void **state)
{
	struct world *w = world_new(PLENTY);
	size_t most = 0;

	w->out.legs[NEAR].n_measured = 0;   /* it has short ones */
	w->out.legs[FAR].delay_us = 2 * US_PER_S;
	for (uint64_t us = 0; us < US_PER_S; us += STEP_US) {
		step(w);
		most = w->out.n_pieces > most ? w->out.n_pieces : most;
	}
	if (most < STRIPE_WIDE_PIECES - 1 || most > STRIPE_WIDE_PIECES)
		fail_msg("%zu pieces", most);
	assert_true(w->in.passed_on > NEAR_BYTES_PER_S / 2);
	free(w);
}

/* The longest of late counts; less counts little by little, and nothing once it was idle. */
static void how_long_a_leg_takes_is_seen(void **state)
{
	struct stripe_out *out = calloc(1, sizeof(*out));
	uint64_t now_us = US_PER_S;
	struct stripe_send send;

	assert_non_null(out);
	out->wide = true;
	stripe_leg_open(out, 0, now_us);
	for (uint64_t i = 0; i < 3; i++) {
		uint64_t takes_us = i ? 200 * US_PER_MS : 1000 * US_PER_MS;

		stripe_take(out, 1000);
		assert_true(stripe_next(out, &send));
		stripe_sent(out, &send, now_us);
		now_us += takes_us;
		stripe_leg_look(out, 0, &(struct stripe_seen){ .rtt_us = 100 * US_PER_MS }, now_us);
		assert_int_equal(out->legs[0].delay_us, i == 0 ? 950000 : i == 1 ? 920313 : 891554);
	}
	stripe_take(out, 1000);
	assert_true(stripe_next(out, &send));
	stripe_sent(out, &send, now_us);   /* it isn't there, and takes as long at least */
	stripe_leg_look(out, 0, &(struct stripe_seen){ .unacked_bytes = 1000, .rtt_us = 100 * US_PER_MS },
			now_us += 2 * US_PER_S);
	assert_int_equal(out->legs[0].delay_us, 1950000);
	stripe_leg_look(out, 0, &(struct stripe_seen){ .rtt_us = 100 * US_PER_MS }, now_us);
	stripe_leg_look(out, 0, &(struct stripe_seen){ .rtt_us = 100 * US_PER_MS }, now_us += 2 * US_PER_S);
	assert_int_equal(out->legs[0].delay_us, 0);
	free(out);
}

/* Where the far leg's next piece begins, in milliseconds of what the near one carries. */
static uint64_t place_over_the_far_leg_ms(bool has_bbr, uint64_t delay_us, uint64_t written_bytes,
					  uint64_t unsent_bytes)
{
	struct world *w = world_new(PLENTY);
	struct stripe_send send;

	w->out.window_bytes = w->out.edge = STRIPE_WIDE_WINDOW_BYTES;
	w->out.bulk = w->out.legs[NEAR].full = true;
	stripe_leg_wrote(&w->out, NEAR, 1000, w->now_us);
	stripe_leg_wrote(&w->out, FAR, written_bytes, w->now_us);
	w->out.legs[FAR].has_bbr = has_bbr;
	w->out.legs[FAR].delay_us = delay_us;
	w->out.legs[FAR].unsent_bytes = unsent_bytes;
	stripe_take(&w->out, STRIPE_WIDE_WINDOW_BYTES);
	assert_true(stripe_next(&w->out, &send));
	assert_int_equal(send.leg, FAR);
	free(w);
	return send.offset * 1000 / NEAR_BYTES_PER_S;
}

/* What it has seen yet may be of a shorter queue: what is lost comes after two round trips as they are now. */
static void a_leg_that_loses_is_as_far_ahead_as_its_queue_wants(void **state)
{
	static const struct { bool has_bbr; uint64_t delay_ms, written_ms, unsent_ms, from_ms, to_ms; } cases[] = {
		{ false, 500, 1000, 0, 480, 500 },
		{ true, 500, 1000, 0, 2250, 2300 },    /* a second, and half a round trip; and a second again */
		{ true, 500, 1000, 100, 2150, 2200 },  /* of that it has nothing on its way yet */
		{ true, 500, 100, 100, 950, 1000 },    /* it takes a round trip at least */
		{ true, 2400, 1000, 0, 2380, 2400 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t ms = place_over_the_far_leg_ms(cases[i].has_bbr, cases[i].delay_ms * US_PER_MS,
							cases[i].written_ms * FAR_BYTES_PER_S / 1000,
							cases[i].unsent_ms * FAR_BYTES_PER_S / 1000);

		if (ms < cases[i].from_ms || ms > cases[i].to_ms)
			fail_msg("case %zu: %llu ms ahead", i, (unsigned long long)ms);
	}
}

/* Of the fast leg a packet was lost three times: it seems the long one for a while. What it leaves behind is no more
 * than the slow one carries by then. */
static void little_is_left_to_a_slow_leg(void **state)
{
	struct world *w = world_new(PLENTY);
	uint64_t delay_us = 3 * US_PER_S, most_bytes = (delay_us + FAR_RTT_US) * FAR_BYTES_PER_S / US_PER_S;
	struct stripe_send send;

	w->out.window_bytes = w->out.edge = STRIPE_WIDE_WINDOW_BYTES;
	w->out.bulk = w->out.legs[FAR].full = true;
	stripe_leg_wrote(&w->out, FAR, 1000, w->now_us);
	w->out.legs[NEAR].delay_us = delay_us + FAR_RTT_US;
	w->out.legs[FAR].delay_us = FAR_RTT_US;
	w->out.legs[NEAR].has_bbr = true;
	stripe_take(&w->out, STRIPE_WIDE_WINDOW_BYTES);
	for (int i = 0; i < 500; i++) {
		assert_true(stripe_next(&w->out, &send));
		assert_int_equal(send.leg, NEAR);
		stripe_sent(&w->out, &send, w->now_us);
		w->out.legs[NEAR].unsent_bytes = 0;   /* its TCP has room again */
	}
	assert_in_range(w->out.kept_bytes, most_bytes / 2, most_bytes);
	free(w);
}

/* Two legs that are alike leave nothing to each other: of a short one with a tenth of their rate, and these, they leave
 * to it what it carries alone. */
static void legs_that_are_alike_leave_nothing_to_each_other(void **state)
{
	static const int64_t apart_us[] = { 0, 1, -1 };
	uint64_t rate = 1000000, left = (FAR_RTT_US + US_PER_S) * (rate / 10) / US_PER_S;

	for (size_t i = 0; i < ARRAY_SIZE(apart_us); i++) {
		_cleanup_(freep) struct stripe_out *out = unit_stripe_new(true, 3);
		struct stripe_send send;

		out->window_bytes = out->edge = STRIPE_WIDE_WINDOW_BYTES;
		out->bulk = true;
		for (uint8_t leg = 0; leg < 3; leg++) {
			out->legs[leg].rate_bytes_per_s = leg ? rate : rate / 10;
			out->legs[leg].rtt_us = FAR_RTT_US;
			out->legs[leg].n_measured = 4;
			out->legs[leg].delay_us = FAR_RTT_US + (leg ? 2 : 1) * US_PER_S;
		}
		out->legs[2].delay_us += (uint64_t)apart_us[i];
		out->legs[0].full = true;
		stripe_leg_wrote(out, 0, 1000, US_PER_S);
		stripe_take(out, STRIPE_WIDE_WINDOW_BYTES);
		while (stripe_next(out, &send))
			stripe_sent(out, &send, US_PER_S);
		if (out->kept_bytes < left / 2 || out->kept_bytes > 2 * left)
			fail_msg("%lld us apart: expected some %llu bytes to be kept, seen %llu",
				 (long long)apart_us[i], (unsigned long long)left,
				 (unsigned long long)out->kept_bytes);
	}
}

static uint32_t any_number(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* Whatever links do, all arrives, and the books are right. */
static void links_of_any_kind(void **state)
{
	for (uint32_t n = 0, seed = 1; n < 40; n++) {
		struct world *w = world_new(20000000);

		for (uint8_t i = 0; i < 2; i++) {
			w->links[i].bytes_per_s = 300000 + any_number(&seed) % 20000000;
			w->links[i].rtt_us = (2 + any_number(&seed) % 700) * US_PER_MS;
			w->links[i].late_each = any_number(&seed) % 100;
			w->out.legs[i].rate_bytes_per_s = any_number(&seed) % 2 ? w->links[i].bytes_per_s : 0;
			w->out.legs[i].n_measured = any_number(&seed) % 5;
		}
		for (int i = 0; i < 10 && !stripe_is_done(&w->out); i++) {
			uint8_t leg = any_number(&seed) % 2;

			run_for(w, any_number(&seed) % 600 * US_PER_MS);
			if (w->out.legs[leg].open)
				cut_link(w, leg);
			else
				stripe_leg_open(&w->out, leg, w->now_us);
		}
		for (uint8_t i = 0; i < 2; i++)
			if (!w->out.legs[i].open)
				stripe_leg_open(&w->out, i, w->now_us);
		run_to_the_end(w);
		free(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_far_leg_holds_nothing_up),
		cmocka_unit_test(a_far_leg_that_waits_for_a_packet_holds_little_up),
		cmocka_unit_test(what_was_kept_is_sent_once),
		cmocka_unit_test(what_was_kept_for_a_leg_that_dies_goes_over_another),
		cmocka_unit_test(a_leg_that_is_taken_for_slow_has_several_pieces_under_way),
		cmocka_unit_test(a_leg_that_comes_back_has_its_part),
		cmocka_unit_test(a_stream_that_pauses_keeps_nothing),
		cmocka_unit_test(a_reset_comes_behind_what_is_kept),
		cmocka_unit_test(the_other_end_may_acknowledge_what_is_kept),
		cmocka_unit_test(there_are_so_many_pieces_and_no_more),
		cmocka_unit_test(a_leg_that_loses_is_as_far_ahead_as_its_queue_wants),
		cmocka_unit_test(little_is_left_to_a_slow_leg),
		cmocka_unit_test(legs_that_are_alike_leave_nothing_to_each_other),
		cmocka_unit_test(how_long_a_leg_takes_is_seen),
		cmocka_unit_test(links_of_any_kind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
