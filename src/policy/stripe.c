/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The stream that is sent: decision 0033. */
#include "policy/stripe.h"

#include <assert.h>
#include "base/clock.h"

#define RATE_UNKNOWN 300u             /* bytes a second */
#define WIDE_RATE_UNKNOWN 100000u     /* where it is wide: a leg that is new is to be given something beside one that is fast */
#define PIECE_DOUBLINGS 2             /* from the first ones to the longest */
#define WIDE_PIECE_DOUBLINGS 6
#define WIDE_PIECES_A_S 50            /* of a leg: what is sent at once is no more than it carries in so short a time */
#define FORGET_US (1 * US_PER_S)
#define WINDOW_ROUND_TRIPS 4          /* of the longest: what is lost comes twice and three times */
#define RATE_SHARE 4                  /* of a new measurement, one to so many */
#define WIDE_RATE_SHARE 2             /* each is of a longer time; and one that is more counts as a whole, so that a long leg finds its rate */
#define WIDE_SAMPLE_US (100 * US_PER_MS)
#define LOOKS_APART_US (300 * US_PER_MS)   /* a leg has enough to send until it is looked at again */
#define STALL_LEAST_US (2 * US_PER_S)
#define WIDE_STALL_LEAST_US (500 * US_PER_MS)
#define STALL_PACKETS 3
#define ROUND_TRIP_UNKNOWN_US (2 * US_PER_S)
#define REPEAT_SLACK_US (1 * US_PER_S)
#define WIDE_REPEAT_SLACK_US (200 * US_PER_MS)

static_assert(STRIPE_FIRST_PIECE_BYTES << PIECE_DOUBLINGS == STRIPE_PIECE_BYTES, "the longest");
static_assert(STRIPE_FIRST_PIECE_BYTES << WIDE_PIECE_DOUBLINGS == STRIPE_WIDE_PIECE_BYTES, "the longest");

static uint64_t queued_bytes(const struct stripe_leg *leg)
{
	return leg->written_bytes - leg->acked_bytes;
}

static uint64_t rate_of(const struct stripe_out *out, const struct stripe_leg *leg)
{
	return leg->rate_bytes_per_s ? leg->rate_bytes_per_s : out->wide ? WIDE_RATE_UNKNOWN : RATE_UNKNOWN;
}

static uint64_t rtt_of(const struct stripe_leg *leg)
{
	return leg->rtt_us ? leg->rtt_us : ROUND_TRIP_UNKNOWN_US;
}

/* The longest piece that goes over the leg. */
static uint64_t piece_most(const struct stripe_out *out, const struct stripe_leg *leg)
{
	uint64_t most = leg->rate_bytes_per_s / WIDE_PIECES_A_S;

	if (!out->wide || most < STRIPE_PIECE_BYTES)
		return STRIPE_PIECE_BYTES;
	return most < STRIPE_WIDE_PIECE_BYTES ? most : STRIPE_WIDE_PIECE_BYTES;
}

static bool is_usable(const struct stripe_leg *leg)
{
	return leg->open && !leg->stalled;
}

static struct stripe_piece *piece_at(struct stripe_out *out, size_t i)
{
	return &out->pieces[(out->first + i) % STRIPE_WIDE_PIECES];
}

static const struct stripe_piece *piece_seen(const struct stripe_out *out, size_t i)
{
	return &out->pieces[(out->first + i) % STRIPE_WIDE_PIECES];
}

void stripe_leg_open(struct stripe_out *out, uint8_t leg, uint64_t now_us)
{
	out->legs[leg] = (struct stripe_leg){ .open = true, .progress_at_us = now_us };
}

/* Of a piece that a leg has: the other end's kernel has it; whoever reads there may still not, where the leg dies. */
static bool has_arrived(const struct stripe_out *out, const struct stripe_piece *piece)
{
	return out->legs[piece->leg].acked_bytes >= piece->leg_end;
}

