/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The stream that is sent, in four files: stripe.c (what may be taken, and what was acknowledged), stripe_leg.c
 * (what legs show), stripe_send.c (which leg is given something), stripe_ahead.c (from which place). Private to
 * them. */
#ifndef BRAID_POLICY_STRIPE_PARTS_H
#define BRAID_POLICY_STRIPE_PARTS_H

#include "base/clock.h"
#include "base/util.h"
#include "policy/stripe.h"

#define STRIPE_UNKNOWN_BYTES_PER_S 300u
#define STRIPE_WIDE_UNKNOWN_BYTES_PER_S 100000u   /* where it is wide: a leg that is new is to be given something
						   * beside one that is fast */
#define STRIPE_ROUND_TRIP_UNKNOWN_US (2 * US_PER_S)
#define STRIPE_WIDE_PIECES_A_S 50            /* of a leg: what is sent at once is no more than it carries in so short
					      * a time */
#define STRIPE_PIECE_DOUBLINGS 3             /* from the first ones to the longest */
#define STRIPE_WIDE_PIECE_DOUBLINGS 4
#define STRIPE_LOOKS_APART_US (300 * US_PER_MS)   /* a leg has enough to send until it is looked at again */

/* The leg that it takes least; the first of those alike. CLOCK_NEVER_US: it is none. STRIPE_NO_LEG. */
uint8_t stripe_leg_of_least(const uint64_t us[STRIPE_LEGS]);
/* Of the legs, as far as they are known; 0: none is. */
uint64_t stripe_longest_rtt_us(const struct stripe_out *out);
uint64_t stripe_rate_of_all(const struct stripe_out *out);
/* What was written to it so far is timed, if nothing was lately. */
void stripe_leg_mark(struct stripe_leg *leg, uint64_t now_us);
/* As far as the other end takes it. */
uint64_t stripe_peer_edge(const struct stripe_out *out);
/* And as far as we would send. */
uint64_t stripe_own_edge(const struct stripe_out *out);

static inline uint64_t stripe_queued_bytes(const struct stripe_leg *leg)
{
	return leg->written_bytes - leg->delivered_bytes;
}

/* Of these, what its TCP has sent. */
static inline uint64_t stripe_under_way_bytes(const struct stripe_leg *leg)
{
	return stripe_queued_bytes(leg) - u64_min(leg->unsent_bytes, stripe_queued_bytes(leg));
}

static inline uint64_t stripe_outstanding_bytes(const struct stripe_leg *leg)
{
	return leg->written_bytes - leg->acked_bytes;
}

static inline uint64_t stripe_rate_of(const struct stripe_out *out, const struct stripe_leg *leg)
{
	return leg->rate_bytes_per_s ? leg->rate_bytes_per_s : out->wide ? STRIPE_WIDE_UNKNOWN_BYTES_PER_S :
	       STRIPE_UNKNOWN_BYTES_PER_S;
}

static inline uint64_t stripe_rtt_of(const struct stripe_leg *leg)
{
	return leg->rtt_us ? leg->rtt_us : STRIPE_ROUND_TRIP_UNKNOWN_US;
}

/* So much takes so long over the leg. */
static inline uint64_t stripe_takes_us(const struct stripe_out *out, const struct stripe_leg *leg, uint64_t n_bytes)
{
	return n_bytes * US_PER_S / stripe_rate_of(out, leg) + stripe_rtt_of(leg) / 2;
}

/* When it would be there, if it were given so much more. */
static inline uint64_t stripe_arrival_us(const struct stripe_out *out, const struct stripe_leg *leg, uint64_t n_bytes)
{
	return stripe_takes_us(out, leg, stripe_queued_bytes(leg) + n_bytes);
}

/* The longest piece that goes over the leg. */
static inline uint64_t stripe_piece_most(const struct stripe_out *out, const struct stripe_leg *leg)
{
	uint64_t most = leg->rate_bytes_per_s / STRIPE_WIDE_PIECES_A_S;

	if (!out->wide || most < STRIPE_PIECE_BYTES)
		return STRIPE_PIECE_BYTES;
	return most < STRIPE_WIDE_PIECE_BYTES ? most : STRIPE_WIDE_PIECE_BYTES;
}

static inline bool stripe_is_usable(const struct stripe_leg *leg)
{
	return leg->open && !leg->stalled;
}

