/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The stream that is sent: decision 0033. */
#include "policy/stripe.h"

#include <assert.h>
#include "base/clock.h"

#define RATE_UNKNOWN 300u             /* bytes a second */
#define PIECE_DOUBLINGS 2             /* from the first ones to the longest */
#define RATE_SHARE 4                  /* of a new measurement, one to so many */
#define LOOKS_APART_US (300 * US_PER_MS)   /* a leg has enough to send until it is looked at again */
#define STALL_LEAST_US (2 * US_PER_S)
#define STALL_PACKETS 3
#define ROUND_TRIP_UNKNOWN_US (2 * US_PER_S)
#define REPEAT_SLACK_US (1 * US_PER_S)

static_assert(STRIPE_FIRST_PIECE_BYTES << PIECE_DOUBLINGS == STRIPE_PIECE_BYTES, "the longest");

static uint64_t queued_bytes(const struct stripe_leg *leg)
{
	return leg->written_bytes - leg->acked_bytes;
}

static uint64_t rate_of(const struct stripe_leg *leg)
{
	return leg->rate_bytes_per_s ? leg->rate_bytes_per_s : RATE_UNKNOWN;
}

static uint64_t rtt_of(const struct stripe_leg *leg)
{
	return leg->rtt_us ? leg->rtt_us : ROUND_TRIP_UNKNOWN_US;
}

static bool is_usable(const struct stripe_leg *leg)
{
	return leg->open && !leg->stalled;
}

static struct stripe_piece *piece_at(struct stripe_out *out, size_t i)
{
	return &out->pieces[(out->first + i) % STRIPE_PIECES];
}