static void take_back(struct stripe_out *out, uint8_t leg, bool all)
{
	for (size_t i = 0; i < out->n_pieces; i++) {
		struct stripe_piece *piece = piece_at(out, i);

		if (piece->leg == leg && (all || !has_arrived(out, piece)))
			piece->leg = STRIPE_NO_LEG;
	}
}

/* Which legs a piece has been over doesn't count for a new connection over the same link. */
void stripe_leg_close(struct stripe_out *out, uint8_t leg)
{
	take_back(out, leg, true);
	for (size_t i = 0; i < out->n_pieces; i++)
		piece_at(out, i)->tried &= (uint8_t)~(1u << leg);
	out->legs[leg] = (struct stripe_leg){ 0 };
}

void stripe_leg_wrote(struct stripe_out *out, uint8_t leg, size_t n_bytes, uint64_t now_us)
{
	struct stripe_leg *l = &out->legs[leg];

	if (!queued_bytes(l)) {
		l->progress_at_us = now_us;
		l->from_idle = true;
	}
	l->written_bytes += n_bytes;
}

/* What was lost holds back the acknowledgement of all behind it, which then comes at once: in a short time that looks like a far faster leg. */
static uint64_t sample_least_us(const struct stripe_out *out, const struct stripe_leg *leg)
{
	bool beginning = leg->n_measured < WIDE_PIECE_DOUBLINGS && rtt_of(leg) < WIDE_SAMPLE_US;

	return !out->wide ? 0 : beginning ? rtt_of(leg) : WIDE_SAMPLE_US;
}

/* Few bytes tell more of a link's round trip, and of when we look, than of its rate: they are gathered; and those that were alone tell nothing of it. */
static void measure(const struct stripe_out *out, struct stripe_leg *leg, uint64_t n_bytes, uint64_t took_us)
{
	uint64_t idle_us = leg->from_idle ? leg->rtt_us : 0, share = out->wide ? WIDE_RATE_SHARE : RATE_SHARE, rate;

	leg->from_idle = false;
	if (queued_bytes(leg) < STRIPE_FIRST_PIECE_BYTES)
		return;
	leg->sample_bytes += n_bytes;
	leg->sample_us += took_us > idle_us ? took_us - idle_us : 0;
	leg->sample_whole_us += took_us;
	if (leg->sample_bytes < STRIPE_FIRST_PIECE_BYTES || !leg->sample_us || leg->sample_whole_us < sample_least_us(out, leg))
		return;
	rate = leg->sample_bytes * US_PER_S / leg->sample_us + 1;
	if (out->wide && rate > leg->rate_bytes_per_s)
		share = 1;
	leg->rate_bytes_per_s = leg->rate_bytes_per_s ? (leg->rate_bytes_per_s * (share - 1) + rate) / share : rate;
	leg->sample_bytes = leg->sample_us = leg->sample_whole_us = 0;
	leg->n_measured += leg->n_measured < (out->wide ? WIDE_PIECE_DOUBLINGS : PIECE_DOUBLINGS);
}

/* Several of its longest packets' times without one of them getting through. */
static uint64_t stall_us(const struct stripe_out *out, const struct stripe_leg *leg)
{
	uint64_t us = STALL_PACKETS * ((piece_most(out, leg) + STRIPE_FRAME_OVERHEAD_BYTES) * US_PER_S / rate_of(out, leg) + rtt_of(leg));
	uint64_t least_us = out->wide ? WIDE_STALL_LEAST_US : STALL_LEAST_US;

	return us > least_us ? us : least_us;
}

static bool any_other_usable(const struct stripe_out *out, uint8_t leg)
{
	for (uint8_t i = 0; i < STRIPE_LEGS; i++)
		if (i != leg && is_usable(&out->legs[i]))
			return true;
	return false;
}

