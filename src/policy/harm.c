/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/harm.h"

#include <string.h>
#include "base/clock.h"

#define WITHIN_US (12 * US_PER_S)       /* two say so: three of the longest stretches of a sender's */
#define APART_US (900 * US_PER_MS)
#define MARK_US (5 * US_PER_S)          /* what links have carried for that long, or longer than one look, says which
					 * carries least */
#define AGAIN_US (15 * US_PER_S)
#define AGAIN_MOST_US (960 * US_PER_S)
#define FORGET_US (600 * US_PER_S)      /* a link that was no harm for so long begins anew */
#define LESS_SHARE 4u                   /* of what the best carries: one that carries more may not be the bad one */
#define LONGER_PERCENT 150u             /* of another one's round trip */
#define JUDGED_US (4 * US_PER_S)        /* after so long without it, ... */
#define JUDGED_PERCENT 80u              /* ... all are to carry this much of what they did with it */
#define BITS_PER_BYTE 8u

static uint64_t carried(const struct harm *harm, const struct harm_facts *facts, size_t link, enum harm_way way)
{
	uint64_t before = harm->n_bytes[link][way], now = facts->links[link].n_bytes[way];

	return now >= before ? now - before : now;
}

static void mark(struct harm *harm, const struct harm_facts *facts)
{
	harm->marked_us = facts->now_us;
	for (size_t i = 0; i < facts->n_links; i++)
		memcpy(harm->n_bytes[i], facts->links[i].n_bytes, sizeof(harm->n_bytes[i]));
}

static uint32_t aside(const struct harm *harm)
{
	uint32_t bits = 0;

	for (size_t i = 0; i < HARM_LINKS; i++)
		bits |= (uint32_t)harm->links[i].aside << i;
	return bits;
}

/* Since the mark; some time has passed since then. */
static uint64_t bps(const struct harm *harm, const struct harm_facts *facts, uint64_t n_bytes)
{
	return n_bytes * BITS_PER_BYTE * US_PER_S / (facts->now_us - harm->marked_us);
}

static bool is_in_use(const struct harm *harm, const struct harm_facts *facts, size_t link)
{
	return facts->links[link].usable && !harm->links[link].aside;
}

static bool is_longer(const struct harm_facts *facts, size_t one, size_t other)
{
	uint64_t rtt_us = facts->links[one].rtt_us, other_us = facts->links[other].rtt_us;

	return rtt_us && other_us && rtt_us * 100 >= other_us * LONGER_PERCENT;
}

/* Of those in use. n_links: none. */
static size_t find_worst(const struct harm *harm, const struct harm_facts *facts, enum harm_way way)
{
	size_t worst = facts->n_links;

	for (size_t i = 0; i < facts->n_links; i++) {
		if (!is_in_use(harm, facts, i))
			continue;
		if (worst == facts->n_links || is_longer(facts, i, worst) ||
		    (!is_longer(facts, worst, i) && carried(harm, facts, i, way) < carried(harm, facts, worst, way)))
			worst = i;
	}
	return worst;
}

/* Whether one is far behind another. */
static bool find_harm(const struct harm *harm, const struct harm_facts *facts, struct harm_verdict *verdict)
{
	size_t worst = find_worst(harm, facts, verdict->way);
	uint64_t most = 0, its;
	bool longer = false;

	if (worst == facts->n_links)
		return false;
	its = carried(harm, facts, worst, verdict->way);
	for (size_t i = 0; i < facts->n_links; i++) {
		uint64_t n_bytes = carried(harm, facts, i, verdict->way);

		if (i == worst || !is_in_use(harm, facts, i))
			continue;
		longer |= is_longer(facts, worst, i);
		most = n_bytes > most ? n_bytes : most;
	}
	if (!longer && its * LESS_SHARE >= most)
		return false;
	verdict->link = worst;
	verdict->its_bps = bps(harm, facts, its);
	verdict->best_bps = bps(harm, facts, most);
	return true;
}

/* Of another stretch: two sessions that say so at once have seen the same. */
static bool is_said_twice(struct harm *harm, const struct harm_facts *facts, enum harm_way way)
{
	uint64_t said_us = facts->spoilt_at_us[way], first_us = harm->ways[way].first_us;

	if (said_us <= harm->ways[way].heard_us)
		return false;
	harm->ways[way].heard_us = said_us;
	if (!first_us || said_us - first_us >= WITHIN_US)
		harm->ways[way].first_us = said_us;
	return first_us && said_us - first_us >= APART_US && said_us - first_us < WITHIN_US;
}

static uint64_t all_bps(const struct harm *harm, const struct harm_facts *facts, enum harm_way way)
{
	uint64_t n_bytes = 0;

	for (size_t i = 0; i < facts->n_links; i++)
		n_bytes += carried(harm, facts, i, way);
	return bps(harm, facts, n_bytes);
}

static void step_aside(struct harm *harm, const struct harm_facts *facts, struct harm_verdict *verdict)
{
	uint64_t since_us = facts->now_us - harm->links[verdict->link].changed_us,
		 again_us = harm->links[verdict->link].again_us * 2;

	if (!again_us || since_us >= FORGET_US)
		again_us = AGAIN_US;
	verdict->changed = true;
	verdict->again_us = again_us < AGAIN_MOST_US ? again_us : AGAIN_MOST_US;
	harm->links[verdict->link].aside = true;
	harm->links[verdict->link].changed_us = facts->now_us;
	harm->links[verdict->link].again_us = verdict->again_us;
	harm->links[verdict->link].way = verdict->way;
	harm->links[verdict->link].before_bps = all_bps(harm, facts, verdict->way);
}

/* Whether its time is over, or it was a mistake. */
static bool must_return(struct harm *harm, const struct harm_facts *facts, size_t link)
{
	uint64_t since_us = facts->now_us - harm->links[link].changed_us, before_bps = harm->links[link].before_bps;

	if (since_us >= harm->links[link].again_us)
		return true;
	if (!before_bps || since_us < JUDGED_US)
		return false;
	harm->links[link].before_bps = 0;
	return all_bps(harm, facts, harm->links[link].way) * 100 < before_bps * JUDGED_PERCENT;
}

/* One at a time: two that are tried at once tell nothing of either. */
static void try_again(struct harm *harm, const struct harm_facts *facts, struct harm_verdict *verdict)
{
	for (size_t i = 0; i < facts->n_links; i++) {
		if (!harm->links[i].aside || !must_return(harm, facts, i))
			continue;
		harm->links[i].aside = false;
		harm->links[i].changed_us = facts->now_us;
		verdict->changed = true;
		verdict->link = i;
		return;
	}
}

struct harm_verdict harm_look(struct harm *harm, const struct harm_facts *facts)
{
	struct harm_verdict verdict = { .aside = aside(harm) };

	if (facts->now_us <= harm->marked_us)
		return verdict;
	for (size_t way = 0; way < HARM_WAYS && !verdict.changed; way++) {
		verdict.way = (enum harm_way)way;
		if (!is_said_twice(harm, facts, verdict.way))
			continue;
		if (find_harm(harm, facts, &verdict))
			step_aside(harm, facts, &verdict);
		else
			verdict.tell_again = aside(harm);
		harm->ways[way].first_us = 0;
	}
	if (!verdict.changed)
		try_again(harm, facts, &verdict);
	if (verdict.changed || !harm->marked_us || facts->now_us - harm->marked_us >= MARK_US)
		mark(harm, facts);
	verdict.aside = aside(harm);
	return verdict;
}