static const struct stripe_piece *piece_seen(const struct stripe_out *out, size_t i)
{
	return &out->pieces[(out->first + i) % STRIPE_PIECES];
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

/* Few bytes tell more of a link's round trip, and of when we look, than of its rate: they are gathered; and those that were alone tell nothing of it. */
static void measure(struct stripe_leg *leg, uint64_t n_bytes, uint64_t took_us)
{
	uint64_t idle_us = leg->from_idle ? leg->rtt_us : 0, rate;

	leg->from_idle = false;
	if (queued_bytes(leg) < STRIPE_FIRST_PIECE_BYTES)
		return;
	leg->sample_bytes += n_bytes;
	leg->sample_us += took_us > idle_us ? took_us - idle_us : 0;
	if (leg->sample_bytes < STRIPE_FIRST_PIECE_BYTES || !leg->sample_us)
		return;
	rate = leg->sample_bytes * US_PER_S / leg->sample_us + 1;
	leg->rate_bytes_per_s = leg->rate_bytes_per_s ? (leg->rate_bytes_per_s * (RATE_SHARE - 1) + rate) / RATE_SHARE : rate;
	leg->sample_bytes = leg->sample_us = 0;
	leg->n_measured += leg->n_measured < PIECE_DOUBLINGS;
}

/* Several of its longest packets' times without one of them getting through. */
static uint64_t stall_us(const struct stripe_leg *leg)
{
	uint64_t us = STALL_PACKETS * ((STRIPE_PIECE_BYTES + STRIPE_FRAME_OVERHEAD_BYTES) * US_PER_S / rate_of(leg) + rtt_of(leg));

	return us > STALL_LEAST_US ? us : STALL_LEAST_US;
}

static bool any_other_usable(const struct stripe_out *out, uint8_t leg)
{
	for (uint8_t i = 0; i < STRIPE_LEGS; i++)
		if (i != leg && is_usable(&out->legs[i]))
			return true;
	return false;
}

void stripe_leg_look(struct stripe_out *out, uint8_t leg, uint64_t n_unacked_bytes, uint64_t rtt_us, uint64_t now_us)
{
	struct stripe_leg *l = &out->legs[leg];
	uint64_t acked = n_unacked_bytes < l->written_bytes ? l->written_bytes - n_unacked_bytes : 0;

	if (rtt_us)
		l->rtt_us = rtt_us;
	if (acked > l->acked_bytes) {
		measure(l, acked - l->acked_bytes, now_us - l->progress_at_us);
		l->acked_bytes = acked;
		l->progress_at_us = now_us;
		l->stalled = false;
	} else if (queued_bytes(l) && now_us - l->progress_at_us > stall_us(l)) {
		l->stalled = true;
	}
	if (l->stalled && any_other_usable(out, leg))   /* else its TCP goes on trying, and needs no help */
		take_back(out, leg, false);
}

size_t stripe_room(const struct stripe_out *out)
{
	return out->ending == STRIPE_GOES_ON ? STRIPE_WINDOW_BYTES - (size_t)(out->end - out->acked) : 0;
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

static uint64_t arrival_us(const struct stripe_leg *leg, uint64_t n_bytes)
{
	return (queued_bytes(leg) + n_bytes) * US_PER_S / rate_of(leg) + rtt_of(leg) / 2;
}

static bool has_room(const struct stripe_leg *leg, uint64_t n_bytes)
{
	uint64_t least = 2 * (STRIPE_PIECE_BYTES + STRIPE_FRAME_OVERHEAD_BYTES), most = 0;

	if (leg->rate_bytes_per_s)
		most = leg->rate_bytes_per_s * (2 * rtt_of(leg) + LOOKS_APART_US) / US_PER_S;
	return queued_bytes(leg) + n_bytes <= (most > least ? most : least);
}

/* The usable leg over which n_bytes would be there first: of all, or of those alone that have room. */
static uint8_t first_leg(const struct stripe_out *out, uint64_t n_bytes, bool with_room)
{
	uint8_t best = STRIPE_NO_LEG;
	uint64_t best_us = 0;

	for (uint8_t i = 0; i < STRIPE_LEGS; i++) {
		const struct stripe_leg *leg = &out->legs[i];
		uint64_t us = is_usable(leg) ? arrival_us(leg, n_bytes) : 0;

		if (!is_usable(leg) || (with_room && !has_room(leg, n_bytes)) || (best != STRIPE_NO_LEG && us >= best_us))
			continue;
		best = i;
		best_us = us;
	}
	return best;
}

/* A leg for a piece. Where the quickest has no room, another one helps only if it is quicker than waiting until the quickest has had all that waits. */
static uint8_t leg_for(const struct stripe_out *out, uint64_t n_bytes)
{
	uint8_t quickest = first_leg(out, n_bytes, false), free = first_leg(out, n_bytes, true);
	uint64_t waiting = out->end - out->next + n_bytes;

	if (free == quickest || free == STRIPE_NO_LEG)
		return free;
	return arrival_us(&out->legs[free], n_bytes) <= arrival_us(&out->legs[quickest], waiting) ? free : STRIPE_NO_LEG;
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

	*send = (struct stripe_send){ .leg = leg_for(out, piece->n + STRIPE_FRAME_OVERHEAD_BYTES), .again = true, .piece = lost, .offset = piece->offset,
				      .n = piece->n, .ending = piece->ends ? out->ending : STRIPE_GOES_ON };
	return send->leg != STRIPE_NO_LEG;
}

static bool has_new(const struct stripe_out *out)
{
	return out->n_pieces < STRIPE_PIECES && (out->next < out->end || (out->ending != STRIPE_GOES_ON && !out->end_sent));
}

/* Where little is left, every leg gets a part of it, so that all have done at about the same time. */
static uint64_t piece_bytes(const struct stripe_out *out)
{
	uint64_t left = out->end - out->next, n_usable = 0, share;

	for (size_t i = 0; i < STRIPE_LEGS; i++)
		n_usable += is_usable(&out->legs[i]);
	share = n_usable ? (left + n_usable - 1) / n_usable : left;
	if (share < STRIPE_FIRST_PIECE_BYTES)
		share = STRIPE_FIRST_PIECE_BYTES;
	if (share > STRIPE_PIECE_BYTES)
		share = STRIPE_PIECE_BYTES;
	return left < share ? left : share;
}

static bool send_new(const struct stripe_out *out, struct stripe_send *send)
{
	uint64_t left = out->end - out->next;
	uint64_t n = piece_bytes(out);
	uint8_t leg = leg_for(out, n + STRIPE_FRAME_OVERHEAD_BYTES);

	if (leg == STRIPE_NO_LEG)
		return false;
	if (n > STRIPE_FIRST_PIECE_BYTES << out->legs[leg].n_measured)
		n = STRIPE_FIRST_PIECE_BYTES << out->legs[leg].n_measured;
	*send = (struct stripe_send){ .leg = leg, .offset = out->next, .n = (uint16_t)n, .ending = n == left ? out->ending : STRIPE_GOES_ON };
	return true;
}

/* Over this idle leg it would be there long before it is over its own. */
static bool helps(const struct stripe_out *out, const struct stripe_piece *piece, uint8_t idle)
{
	const struct stripe_leg *own = &out->legs[piece->leg];
	uint64_t there_us = (piece->leg_end - own->acked_bytes) * US_PER_S / rate_of(own) + rtt_of(own);
	uint64_t here_us = arrival_us(&out->legs[idle], piece->n + STRIPE_FRAME_OVERHEAD_BYTES) + rtt_of(&out->legs[idle]) / 2;

	return there_us > here_us + here_us / 2 + REPEAT_SLACK_US;
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
		out->first = (out->first + 1) % STRIPE_PIECES;
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
	return first_leg(out, STRIPE_FRAME_OVERHEAD_BYTES, false);
}
