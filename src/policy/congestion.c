/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/congestion.h"

#include "base/clock.h"

#define LOOK_EVERY_US (1 * US_PER_S)
#define PACKET_BYTES 1400u
#define ENOUGH_SENT_BYTES (100 * PACKET_BYTES)
#define ENOUGH_LOST_BYTES (6 * PACKET_BYTES)     /* fewer may be chance */
#define ENOUGH_LOOKS 2u                          /* one may fall into the end of a slow start, when its queue has gone already */
#define WINDOW_BYTES (3000 * PACKET_BYTES)       /* then what is older counts half */
#define LOSSY_PER_100_000 700u
#define CLEAN_PER_100_000 200u
#define NEAR_SHARE 4u                            /* a quarter more than the shortest round trip ... */
#define NEAR_SLACK_US (2 * US_PER_MS)            /* ... and what schedulers add */
#define SHORT_RTT_US (3 * US_PER_MS)             /* below it cubic has what it lost again at once; and the cure for lost DATA_ACKs wants cubic */
#define BUSY_BYTES (20 * PACKET_BYTES)           /* in a look: a subflow that carries something */
#define TRIAL_SKIPPED 2u                         /* looks: bbr finds out about the links */
#define TRIAL_LOOKS 3u
#define TRIAL_LEAST_PERCENT 90u                  /* of what cubic brought */
#define CLEAN_LOOKS 10u
#define HOLD_US (60 * US_PER_S)
#define HOLD_DOUBLINGS 4u

/* What happened since the last look. */
struct seen {
	uint64_t sent_bytes, lost_bytes;   /* of all subflows that were there then, too */
	uint32_t lossy;
	bool same;                         /* no subflow came or went */
};

static struct congestion_past past_of(const struct congestion *congestion, const struct congestion_subflow *subflow, bool *known)
{
	for (size_t i = 0; i < congestion->n_subflows; i++) {
		const struct congestion_past *past = &congestion->subflows[i];

		*known = address_equal(&past->local, &subflow->local) && address_equal(&past->remote, &subflow->remote) &&
			 past->sent_bytes <= subflow->sent_bytes && past->retransmitted_bytes <= subflow->retransmitted_bytes;
		if (*known)
			return *past;
	}
	*known = false;
	return (struct congestion_past){ .local = subflow->local, .remote = subflow->remote };
}

static bool has_queue(const struct congestion_subflow *subflow)
{
	return subflow->rtt_us > subflow->min_rtt_us + subflow->min_rtt_us / NEAR_SHARE + NEAR_SLACK_US;
}

/* Of losses with a queue, or on a short path, nothing is learnt, and what was learnt before is in doubt; but a link that creeps has a slow look now and then. */
static void fill_window(struct congestion_past *past, const struct congestion_subflow *subflow, uint64_t sent_bytes, uint64_t lost_bytes)
{
	if (subflow->min_rtt_us < SHORT_RTT_US || has_queue(subflow)) {
		past->window_sent_bytes /= 2;
		past->window_lost_bytes /= 2;
		past->n_looks /= 2;
		return;
	}
	past->window_sent_bytes += sent_bytes;
	past->window_lost_bytes += lost_bytes;
	if (past->n_looks < ENOUGH_LOOKS)
		past->n_looks++;
	if (past->window_sent_bytes > WINDOW_BYTES) {
		past->window_sent_bytes /= 2;
		past->window_lost_bytes /= 2;
	}
}

static bool loses(uint64_t sent_bytes, uint64_t lost_bytes, uint32_t per_100_000)
{
	return lost_bytes * 100000 >= sent_bytes * per_100_000;
}

static bool is_lossy(const struct congestion_past *past)
{
	return past->n_looks >= ENOUGH_LOOKS && past->window_sent_bytes >= ENOUGH_SENT_BYTES && past->window_lost_bytes >= ENOUGH_LOST_BYTES &&
	       loses(past->window_sent_bytes, past->window_lost_bytes, LOSSY_PER_100_000);
}

static void see_subflow(struct seen *seen, struct congestion_past *past, const struct congestion_subflow *subflow, size_t place)
{
	uint64_t sent_bytes = subflow->sent_bytes - past->sent_bytes, lost_bytes = subflow->retransmitted_bytes - past->retransmitted_bytes;

	fill_window(past, subflow, sent_bytes, lost_bytes);
	seen->sent_bytes += sent_bytes;
	seen->lost_bytes += lost_bytes;
	if (is_lossy(past))
		seen->lossy |= 1u << place;
}

