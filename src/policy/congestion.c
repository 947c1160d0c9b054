/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/congestion_parts.h"

#include <string.h>
#include "base/clock.h"

#define LOOK_EVERY_US (1 * US_PER_S)
#define LOOK_SOONEST_US (250 * US_PER_MS)        /* at what creeps with cubic, and after the first look */
#define TRIAL_ROUND_TRIPS 2u                     /* in a look at bbr, which grows once in each */
#define PACKET_BYTES CONGESTION_PACKET_BYTES
#define ENOUGH_SENT_BYTES (100 * PACKET_BYTES)
#define ENOUGH_LOST_BYTES (6 * PACKET_BYTES)     /* fewer may be chance */
#define ENOUGH_LOOKS 2u                          /* one may fall into the end of a slow start, when its queue has
						  * gone already; and what that lost is no more than the others show */
#define WINDOW_BYTES (3000 * PACKET_BYTES)       /* then what is older counts half */
#define LOSSY_PER_100_000 700u
#define CLEAN_PER_100_000 200u
#define CREEP_PACKETS_PER_S 400u                 /* below it a subflow creeps: it would take long for a hundred
						  * packets to show anything */
#define CREEP_PER_100_000 2000u                  /* what cubic loses by itself where its window is eight packets */
#define CREEP_WINDOW_BYTES (300 * PACKET_BYTES)
#define ENOUGH_POINTS 4u                         /* of all subflows together; what one overshoot loses is over in two
						  * looks */
#define POINTS_LONG_RTT 2u                       /* for a look with losses, where cubic needs seconds to come back
						  * from one */
#define MAKES_UP_SLOWLY_US (200 * US_PER_MS)
#define APART_US (1 * US_PER_S)                  /* and two round trips: of what is lost together the last is sent
						  * again by then */
#define NEAR_SHARE 4u                            /* a quarter more than the shortest round trip ... */
#define NEAR_SLACK_US (2 * US_PER_MS)            /* ... and what schedulers add */
#define SHORT_RTT_US (3 * US_PER_MS)             /* below it cubic has what it lost again at once; and the cure for
						  * lost DATA_ACKs wants cubic */
#define BUSY_BYTES (20 * PACKET_BYTES)           /* in a look: a subflow that carries something */
#define CLEAN_LOOKS 10u
#define CLEAN_SENT_BYTES (1000 * PACKET_BYTES)   /* of each that carries something: then two packets are what is
						  * worth speaking of, ... */
#define CLEAN_LOST_BYTES (3 * PACKET_BYTES / 2)  /* ... short ones, too, and one says nothing */
#define CLEAN_LONG_PER_100_000 20u               /* of a long path, where fewer are worth speaking of, ... */
#define CLEAN_LONG_FACTOR 10u                    /* ... of so many times as much */
#define HOLD_US (60 * US_PER_S)
#define HOLD_DOUBLINGS 4u

/* What happened since the last look. */
struct seen {
	uint64_t sent_bytes, lost_bytes;   /* of all subflows that were there then, too */
	uint64_t now_us, since_us;
	uint32_t lossy, bursty;
	uint32_t slight;                   /* those that lose little, where that is enough for a trial */
	bool creeps;                       /* none of those that sent sent much */
	bool bbr;                          /* they had that */
	uint32_t clean;
	bool same;                         /* no subflow came or went */
};

static struct congestion_past past_of(const struct congestion *congestion, const struct leg_subflow *subflow,
				      bool *known)
{
	for (size_t i = 0; i < congestion->n_subflows; i++) {
		const struct congestion_past *past = &congestion->subflows[i];

		*known = address_equal(&past->local, &subflow->local) &&
			 address_equal(&past->remote, &subflow->remote) && past->sent_bytes <= subflow->sent_bytes &&
			 past->retransmitted_bytes <= subflow->retransmitted_bytes;
		if (*known)
			return *past;
	}
	*known = false;
	return (struct congestion_past){ .local = subflow->local, .remote = subflow->remote };
}

