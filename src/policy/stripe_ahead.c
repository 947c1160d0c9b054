/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From which place in the stream a leg takes its next piece: decision 0047. What goes over a long leg is there late. If
 * it is what the other end waits for next, all that quicker legs carry meanwhile waits for it; so it is what these will
 * have come to by then. What is before it is cut, and kept for them: no more than they carry meanwhile.
 */
#include "policy/stripe_parts.h"

#define GAP_MOST_US (60 * US_PER_S)   /* no window is as wide as that */

/* What is under way over it is there after a round trip as it is now, with what waits in the link's queue. */
static uint64_t loaded_rtt_us(const struct stripe_out *out, const struct stripe_leg *leg)
{
	return u64_max(stripe_under_way_bytes(leg) * US_PER_S / stripe_rate_of(out, leg), stripe_rtt_of(leg));
}

/* As its queue says, and as if a packet were lost once. */
static uint64_t lost_once_us(const struct stripe_out *out, const struct stripe_leg *leg)
{
	return stripe_arrival_us(out, leg, 0) + loaded_rtt_us(out, leg);
}

/* As long as a piece took lately, with all that was lost on the way; where none has been seen, as if one were lost. */
static uint64_t delay_us(const struct stripe_out *out, const struct stripe_leg *leg)
{
	return leg->delay_us ? leg->delay_us : lost_once_us(out, leg);
}

/* The one on which least time passes; STRIPE_NO_LEG. */
static uint8_t shortest_leg(const struct stripe_out *out)
{
	uint64_t us[STRIPE_LEGS];

	for (size_t i = 0; i < STRIPE_LEGS; i++)
		us[i] = stripe_is_usable(&out->legs[i]) ? delay_us(out, &out->legs[i]) : CLOCK_NEVER_US;
	return stripe_leg_of_least(us);
}

/* It has had bad moments as well, which don't count: what comes next comes by what it has in its queue. */
static uint64_t shortest_us(const struct stripe_out *out, uint8_t shortest)
{
	const struct stripe_leg *leg = &out->legs[shortest];

	return u64_min(delay_us(out, leg), stripe_arrival_us(out, leg, 0));
}

bool stripe_is_shortest(const struct stripe_out *out, uint8_t leg)
{
	return leg == shortest_leg(out);
}

uint64_t stripe_shortest_delay_us(const struct stripe_out *out)
{
	uint8_t shortest = shortest_leg(out);

	return shortest == STRIPE_NO_LEG ? 0 : shortest_us(out, shortest);
}

/* So much longer it takes over the leg than over the other one; 0: it doesn't. Where packets are lost all the time, as
 * over what has bbr most likely, one soon is, and what was seen so far may be of a shorter queue. */
static uint64_t longer_us(const struct stripe_out *out, const struct stripe_leg *leg, uint8_t other, bool is_shortest)
{
	uint64_t us = delay_us(out, leg),
		 other_us = is_shortest ? shortest_us(out, other) : delay_us(out, &out->legs[other]);
	uint64_t expected_us = lost_once_us(out, leg), least_us = lost_once_us(out, &out->legs[other]);

	if (us < other_us)
		return 0;
	us -= other_us;
	if ((us || is_shortest) && leg->has_bbr && expected_us > least_us)
		us = u64_max(us, expected_us - least_us);
	return u64_min(us, GAP_MOST_US);
}

/* What legs that take less time carry by as much as each takes less. One whose rate isn't known counts by a guess;
 * where that of the leg isn't, either, as at the beginning, nothing is left to it. */
static uint64_t left_to_shorter_bytes(const struct stripe_out *out, uint8_t leg)
{
	const struct stripe_leg *l = &out->legs[leg];
	uint8_t shortest = shortest_leg(out);
	uint64_t bytes = 0;

	for (uint8_t i = 0; out->wide && leg != shortest && i < STRIPE_LEGS; i++) {
		const struct stripe_leg *other = &out->legs[i];
		uint64_t rate_bytes_per_s = l->rate_bytes_per_s ? stripe_rate_of(out, other) : other->rate_bytes_per_s;

		if (i != leg && stripe_is_usable(other))
			bytes += longer_us(out, l, i, i == shortest) * rate_bytes_per_s / US_PER_S;
	}
	return bytes;
}

