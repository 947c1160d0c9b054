/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the legs of a stream that is sent show: decisions 0033, 0044. */
#include "base/util.h"
#include "policy/stripe_parts.h"

#define FORGET_US (1 * US_PER_S)
#define WINDOW_ROUND_TRIPS 4          /* of the longest: what is lost comes twice and three times */
#define WINDOW_DELAYS 2               /* of the longest: what comes late over one leg is in front of as much */
#define RATE_SHARE 4                  /* of a new measurement, one to so many */
#define WIDE_RATE_SHARE 8             /* one that is more counts as a whole, so that a long leg finds its rate */
#define WIDE_SAMPLE_US (100 * US_PER_MS)
#define WIDE_SAMPLE_LEAST_US (10 * US_PER_MS)   /* at least, as what it is divided by */
#define WIDE_RISE 4                   /* a rate is so many times the one before at most */
#define DELAY_SHARE 32                /* of what a leg has shown, less counts so little */
#define MARKS_APART_US (100 * US_PER_MS)
#define STALL_LEAST_US (2 * US_PER_S)
#define WIDE_STALL_LEAST_US (500 * US_PER_MS)
#define STALL_PACKETS 3
#define OVERDUE_US (200 * US_PER_MS)   /* beyond a round trip: as long as TCP waits, at least, before it sends again
					* what was lost. Sooner, a queue would often look like that */

void stripe_leg_open(struct stripe_out *out, uint8_t leg, uint64_t now_us)
{
	out->legs[leg] = (struct stripe_leg){ .open = true, .progress_at_us = now_us, .delivered_at_us = now_us };
}

static void take_back(struct stripe_out *out, uint8_t leg, bool all)
{
	for (size_t i = 0; i < out->n_pieces; i++) {
		struct stripe_piece *piece = stripe_piece_at(out, i);

		if (piece->leg == leg && (all || !stripe_has_arrived(out, piece)))
			stripe_lose(out, piece);
	}
}

/* Which legs a piece has been over doesn't count for a new connection over the same link. */
void stripe_leg_close(struct stripe_out *out, uint8_t leg)
{
	take_back(out, leg, true);
	for (size_t i = 0; i < out->n_pieces; i++)
		stripe_piece_at(out, i)->tried &= (uint8_t)~(1u << leg);
	out->legs[leg] = (struct stripe_leg){ 0 };
}

void stripe_leg_wrote(struct stripe_out *out, uint8_t leg, size_t n_bytes, uint64_t now_us)
{
	struct stripe_leg *l = &out->legs[leg];

	if (!stripe_outstanding_bytes(l)) {
		l->progress_at_us = l->delivered_at_us = now_us;
		l->acked_due_us = now_us + stripe_rtt_of(l);
		l->from_idle = true;
		l->awaited = (struct stripe_mark){ l->written_bytes + n_bytes, now_us };
	}
	l->written_bytes += n_bytes;
	l->unsent_bytes += n_bytes;
}

/* What was lost holds back the acknowledgement of all behind it, which then comes at once: in a short time that
 * looks like a far faster leg. */
static uint64_t sample_least_us(const struct stripe_out *out, const struct stripe_leg *leg)
{
	bool beginning = leg->n_measured < STRIPE_WIDE_PIECE_DOUBLINGS && stripe_rtt_of(leg) < WIDE_SAMPLE_US;

	return !out->wide ? 0 : beginning ? stripe_rtt_of(leg) : WIDE_SAMPLE_US;
}

/* What TCP may send in a round trip it sends at once, and so it is acknowledged: a rate rises by steps. */
static uint64_t sampled(const struct stripe_out *out, const struct stripe_leg *leg)
{
	uint64_t us = u64_max(leg->sample_us, out->wide ? WIDE_SAMPLE_LEAST_US : 0);
	uint64_t rate = leg->sample_bytes * US_PER_S / us + 1, most = WIDE_RISE * leg->rate_bytes_per_s;

	return out->wide && leg->rate_bytes_per_s && rate > most ? most : rate;
}

static void note_rate(const struct stripe_out *out, struct stripe_leg *leg)
{
	uint64_t rate = sampled(out, leg), before = leg->rate_bytes_per_s,
		 share = out->wide ? WIDE_RATE_SHARE : RATE_SHARE;

	if (out->wide && leg->sample_from_idle && rate < before) {
		if (leg->known_bytes_per_s)   /* what was there before the guess, or more */
			leg->rate_bytes_per_s = u64_max(rate, leg->known_bytes_per_s);
		leg->known_bytes_per_s = 0;
		leg->rising = false;
		return;
	}
	if (out->wide && (rate > before || leg->known_bytes_per_s))
		share = 1;
	leg->known_bytes_per_s = 0;
	leg->rising = 4 * rate > 5 * before;
	leg->rate_bytes_per_s = before ? (before * (share - 1) + rate) / share : rate;
	leg->n_measured += leg->n_measured < (out->wide ? STRIPE_WIDE_PIECE_DOUBLINGS : STRIPE_PIECE_DOUBLINGS);
}