static bool has_queue(const struct leg_subflow *subflow)
{
	return subflow->rtt_us > subflow->min_rtt_us + subflow->min_rtt_us / NEAR_SHARE + NEAR_SLACK_US;
}

/* Of losses with a queue, or on a short path, nothing is learnt, and what was learnt before is in doubt; but a link
 * that creeps has a slow look now and then. */
static void fill_window(struct congestion_past *past, const struct leg_subflow *subflow, uint64_t sent_bytes,
			uint64_t lost_bytes)
{
	if (subflow->min_rtt_us < SHORT_RTT_US || has_queue(subflow)) {
		past->window_sent_bytes /= 2;
		past->window_lost_bytes /= 2;
		past->window_worst_bytes /= 2;
		past->n_looks /= 2;
		return;
	}
	past->window_sent_bytes += sent_bytes;
	past->window_lost_bytes += lost_bytes;
	if (lost_bytes > past->window_worst_bytes)
		past->window_worst_bytes = lost_bytes;
	if (past->n_looks < ENOUGH_LOOKS)
		past->n_looks++;
	if (past->window_sent_bytes > WINDOW_BYTES) {
		past->window_sent_bytes /= 2;
		past->window_lost_bytes /= 2;
		past->window_worst_bytes /= 2;
	}
}

static bool sends_much(uint64_t sent_bytes, uint64_t since_us)
{
	return sent_bytes * US_PER_S >= CREEP_PACKETS_PER_S * PACKET_BYTES * since_us;
}

/* Of a look in which it crept. */
static void fill_creep(struct congestion_past *past, const struct leg_subflow *subflow, uint64_t sent_bytes,
		       uint64_t lost_bytes)
{
	if (subflow->min_rtt_us < SHORT_RTT_US || has_queue(subflow))
		return;
	past->creep_sent_bytes += sent_bytes;
	past->creep_lost_bytes += lost_bytes;
	if (lost_bytes)
		past->n_points += subflow->min_rtt_us < MAKES_UP_SLOWLY_US ? 1 : POINTS_LONG_RTT;
	if (past->creep_sent_bytes > CREEP_WINDOW_BYTES || past->n_points > 2 * ENOUGH_POINTS) {
		past->creep_sent_bytes /= 2;
		past->creep_lost_bytes /= 2;
		past->n_points /= 2;
	}
}

static void forget_oldest(struct congestion_past *past, uint8_t n)
{
	past->n_events -= n;
	memmove(past->event_sent_bytes, past->event_sent_bytes + n,
		past->n_events * sizeof(past->event_sent_bytes[0]));
}

static void note_event(struct congestion_past *past, const struct leg_subflow *subflow, uint64_t now_us)
{
	if (past->n_events && now_us < past->event_at_us + APART_US + 2 * (uint64_t)subflow->rtt_us)
		return;
	if (past->n_events == CONGESTION_EVENTS)
		forget_oldest(past, 1);
	past->event_sent_bytes[past->n_events++] = subflow->sent_bytes;
	past->event_at_us = now_us;
}

/* A queue may have been there before, and have gone when we looked. */
static void fill_events(struct congestion_past *past, const struct leg_subflow *subflow, uint64_t lost_bytes,
			uint64_t now_us)
{
	if (has_queue(subflow) || !past->is_long)
		forget_oldest(past, (past->n_events + 1) / 2);
	else if (lost_bytes)
		note_event(past, subflow, now_us);
}

static bool is_slight(const struct congestion_past *past, const struct leg_subflow *subflow)
{
	return past->n_events == CONGESTION_EVENTS &&
	       subflow->sent_bytes - past->event_sent_bytes[0] <= CONGESTION_SLIGHT_SENT_BYTES;
}

static bool loses(uint64_t sent_bytes, uint64_t lost_bytes, uint32_t per_100_000)
{
	return lost_bytes * 100000 >= sent_bytes * per_100_000;
}