/* What all legs carry in a few of the longest round trips; as wide as it was once, it stays. */
static void widen(struct stripe_out *out)
{
	uint64_t rate_bytes_per_s = 0, rtt_us = 0, bytes;

	for (size_t i = 0; i < STRIPE_LEGS; i++) {
		const struct stripe_leg *leg = &out->legs[i];

		rate_bytes_per_s += leg->open ? leg->rate_bytes_per_s : 0;
		if (leg->open && leg->rate_bytes_per_s && rtt_of(leg) > rtt_us)
			rtt_us = rtt_of(leg);
	}
	bytes = rate_bytes_per_s * (WINDOW_ROUND_TRIPS * rtt_us + LOOKS_APART_US) / US_PER_S;
	if (bytes > STRIPE_WIDE_WINDOW_BYTES)
		bytes = STRIPE_WIDE_WINDOW_BYTES;
	if (bytes > out->window_bytes)
		out->window_bytes = bytes;
}

/* What a leg carries that is given nothing isn't known any more: one that once seemed slow would never be given anything. */
static void forget(const struct stripe_out *out, struct stripe_leg *leg, uint64_t now_us)
{
	uint64_t best = 0;

	for (size_t i = 0; i < STRIPE_LEGS; i++)
		if (out->legs[i].open && out->legs[i].rate_bytes_per_s > best)
			best = out->legs[i].rate_bytes_per_s;
	if (!out->wide || queued_bytes(leg) || now_us - leg->progress_at_us < FORGET_US)
		return;
	leg->progress_at_us = now_us;
	leg->rate_bytes_per_s = 2 * leg->rate_bytes_per_s < best ? 2 * leg->rate_bytes_per_s : best;
}

void stripe_leg_look(struct stripe_out *out, uint8_t leg, uint64_t n_unacked_bytes, uint64_t rtt_us, uint64_t now_us)
{
	struct stripe_leg *l = &out->legs[leg];
	uint64_t acked = n_unacked_bytes < l->written_bytes ? l->written_bytes - n_unacked_bytes : 0;

	if (rtt_us)
		l->rtt_us = rtt_us;
	if (acked > l->acked_bytes) {
		measure(out, l, acked - l->acked_bytes, now_us - l->progress_at_us);
		l->acked_bytes = acked;
		l->progress_at_us = now_us;
		l->stalled = false;
		widen(out);
	} else if (queued_bytes(l) && now_us - l->progress_at_us > stall_us(out, l)) {
		l->stalled = true;
	} else {
		forget(out, l, now_us);
	}
	if (l->stalled && any_other_usable(out, leg))   /* else its TCP goes on trying, and needs no help */
		take_back(out, leg, false);
}

static uint64_t window_bytes(const struct stripe_out *out)
{
	uint64_t bytes = out->window_bytes < out->memory_bytes ? out->window_bytes : out->memory_bytes;

	return out->wide && bytes > STRIPE_WINDOW_BYTES ? bytes : STRIPE_WINDOW_BYTES;
}