/*
 * Few bytes tell more of a link's round trip, and of when we look, than of its rate: they are gathered; and those that
 * were alone tell nothing of it. Where a leg was idle, a round trip goes before the first acknowledgement. What TCP
 * begins with comes all at once behind it, so a wide leg carries as much in that round trip, or more.
 */
static void measure(const struct stripe_out *out, struct stripe_leg *leg, uint64_t n_bytes, uint64_t took_us)
{
	uint64_t idle_us = leg->from_idle && !out->wide ? leg->rtt_us : 0;

	leg->sample_from_idle |= leg->from_idle;
	leg->from_idle = false;
	if (stripe_queued_bytes(leg) < STRIPE_LEAST_PIECE_BYTES)
		return;
	leg->sample_bytes += n_bytes;
	leg->sample_us += took_us > idle_us ? took_us - idle_us : 0;
	if (leg->sample_bytes < STRIPE_LEAST_PIECE_BYTES || !leg->sample_us ||
	    leg->sample_us < sample_least_us(out, leg))
		return;
	note_rate(out, leg);
	leg->sample_bytes = leg->sample_us = 0;
	leg->sample_from_idle = false;
}

/* Several of its longest packets' times without one of them getting through. */
static uint64_t stall_us(const struct stripe_out *out, const struct stripe_leg *leg)
{
	uint64_t us = STALL_PACKETS * ((stripe_piece_most(out, leg) +
					STRIPE_FRAME_OVERHEAD_BYTES) * US_PER_S / stripe_rate_of(out, leg) +
				       stripe_rtt_of(leg));
	uint64_t least_us = out->wide ? WIDE_STALL_LEAST_US : STALL_LEAST_US;

	return u64_max(us, least_us);
}

static bool any_other_usable(const struct stripe_out *out, uint8_t leg)
{
	for (uint8_t i = 0; i < STRIPE_LEGS; i++)
		if (i != leg && stripe_is_usable(&out->legs[i]))
			return true;
	return false;
}

uint8_t stripe_leg_of_least(const uint64_t us[STRIPE_LEGS])
{
	uint8_t least = STRIPE_NO_LEG;
	uint64_t least_us = CLOCK_NEVER_US;

	for (uint8_t i = 0; i < STRIPE_LEGS; i++)
		if (us[i] < least_us) {
			least = i;
			least_us = us[i];
		}
	return least;
}

uint64_t stripe_longest_rtt_us(const struct stripe_out *out)
{
	uint64_t us = 0;

	for (size_t i = 0; i < STRIPE_LEGS; i++) {
		const struct stripe_leg *leg = &out->legs[i];

		if (leg->open && leg->rtt_us > us)
			us = leg->rtt_us;
	}
	return us;
}

uint64_t stripe_rate_of_all(const struct stripe_out *out)
{
	uint64_t rate_bytes_per_s = 0;

	for (size_t i = 0; i < STRIPE_LEGS; i++)
		rate_bytes_per_s += out->legs[i].open ? out->legs[i].rate_bytes_per_s : 0;
	return rate_bytes_per_s;
}

static uint64_t longest_delay_us(const struct stripe_out *out)
{
	uint64_t us = 0;

	for (size_t i = 0; i < STRIPE_LEGS; i++)
		if (stripe_is_usable(&out->legs[i]))
			us = u64_max(us, out->legs[i].delay_us);
	return us;
}

/* What all legs carry in a few of the longest round trips, or until what was sent last is there by the leg that takes
 * longest, and as long again; as wide as it was once, it stays. */
static void widen(struct stripe_out *out)
{
	uint64_t us = u64_max(WINDOW_ROUND_TRIPS * stripe_longest_rtt_us(out) + STRIPE_LOOKS_APART_US,
			      WINDOW_DELAYS * longest_delay_us(out));
	uint64_t bytes = stripe_rate_of_all(out) * us / US_PER_S;

	out->window_bytes = u64_max(out->window_bytes, u64_min(bytes, STRIPE_WIDE_WINDOW_BYTES));
}

/* What a leg carries that is given nothing isn't known any more: one that once seemed slow would never be given
 * anything. */
static void forget(const struct stripe_out *out, struct stripe_leg *leg, uint64_t now_us)
{
	uint64_t best = 0;

	for (size_t i = 0; i < STRIPE_LEGS; i++)
		if (out->legs[i].open && out->legs[i].rate_bytes_per_s > best)
			best = out->legs[i].rate_bytes_per_s;
	if (!out->wide || stripe_outstanding_bytes(leg) || now_us - leg->progress_at_us < FORGET_US)
		return;
	leg->progress_at_us = now_us;
	leg->delay_us = 0;
	leg->rising = false;
	if (!leg->known_bytes_per_s)
		leg->known_bytes_per_s = leg->rate_bytes_per_s;
	leg->rate_bytes_per_s = u64_min(2 * leg->rate_bytes_per_s, best);
}