/* Where links lose at random, every look loses: what one lost beyond all others together was an overshoot. */
static uint64_t lost_at_random(const struct congestion_past *past)
{
	uint64_t others_bytes = past->window_lost_bytes - past->window_worst_bytes;

	return others_bytes < past->window_worst_bytes ? 2 * others_bytes : past->window_lost_bytes;
}

static bool is_lossy(const struct congestion_past *past)
{
	uint64_t lost_bytes = lost_at_random(past);

	return past->n_looks >= ENOUGH_LOOKS && past->window_sent_bytes >= ENOUGH_SENT_BYTES &&
	       lost_bytes >= ENOUGH_LOST_BYTES && loses(past->window_sent_bytes, lost_bytes, LOSSY_PER_100_000);
}

static uint64_t clean_factor(const struct congestion_past *past)
{
	return past->is_long ? CLEAN_LONG_FACTOR : 1;
}

static bool is_clean(const struct congestion_past *past)
{
	return past->clean.n_looks >= CLEAN_LOOKS && past->clean.sent_bytes >= CLEAN_SENT_BYTES * clean_factor(past);
}

/* It carries next to nothing beside what all carry: nobody waits for it to show that it is clean. */
static bool is_idle(const struct congestion_past *past)
{
	return past->clean.sent_bytes < (uint64_t)past->clean.n_looks * BUSY_BYTES &&
	       past->clean.sent_bytes < CLEAN_SENT_BYTES * clean_factor(past);
}

/* What it has shown before would have bbr back at once. */
static void forget_losses(struct congestion_past *past)
{
	past->window_sent_bytes = past->window_lost_bytes = past->window_worst_bytes = 0;
	past->creep_sent_bytes = past->creep_lost_bytes = 0;
	past->n_looks = past->n_points = past->n_events = 0;
	past->tried = false;
}

/* Of a look with bbr. One that is bad ends the count by itself: it may be the first of many. */
static void count_clean(struct congestion_past *past, uint64_t sent_bytes, uint64_t lost_bytes)
{
	bool was_clean = is_clean(past);
	uint32_t clean_per_100_000 = past->is_long ? CLEAN_LONG_PER_100_000 : CLEAN_PER_100_000;

	if (past->clean.sent_bytes > WINDOW_BYTES * clean_factor(past)) {
		past->clean.sent_bytes /= 2;
		past->clean.lost_bytes /= 2;
	}
	past->clean.sent_bytes += sent_bytes;
	past->clean.lost_bytes += lost_bytes;
	past->clean.n_looks += past->clean.n_looks < UINT16_MAX;
	if ((past->clean.lost_bytes >= CLEAN_LOST_BYTES &&
	     loses(past->clean.sent_bytes, past->clean.lost_bytes, clean_per_100_000)) ||
	    (lost_bytes >= ENOUGH_LOST_BYTES && loses(sent_bytes, lost_bytes, LOSSY_PER_100_000)))
		memset(&past->clean, 0, sizeof(past->clean));
	else if (!was_clean && is_clean(past))
		forget_losses(past);
}

static uint64_t bps_of(uint64_t sent_bytes, uint64_t lost_bytes, uint64_t us)
{
	return us && sent_bytes > lost_bytes ? (sent_bytes - lost_bytes) * 8 * US_PER_S / us : 0;
}

