/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/race.h"

#define ALIKE_SLACK_US 5000   /* a scheduler's turn on either machine, and what jitter every link has */

enum race { RACE_ALONE, RACE_OTHER, RACE_BOTH };   /* over the best one; over the other one; over both */

static uint64_t alike_most_us(uint64_t rtt_us)
{
	return rtt_us + rtt_us / 4 + ALIKE_SLACK_US;
}

static bool is_known(const struct race_link *best, const struct race_link *other)
{
	return best->rtt_us && other->rtt_us;
}

static bool is_alike(const struct race_link *best, const struct race_link *other)
{
	return best->rtt_us <= alike_most_us(other->rtt_us) && other->rtt_us <= alike_most_us(best->rtt_us);
}

static enum race decide(const struct race_link *best, const struct race_link *other)
{
	bool known = is_known(best, other);

	if (best->lost_syn && other->lost_syn)
		return RACE_BOTH;
	if (other->lost_syn)
		return RACE_ALONE;
	if (best->lost_syn)
		return known && other->rtt_us <= alike_most_us(best->rtt_us) ? RACE_OTHER : RACE_BOTH;
	return !known || is_alike(best, other) ? RACE_BOTH : RACE_ALONE;
}

/* Whatever else is said of it, new connections may begin there. */
static bool is_good(const struct choose_link *link)
{
	return !link->backup && !link->unanswered && !link->silent && !link->strips_mptcp;
}

bool race_is_overdue(uint64_t waited_us, uint64_t rtt_us)
{
	return rtt_us && waited_us >= rtt_us + rtt_us / 2 + ALIKE_SLACK_US;
}

enum race_silence race_overtaken(uint64_t waited_us, uint64_t rtt_us, uint64_t winner_rtt_us)
{
	if (!rtt_us)
		return waited_us > alike_most_us(winner_rtt_us) ? RACE_SAYS_FAR : RACE_SAYS_NOTHING;
	return race_is_overdue(waited_us, rtt_us) ? RACE_SAYS_LOST : RACE_SAYS_NOTHING;
}

/* Capped ones are passed over; the choice gets worse from there on, so the first that isn't good, or costs more, is
 * the end of it. */
static bool find_other(const struct choose_link *links, const struct race_link *others, size_t n_links,
		       const struct address *converters, size_t n_converters, uint32_t tried,
		       const struct choose_link *best, struct choice *out)
{
	while (!choose_first_link(links, n_links, converters, n_converters, tried, out)) {
		const struct choose_link *link = &links[out->link];

		if (!is_good(link) || link->cost != best->cost)
			return false;
		if (!others[out->link].capped)
			return true;
		tried |= 1u << out->link;
	}
	return false;
}

size_t race_choose(enum race_mode mode, const struct choose_link *links, const struct race_link *others, size_t n_links,
		   const struct address *converters, size_t n_converters, uint32_t tried, struct choice out[RACE_MOST])
{
	const struct choose_link *best;
	enum race race = RACE_BOTH;

	if (choose_first_link(links, n_links, converters, n_converters, tried, &out[0]))
		return 0;
	if (mode == RACE_OFF || out[0].link == CHOOSE_NO_LINK)
		return 1;
	best = &links[out[0].link];
	if (!is_good(best) || !find_other(links, others, n_links, converters, n_converters, tried | 1u << out[0].link,
					  best, &out[1]))
		return 1;
	if (mode == RACE_AUTO)
		race = decide(&others[out[0].link], &others[out[1].link]);
	if (race == RACE_OTHER)
		out[0] = out[1];
	return race == RACE_BOTH ? 2 : 1;
}