/* Acknowledgements in order come by fits and starts where packets are lost: each waits for the one that is sent once
 * more. */
static uint64_t delivered(const struct stripe_leg *leg, const struct stripe_seen *seen, uint64_t acked_bytes)
{
	return u64_min(acked_bytes + seen->sacked_bytes, leg->written_bytes);
}

static const struct stripe_mark *oldest_mark(const struct stripe_leg *leg)
{
	return &leg->marks[leg->first_mark];
}

void stripe_leg_mark(struct stripe_leg *leg, uint64_t now_us)
{
	const struct stripe_mark *latest = &leg->marks[(leg->first_mark + leg->n_marks - 1u) % STRIPE_MARKS];
	uint64_t apart_us = u64_max(MARKS_APART_US, leg->delay_us / (STRIPE_MARKS / 2));

	if (leg->n_marks == STRIPE_MARKS || (leg->n_marks && now_us - latest->at_us < apart_us))
		return;
	leg->marks[(leg->first_mark + leg->n_marks++) % STRIPE_MARKS] =
		(struct stripe_mark){ leg->written_bytes, now_us };
}

/* Word of it takes half a round trip. */
static uint64_t took_us(const struct stripe_leg *leg, uint64_t now_us)
{
	uint64_t us = now_us - oldest_mark(leg)->at_us, back_us = leg->rtt_us / 2;

	return us > back_us ? us - back_us : 0;
}

/* How long pieces take to be there: the longest of late, and at first as if one had been lost once. One that isn't
 * there yet takes as long at least. */
static void note_delay(struct stripe_leg *leg, uint64_t now_us)
{
	uint64_t least_us = leg->delay_us ? leg->delay_us : leg->rtt_us / 2 + leg->rtt_us;

	while (leg->n_marks && oldest_mark(leg)->end <= leg->acked_bytes) {
		leg->delay_us = u64_max(least_us - least_us / DELAY_SHARE, took_us(leg, now_us));
		least_us = leg->delay_us;
		leg->first_mark = (leg->first_mark + 1u) % STRIPE_MARKS;
		leg->n_marks--;
	}
	if (leg->n_marks && took_us(leg, now_us) > least_us)
		leg->delay_us = took_us(leg, now_us);
}

/* When that has come, all that its TCP has sent meanwhile is awaited, as if it had been sent now. */
static void note_overdue(const struct stripe_out *out, struct stripe_leg *leg, uint64_t now_us)
{
	uint64_t rtt_us = stripe_rtt_of(leg), due_us;
	uint64_t sent_bytes = leg->written_bytes - u64_min(leg->unsent_bytes, stripe_outstanding_bytes(leg));

	if (leg->acked_bytes >= leg->awaited.end)
		leg->awaited = (struct stripe_mark){ sent_bytes, now_us };
	due_us = leg->awaited.at_us + rtt_us + OVERDUE_US;
	leg->overdue_us = out->wide && stripe_outstanding_bytes(leg) && now_us >= due_us ?
			  now_us - leg->awaited.at_us - rtt_us : 0;
}

void stripe_leg_look(struct stripe_out *out, uint8_t leg, const struct stripe_seen *seen, uint64_t now_us)
{
	struct stripe_leg *l = &out->legs[leg];
	uint64_t acked = seen->unacked_bytes < l->written_bytes ? l->written_bytes - seen->unacked_bytes : 0, there;
	bool rises;

	if (seen->rtt_us)
		l->rtt_us = seen->rtt_us;
	l->unsent_bytes = seen->unsent_bytes;
	there = delivered(l, seen, acked);
	if (there > l->delivered_bytes) {
		measure(out, l, there - l->delivered_bytes, now_us - l->delivered_at_us);
		l->delivered_at_us = now_us;
		widen(out);
	}
	rises = acked > l->acked_bytes;
	l->holds_up &= !rises;
	if (rises || there > l->delivered_bytes) {
		if (l->stalled)   /* how long that took says nothing of what comes now */
			l->delay_us = l->n_marks = 0;
		l->acked_bytes = u64_max(l->acked_bytes, acked);
		l->delivered_bytes = u64_max(l->delivered_bytes, there);
		l->progress_at_us = now_us;
		l->stalled = false;
	} else if (stripe_outstanding_bytes(l) && now_us - l->progress_at_us > stall_us(out, l)) {
		l->stalled = true;
		l->rising = false;
	} else {
		forget(out, l, now_us);
	}
	l->silent_us = stripe_outstanding_bytes(l) ? now_us - l->progress_at_us : 0;
	note_delay(l, now_us);
	note_overdue(out, l, now_us);
	if (rises)
		l->acked_due_us = l->n_marks ? u64_max(now_us, oldest_mark(l)->at_us + l->rtt_us) : now_us;
	if (l->stalled && any_other_usable(out, leg))   /* else its TCP goes on trying, and needs no help */
		take_back(out, leg, false);
}