static struct seen see(struct congestion *congestion, const struct congestion_facts *facts)
{
	size_t n = facts->n_subflows < CONGESTION_SUBFLOWS ? facts->n_subflows : CONGESTION_SUBFLOWS;
	struct congestion_past pasts[CONGESTION_SUBFLOWS];
	struct seen seen = { .same = n == congestion->n_subflows };

	for (size_t i = 0; i < n; i++) {
		const struct congestion_subflow *subflow = &facts->subflows[i];
		bool known;

		pasts[i] = past_of(congestion, subflow, &known);
		if (known)
			see_subflow(&seen, &pasts[i], subflow, i);
		else
			seen.same = false;
		pasts[i].sent_bytes = subflow->sent_bytes;
		pasts[i].retransmitted_bytes = subflow->retransmitted_bytes;
	}
	for (size_t i = 0; i < n; i++)
		congestion->subflows[i] = pasts[i];
	congestion->n_subflows = n;
	return seen;
}

static void change(struct congestion *congestion, bool bbr)
{
	congestion->bbr = bbr;
	congestion->trial_bps = 0;
	congestion->n_trial = congestion->n_clean = 0;
}

/* Back to cubic, for longer each time, whatever the links show meanwhile. */
static void give_up(struct congestion *congestion, uint64_t now_us)
{
	change(congestion, false);
	congestion->look_at_us = now_us + (HOLD_US << congestion->n_failed);
	if (congestion->n_failed < HOLD_DOUBLINGS)
		congestion->n_failed++;
	congestion->looked_at_us = congestion->before_bps = 0;
	congestion->n_subflows = 0;
}

static bool with_cubic(struct congestion *congestion, const struct seen *seen, uint64_t bps)
{
	congestion->before_bps = congestion->before_bps && seen->same ? (congestion->before_bps + bps) / 2 : bps;
	if (!seen->lossy)
		return false;
	change(congestion, true);
	return true;
}

/* Whether bbr brought less. A link that came or went meanwhile makes the figures incomparable: bbr then stays. */
static bool trial_fails(struct congestion *congestion, const struct seen *seen, uint64_t bps)
{
	if (!seen->same)
		congestion->before_bps = 0;
	if (congestion->n_trial >= TRIAL_SKIPPED + TRIAL_LOOKS)
		return false;
	if (congestion->n_trial++ >= TRIAL_SKIPPED)
		congestion->trial_bps += bps;
	return congestion->n_trial == TRIAL_SKIPPED + TRIAL_LOOKS &&
	       congestion->trial_bps / TRIAL_LOOKS * 100 < congestion->before_bps * TRIAL_LEAST_PERCENT;
}

/* Whether the links don't lose any more. Idle time says nothing of that. */
static bool got_clean(struct congestion *congestion, const struct seen *seen)
{
	if (seen->sent_bytes < BUSY_BYTES)
		return false;
	if (loses(seen->sent_bytes, seen->lost_bytes, CLEAN_PER_100_000))
		congestion->n_clean = 0;
	else
		congestion->n_clean++;
	return congestion->n_clean >= CLEAN_LOOKS;
}

struct congestion_verdict congestion_look(struct congestion *congestion, const struct congestion_facts *facts)
{
	uint64_t since_us = facts->now_us - congestion->looked_at_us, bps;
	struct seen seen = see(congestion, facts);
	bool first = !congestion->looked_at_us;
	struct congestion_verdict verdict = { .lossy = seen.lossy };

	congestion->looked_at_us = facts->now_us;
	congestion->look_at_us = facts->now_us + LOOK_EVERY_US;
	if (first || !since_us)
		return verdict;
	bps = (seen.sent_bytes - seen.lost_bytes) * 8 * US_PER_S / since_us;
	if (!congestion->bbr) {
		verdict.change = with_cubic(congestion, &seen, bps);
	} else if (trial_fails(congestion, &seen, bps)) {
		give_up(congestion, facts->now_us);
		verdict.change = verdict.failed = true;
	} else if (got_clean(congestion, &seen)) {
		change(congestion, false);
		verdict.change = true;
	}
	return verdict;
}
