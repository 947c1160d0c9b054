/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which piece goes over which leg, and when: decisions 0033, 0044. */
#include "policy/stripe_parts.h"

#include <assert.h>
#include "base/util.h"

#define WIDE_FIRST_PIECES 4           /* that a leg has before its rate is known */
#define WIDE_LOOKS_APART_US (200 * US_PER_MS)
#define RISING_ROUND_TRIPS 6
#define WINDOW_USED_PERCENT 75        /* the rest is for what takes longer than it seems */
#define HELD_UP_PIECES 16             /* what is behind them may come by itself meanwhile */
#define REPEAT_SLACK_US (1 * US_PER_S)
#define LATE_TIMES 2
#define WIDE_REPEAT_SLACK_US (200 * US_PER_MS)

static_assert(STRIPE_FIRST_PIECE_BYTES << STRIPE_PIECE_DOUBLINGS == STRIPE_PIECE_BYTES, "the longest");
static_assert(STRIPE_PIECE_BYTES << STRIPE_WIDE_PIECE_DOUBLINGS == STRIPE_WIDE_PIECE_BYTES, "the longest");

/* What the leg carries in that time, two pieces at least, as long as the one at hand may be; while nothing is known of
 * a wide one a few more. */
static uint64_t in_time(const struct stripe_out *out, const struct stripe_leg *leg, uint64_t us, uint64_t n_bytes)
{
	uint64_t n_pieces = out->wide && !leg->rate_bytes_per_s ? WIDE_FIRST_PIECES : 2;
	uint64_t least = n_pieces * (stripe_piece_most(out, leg) + STRIPE_FRAME_OVERHEAD_BYTES),
		 bytes = leg->rate_bytes_per_s * us / US_PER_S;

	if (out->wide)   /* it was cut for another one, and would else wait for each to arrive */
		least = u64_max(least, 2 * n_bytes);
	return u64_max(bytes, least);
}

/*
 * What is under way over a wide leg is more for its TCP to say than for us: it is to have something that it hasn't
 * sent, until we look again, and no more. bbr that is short of bytes goes on looking for its rate, with nearly three
 * times what it has found, and fills the link's queue: how much of its is under way, it says alone.
 */
static bool has_room(const struct stripe_out *out, const struct stripe_leg *leg, uint64_t n_bytes)
{
	uint64_t n_rtt = out->wide && leg->rising ? RISING_ROUND_TRIPS : 2;

	if (!stripe_outstanding_bytes(leg))
		return true;
	if (leg->full || (out->wide && leg->unsent_bytes + n_bytes > in_time(out, leg, WIDE_LOOKS_APART_US, n_bytes)))
		return false;
	if (out->wide && leg->has_bbr)
		return true;
	return stripe_queued_bytes(leg) + n_bytes <=
	       in_time(out, leg, n_rtt * stripe_rtt_of(leg) + STRIPE_LOOKS_APART_US, n_bytes);
}

/* A piece for which a leg is looked for: new, and cut as the leg wants it, or one that has been cut. */
struct wanted {
	uint64_t n;
	bool whole;
	bool lost;
};

static uint64_t bytes_over(const struct stripe_out *out, const struct stripe_leg *leg, struct wanted piece)
{
	return (piece.whole ? piece.n : stripe_cut(out, leg, piece.n)) + STRIPE_FRAME_OVERHEAD_BYTES;
}

/* The usable leg over which it would be there first: of all, or of those alone that have room. */
static uint8_t first_leg(const struct stripe_out *out, struct wanted piece, bool with_room)
{
	uint64_t there_us[STRIPE_LEGS];

	for (size_t i = 0; i < STRIPE_LEGS; i++) {
		const struct stripe_leg *leg = &out->legs[i];
		uint64_t n_bytes = bytes_over(out, leg, piece);
		bool takes = stripe_is_usable(leg) && (!with_room || has_room(out, leg, n_bytes));

		there_us[i] = takes ? stripe_arrival_us(out, leg, n_bytes) : CLOCK_NEVER_US;
	}
	return stripe_leg_of_least(there_us);
}

