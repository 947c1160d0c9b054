/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A wide stream over two legs, one ten times as fast as the other and thirty times as near. */
#ifndef BRAID_TESTS_UNIT_STRIPE_PAIR_H
#define BRAID_TESTS_UNIT_STRIPE_PAIR_H

#include "unit_stripe.h"

#define FAST 0
#define SLOW 1
#define FAST_BYTES_PER_S 10000000u
#define SLOW_BYTES_PER_S 1000000u
#define FAST_RTT_US (20 * US_PER_MS)
#define SLOW_RTT_US (600 * US_PER_MS)

/* Both legs are known. */
static inline struct stripe_out *unit_pair_new(void)
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
static inline uint64_t unit_send_all(struct stripe_out *out, uint8_t leg, uint64_t now_us)
{
	uint64_t before = out->legs[leg].written_bytes;
	struct stripe_send send;

	while (stripe_next(out, &send))
		stripe_sent(out, &send, now_us);
	return out->legs[leg].written_bytes - before;
}

static inline void unit_take_all(struct stripe_out *out, uint64_t now_us)
{
	stripe_look(out, now_us);
	stripe_take(out, stripe_room(out));
}

/* So much of what the leg has is there, in order; its TCP has sent everything. */
static inline void unit_deliver(struct stripe_out *out, uint8_t leg, uint64_t n_bytes, uint64_t now_us)
{
	const struct stripe_leg *l = &out->legs[leg];
	uint64_t unacked = l->written_bytes - l->acked_bytes - n_bytes;

	stripe_leg_look(out, leg, &(struct stripe_seen){ .unacked_bytes = unacked }, now_us);
}

/* The first piece is the slower leg's, and some more; the faster one has what comes then. */
static inline struct stripe_out *unit_waits_for_the_slower(size_t n_slow, uint64_t now_us)
{
	struct stripe_out *out = unit_pair_new();
	struct stripe_send send;

	unit_take_all(out, now_us);
	for (size_t i = 0; i < 2 * n_slow; i++) {
		assert_true(stripe_next(out, &send));
		send.leg = i < n_slow ? SLOW : FAST;
		stripe_sent(out, &send, now_us);
	}
	out->legs[SLOW].acked_due_us = UINT64_MAX / 2;   /* it is late, and not silent */
	return out;
}

#endif