static void see_subflow(struct seen *seen, struct congestion_past *past, const struct leg_subflow *subflow,
			size_t place)
{
	uint64_t sent_bytes = subflow->sent_bytes - past->sent_bytes,
		 lost_bytes = subflow->retransmitted_bytes - past->retransmitted_bytes;

	past->bps = bps_of(sent_bytes, lost_bytes, seen->since_us);
	past->is_long = subflow->min_rtt_us >= MAKES_UP_SLOWLY_US;
	fill_window(past, subflow, sent_bytes, lost_bytes);
	fill_events(past, subflow, lost_bytes, seen->now_us);
	if (sends_much(sent_bytes, seen->since_us))
		seen->creeps = false;
	else
		fill_creep(past, subflow, sent_bytes, lost_bytes);
	seen->sent_bytes += sent_bytes;
	seen->lost_bytes += lost_bytes;
	if (seen->bbr)
		count_clean(past, sent_bytes, lost_bytes);
	else if (!past->paced && lost_bytes >= ENOUGH_LOST_BYTES && !has_queue(subflow)) {
		past->paced = true;
		seen->bursty |= 1u << place;
	}
	if (is_lossy(past))
		seen->lossy |= 1u << place;
	if (is_slight(past, subflow))
		seen->slight |= 1u << place;
}

/* Those that lost, where all that creep together have shown enough. */
static uint32_t creeping(const struct congestion_past *pasts, size_t n)
{
	uint64_t sent_bytes = 0, lost_bytes = 0;
	uint32_t n_points = 0, losers = 0;

	for (size_t i = 0; i < n; i++) {
		sent_bytes += pasts[i].creep_sent_bytes;
		lost_bytes += pasts[i].creep_lost_bytes;
		n_points += pasts[i].n_points;
		losers |= (uint32_t)(pasts[i].n_points != 0) << i;
	}
	return n_points >= ENOUGH_POINTS && loses(sent_bytes, lost_bytes, CREEP_PER_100_000) ? losers : 0;
}

static struct seen see(struct congestion *congestion, const struct leg_facts *facts)
{
	size_t n = facts->n_subflows < LEG_SUBFLOWS ? facts->n_subflows : LEG_SUBFLOWS;
	struct congestion_past pasts[LEG_SUBFLOWS];
	struct seen seen = { .now_us = facts->now_us, .since_us = facts->now_us - congestion->looked_at_us,
			     .creeps = true, .bbr = congestion->bbr, .same = n == congestion->n_subflows };

	for (size_t i = 0; i < n; i++) {
		const struct leg_subflow *subflow = &facts->subflows[i];
		bool known;

		pasts[i] = past_of(congestion, subflow, &known);
		if (!known)
			seen.same = false;
		else if (congestion->looked_at_us)
			see_subflow(&seen, &pasts[i], subflow, i);
		seen.clean |= (uint32_t)(seen.bbr && is_clean(&pasts[i])) << i;
		pasts[i].sent_bytes = subflow->sent_bytes;
		pasts[i].retransmitted_bytes = subflow->retransmitted_bytes;
	}
	seen.lossy |= creeping(pasts, n);
	for (size_t i = 0; i < n; i++)
		congestion->subflows[i] = pasts[i];
	congestion->n_subflows = n;
	return seen;
}

static void change(struct congestion *congestion, bool bbr, bool slight)
{
	congestion->bbr = bbr;
	congestion_trial_begin(congestion, slight);
	for (size_t i = 0; i < congestion->n_subflows; i++)
		memset(&congestion->subflows[i].clean, 0, sizeof(congestion->subflows[i].clean));
}

/* Back to cubic, for longer each time, whatever the links show meanwhile. */
static void give_up(struct congestion *congestion, uint64_t now_us)
{
	change(congestion, false, false);
	congestion->look_at_us = now_us + (HOLD_US << congestion->n_failed);
	if (congestion->n_failed < HOLD_DOUBLINGS)
		congestion->n_failed++;
	congestion->looked_at_us = congestion->before_bps = 0;
	congestion->n_subflows = 0;
}

static uint64_t lately_bps(uint64_t before_bps, uint64_t bps)
{
	return before_bps ? (before_bps + bps) / 2 : bps;
}

