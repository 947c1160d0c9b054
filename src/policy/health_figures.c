/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/health_parts.h"

#include <string.h>
#include "base/clock.h"
#include "base/util.h"

#define LEAST_US (300 * US_PER_S)            /* the least round trip is that of the last one or two of these */
#define ENOUGH_BYTES 20000u                  /* carried in a look: its round trip tells of a queue */
#define LONG_US (1 * US_PER_S)               /* a queue that no fast link has: less is enough */
#define ENOUGH_SENT_BYTES 150000u            /* a hundred packets: their losses tell of the link */
#define WINDOW_BYTES 4000000u                /* then what is older counts half */
#define SHOWN_US (10 * US_PER_S)             /* sessions' round trip stays shown, probes' comes in its place then */
#define LOOKS_FOR 2u                         /* in a row, for LOSSY or FULL */
#define LOOKS_AGAINST 3u                     /* and for GOOD again */
#define SLOWER_SHARE 8u                      /* of what it carried when it was full, a look */
#define PARTS 10000u
#define BITS_PER_BYTE 8u

static uint64_t less(uint64_t a, uint64_t b)
{
	return !a || (b && b < a) ? b : a;
}

void health_take_rtt(struct health_link *link, uint64_t rtt_us, uint64_t least_rtt_us, bool of_sessions,
		     uint64_t now_us)
{
	if (now_us - link->least_from_us >= LEAST_US) {
		link->older_rtt_us = link->newer_rtt_us;
		link->newer_rtt_us = 0;
		link->least_from_us = now_us;
	}
	link->newer_rtt_us = less(link->newer_rtt_us, least_rtt_us);
	link->least_rtt_us = less(link->older_rtt_us, link->newer_rtt_us);
	if (of_sessions)
		link->shown_at_us = now_us;
	if (of_sessions || !link->shown_at_us || now_us - link->shown_at_us >= SHOWN_US)
		link->rtt_us = rtt_us;
}

static uint64_t rate_bps(uint64_t before_bytes, uint64_t now_bytes, uint64_t us)
{
	return now_bytes > before_bytes ? (now_bytes - before_bytes) * BITS_PER_BYTE * US_PER_S / us : 0;
}

static void take_loss(struct health_link *link, const struct health_seen *now)
{
	uint64_t sent_bytes = now->sent_bytes - link->seen.sent_bytes,
		 lost_bytes = now->retransmitted_bytes - link->seen.retransmitted_bytes;

	link->loss_of_bytes += sent_bytes;
	link->lost_bytes += lost_bytes < sent_bytes ? lost_bytes : sent_bytes;
	link->loss_per_10_000 = link->loss_of_bytes ? link->lost_bytes * PARTS / link->loss_of_bytes : 0;
	if (link->loss_of_bytes < WINDOW_BYTES)
		return;
	link->loss_of_bytes /= 2;
	link->lost_bytes /= 2;
}

bool health_knows_loss(const struct health_link *link)
{
	return link->loss_of_bytes >= ENOUGH_SENT_BYTES;
}

bool health_take_figures(struct health_link *link, const struct health_link_facts *facts,
			 const struct health_facts *all)
{
	const struct health_seen *now = &facts->seen;
	uint64_t us = all->now_us - link->looked_at_us;
	bool first = !link->looked_at_us;

	if (now->n_looks == link->seen.n_looks || !us)
		return false;
	if (!first) {
		link->up_bps = rate_bps(link->look_tx_bytes, facts->tx_bytes, us);
		link->down_bps = rate_bps(link->look_rx_bytes, facts->rx_bytes, us);
		take_loss(link, now);
	}
	if (!first && now->received_bytes + now->acked_bytes > link->seen.received_bytes + link->seen.acked_bytes) {
		link->passed_at_us = all->now_us;
		/* since then, at the latest */
		link->alive_at_us = link->looked_at_us > link->alive_at_us ? link->looked_at_us : link->alive_at_us;
	}
	if (now->rtt_us && !link->elsewhere)
		health_take_rtt(link, now->rtt_us, now->min_rtt_us, true, all->now_us);
	link->elsewhere = false;
	link->seen = *now;
	link->look_rx_bytes = facts->rx_bytes;
	link->look_tx_bytes = facts->tx_bytes;
	link->looked_at_us = all->now_us;
	return !first;
}

static bool has_queue(const struct health_link *link, uint64_t least_us)
{
	uint64_t beyond_us = link->least_rtt_us / 2 > least_us ? link->least_rtt_us / 2 : least_us;

	return link->least_rtt_us && link->seen.rtt_us > link->least_rtt_us + beyond_us &&
	       (link->seen.carried_bytes >= ENOUGH_BYTES || link->seen.rtt_us > link->least_rtt_us + LONG_US);
}

static bool loses(const struct health_link *link, uint64_t per_10_000)
{
	return health_knows_loss(link) && link->loss_per_10_000 >= per_10_000;
}

/* To get out of a state takes half of what it takes to get in. */
static enum health_state shown_by(const struct health_link *link, const struct health_facts *all)
{
	uint64_t full_us = all->full_ms * US_PER_MS / (link->state == HEALTH_FULL ? 2 : 1),
		 percent = all->lossy_percent * 100;

	if (has_queue(link, full_us))
		return HEALTH_FULL;
	return loses(link, link->state == HEALTH_LOSSY ? percent / 2 : percent) ? HEALTH_LOSSY : HEALTH_GOOD;
}

/* A radio that wakes up looks full, too, with next to nothing carried: whatever it carries later, it can. One that
 * stays full and carries less has become slower. */
static void note_full_rate(struct health_link *link, bool gets_full, bool stays_full)
{
	uint64_t bps = u64_max(link->up_bps, link->down_bps);

	if (stays_full && link->seen.carried_bytes >= ENOUGH_BYTES)
		link->full_bps -= link->full_bps / SLOWER_SHARE;
	if (gets_full || (link->full_bps && bps > link->full_bps))
		link->full_bps = bps;
}

enum health_state health_judge_figures(struct health_link *link, const struct health_facts *all)
{
	enum health_state shown = shown_by(link, all);
	uint8_t looks = shown == HEALTH_GOOD ? LOOKS_AGAINST : LOOKS_FOR;
	bool changes;

	link->n_for = shown == link->state ? 0 : link->n_for + 1;
	changes = link->n_for >= looks;
	note_full_rate(link, shown == HEALTH_FULL && changes,
		       shown == HEALTH_FULL && link->state == HEALTH_FULL);
	return changes ? shown : link->state;
}