/* When it would be there, if what bbr has sent were no queue: that is its slow start, which doesn't end where it is
 * short of bytes (decision 0044). */
static uint64_t steady_arrival_us(const struct stripe_out *out, const struct stripe_leg *leg, uint64_t n_bytes)
{
	return stripe_takes_us(out, leg, leg->unsent_bytes + n_bytes);
}

/* It would be there before all legs together have used up the window: else they would wait for it. */
static bool holds_nothing_up(const struct stripe_out *out, const struct stripe_leg *leg, uint64_t n_bytes)
{
	uint64_t window_bytes = u64_min(stripe_own_edge(out), stripe_peer_edge(out)) - out->acked,
		 rate = stripe_rate_of_all(out);
	/* a guessed rate is no reason, nor where others bound the window and a queue is as long */
	bool steady = leg->has_bbr && !leg->known_bytes_per_s && window_bytes >= out->window_bytes;
	uint64_t there_us = (steady ? steady_arrival_us : stripe_arrival_us)(out, leg, n_bytes);

	return !rate || there_us <= window_bytes * US_PER_S / rate * WINDOW_USED_PERCENT / 100;
}

/* A leg for a piece. Where the quickest has no room, another one helps only if it is quicker than waiting until the
 * quickest has had all that waits. */
static uint8_t leg_for(const struct stripe_out *out, struct wanted piece)
{
	uint8_t quickest = first_leg(out, piece, false), free = first_leg(out, piece, true);
	uint64_t waiting = stripe_unsent_bytes(out) + piece.n + STRIPE_FRAME_OVERHEAD_BYTES;

	if (free == quickest || free == STRIPE_NO_LEG)
		return free;
	if (out->bulk && !piece.lost &&
	    holds_nothing_up(out, &out->legs[free], bytes_over(out, &out->legs[free], piece)))
		return free;
	return stripe_arrival_us(out, &out->legs[free], bytes_over(out, &out->legs[free], piece)) <=
	       stripe_arrival_us(out, &out->legs[quickest], waiting) ? free : STRIPE_NO_LEG;
}

/* The first piece that is to go once more; n_pieces: none is. */
static size_t first_lost(const struct stripe_out *out)
{
	size_t i = 0;

	if (!out->n_lost)
		return out->n_pieces;
	while (stripe_piece_seen(out, i)->leg != STRIPE_NO_LEG)
		i++;
	return i;
}

static struct stripe_send once_more(const struct stripe_out *out, size_t i, uint8_t leg)
{
	const struct stripe_piece *piece = stripe_piece_seen(out, i);

	return (struct stripe_send){ .leg = leg, .again = true, .piece = i, .offset = piece->offset, .n = piece->n,
				     .ending = piece->ends ? out->ending : STRIPE_GOES_ON };
}

static bool send_lost(const struct stripe_out *out, size_t lost, struct stripe_send *send)
{
	struct wanted piece = { stripe_piece_seen(out, lost)->n, .whole = true, .lost = true };

	*send = once_more(out, lost, leg_for(out, piece));
	return send->leg != STRIPE_NO_LEG;
}

static bool has_uncut(const struct stripe_out *out)
{
	return out->n_pieces < stripe_pieces_most(out) &&
	       (out->next < out->end || (out->ending != STRIPE_GOES_ON && !out->end_sent));
}

bool stripe_may_cut(const struct stripe_out *out)
{
	return has_uncut(out) && (out->next == out->end || stripe_uncut_bytes(out));
}

