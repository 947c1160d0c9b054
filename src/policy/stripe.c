/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The stream that is sent: decision 0033. */
#include "base/util.h"
#include "policy/stripe_parts.h"

#define IDLE_US (5 * US_PER_S)        /* half of what the other end waits (stripe_in.c) */
#define STUCK_US (45 * US_PER_S)      /* three times what the other end takes to tell (stripe_in.c) */
#define WIDE_STUCK_US (1 * US_PER_S)
#define STUCK_ROUND_TRIPS 3           /* of the longest, if that is more */
#define STUCK_DOUBLINGS 5
#define GROWTH 4                      /* in the two round trips until more that is asked for is used */
#define BULK_US (1 * US_PER_S)
#define BULK_SHARE 4                  /* of what is to wait: it comes and goes between two looks */
#define LATE_LEAST_US (300 * US_PER_MS)
#define HELD_UP_US (150 * US_PER_MS)  /* nothing was passed on for so long: more than a look apart */
#define QUEUE_ROUND_TRIPS 4u
#define QUEUE_MOST_US (3 * US_PER_S)
#define LITTLE_BYTES (2 * STRIPE_WIDE_PIECE_BYTES)
#define LITTLE_LATE_US (700 * US_PER_MS)   /* more than WIDE_ACK_AFTER_US (stripe_in.c) */

/* Nothing is on its way any more, and nobody has heard what became of it. The latest piece is the likeliest to be on
 * its way. */
static bool is_stuck(const struct stripe_out *out)
{
	size_t i = out->n_pieces;

	if (out->n_lost)
		return false;
	while (i > 0 && stripe_has_arrived(out, stripe_piece_seen(out, i - 1)))
		i--;
	return !i && out->n_pieces;
}

/* Until then word of what was passed on may be on its way, behind what else its link carries. */
static uint64_t stuck_us(const struct stripe_out *out)
{
	uint64_t us = STUCK_ROUND_TRIPS * stripe_longest_rtt_us(out), least_us = out->wide ? WIDE_STUCK_US : STUCK_US;

	return u64_max(us, least_us) << out->n_stuck;
}

/* So much waits that no leg has yet: as they take until more is taken from the local stream. */
static uint64_t waiting_bytes(const struct stripe_out *out)
{
	uint64_t bytes = stripe_rate_of_all(out) * STRIPE_LOOKS_APART_US / US_PER_S;

	return u64_max(bytes, STRIPE_WINDOW_BYTES);
}

/* Since there is more to send than legs take. */
static uint64_t waits_us(const struct stripe_out *out, uint64_t now_us)
{
	return out->waits_since_us ? now_us - out->waits_since_us : 0;
}

static void note_bulk(struct stripe_out *out, uint64_t now_us)
{
	if (!out->waits_since_us || out->ending != STRIPE_GOES_ON ||
	    stripe_unsent_bytes(out) < waiting_bytes(out) / BULK_SHARE)
		out->waits_since_us = now_us;
	out->bulk = out->wide && waits_us(out, now_us) >= BULK_US;
}

/* How long what a leg sends waits in its link's queue. bbr leaves none that is worth speaking of, and of a rate that
 * isn't known nothing follows. What seems to wait for longer than queues are long waits for something else. */
static uint64_t queue_us(const struct stripe_leg *leg)
{
	uint64_t most_us = u64_min(QUEUE_ROUND_TRIPS * leg->rtt_us, QUEUE_MOST_US), us;

	if (leg->has_bbr || !leg->rate_bytes_per_s || leg->known_bytes_per_s)
		return 0;
	us = stripe_under_way_bytes(leg) * US_PER_S / leg->rate_bytes_per_s;
	return us > leg->rtt_us ? u64_min(us - leg->rtt_us, most_us) : 0;
}