static bool with_cubic(struct congestion *congestion, const struct seen *seen, uint64_t bps)
{
	congestion->before_bps = lately_bps(seen->same ? congestion->before_bps : 0, bps);
	for (size_t i = 0; i < congestion->n_subflows; i++) {
		struct congestion_past *past = &congestion->subflows[i];

		past->before_bps = lately_bps(seen->same ? past->before_bps : 0, past->bps);
	}
	if (!seen->lossy && !seen->slight)
		return false;
	change(congestion, true, !seen->lossy);
	return true;
}

/* Whether the links don't lose any more, none of those that carry something. */
static bool all_clean(const struct congestion *congestion)
{
	bool any = false;

	for (size_t i = 0; i < congestion->n_subflows; i++) {
		const struct congestion_past *past = &congestion->subflows[i];

		if (!is_clean(past) && !is_idle(past))
			return false;
		any |= is_clean(past);
	}
	return any;
}

/* What creeps is looked at each round trip. */
static uint64_t pause_us(const struct congestion *congestion, const struct leg_facts *facts, bool creeps)
{
	uint64_t longest_us = 0;

	for (size_t i = 0; i < facts->n_subflows; i++)
		if (facts->subflows[i].rtt_us > longest_us)
			longest_us = facts->subflows[i].rtt_us;
	if (congestion->bbr)
		return longest_us * TRIAL_ROUND_TRIPS > LOOK_EVERY_US ? longest_us * TRIAL_ROUND_TRIPS : LOOK_EVERY_US;
	if (!creeps || longest_us > LOOK_EVERY_US)
		return LOOK_EVERY_US;
	return longest_us > LOOK_SOONEST_US ? longest_us : LOOK_SOONEST_US;
}

/* It is as if nothing had been lost yet. */
static void begin_again(struct congestion *congestion)
{
	change(congestion, false, false);
	for (size_t i = 0; i < congestion->n_subflows; i++)
		forget_losses(&congestion->subflows[i]);
}

static struct congestion_verdict with_bbr(struct congestion *congestion, const struct seen *seen, uint64_t bps)
{
	enum congestion_trial trial = congestion_trial_look(congestion, seen->same, seen->lossy, bps);
	struct congestion_verdict verdict = { 0 };

	if (trial == CONGESTION_TRIAL_FAILS) {
		give_up(congestion, seen->now_us);
		verdict.change = verdict.failed = true;
	} else if (trial == CONGESTION_TRIAL_SAYS_NOTHING || all_clean(congestion)) {
		begin_again(congestion);
		verdict.change = true;
	} else if (congestion_trial_is_over(congestion)) {
		verdict.tried = seen->slight & ~seen->clean & ~congestion_tried(congestion);
	}
	return verdict;
}

static struct congestion_verdict judge(struct congestion *congestion, const struct seen *seen, uint64_t bps)
{
	struct congestion_verdict verdict = { 0 };

	if (congestion->bbr)
		return with_bbr(congestion, seen, bps);
	verdict.change = with_cubic(congestion, seen, bps);
	verdict.tried = congestion_tried(congestion);
	return verdict;
}

void congestion_rest(struct congestion *congestion)
{
	congestion->looked_at_us = congestion->before_bps = 0;
	for (size_t i = 0; i < congestion->n_subflows; i++)
		congestion->subflows[i].before_bps = 0;
}

struct congestion_verdict congestion_look(struct congestion *congestion, const struct leg_facts *facts)
{
	struct seen seen = see(congestion, facts);
	bool first = !congestion->looked_at_us;
	struct congestion_verdict verdict = { 0 };

	congestion->looked_at_us = facts->now_us;
	if (!first && seen.since_us)
		verdict = judge(congestion, &seen,
				bps_of(seen.sent_bytes, seen.lost_bytes, seen.since_us));
	verdict.lossy = seen.lossy | (congestion_better_off(congestion) & ~seen.clean);
	verdict.clean = seen.clean;
	verdict.bursty = congestion->bbr ? 0 : seen.bursty;
	if (!verdict.failed)
		congestion->look_at_us = facts->now_us + pause_us(congestion, facts, first || seen.creeps);
	return verdict;
}