/* Where little is left, every leg gets a part of it, so that all have done at about the same time. */
static uint64_t piece_bytes(const struct stripe_out *out)
{
	uint64_t left = stripe_unsent_bytes(out), most = out->wide ? STRIPE_WIDE_PIECE_BYTES : STRIPE_PIECE_BYTES,
		 n_usable = 0, share;

	for (size_t i = 0; i < STRIPE_LEGS; i++)
		n_usable += stripe_is_usable(&out->legs[i]);
	share = n_usable ? (left + n_usable - 1) / n_usable : left;
	return u64_min(left, u64_min(u64_max(share, STRIPE_LEAST_PIECE_BYTES), most));
}

static bool is_last_of_first(const struct stripe_out *out, const struct stripe_leg *leg, uint64_t n_bytes)
{
	struct stripe_leg then = *leg;

	then.written_bytes += n_bytes;
	then.n_behind++;
	return !out->wide && !leg->n_measured && stripe_outstanding_bytes(leg) &&
	       !has_room(out, &then, stripe_cut(out, &then, STRIPE_PIECE_BYTES) + STRIPE_FRAME_OVERHEAD_BYTES);
}

static bool send_new(const struct stripe_out *out, struct stripe_send *send)
{
	uint64_t n = piece_bytes(out), n_new = stripe_uncut_bytes(out),
		 n_kept = stripe_has_kept(out) ? stripe_piece_seen(out, out->first_kept)->n : 0;
	struct wanted wanted = { u64_max(u64_min(n, n_new), n_kept),
				 .whole = n_kept && (!n_new || !stripe_may_cut(out)) };
	uint8_t leg = leg_for(out, wanted);
	struct stripe_place at;

	if (leg == STRIPE_NO_LEG)
		return false;
	at = stripe_place_for(out, leg, n);
	if (at.n_bytes > wanted.n && !has_room(out, &out->legs[leg], at.n_bytes + STRIPE_FRAME_OVERHEAD_BYTES))
		return false;
	*send = (struct stripe_send){ .leg = leg, .piece = at.piece, .offset = at.offset, .n = (uint16_t)at.n_bytes,
				      .kept_bytes = (uint16_t)at.kept_bytes,
				      .ending = at.piece == out->n_pieces && at.offset + at.n_bytes == out->end ?
					out->ending : STRIPE_GOES_ON,
				      .last_of_first = is_last_of_first(out, &out->legs[leg],
									at.n_bytes + STRIPE_FRAME_OVERHEAD_BYTES) };
	return true;
}

/* What its leg should have said long ago to have arrived was lost, most likely, and TCP waits, by how long longer
 * packets took, before it sends it again: for as long again, say. Once, as the next leg may be as late by what others
 * send over it. */
static uint64_t there_us(const struct stripe_out *out, const struct stripe_piece *piece)
{
	const struct stripe_leg *leg = &out->legs[piece->leg];
	uint64_t us = (piece->leg_end - leg->acked_bytes) * US_PER_S / stripe_rate_of(out, leg) + stripe_rtt_of(leg);
	bool had_one_leg = !(piece->tried & (piece->tried - 1u));

	return !out->wide && had_one_leg && leg->silent_us > LATE_TIMES * us ? us + leg->silent_us : us;
}

/* Over this leg it would be there before it is over its own; long before, unless all waits for it. */
static bool helps(const struct stripe_out *out, const struct stripe_piece *piece, uint8_t leg, bool held_up)
{
	uint64_t slack_us = out->wide ? WIDE_REPEAT_SLACK_US : REPEAT_SLACK_US;
	uint64_t here_us = stripe_arrival_us(out, &out->legs[leg], piece->n + STRIPE_FRAME_OVERHEAD_BYTES) +
			   stripe_rtt_of(&out->legs[leg]) / 2;

	return there_us(out, piece) > here_us + (held_up ? 0 : here_us / 2 + slack_us);
}

/* How many of the oldest pieces that others have had may go over this leg, too: all, if it has nothing to do; where
 * all is held up those that hold it up. */
