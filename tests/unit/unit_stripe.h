/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A stream that is sent, and what its legs' TCP says. */
#ifndef BRAID_TESTS_UNIT_STRIPE_H
#define BRAID_TESTS_UNIT_STRIPE_H

#include "unit.h"

#include "base/clock.h"
#include "policy/stripe.h"

#define PLENTY (1u << 30)
#define FRAME(n) ((n) + STRIPE_FRAME_OVERHEAD_BYTES)

/* With room for all of it; its legs open at one second. To be freed. */
static inline struct stripe_out *unit_stripe_new(bool wide, size_t n_legs)
{
	struct stripe_out *out = calloc(1, sizeof(*out));

	assert_non_null(out);
	out->wide = wide;
	out->memory_bytes = PLENTY;
	for (uint8_t i = 0; i < n_legs; i++)
		stripe_leg_open(out, i, US_PER_S);
	return out;
}

static inline void unit_stripe_look(struct stripe_out *out, uint8_t leg, uint64_t unacked_bytes, uint64_t rtt_us,
				    uint64_t now_us)
{
	stripe_leg_look(out, leg, &(struct stripe_seen){ .unacked_bytes = unacked_bytes, .rtt_us = rtt_us }, now_us);
}

#endif