static inline struct stripe_piece *stripe_piece_at(struct stripe_out *out, size_t i)
{
	return &out->pieces[(out->first + i) % STRIPE_WIDE_PIECES];
}

static inline const struct stripe_piece *stripe_piece_seen(const struct stripe_out *out, size_t i)
{
	return &out->pieces[(out->first + i) % STRIPE_WIDE_PIECES];
}

/* Of a piece that a leg has: the other end's kernel has it; whoever reads there may still not, where the leg dies. */
static inline bool stripe_has_arrived(const struct stripe_out *out, const struct stripe_piece *piece)
{
	return piece->leg < STRIPE_LEGS && out->legs[piece->leg].acked_bytes >= piece->leg_end;
}

/* It is to go once more. */
static inline void stripe_lose(struct stripe_out *out, struct stripe_piece *piece)
{
	out->n_lost += piece->leg != STRIPE_NO_LEG;
	piece->leg = STRIPE_NO_LEG;
}

/* Each piece that waits behind others shows TCP that packets take longer: two of a length, then twice as much. */
static inline unsigned int stripe_doublings(const struct stripe_out *out, const struct stripe_leg *leg)
{
	unsigned int n = out->wide ? 0 : (leg->n_behind + 1u) / 2;

	return n > leg->n_measured ? n : leg->n_measured;
}

/* Of a piece of n bytes that isn't cut yet, so much goes over the leg. */
static inline uint64_t stripe_cut(const struct stripe_out *out, const struct stripe_leg *leg, uint64_t n)
{
	uint64_t most = stripe_piece_most(out, leg),
		 known = (out->wide ? STRIPE_PIECE_BYTES : STRIPE_FIRST_PIECE_BYTES) << stripe_doublings(out, leg);

	return u64_min(n, u64_min(known, most));
}

static inline bool stripe_has_kept(const struct stripe_out *out)
{
	return out->first_kept < out->n_pieces;
}

/* It is neither to go once more nor kept any more, as it goes, or was acknowledged. */
static inline void stripe_strike(struct stripe_out *out, const struct stripe_piece *piece)
{
	out->n_lost -= piece->leg == STRIPE_NO_LEG;
	out->kept_bytes -= piece->leg == STRIPE_KEPT ? piece->n : 0;
}

static inline size_t stripe_pieces_most(const struct stripe_out *out)
{
	return out->wide ? STRIPE_WIDE_PIECES : STRIPE_PIECES;
}

/* Taken from the local stream, and given to no leg yet. */
static inline uint64_t stripe_unsent_bytes(const struct stripe_out *out)
{
	return out->kept_bytes + out->end - out->next;
}

/* Of what isn't cut yet, the other end takes so much. What was had from the local stream may be more, by a promise that
 * was let go. */
static inline uint64_t stripe_uncut_bytes(const struct stripe_out *out)
{
	uint64_t edge = u64_min(out->end, stripe_peer_edge(out));

	return edge > out->next ? edge - out->next : 0;
}

/* There is something that isn't cut yet, if only the end, and may be sent; and room for a piece. */
bool stripe_may_cut(const struct stripe_out *out);

/* Where in the stream a leg's next piece begins, and how long it may be. */
struct stripe_place {
	size_t piece;                /* one that is kept; n_pieces: a new one */
	uint64_t offset, n_bytes;
	uint64_t kept_bytes;         /* of a new one: each that is kept before it */
};

/* Behind as much that is kept as shorter legs carry meanwhile; behind all of it, where the piece that is kept there is
 * longer than the leg may take. A new piece has piece_bytes at most. Something is kept, or may be cut. */
struct stripe_place stripe_place_for(const struct stripe_out *out, uint8_t leg, uint64_t piece_bytes);
/* Whether on this leg all takes least; and how long a piece takes over that; 0: there is none. */
bool stripe_is_shortest(const struct stripe_out *out, uint8_t leg);
uint64_t stripe_shortest_delay_us(const struct stripe_out *out);
/* The most that a leg leaves to shorter ones. */
uint64_t stripe_furthest_ahead_bytes(const struct stripe_out *out);
/* What isn't cut yet is cut up to there, into pieces that are kept. */
void stripe_keep_until(struct stripe_out *out, uint64_t offset, uint16_t n_bytes);
/* A piece that was kept isn't any more, or one was put behind all others. */
void stripe_note_kept(struct stripe_out *out);

#endif