static size_t n_for(const struct stripe_out *out, const struct stripe_leg *leg, bool held_up)
{
	if (!stripe_is_usable(leg))
		return 0;
	if (!stripe_outstanding_bytes(leg))
		return out->n_pieces;
	return held_up && !leg->full ? HELD_UP_PIECES : 0;
}

static bool send_repeated_over(const struct stripe_out *out, uint8_t leg, bool held_up, struct stripe_send *send)
{
	size_t n_left = n_for(out, &out->legs[leg], held_up);

	for (size_t i = 0; i < out->n_pieces && n_left > 0; i++) {
		const struct stripe_piece *piece = stripe_piece_seen(out, i);

		if (stripe_has_arrived(out, piece) || !(piece->tried & ~(1u << leg)))
			continue;
		n_left--;
		if (piece->tried & 1u << leg ||
		    !has_room(out, &out->legs[leg], piece->n + STRIPE_FRAME_OVERHEAD_BYTES) ||
		    !helps(out, piece, leg, held_up))
			continue;
		*send = once_more(out, i, leg);
		return true;
	}
	return false;
}

/* The other end waits for what comes late, or even takes nothing behind it any more. */
static bool is_held_up(const struct stripe_out *out)
{
	return out->wide && (out->late || out->n_pieces == STRIPE_WIDE_PIECES ||
			     (!stripe_unsent_bytes(out) && out->ending == STRIPE_GOES_ON && !stripe_room(out)));
}

/* There is nothing new to send, or nothing that may be: what all else waits for goes over other legs, too. */
static bool send_repeated(const struct stripe_out *out, struct stripe_send *send)
{
	bool held_up = is_held_up(out);

	for (uint8_t i = 0; i < STRIPE_LEGS; i++)
		if (send_repeated_over(out, i, held_up, send))
			return true;
	return false;
}

/* Of a leg that holds the stream up, all that the other end will wait for before it could be there over a shorter
 * one. */
static bool send_held_up(const struct stripe_out *out, struct stripe_send *send)
{
	uint64_t to = out->acked + 2 * stripe_rate_of_all(out) * stripe_shortest_delay_us(out) / US_PER_S;

	for (size_t i = 0; i < out->n_pieces && stripe_piece_seen(out, i)->offset <= to; i++) {
		const struct stripe_piece *piece = stripe_piece_seen(out, i);
		struct wanted wanted = { piece->n, .whole = true, .lost = true };
		uint8_t leg;

		if (piece->leg >= STRIPE_LEGS || !out->legs[piece->leg].holds_up || stripe_has_arrived(out, piece))
			continue;
		leg = leg_for(out, wanted);
		*send = once_more(out, i, leg);
		return leg != STRIPE_NO_LEG && !out->legs[leg].holds_up &&
		       stripe_arrival_us(out, &out->legs[leg], piece->n) < out->legs[piece->leg].rtt_us;
	}
	return false;
}

static bool any_holds_up(const struct stripe_out *out)
{
	for (size_t i = 0; i < STRIPE_LEGS; i++)
		if (out->legs[i].holds_up)
			return true;
	return false;
}

bool stripe_next(const struct stripe_out *out, struct stripe_send *send)
{
	size_t lost = first_lost(out);

	if (lost < out->n_pieces)
		return send_lost(out, lost, send);
	if (any_holds_up(out) && send_held_up(out, send))
		return true;
	if (out->late && send_repeated(out, send))
		return true;
	if ((stripe_has_kept(out) || stripe_may_cut(out)) && send_new(out, send))
		return true;
	return !has_uncut(out) && send_repeated(out, send);
}

static void add_piece(struct stripe_out *out, const struct stripe_send *send)
{
	bool ends = send->ending != STRIPE_GOES_ON;

	stripe_keep_until(out, send->offset, send->kept_bytes);
	*stripe_piece_at(out, out->n_pieces++) =
		(struct stripe_piece){ .offset = send->offset, .n = send->n, .ends = ends };
	out->next += send->n;
	out->end_sent = ends;
	out->end_known |= ends;
}

