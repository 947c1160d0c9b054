/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The stream that is sent, in three files: stripe.c (what may be taken, and what was acknowledged), stripe_leg.c
 * (what legs show), stripe_send.c (which piece goes over which leg). Private to them. */
#ifndef BRAID_POLICY_STRIPE_PARTS_H
#define BRAID_POLICY_STRIPE_PARTS_H

#include "base/clock.h"
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

static inline uint64_t stripe_queued_bytes(const struct stripe_leg *leg)
{
	return leg->written_bytes - leg->delivered_bytes;
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
	return out->legs[piece->leg].acked_bytes >= piece->leg_end;
}

/* It is to go once more. */
static inline void stripe_lose(struct stripe_out *out, struct stripe_piece *piece)
{
	out->n_lost += piece->leg != STRIPE_NO_LEG;
	piece->leg = STRIPE_NO_LEG;
}

/* Of the legs, as far as they are known; 0: none is. */
uint64_t stripe_longest_rtt_us(const struct stripe_out *out);
uint64_t stripe_rate_of_all(const struct stripe_out *out);
/* As far as the other end takes it. */
uint64_t stripe_peer_edge(const struct stripe_out *out);
/* And as far as we would send. */
uint64_t stripe_own_edge(const struct stripe_out *out);

#endif
