/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The stream that is received: decision 0033. */
#include "policy/stripe.h"

#include <string.h>
#include "base/clock.h"

#define ACK_AFTER_BYTES (2 * STRIPE_PIECE_BYTES)
#define ACK_AFTER_US (500 * US_PER_MS)

/* Puts the range among the others, those that it touches becoming one with it. False: there are too many. */
static bool keep(struct stripe_in *in, struct stripe_range range)
{
	size_t from = 0, to;

	while (from < in->n_later && in->later[from].to < range.from)
		from++;
	for (to = from; to < in->n_later && in->later[to].from <= range.to; to++) {
		if (in->later[to].from < range.from)
			range.from = in->later[to].from;
		if (in->later[to].to > range.to)
			range.to = in->later[to].to;
	}
	if (from == to && in->n_later == STRIPE_PIECES)
		return false;
	memmove(&in->later[from + 1], &in->later[to], (in->n_later - to) * sizeof(in->later[0]));
	in->n_later = in->n_later - (to - from) + 1;
	in->later[from] = range;
	return true;
}

/* Some range has just been put among them. */
static void take_in_order(struct stripe_in *in)
{
	if (in->later[0].from > in->in_order)
		return;
	in->in_order = in->later[0].to;
	in->n_later--;
	memmove(&in->later[0], &in->later[1], in->n_later * sizeof(in->later[0]));
}

/* One end, and nothing beyond it; where it was in order, a reset may come after it. */
static bool ends_well(struct stripe_in *in, uint64_t to, enum stripe_end ending)
{
	uint64_t furthest = in->n_later ? in->later[in->n_later - 1].to : in->in_order;
	bool known = in->ending != STRIPE_GOES_ON;

	if (known && (to > in->end || (ending != STRIPE_GOES_ON && to != in->end)))
		return false;
	if (ending == STRIPE_GOES_ON)
		return true;
	if (!known || ending == STRIPE_RESETS)
		in->ending = ending;
	in->end = to;
	return to >= furthest;
}

int stripe_arrive(struct stripe_in *in, uint32_t offset, size_t n, enum stripe_end ending, size_t *skip)
{
	uint32_t ahead = offset - (uint32_t)in->in_order;
	uint64_t from = ahead <= UINT32_MAX / 2 ? in->in_order + ahead : in->in_order - (uint32_t)-ahead, to = from + n;

	*skip = n;
	if (from > to || to > in->passed_on + STRIPE_WINDOW_BYTES)   /* before the beginning, or beyond the window */
		return STRIPE_E_WRONG;
	if (!ends_well(in, to, ending))
		return STRIPE_E_WRONG;
	if (!n || to <= in->in_order) {
		in->again |= n || in->end_passed_on;
		return 0;
	}
	*skip = from < in->in_order ? (size_t)(in->in_order - from) : 0;
	if (!keep(in, (struct stripe_range){ from + *skip, to }))
		return STRIPE_E_WRONG;
	take_in_order(in);
	return 0;
}

size_t stripe_place(uint64_t offset, size_t *n_most)
{
	size_t at = (size_t)(offset % STRIPE_WINDOW_BYTES);

	*n_most = STRIPE_WINDOW_BYTES - at;
	return at;
}

size_t stripe_readable(const struct stripe_in *in, size_t *at)
{
	uint64_t n = in->in_order - in->passed_on;
	size_t n_most;

	*at = stripe_place(in->passed_on, &n_most);
	return n < n_most ? (size_t)n : n_most;
}

void stripe_pass_on(struct stripe_in *in, size_t n_bytes, uint64_t now_us)
{
	in->passed_on += n_bytes;
	if (!in->owes_since_us)
		in->owes_since_us = now_us;
}

enum stripe_end stripe_end_due(const struct stripe_in *in)
{
	bool due = in->ending == STRIPE_RESETS || !in->end_passed_on;

	return due && in->passed_on == in->end ? in->ending : STRIPE_GOES_ON;
}

void stripe_pass_on_end(struct stripe_in *in, uint64_t now_us)
{
	in->end_passed_on = true;
	stripe_pass_on(in, 0, now_us);
}

static uint64_t acknowledged(const struct stripe_in *in)
{
	return in->passed_on + in->end_passed_on;
}

uint32_t stripe_acknowledged(const struct stripe_in *in)
{
	return (uint32_t)acknowledged(in);
}

bool stripe_owes_ack(const struct stripe_in *in, uint64_t now_us)
{
	uint64_t more = acknowledged(in) - in->told;

	return in->again || (more && (in->end_passed_on || more >= ACK_AFTER_BYTES || now_us - in->owes_since_us >= ACK_AFTER_US));
}

void stripe_told(struct stripe_in *in)
{
	in->told = acknowledged(in);
	in->again = false;
	in->owes_since_us = 0;
}