/* The piece that it is about: the others before it are kept from now on. */
static struct stripe_piece *taken(struct stripe_out *out, const struct stripe_send *send)
{
	struct stripe_piece *piece;

	if (send->piece == out->n_pieces) {
		add_piece(out, send);
		return stripe_piece_at(out, out->n_pieces - 1);
	}
	piece = stripe_piece_at(out, send->piece);
	stripe_strike(out, piece);
	return piece;
}

void stripe_sent(struct stripe_out *out, const struct stripe_send *send, uint64_t now_us)
{
	struct stripe_piece *piece = taken(out, send);
	struct stripe_leg *leg = &out->legs[send->leg];

	leg->n_behind += leg->acked_bytes < leg->piece_end && leg->n_behind < 2 * STRIPE_PIECE_DOUBLINGS;
	stripe_leg_wrote(out, send->leg, send->n + STRIPE_FRAME_OVERHEAD_BYTES, now_us);
	piece->leg = send->leg;
	piece->leg_end = leg->piece_end = leg->written_bytes;
	piece->tried |= (uint8_t)(1u << send->leg);
	stripe_leg_mark(leg, now_us);
	stripe_note_kept(out);
}

static bool is_early(const struct stripe_out *out)
{
	return out->n_pieces == 1 && !out->acked && !stripe_piece_seen(out, 0)->ends &&
	       out->next == stripe_piece_seen(out, 0)->n && !stripe_piece_seen(out, 0)->tried;
}

bool stripe_early(const struct stripe_out *out, size_t most_bytes, struct stripe_send *send)
{
	if (!out->wide || (out->next && !is_early(out)))
		return false;
	*send = (struct stripe_send){ .leg = STRIPE_NO_LEG, .again = out->next,
				      .n = (uint16_t)(out->next ? out->next : u64_min(out->end, most_bytes)) };
	return send->n && send->n <= most_bytes;
}

void stripe_sent_early(struct stripe_out *out, const struct stripe_send *send)
{
	if (send->again)
		return;
	*stripe_piece_at(out, 0) = (struct stripe_piece){ .n = send->n, .leg = STRIPE_NO_LEG };
	out->n_pieces = out->n_lost = out->first_kept = 1;
	out->next = send->n;
}

void stripe_early_over(struct stripe_out *out, uint8_t leg, uint16_t n, uint64_t now_us)
{
	struct stripe_piece *piece = stripe_piece_at(out, 0);
	bool waits = n && out->n_pieces && !piece->offset && piece->n == n;

	if (waits && piece->leg == STRIPE_NO_LEG) {
		stripe_sent(out, &(struct stripe_send){ .leg = leg, .again = true, .n = n }, now_us);
	} else if (n) {
		stripe_leg_wrote(out, leg, n + STRIPE_FRAME_OVERHEAD_BYTES, now_us);
		piece->tried |= waits ? (uint8_t)(1u << leg) : 0;
	}
}

bool stripe_is_busy(const struct stripe_out *out)
{
	bool busy = out->n_pieces || has_uncut(out);

	for (uint8_t i = 0; i < STRIPE_LEGS; i++)
		busy |= out->legs[i].open && stripe_outstanding_bytes(&out->legs[i]);
	return busy;
}

uint8_t stripe_best_leg(const struct stripe_out *out)
{
	uint64_t there_us[STRIPE_LEGS];

	for (size_t i = 0; i < STRIPE_LEGS; i++) {
		const struct stripe_leg *leg = &out->legs[i];

		there_us[i] = stripe_is_usable(leg) ?
			      stripe_arrival_us(out, leg, STRIPE_FRAME_OVERHEAD_BYTES) + leg->overdue_us :
			      CLOCK_NEVER_US;
	}
	return stripe_leg_of_least(there_us);
}