/* The round trip of the leg that has the oldest piece, with its link's queue; 0: no leg has it. */
static uint64_t oldest_rtt_us(const struct stripe_out *out)
{
	uint8_t leg = out->n_pieces ? stripe_piece_seen(out, 0)->leg : STRIPE_NO_LEG;

	return leg < STRIPE_LEGS ? out->legs[leg].rtt_us + queue_us(&out->legs[leg]) : 0;
}

/* Longer than TCP takes to say again what was lost; and with little under way the other end takes its time to say
 * what it has passed on. */
static uint64_t late_us(const struct stripe_out *out)
{
	uint64_t rtt_us = u64_max(stripe_longest_rtt_us(out), oldest_rtt_us(out));
	bool little = out->next - out->acked < LITTLE_BYTES;

	return u64_max(rtt_us + rtt_us / 2, little ? LITTLE_LATE_US + rtt_us : LATE_LEAST_US);
}

static void note_late(struct stripe_out *out, uint64_t now_us)
{
	if (!out->acked_at_us || out->acked != out->acked_seen || !out->n_pieces)
		out->acked_at_us = now_us;
	out->late = out->wide && now_us - out->acked_at_us >= late_us(out);
}

/* Beyond the round trip in which a leg was to rise, if it has no queue: half as long again, 0.3 s at least. What a
 * queue had no room for goes through it once more. */
static uint64_t patience_us(const struct stripe_leg *leg)
{
	return u64_max(LATE_LEAST_US, leg->rtt_us / 2) + 2 * queue_us(leg);
}

/* A long leg that is silent, but for what comes behind a loss. A shorter one has brought what is next sooner than it
 * can send that once more. */
static void note_held_up(struct stripe_out *out, uint64_t now_us)
{
	const struct stripe_piece *piece = stripe_piece_seen(out, 0);
	uint64_t least_us = stripe_shortest_delay_us(out);
	struct stripe_leg *leg;

	if (!out->wide || !out->n_pieces || piece->leg >= STRIPE_LEGS || stripe_has_arrived(out, piece) ||
	    stripe_is_shortest(out, piece->leg))
		return;
	leg = &out->legs[piece->leg];
	if (least_us + HELD_UP_US < leg->rtt_us && now_us >= out->acked_at_us + HELD_UP_US &&
	    now_us >= leg->acked_due_us + patience_us(leg))
		leg->holds_up = true;
}

void stripe_look(struct stripe_out *out, uint64_t now_us)
{
	bool stuck = is_stuck(out);

	note_bulk(out, now_us);
	note_late(out, now_us);
	note_held_up(out, now_us);
	if (out->acked != out->acked_seen)
		out->n_stuck = 0;
	if (!out->stuck_since_us || out->acked != out->acked_seen || (!stuck && out->n_pieces))
		out->stuck_since_us = now_us;
	out->acked_seen = out->acked;
	if (!out->n_pieces && now_us - out->stuck_since_us >= IDLE_US)
		out->edge = 0;
	if (!stuck || now_us - out->stuck_since_us < stuck_us(out))
		return;
	stripe_lose(out, stripe_piece_at(out, 0));
	out->stuck_since_us = now_us;
	out->n_stuck += out->n_stuck < STUCK_DOUBLINGS;
}

uint64_t stripe_own_edge(const struct stripe_out *out)
{
	uint64_t bytes = out->wide ? u64_min(out->window_bytes, out->memory_bytes) : 0;

	return out->acked + u64_max(bytes, STRIPE_WINDOW_BYTES);
}

uint64_t stripe_peer_edge(const struct stripe_out *out)
{
	return u64_max(out->edge, out->acked + STRIPE_WINDOW_BYTES);
}

size_t stripe_room(const struct stripe_out *out)
{
	uint64_t ahead = waiting_bytes(out) + (out->bulk ? stripe_furthest_ahead_bytes(out) : 0);
	uint64_t unsent = stripe_unsent_bytes(out), edge = u64_min(stripe_own_edge(out), stripe_peer_edge(out));

	edge = u64_min(edge, out->end + (ahead > unsent ? ahead - unsent : 0));
	return out->ending == STRIPE_GOES_ON && out->end < edge ? (size_t)(edge - out->end) : 0;
}