uint64_t stripe_furthest_ahead_bytes(const struct stripe_out *out)
{
	uint64_t bytes = 0;

	for (uint8_t i = 0; i < STRIPE_LEGS; i++)
		if (stripe_is_usable(&out->legs[i]) && out->legs[i].rtt_us)
			bytes = u64_max(bytes, left_to_shorter_bytes(out, i));
	return bytes;
}

/* The first piece that is kept, and that goes beyond so many bytes of such; n_pieces: none does. */
static size_t first_kept_beyond(const struct stripe_out *out, uint64_t n_bytes)
{
	if (n_bytes >= out->kept_bytes)
		return out->n_pieces;
	for (size_t i = out->first_kept; i < out->n_pieces; i++) {
		const struct stripe_piece *piece = stripe_piece_seen(out, i);

		if (piece->leg != STRIPE_KEPT)
			continue;
		if (piece->n > n_bytes)
			return i;
		n_bytes -= piece->n;
	}
	return out->n_pieces;
}

static size_t last_kept(const struct stripe_out *out)
{
	size_t i = out->n_pieces - 1;

	while (stripe_piece_seen(out, i)->leg != STRIPE_KEPT)
		i--;
	return i;
}

static struct stripe_place kept_place(const struct stripe_out *out, size_t i)
{
	const struct stripe_piece *piece = stripe_piece_seen(out, i);

	return (struct stripe_place){ .piece = i, .offset = piece->offset, .n_bytes = piece->n };
}

/* As the leg that gets them most likely wants them. */
static uint64_t kept_piece_bytes(const struct stripe_out *out)
{
	return stripe_cut(out, &out->legs[shortest_leg(out)], STRIPE_WIDE_PIECE_BYTES);
}

/* What is before it is to be whole pieces, for which there is room. */
static struct stripe_place new_place(const struct stripe_out *out, uint8_t leg, uint64_t piece_bytes, uint64_t ahead)
{
	uint64_t n_new = stripe_uncut_bytes(out), n = u64_min(stripe_cut(out, &out->legs[leg], piece_bytes), n_new);
	uint64_t kept = kept_piece_bytes(out);
	uint64_t n_kept = u64_min(u64_min(ahead, n_new - n) / kept, stripe_pieces_most(out) - out->n_pieces - 1);

	return (struct stripe_place){ .piece = out->n_pieces, .offset = out->next + n_kept * kept, .n_bytes = n,
				      .kept_bytes = kept };
}

struct stripe_place stripe_place_for(const struct stripe_out *out, uint8_t leg, uint64_t piece_bytes)
{
	uint64_t left_bytes = left_to_shorter_bytes(out, leg);
	size_t i = first_kept_beyond(out, left_bytes);

	if (stripe_has_kept(out) && (!out->wide || stripe_is_shortest(out, leg) || !stripe_may_cut(out)))
		return kept_place(out, i < out->n_pieces ? i : last_kept(out));
	if (i < out->n_pieces && stripe_piece_seen(out, i)->n <= stripe_cut(out, &out->legs[leg], piece_bytes))
		return kept_place(out, i);
	/* also where that one is longer than the leg may take at once: behind all, where it leaves nothing more */
	return new_place(out, leg, piece_bytes, left_bytes - u64_min(left_bytes, out->kept_bytes));
}

void stripe_keep_until(struct stripe_out *out, uint64_t offset, uint16_t n_bytes)
{
	while (out->next < offset) {
		*stripe_piece_at(out, out->n_pieces++) =
			(struct stripe_piece){ .offset = out->next, .n = n_bytes, .leg = STRIPE_KEPT };
		out->next += n_bytes;
		out->kept_bytes += n_bytes;
	}
}

void stripe_note_kept(struct stripe_out *out)
{
	while (stripe_has_kept(out) && stripe_piece_seen(out, out->first_kept)->leg != STRIPE_KEPT)
		out->first_kept++;
}
