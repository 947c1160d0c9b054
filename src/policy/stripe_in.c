/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The stream that is received: decision 0033. */
#include "policy/stripe.h"

#include <string.h>
#include "base/clock.h"
#include "base/util.h"

#define ACK_AFTER_BYTES 16384u        /* a word of its own is two packets, its own and TCP's for it: a third of a
				       * second of a link on which each takes a sixth. Wide: */
#define ACK_AFTER_US (15 * US_PER_S)
#define ACK_AFTER_PIECES (STRIPE_PIECES / 4)   /* short ones: the other end has no more than these under way */
#define WIDE_ACK_AFTER_PIECES 2
#define WIDE_ACK_AFTER_US (500 * US_PER_MS)
#define WIDENS_BY 4
#define LAPSES_US (10 * US_PER_S)
#define FIRST_SHARE 32                /* of what is left: of many, few want ever more */
#define FIRST_WINDOWS 16              /* at most */

/* The first range that ends there or later; most of what comes is behind all of them. */
static size_t first_behind(const struct stripe_in *in, uint64_t at)
{
	size_t from = 0, to = in->n_later;

	while (from < to) {
		size_t middle = (from + to) / 2;

		if (in->later[middle].to < at)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

/* Puts the range among the others, those that it touches becoming one with it. False: there are too many. */
static bool keep(struct stripe_in *in, struct stripe_range range)
{
	size_t from = first_behind(in, range.from), to;

	for (to = from; to < in->n_later && in->later[to].from <= range.to; to++) {
		if (in->later[to].from < range.from)
			range.from = in->later[to].from;
		if (in->later[to].to > range.to)
			range.to = in->later[to].to;
	}
	if (from == to && in->n_later == (in->wide ? STRIPE_WIDE_PIECES : STRIPE_PIECES))
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

static uint64_t furthest(const struct stripe_in *in)
{
	return in->n_later ? in->later[in->n_later - 1].to : in->in_order;
}

/* One end, and nothing beyond it; where it was in order, a reset may come after it. */
static bool ends_well(struct stripe_in *in, uint64_t to, enum stripe_end ending)
{
	bool known = in->ending != STRIPE_GOES_ON;

	if (known && (to > in->end || (ending != STRIPE_GOES_ON && to != in->end)))
		return false;
	if (ending == STRIPE_GOES_ON)
		return true;
	if (!known || ending == STRIPE_RESETS)
		in->ending = ending;
	in->end = to;
	return to >= furthest(in);
}

uint64_t stripe_place(const struct stripe_in *in, uint32_t offset)
{
	uint32_t ahead = offset - (uint32_t)in->in_order;

	return ahead <= UINT32_MAX / 2 ? in->in_order + ahead : in->in_order - (uint32_t)-ahead;
}

uint64_t stripe_promised(const struct stripe_in *in)
{
	uint64_t always = in->passed_on + STRIPE_WINDOW_BYTES, edge = in->lapsed ? 0 : in->edge;

	if (in->ending != STRIPE_GOES_ON && in->end < edge)
		edge = in->end;
	if (edge < furthest(in))   /* what is here is here */
		edge = furthest(in);
	return edge > always ? edge - always : 0;
}

void stripe_comes(struct stripe_in *in, uint64_t left_bytes, uint64_t now_us)
{
	bool lapsed = in->lapsed;

	in->came_at_us = now_us;
	in->lapsed = false;
	if (!lapsed)
		return;
	in->widened_at = in->widened_edge = in->passed_on;   /* as at the beginning */
	if (stripe_promised(in) > left_bytes)
		in->edge = in->passed_on + STRIPE_WINDOW_BYTES + left_bytes;
	stripe_begin_window(in, left_bytes);
}

uint64_t stripe_lapses_at_us(const struct stripe_in *in)
{
	bool waits = stripe_readable(in) || in->n_later;   /* for a slow reader, or for what was lost */

	return stripe_promised(in) && !in->lapsed && !waits ? in->came_at_us + LAPSES_US : CLOCK_NEVER_US;
}

void stripe_lapse(struct stripe_in *in, uint64_t now_us)
{
	if (now_us < stripe_lapses_at_us(in))
		return;
	in->lapsed = true;
	in->window = 0;
}

void stripe_tell_again(struct stripe_in *in)
{
	in->again = true;
}

void stripe_tell_late(struct stripe_in *in)
{
	in->again |= in->told_late != in->told;
	in->told_late = in->told;
}

/* Only who has heard that the window was widened sends beyond what was promised before. */
static bool knows_window(const struct stripe_in *in)
{
	return furthest(in) > in->widened_edge;
}

/* What comes twice as fast with each round trip has to have the next window before half of this one is passed on, as
 * what is lost keeps that from being in order: once in an eighth of it. */
static bool may_widen(const struct stripe_in *in, uint64_t window_bytes)
{
	return knows_window(in) && stripe_readable(in) <= window_bytes / 4 &&
	       8 * (in->passed_on - in->widened_at) >= window_bytes;
}

void stripe_begin_window(struct stripe_in *in, uint64_t left_bytes)
{
	uint64_t n = left_bytes / FIRST_SHARE / STRIPE_WINDOW_BYTES;

	if (in->wide && n > 1)
		in->window = (uint8_t)((n < FIRST_WINDOWS ? n : FIRST_WINDOWS) - 1);
}

void stripe_set_window(struct stripe_in *in, bool wanted, uint64_t left_bytes)
{
	uint64_t before = in->window + 1u, n = before, most = 1 + left_bytes / STRIPE_WINDOW_BYTES;

	if (!in->wide || in->lapsed)
		return;
	if (wanted && may_widen(in, n * STRIPE_WINDOW_BYTES))
		n = n < STRIPE_WINDOWS / WIDENS_BY ? WIDENS_BY * n : STRIPE_WINDOWS;
	n = u64_min(n, most);
	if (n >= 2 * before || n < before)
		in->widened_at = in->passed_on;
	if (n >= 2 * before)
		in->widened_edge = in->edge;
	/* narrowed, then or since: that the window as it is was used is what counts */
	in->widened_edge = u64_min(in->widened_edge, in->passed_on + u64_min(n, before) * STRIPE_WINDOW_BYTES);
	in->window = (uint8_t)(n - 1);
}

int stripe_arrive(struct stripe_in *in, uint32_t offset, size_t n, enum stripe_end ending, size_t *skip)
{
	uint64_t from = stripe_place(in, offset), to = from + n;

	*skip = n;
	/* before the beginning, or beyond the window */
	if (from > to || to > in->passed_on + STRIPE_WINDOW_BYTES + stripe_promised(in))
		return STRIPE_E_WRONG;
	if (!ends_well(in, to, ending))
		return STRIPE_E_WRONG;
	if (!n || to <= in->in_order) {
		in->again |= n || in->end_passed_on;
		return 0;
	}
	*skip = from < in->in_order ? (size_t)(in->in_order - from) : 0;
	if (n > in->longest_bytes)
		in->longest_bytes = n;
	if (!keep(in, (struct stripe_range){ from + *skip, to }))
		return STRIPE_E_WRONG;
	take_in_order(in);
	in->n_since_told++;
	return 0;
}

size_t stripe_readable(const struct stripe_in *in)
{
	return (size_t)(in->in_order - in->passed_on);
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

static uint64_t ack_after_bytes(const struct stripe_in *in)
{
	return in->wide ? WIDE_ACK_AFTER_PIECES * (in->longest_bytes > STRIPE_PIECE_BYTES ? in->longest_bytes :
						   STRIPE_PIECE_BYTES) : ACK_AFTER_BYTES;
}

uint64_t stripe_owes_ack_at_us(const struct stripe_in *in)
{
	uint64_t more = acknowledged(in) - in->told;

	if (in->again || (more &&
			  (in->end_passed_on || more >= ack_after_bytes(in) || in->n_since_told >= ACK_AFTER_PIECES)))
		return 0;
	return more ? in->owes_since_us + (in->wide ? WIDE_ACK_AFTER_US : ACK_AFTER_US) : CLOCK_NEVER_US;
}

bool stripe_owes_ack(const struct stripe_in *in, uint64_t now_us)
{
	return stripe_owes_ack_at_us(in) <= now_us;
}

void stripe_promise(struct stripe_in *in)
{
	uint64_t edge = acknowledged(in) + (in->window + 1u) * (uint64_t)STRIPE_WINDOW_BYTES;

	if (edge > in->edge)
		in->edge = edge;
}

void stripe_told(struct stripe_in *in)
{
	stripe_promise(in);
	in->told = acknowledged(in);
	in->again = false;
	in->n_since_told = 0;
	in->owes_since_us = 0;
}