size_t stripe_room(const struct stripe_out *out)
{
	uint64_t used = out->end - out->acked, most = window_bytes(out);

	return out->ending == STRIPE_GOES_ON && used < most ? (size_t)(most - used) : 0;
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

static uint64_t arrival_us(const struct stripe_out *out, const struct stripe_leg *leg, uint64_t n_bytes)
{
	return (queued_bytes(leg) + n_bytes) * US_PER_S / rate_of(out, leg) + rtt_of(leg) / 2;
}

static bool has_room(const struct stripe_out *out, const struct stripe_leg *leg, uint64_t n_bytes)
{
	uint64_t least = 2 * (piece_most(out, leg) + STRIPE_FRAME_OVERHEAD_BYTES), most = 0;

	if (leg->rate_bytes_per_s)
		most = leg->rate_bytes_per_s * (2 * rtt_of(leg) + LOOKS_APART_US) / US_PER_S;
	return !queued_bytes(leg) || queued_bytes(leg) + n_bytes <= (most > least ? most : least);
}

/* Of a piece of n bytes that isn't cut yet, so much goes over the leg. */
static uint64_t cut(const struct stripe_out *out, const struct stripe_leg *leg, uint64_t n)
{
	uint64_t most = piece_most(out, leg), known = STRIPE_FIRST_PIECE_BYTES << leg->n_measured;

	most = known < most ? known : most;
	return n < most ? n : most;
}

/* A piece for which a leg is looked for: new, and cut as the leg wants it, or one that has been cut. */
struct wanted {
	uint64_t n;
	bool whole;
};

static uint64_t bytes_over(const struct stripe_out *out, const struct stripe_leg *leg, struct wanted piece)
{
	return (piece.whole ? piece.n : cut(out, leg, piece.n)) + STRIPE_FRAME_OVERHEAD_BYTES;
}

/* The usable leg over which it would be there first: of all, or of those alone that have room. */
static uint8_t first_leg(const struct stripe_out *out, struct wanted piece, bool with_room)
{
	uint8_t best = STRIPE_NO_LEG;
	uint64_t best_us = 0;

	for (uint8_t i = 0; i < STRIPE_LEGS; i++) {
		const struct stripe_leg *leg = &out->legs[i];
		uint64_t n_bytes = bytes_over(out, leg, piece), us = is_usable(leg) ? arrival_us(out, leg, n_bytes) : 0;

		if (!is_usable(leg) || (with_room && !has_room(out, leg, n_bytes)) || (best != STRIPE_NO_LEG && us >= best_us))
			continue;
		best = i;
		best_us = us;
	}
	return best;
}

/* A leg for a piece. Where the quickest has no room, another one helps only if it is quicker than waiting until the quickest has had all that waits. */
static uint8_t leg_for(const struct stripe_out *out, struct wanted piece)
{
	uint8_t quickest = first_leg(out, piece, false), free = first_leg(out, piece, true);
	uint64_t waiting = out->end - out->next + piece.n + STRIPE_FRAME_OVERHEAD_BYTES;

	if (free == quickest || free == STRIPE_NO_LEG)
		return free;
	return arrival_us(out, &out->legs[free], bytes_over(out, &out->legs[free], piece)) <= arrival_us(out, &out->legs[quickest], waiting) ? free : STRIPE_NO_LEG;
}

/* The first piece that is to go once more; n_pieces: none is. */
static size_t first_lost(const struct stripe_out *out)
{
	size_t i = 0;

	while (i < out->n_pieces && piece_seen(out, i)->leg != STRIPE_NO_LEG)
		i++;
	return i;
}

static bool send_lost(const struct stripe_out *out, size_t lost, struct stripe_send *send)
{
	const struct stripe_piece *piece = piece_seen(out, lost);

	*send = (struct stripe_send){ .leg = leg_for(out, (struct wanted){ piece->n, .whole = true }), .again = true, .piece = lost, .offset = piece->offset,
				      .n = piece->n, .ending = piece->ends ? out->ending : STRIPE_GOES_ON };
	return send->leg != STRIPE_NO_LEG;
}

static bool has_new(const struct stripe_out *out)
{
	return out->n_pieces < (out->wide ? STRIPE_WIDE_PIECES : STRIPE_PIECES) && (out->next < out->end || (out->ending != STRIPE_GOES_ON && !out->end_sent));
}

/* Where little is left, every leg gets a part of it, so that all have done at about the same time. */
static uint64_t piece_bytes(const struct stripe_out *out)
{
	uint64_t left = out->end - out->next, most = out->wide ? STRIPE_WIDE_PIECE_BYTES : STRIPE_PIECE_BYTES, n_usable = 0, share;

	for (size_t i = 0; i < STRIPE_LEGS; i++)
		n_usable += is_usable(&out->legs[i]);
	share = n_usable ? (left + n_usable - 1) / n_usable : left;
	if (share < STRIPE_FIRST_PIECE_BYTES)
		share = STRIPE_FIRST_PIECE_BYTES;
	if (share > most)
		share = most;
	return left < share ? left : share;
}

static bool send_new(const struct stripe_out *out, struct stripe_send *send)
{
	uint64_t left = out->end - out->next;
	uint64_t n = piece_bytes(out);
	uint8_t leg = leg_for(out, (struct wanted){ n });

	if (leg == STRIPE_NO_LEG)
		return false;
	n = cut(out, &out->legs[leg], n);
	*send = (struct stripe_send){ .leg = leg, .offset = out->next, .n = (uint16_t)n, .ending = n == left ? out->ending : STRIPE_GOES_ON };
	return true;
}

/* Over this idle leg it would be there long before it is over its own. */
static bool helps(const struct stripe_out *out, const struct stripe_piece *piece, uint8_t idle)
{
	const struct stripe_leg *own = &out->legs[piece->leg];
	uint64_t there_us = (piece->leg_end - own->acked_bytes) * US_PER_S / rate_of(out, own) + rtt_of(own);
	uint64_t here_us = arrival_us(out, &out->legs[idle], piece->n + STRIPE_FRAME_OVERHEAD_BYTES) + rtt_of(&out->legs[idle]) / 2;

	return there_us > here_us + here_us / 2 + (out->wide ? WIDE_REPEAT_SLACK_US : REPEAT_SLACK_US);
}

static bool send_repeated_over(const struct stripe_out *out, uint8_t idle, struct stripe_send *send)
{
	for (size_t i = 0; i < out->n_pieces; i++) {
		const struct stripe_piece *piece = piece_seen(out, i);

		if (piece->leg == idle || piece->tried & 1u << idle || has_arrived(out, piece) || !helps(out, piece, idle))
			continue;
		*send = (struct stripe_send){ .leg = idle, .again = true, .piece = i, .offset = piece->offset, .n = piece->n,
					      .ending = piece->ends ? out->ending : STRIPE_GOES_ON };
		return true;
	}
	return false;
}

/* There is nothing new to send, or nothing that may be: what all else waits for goes over legs that have nothing to do, too. */
static bool send_repeated(const struct stripe_out *out, struct stripe_send *send)
{
	for (uint8_t i = 0; i < STRIPE_LEGS; i++)
		if (is_usable(&out->legs[i]) && !queued_bytes(&out->legs[i]) && send_repeated_over(out, i, send))
			return true;
	return false;
}

bool stripe_next(const struct stripe_out *out, struct stripe_send *send)
{
	size_t lost = first_lost(out);

	if (lost < out->n_pieces)
		return send_lost(out, lost, send);
	return has_new(out) ? send_new(out, send) : send_repeated(out, send);
}

void stripe_sent(struct stripe_out *out, const struct stripe_send *send, uint64_t now_us)
{
	struct stripe_piece *piece = piece_at(out, send->again ? send->piece : out->n_pieces);

	stripe_leg_wrote(out, send->leg, send->n + STRIPE_FRAME_OVERHEAD_BYTES, now_us);
	if (!send->again) {
		*piece = (struct stripe_piece){ .offset = send->offset, .n = send->n, .ends = send->ending != STRIPE_GOES_ON };
		out->n_pieces++;
		out->next += send->n;
		out->end_sent = piece->ends;
		out->end_known |= piece->ends;
	}
	piece->leg = send->leg;
	piece->leg_end = out->legs[send->leg].written_bytes;
	piece->tried |= (uint8_t)(1u << send->leg);
}

bool stripe_is_busy(const struct stripe_out *out)
{
	bool busy = out->n_pieces || has_new(out);

	for (uint8_t i = 0; i < STRIPE_LEGS; i++)
		busy |= out->legs[i].open && queued_bytes(&out->legs[i]);
	return busy;
}

int stripe_acknowledge(struct stripe_out *out, uint32_t acknowledged)
{
	uint32_t more = acknowledged - (uint32_t)out->acked;

	if (more > UINT32_MAX / 2)   /* an old one, that came over a slower leg */
		return 0;
	if (more > out->next + out->end_known - out->acked)
		return STRIPE_E_WRONG;
	out->acked += more;
	while (out->n_pieces && out->pieces[out->first].offset + out->pieces[out->first].n + out->pieces[out->first].ends <= out->acked) {
		out->first = (out->first + 1) % STRIPE_WIDE_PIECES;
		out->n_pieces--;
	}
	return 0;
}

bool stripe_is_done(const struct stripe_out *out)
{
	return out->end_sent && out->acked == out->end + 1;
}

uint8_t stripe_best_leg(const struct stripe_out *out)
{
	return first_leg(out, (struct wanted){ 0 }, false);
}