uint64_t stripe_held_back_us(const struct stripe_out *out, uint64_t now_us)
{
	for (size_t i = 0; i < STRIPE_LEGS; i++)
		if (stripe_is_usable(&out->legs[i]) && stripe_under_way_bytes(&out->legs[i]))
			return waits_us(out, now_us);
	return 0;
}

bool stripe_rests(const struct stripe_out *out)
{
	return !out->bulk && stripe_room(out);
}

/* Of what all legs carry now, so much they will carry by the time that more may come: TCP that is still finding out
 * what there is sends far more by then. */
static uint64_t growth_percent(const struct stripe_out *out)
{
	uint64_t rate = 0, then = 0;

	for (size_t i = 0; i < STRIPE_LEGS; i++) {
		const struct stripe_leg *leg = &out->legs[i];
		uint64_t leg_rate = stripe_is_usable(leg) ? leg->rate_bytes_per_s : 0;

		rate += leg_rate;
		then += leg_rate * (leg->rising ? GROWTH : 1);
	}
	return rate ? then * 100 / rate : 100;
}

bool stripe_wants_window(const struct stripe_out *out)
{
	uint64_t window_bytes = stripe_peer_edge(out) - out->acked, percent = growth_percent(out);
	uint64_t soon_used_bytes = (out->end - out->acked) * percent / 100,
		 soon_own_bytes = (stripe_own_edge(out) - out->acked) * percent / 100;
	uint64_t most_bytes = u64_min(out->memory_bytes, STRIPE_WIDE_WINDOW_BYTES);
	bool is_used = out->bulk || 2 * soon_used_bytes >= window_bytes;

	return out->wide && out->ending == STRIPE_GOES_ON && is_used &&
	       window_bytes < u64_min(soon_own_bytes, most_bytes);
}

void stripe_take(struct stripe_out *out, size_t n_bytes)
{
	out->end += n_bytes;
}

void stripe_end(struct stripe_out *out, enum stripe_end ending)
{
	out->ending = ending;
	if (ending == STRIPE_RESETS && out->end_sent)   /* its end in order is on its way: then one more */
		out->end_sent = false;
	else if (ending == STRIPE_RESETS)
		out->end = out->next;
}

/* Of a piece that is acknowledged in part, nobody keeps that part any more. */
static void forget_acknowledged(struct stripe_out *out)
{
	while (out->n_pieces) {
		struct stripe_piece *piece = stripe_piece_at(out, 0);

		if (piece->offset + piece->n + piece->ends > out->acked) {
			uint64_t n_acked = out->acked > piece->offset ? out->acked - piece->offset : 0;

			piece->offset += n_acked;
			piece->n -= (uint16_t)n_acked;
			out->kept_bytes -= piece->leg == STRIPE_KEPT ? n_acked : 0;
			return;
		}
		stripe_strike(out, piece);
		out->first_kept -= out->first_kept > 0;
		out->first = (out->first + 1) % STRIPE_WIDE_PIECES;
		out->n_pieces--;
	}
}

int stripe_acknowledge(struct stripe_out *out, uint32_t acknowledged, uint8_t window)
{
	uint32_t more = acknowledged - (uint32_t)out->acked;
	uint64_t promised = (window + 1u) * (uint64_t)STRIPE_WINDOW_BYTES;

	if (window && !out->wide)
		return STRIPE_E_WRONG;
	if (more > UINT32_MAX / 2)   /* an old one, that came over a slower leg */
		return 0;
	if (more > out->next + out->end_known - out->acked)
		return STRIPE_E_WRONG;
	out->acked += more;
	if (out->acked + promised > out->edge)
		out->edge = out->acked + promised;
	forget_acknowledged(out);
	stripe_note_kept(out);
	return 0;
}

bool stripe_is_done(const struct stripe_out *out)
{
	return out->end_sent && out->acked == out->end + 1;
}
