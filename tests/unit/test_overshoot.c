/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "base/clock.h"
#include "policy/overshoot.h"

#define RTT_US 600000u
#define FULL_RTT_US (2 * RTT_US)    /* with the link's queue full */
#define RATE_BYTES_PER_S 125000u
#define BOUND_BYTES_PER_S (RATE_BYTES_PER_S * 105 / 100)

/* A connection, and what its kernel counts. */
struct sender {
	struct overshoot overshoot;
	struct overshoot_facts facts;
};

static struct sender sender_new(void)
{
	struct sender sender = { .facts = { .now_us = 5 * US_PER_S, .rtt_us = RTT_US, .min_rtt_us = RTT_US } };

	assert_false(overshoot_look(&sender.overshoot, &sender.facts));
	return sender;
}

/* For a look: it sends so much a second, of which a part is sent again; so much is delivered. */
static bool goes_on(struct sender *sender, uint64_t us, uint64_t sent_per_s, unsigned int again_percent,
		    uint64_t delivered_per_s)
{
	uint64_t sent_bytes = sent_per_s * us / US_PER_S;

	sender->facts.now_us += us;
	sender->facts.sent_bytes += sent_bytes;
	sender->facts.retransmitted_bytes += sent_bytes * again_percent / 100;
	sender->facts.delivered_bytes += delivered_per_s * us / US_PER_S;
	return overshoot_look(&sender->overshoot, &sender->facts);
}

/* It has found what the link delivers. */
static struct sender sender_grown(void)
{
	struct sender sender = sender_new();

	assert_false(goes_on(&sender, RTT_US, RATE_BYTES_PER_S, 0, RATE_BYTES_PER_S));
	return sender;
}

/* bbr's beginning, where the link's queue is full: more than half of what it sends is dropped. */
static bool overshoots(struct sender *sender)
{
	sender->facts.rtt_us = FULL_RTT_US;
	return goes_on(sender, FULL_RTT_US, 2 * RATE_BYTES_PER_S, 50, RATE_BYTES_PER_S);
}

static void who_sends_far_more_is_bound_to_what_arrives(void **state)
{
	struct sender sender = sender_grown();

	assert_int_equal(sender.overshoot.bound_bytes_per_s, 0);
	assert_true(overshoots(&sender));
	assert_int_equal(sender.overshoot.bound_bytes_per_s, BOUND_BYTES_PER_S);
	assert_false(overshoots(&sender));
	assert_int_equal(sender.overshoot.bound_bytes_per_s, BOUND_BYTES_PER_S);
}

/* Slow start sends twice as much as has arrived; random losses; a link that loses a fifth; a burst where there is no
 * queue, or none is known. */
static void what_is_no_overshoot_binds_nothing(void **state)
{
	static const struct {
		uint32_t rtt_us, min_rtt_us;
		uint64_t sent_per_s;
		unsigned int again_percent;
	} cases[] = {
		{ FULL_RTT_US, RTT_US, 2 * RATE_BYTES_PER_S, 0 },
		{ FULL_RTT_US, RTT_US, 2 * RATE_BYTES_PER_S, 24 },
		{ FULL_RTT_US, RTT_US, RATE_BYTES_PER_S * 139 / 100, 50 },
		{ FULL_RTT_US, RTT_US, RATE_BYTES_PER_S * 125 / 100, 25 },
		{ RTT_US + RTT_US / 8, RTT_US, 2 * RATE_BYTES_PER_S, 50 },
		{ RTT_US - 1, RTT_US, 2 * RATE_BYTES_PER_S, 50 },
		{ FULL_RTT_US, 0, 2 * RATE_BYTES_PER_S, 50 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct sender sender = sender_grown();

		sender.facts.rtt_us = cases[i].rtt_us;
		sender.facts.min_rtt_us = cases[i].min_rtt_us;
		for (int n = 0; n < 20; n++)
			if (goes_on(&sender, FULL_RTT_US, cases[i].sent_per_s, cases[i].again_percent,
				    RATE_BYTES_PER_S) || sender.overshoot.bound_bytes_per_s)
				fail_msg("case %zu, look %d: expected no bound, seen %llu", i, n,
					 (unsigned long long)sender.overshoot.bound_bytes_per_s);
	}
}

static void at_the_limits_it_is_one(void **state)
{
	struct sender sender = sender_grown();

	sender.facts.rtt_us = RTT_US + RTT_US / 8 + 1;
	assert_true(goes_on(&sender, US_PER_S, RATE_BYTES_PER_S * 140 / 100, 25, RATE_BYTES_PER_S * 125 / 100));
}

/* They are gathered; and what took too long says nothing. */
static void few_packets_say_nothing_alone(void **state)
{
	struct sender sender = sender_new(), slow = sender_new();

	sender.facts.rtt_us = slow.facts.rtt_us = FULL_RTT_US;
	sender.overshoot.best_bytes_per_s = 8000;
	assert_false(goes_on(&sender, 2 * US_PER_S, (28 << 10) / 2 - 1, 50, 8000));
	assert_int_equal(sender.overshoot.bound_bytes_per_s, 0);
	assert_true(goes_on(&sender, US_PER_S / 2, 4, 50, 8000));
	assert_int_equal(sender.overshoot.bound_bytes_per_s, 8400);
	slow.overshoot.best_bytes_per_s = 8000;
	assert_false(goes_on(&slow, 5 * US_PER_S + FULL_RTT_US + 1, 28 << 10, 50, 16000));
	assert_int_equal(slow.overshoot.best_bytes_per_s, 8000);
	assert_int_equal(slow.overshoot.bound_bytes_per_s, 0);
}

/* Where nothing at all has arrived, there is nothing to be bound to. */
static void what_delivers_nothing_is_left(void **state)
{
	struct sender sender = sender_new();

	sender.facts.rtt_us = FULL_RTT_US;
	assert_false(goes_on(&sender, FULL_RTT_US, RATE_BYTES_PER_S, 100, 0));
	assert_int_equal(sender.overshoot.bound_bytes_per_s, 0);
}

static void looks_are_a_round_trip_apart_and_a_fifth_of_a_second(void **state)
{
	struct sender sender = sender_grown(), near = sender_new();

	sender.facts.rtt_us = FULL_RTT_US;
	assert_false(goes_on(&sender, FULL_RTT_US - 1, 2 * RATE_BYTES_PER_S, 50, RATE_BYTES_PER_S));
	assert_int_equal(sender.overshoot.bound_bytes_per_s, 0);
	assert_true(goes_on(&sender, 1, 2 * RATE_BYTES_PER_S, 50, RATE_BYTES_PER_S));
	near.facts.rtt_us = 0;
	assert_false(goes_on(&near, 200 * US_PER_MS - 1, 20 * RATE_BYTES_PER_S, 0, RATE_BYTES_PER_S));
	assert_int_equal(near.overshoot.best_bytes_per_s, 0);
	assert_false(goes_on(&near, 1, 20 * RATE_BYTES_PER_S, 0, RATE_BYTES_PER_S));
	assert_in_range(near.overshoot.best_bytes_per_s, RATE_BYTES_PER_S - 10, RATE_BYTES_PER_S);
}

/* While bbr, at the end of its beginning, empties the queue, and goes on from there. */
static void without_a_queue_the_bound_rises_until_it_bounds_nothing(void **state)
{
	struct sender sender = sender_grown();
	uint64_t bound = BOUND_BYTES_PER_S;

	overshoots(&sender);
	for (int n = 0; n < 4; n++) {   /* 131, 164, 205, 256 percent */
		sender.facts.rtt_us = RTT_US;
		bound = bound * 125 / 100;
		assert_true(goes_on(&sender, RTT_US, RATE_BYTES_PER_S, 5, RATE_BYTES_PER_S));
		assert_int_equal(sender.overshoot.bound_bytes_per_s, bound);
	}
	sender.facts.rtt_us = RTT_US;
	assert_true(goes_on(&sender, RTT_US, RATE_BYTES_PER_S, 5, RATE_BYTES_PER_S));
	assert_int_equal(sender.overshoot.bound_bytes_per_s, 0);
	assert_false(goes_on(&sender, RTT_US, RATE_BYTES_PER_S, 5, RATE_BYTES_PER_S));
	assert_true(overshoots(&sender));
	assert_int_equal(sender.overshoot.bound_bytes_per_s, BOUND_BYTES_PER_S);
}

/* Others may fill it. */
static void with_a_queue_it_rises_after_eight_looks(void **state)
{
	struct sender sender = sender_grown();

	overshoots(&sender);
	for (int n = 0; n < 3; n++)
		assert_false(goes_on(&sender, FULL_RTT_US, RATE_BYTES_PER_S, 5, RATE_BYTES_PER_S));
	assert_false(overshoots(&sender));   /* it is bound to that */
	for (int n = 0; n < 3; n++)
		assert_false(goes_on(&sender, FULL_RTT_US, RATE_BYTES_PER_S, 5, RATE_BYTES_PER_S));
	assert_true(goes_on(&sender, FULL_RTT_US, RATE_BYTES_PER_S, 5, RATE_BYTES_PER_S));
	assert_int_equal(sender.overshoot.bound_bytes_per_s, BOUND_BYTES_PER_S * 125 / 100);
	assert_true(goes_on(&sender, FULL_RTT_US, RATE_BYTES_PER_S, 5, RATE_BYTES_PER_S));
	assert_true(overshoots(&sender));
	assert_int_equal(sender.overshoot.bound_bytes_per_s, BOUND_BYTES_PER_S);
}

/* What arrives in this look counts, three quarters of the best at least: of that a part may have come late. */
static void the_bound_is_what_the_link_delivers_now(void **state)
{
	static const struct { uint64_t delivered, bound; } cases[] = {
		{ 90000, 94500 }, { 75000, 78750 }, { 74999, 78750 }, { 0, 78750 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct sender sender = sender_new();

		sender.overshoot.best_bytes_per_s = 106667;   /* faded by a sixteenth, 100,001 */
		sender.facts.rtt_us = FULL_RTT_US;
		assert_true(goes_on(&sender, 2 * US_PER_S, 200000, 50, cases[i].delivered));
		assert_in_range(sender.overshoot.bound_bytes_per_s, cases[i].bound - 5, cases[i].bound + 5);
	}
}

/* bbr looks for the least round trip with four packets under way, or there is little to send: what arrives meanwhile is
 * no measure, and the bound doesn't last. */
static void a_pause_ends_the_bound(void **state)
{
	struct sender sender = sender_grown();
	int n = 0;

	for (overshoots(&sender); sender.overshoot.bound_bytes_per_s && n < 1000; n++) {
		assert_true(sender.overshoot.bound_bytes_per_s >= BOUND_BYTES_PER_S);
		goes_on(&sender, FULL_RTT_US, 2500, 0, 2500);
		assert_int_equal(sender.overshoot.best_bytes_per_s, RATE_BYTES_PER_S);
	}
	assert_in_range(n, 8 * 5, 20 * 5);
}

/* Of which no look has twenty packets. */
static void a_slow_leg_is_let_go_too(void **state)
{
	struct sender sender = sender_new();
	int n = 0;

	sender.facts.min_rtt_us = 100 * US_PER_MS;
	sender.facts.rtt_us = 200 * US_PER_MS;
	sender.overshoot.best_bytes_per_s = 40000;
	assert_true(goes_on(&sender, 300 * US_PER_MS, 100000, 50, 40000));
	assert_int_equal(sender.overshoot.bound_bytes_per_s, 42000);
	sender.facts.rtt_us = 100 * US_PER_MS;
	for (; sender.overshoot.bound_bytes_per_s && n < 1000; n++)
		goes_on(&sender, 250 * US_PER_MS, 40000, 5, 40000);
	assert_in_range(n, 5, 50);
}

/* Another one overshoots on the same link, and can't be bound, or the link loses a third at random: whoever keeps to
 * his bound isn't bound to ever less, and is let go now and then. */
static void who_keeps_to_its_bound_isn_t_starved(void **state)
{
	struct sender sender = sender_grown();
	uint64_t first;
	int n_free = 0;

	overshoots(&sender);
	first = sender.overshoot.bound_bytes_per_s;
	for (int n = 0; n < 100; n++) {
		uint64_t bound = sender.overshoot.bound_bytes_per_s, sent_per_s = bound ? bound : 2 * RATE_BYTES_PER_S;

		goes_on(&sender, FULL_RTT_US, sent_per_s, 35, u64_min(sent_per_s * 65 / 100, RATE_BYTES_PER_S));
		n_free += !sender.overshoot.bound_bytes_per_s;
		assert_true(!sender.overshoot.bound_bytes_per_s || sender.overshoot.bound_bytes_per_s >= first / 2);
	}
	assert_in_range(n_free, 3, 50);
}

/* As word of what is sent comes a round trip later, twice as much is sent as has arrived, and by chance a quarter was
 * lost. */
static void what_grows_isn_t_bound(void **state)
{
	struct sender sender = sender_new();

	sender.facts.rtt_us = FULL_RTT_US;
	for (uint64_t delivered = 50000; delivered < 1000000; delivered = delivered * 126 / 100)
		assert_false(goes_on(&sender, FULL_RTT_US, 2 * delivered, 30, delivered));
	assert_int_equal(sender.overshoot.bound_bytes_per_s, 0);
}

/* In an hour the link may have become another one. */
static void after_a_pause_it_begins_anew(void **state)
{
	struct sender sender = sender_grown();

	overshoots(&sender);
	assert_true(goes_on(&sender, 3600 * US_PER_S, 0, 0, 0));
	assert_int_equal(sender.overshoot.bound_bytes_per_s, 0);
	assert_int_equal(sender.overshoot.best_bytes_per_s, 0);
	assert_int_equal(sender.overshoot.looked_at_us, sender.facts.now_us);
}

/* So that twenty packets can be gathered still. */
static void the_least_bound_can_be_looked_at(void **state)
{
	struct sender sender = sender_new();

	sender.facts.rtt_us = FULL_RTT_US;
	sender.overshoot.best_bytes_per_s = 10;
	assert_true(goes_on(&sender, 3 * US_PER_S, 20000, 50, 5));
	assert_int_equal(sender.overshoot.bound_bytes_per_s, 6000);
}

/* A link that has become slower is found out, look by look. */
static void what_was_delivered_fades(void **state)
{
	struct sender sender = sender_new();
	uint64_t best = 4 * RATE_BYTES_PER_S;
	bool bound = false;

	goes_on(&sender, US_PER_S, 4 * RATE_BYTES_PER_S, 0, 4 * RATE_BYTES_PER_S);
	assert_int_equal(sender.overshoot.best_bytes_per_s, best);
	while (best > RATE_BYTES_PER_S) {
		bound |= 2 * RATE_BYTES_PER_S * 100 >= best * 140;   /* of what was the best before */
		overshoots(&sender);
		best = u64_max(best - best / 16, RATE_BYTES_PER_S);
		assert_int_equal(sender.overshoot.best_bytes_per_s, best);
		assert_int_equal(sender.overshoot.bound_bytes_per_s > 0, bound);
	}
	assert_int_equal(sender.overshoot.bound_bytes_per_s, BOUND_BYTES_PER_S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_sends_far_more_is_bound_to_what_arrives),
		cmocka_unit_test(what_is_no_overshoot_binds_nothing),
		cmocka_unit_test(at_the_limits_it_is_one),
		cmocka_unit_test(few_packets_say_nothing_alone),
		cmocka_unit_test(what_delivers_nothing_is_left),
		cmocka_unit_test(looks_are_a_round_trip_apart_and_a_fifth_of_a_second),
		cmocka_unit_test(without_a_queue_the_bound_rises_until_it_bounds_nothing),
		cmocka_unit_test(with_a_queue_it_rises_after_eight_looks),
		cmocka_unit_test(the_bound_is_what_the_link_delivers_now),
		cmocka_unit_test(a_pause_ends_the_bound),
		cmocka_unit_test(a_slow_leg_is_let_go_too),
		cmocka_unit_test(who_keeps_to_its_bound_isn_t_starved),
		cmocka_unit_test(what_grows_isn_t_bound),
		cmocka_unit_test(after_a_pause_it_begins_anew),
		cmocka_unit_test(the_least_bound_can_be_looked_at),
		cmocka_unit_test(what_was_delivered_fades),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
