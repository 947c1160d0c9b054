/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/overflow.h"

#include <string.h>
#include "base/clock.h"

#define LATELY_US (350 * US_PER_MS)          /* who is limited is heard of every 100 ms, every 200 ms where nothing
					      * moves; and news take their time */
#define FULL_MOST_US (1500 * US_PER_MS)
#define FULL_ROUND_TRIPS 3u                  /* a sender finds its rate in some of them */
#define GROWING_PERCENT 130u                 /* of the first half of that time, in the second: it is still finding it */
#define FITS_PERCENT 85u
#define ROOM_US (1 * US_PER_S)               /* what links carry in it isn't what a queue has given back */
#define CALM_US (2 * US_PER_S)
#define CALM_DOUBLINGS 2u                    /* 8 s */
#define TRY_US (8 * US_PER_S)
#define TRY_DOUBLINGS 6u                     /* 8.5 minutes */
#define TOO_SOON_US (5 * US_PER_S)
#define FORGET_US (60 * US_PER_S)            /* what has held so long was no mistake, and earlier ones are over */
#define TOLD_US (2 * US_PER_S)               /* what was under way has gone by then */
#define TOLD_DOUBLINGS 5u                    /* a minute: it may be something else that they carry */
#define SILENT_BPS 100000u
#define PAUSE_US (1 * US_PER_S)              /* who is limited may not be heard of for as long */
#define UNHEARD_BPS 20000u                   /* probes and new subflows' handshakes; what is worth opening carries
					      * more */
#define ACKS_SHARE 16u                       /* of what they acknowledge, at most */
#define ABOUT_PERCENT 90u                    /* of a room: it is still there */
#define BITS_PER_BYTE 8u

static bool is_usable(const struct overflow_link *link)
{
	return link->works && !link->out;
}

/* The least cost of links that can be used, from the given one on. False where there is none. */
static bool least_cost(const struct overflow_facts *facts, uint64_t from, uint32_t *cost)
{
	bool found = false;

	for (size_t i = 0; i < facts->n_links; i++) {
		const struct overflow_link *link = &facts->links[i];

		if (!is_usable(link) || link->cost < from || (found && link->cost >= *cost))
			continue;
		*cost = link->cost;
		found = true;
	}
	return found;
}

/* Of those that may work one day. */
static uint32_t least_of_all(const struct overflow_facts *facts)
{
	uint32_t least = UINT32_MAX;

	for (size_t i = 0; i < facts->n_links; i++)
		if (!facts->links[i].out && facts->links[i].cost < least)
			least = facts->links[i].cost;
	return least;
}

static uint32_t open_cost(const struct overflow *overflow)
{
	return overflow->n_steps ? overflow->steps[overflow->n_steps - 1].cost : overflow->base;
}

static struct overflow_mark mark_of(const struct overflow_facts *facts)
{
	struct overflow_mark mark = { .at_us = facts->now_us };

	for (size_t i = 0; i < facts->n_links; i++)
		memcpy(mark.n_bytes[i], facts->links[i].n_bytes, sizeof(mark.n_bytes[i]));
	return mark;
}

static bool is_of(const struct overflow_link *link, uint32_t least, uint32_t most)
{
	return !link->out && link->cost >= least && link->cost <= most;
}

/* Between two counts of an interface's, which may have begun anew. */
static uint64_t moved_bytes(uint64_t before, uint64_t after)
{
	return after >= before ? after - before : after;
}

/* What links of costs from least to most carried between two marks. */
static uint64_t rate_bps(const struct overflow_facts *facts, const struct overflow_mark *from,
			 const struct overflow_mark *to, uint32_t least, uint32_t most,
			 unsigned int way)
{
	uint64_t n_bytes = 0;

	for (size_t i = 0; i < facts->n_links; i++) {
		if (is_of(&facts->links[i], least, most))
			n_bytes += moved_bytes(from->n_bytes[i][way], to->n_bytes[i][way]);
	}
	return to->at_us > from->at_us ? n_bytes * BITS_PER_BYTE * US_PER_S / (to->at_us - from->at_us) : 0;
}

static void forget_marks(struct overflow *overflow)
{
	overflow->limited.at_us = overflow->half_way.at_us = overflow->calm.at_us = 0;
}

static struct overflow_verdict close_last(struct overflow *overflow, enum overflow_why why, uint64_t now_us)
{
	struct overflow_verdict verdict = { .changed = true, .why = why, .cost = open_cost(overflow) };

	overflow->n_steps--;
	overflow->last = overflow->steps[overflow->n_steps];
	overflow->told.at_us = overflow->n_told = 0;
	overflow->closed_at_us = now_us;
	overflow->closed_why = why;
	forget_marks(overflow);
	return verdict;
}

/* An opening right behind a closing says that this was wrong. */
static void learn(struct overflow *overflow, uint64_t now_us)
{
	uint64_t since_us = now_us - overflow->closed_at_us;

	if (!overflow->closed_at_us || since_us >= FORGET_US)
		overflow->n_too_soon = overflow->n_tries_failed = 0;
	else if (since_us < TOO_SOON_US && overflow->closed_why == OVERFLOW_TRY)
		overflow->n_tries_failed += overflow->n_tries_failed < TRY_DOUBLINGS;
	else if (since_us < TOO_SOON_US)
		overflow->n_too_soon += overflow->n_too_soon < CALM_DOUBLINGS;
}

static bool limited_within(const struct overflow_facts *facts, unsigned int way, uint64_t us)
{
	uint64_t at_us = facts->limited_at_us[way];

	return at_us && (at_us >= facts->now_us || facts->now_us - at_us < us);
}

static bool is_limited(const struct overflow_facts *facts, unsigned int way)
{
	return limited_within(facts, way, LATELY_US);
}

/* Until it was heard of last: not the time after that. */
static uint64_t limited_us(const struct overflow *overflow, const struct overflow_facts *facts)
{
	uint64_t last_us = facts->limited_at_us[OVERFLOW_UP] > facts->limited_at_us[OVERFLOW_DOWN] ?
			   facts->limited_at_us[OVERFLOW_UP] :
			   facts->limited_at_us[OVERFLOW_DOWN];

	return last_us > overflow->limited.at_us ? last_us - overflow->limited.at_us : 0;
}

static uint64_t full_us(const struct overflow_facts *facts)
{
	uint64_t us = FULL_ROUND_TRIPS * facts->rtt_us < FULL_MOST_US ? FULL_ROUND_TRIPS * facts->rtt_us : FULL_MOST_US;

	return us > facts->burst_us ? us : facts->burst_us;
}

static bool is_growing(const struct overflow *overflow, const struct overflow_facts *facts,
		       const struct overflow_mark *now, enum overflow_way way)
{
	uint64_t first_bps = rate_bps(facts, &overflow->limited, &overflow->half_way, 0, open_cost(overflow), way);

	return rate_bps(facts, &overflow->half_way, now, 0, open_cost(overflow), way) * 100 >
	       first_bps * GROWING_PERCENT;
}

/* What a burst shows of the cheaper links isn't all that they can: they may have shown more just before. */
static void remember_room(const struct overflow *overflow, struct overflow_step *step, unsigned int way,
			  uint64_t now_us)
{
	const struct overflow_step *last = &overflow->last;

	if (last->cost != step->cost || now_us - last->room_at_us[way] >= FORGET_US ||
	    last->room_bps[way] <= step->room_bps[way])
		return;
	step->room_bps[way] = last->room_bps[way];
	step->room_at_us[way] = last->room_at_us[way];
}

static struct overflow_verdict open_next(struct overflow *overflow, const struct overflow_facts *facts,
					 const struct overflow_mark *now, uint32_t cost,
					 enum overflow_way way)
{
	struct overflow_verdict verdict = { .changed = true, .opened = true, .why = OVERFLOW_FULL, .cost = cost,
					    .way = way, .for_us = limited_us(overflow, facts) };
	struct overflow_step *step = &overflow->steps[overflow->n_steps];
	uint32_t most = open_cost(overflow);

	*step = (struct overflow_step){ .cost = cost };
	for (unsigned int i = 0; i < OVERFLOW_WAYS; i++) {
		step->room_bps[i] = is_limited(facts, i) ? rate_bps(facts, &overflow->limited, now, 0, most, i) : 0;
		step->room_at_us[i] = facts->now_us;
		step->own_bps[i] = rate_bps(facts, &overflow->limited, now, cost, cost, i);
	}
	verdict.carried_bps = step->room_bps[way];
	for (unsigned int i = 0; i < OVERFLOW_WAYS; i++)
		if (step->room_bps[i])
			remember_room(overflow, step, i, facts->now_us);
	overflow->n_steps++;
	overflow->told_open.at_us = overflow->n_told_open = 0;
	overflow->second = *now;
	learn(overflow, facts->now_us);
	forget_marks(overflow);
	return verdict;
}

/* Some session has been limited for longer than a burst: the next cost is opened. */
static struct overflow_verdict look_for_more(struct overflow *overflow, const struct overflow_facts *facts)
{
	struct overflow_verdict nothing = { 0 };
	struct overflow_mark now = mark_of(facts);
	enum overflow_way way = is_limited(facts, OVERFLOW_DOWN) ? OVERFLOW_DOWN : OVERFLOW_UP;
	uint32_t cost;

	if (!least_cost(facts, (uint64_t)open_cost(overflow) + 1, &cost))
		return nothing;
	if (!is_growing(overflow, facts, &now, way))
		return open_next(overflow, facts, &now, cost, way);
	overflow->limited = overflow->half_way;
	overflow->half_way.at_us = 0;
	return nothing;
}

/* When they were opened the cheaper links' senders may have been finding out still what these can, and a link may
 * recover. */
static void measure_rooms(struct overflow *overflow, const struct overflow_facts *facts)
{
	struct overflow_mark now;

	if (!overflow->n_steps || facts->now_us - overflow->second.at_us < ROOM_US)
		return;
	now = mark_of(facts);
	for (size_t i = 0; i < overflow->n_steps; i++) {
		struct overflow_step *step = &overflow->steps[i];

		for (unsigned int way = 0; way < OVERFLOW_WAYS; way++) {
			uint64_t bps = rate_bps(facts, &overflow->second, &now, 0, step->cost - 1, way);

			if (bps * 100 >= step->room_bps[way] * ABOUT_PERCENT)
				step->room_at_us[way] = facts->now_us;
			if (step->room_bps[way] && bps > step->room_bps[way])
				step->room_bps[way] = bps;
		}
	}
	overflow->second = now;
}

/* Whether what all carry would fit the cheaper ones, in the ways in which these were full. The verdict gets the way
 * that is nearest to it. */
static bool fits(struct overflow *overflow, const struct overflow_facts *facts, const struct overflow_mark *now,
		 struct overflow_verdict *verdict)
{
	struct overflow_step *step = &overflow->steps[overflow->n_steps - 1];
	uint64_t nearest_percent = 0;

	for (unsigned int way = 0; way < OVERFLOW_WAYS; way++) {
		uint64_t cheaper_bps = rate_bps(facts, &overflow->window, now, 0, step->cost - 1, way), percent;
		uint64_t own_bps = rate_bps(facts, &overflow->window, now, step->cost, step->cost, way), carried_bps;

		if (!step->room_bps[way])
			continue;
		carried_bps = cheaper_bps + (own_bps > step->own_bps[way] ? own_bps - step->own_bps[way] : 0);
		percent = carried_bps * 100 / step->room_bps[way];
		if (percent < nearest_percent)
			continue;
		nearest_percent = percent;
		verdict->way = (enum overflow_way)way;
		verdict->carried_bps = carried_bps;
		verdict->room_bps = step->room_bps[way];
	}
	return nearest_percent <= FITS_PERCENT;
}

/* None is limited, or for a burst: the last cost is closed when it isn't needed any more, or for a try. */
static struct overflow_verdict look_for_less(struct overflow *overflow, const struct overflow_facts *facts)
{
	struct overflow_mark now = mark_of(facts);
	struct overflow_verdict found = { 0 }, verdict = { 0 };
	uint64_t window_us = facts->now_us - overflow->window.at_us, calm_us;

	if (!overflow->n_steps)
		return verdict;
	if (!overflow->calm.at_us) {
		overflow->calm = overflow->window = now;
		return verdict;
	}
	if (window_us < CALM_US << overflow->n_too_soon)
		return verdict;
	calm_us = facts->now_us - overflow->calm.at_us;
	if (fits(overflow, facts, &now, &found))
		verdict = close_last(overflow, found.room_bps ? OVERFLOW_FITS : OVERFLOW_CHEAPER_BACK, facts->now_us);
	else if (calm_us >= TRY_US << overflow->n_tries_failed)
		verdict = close_last(overflow, OVERFLOW_TRY, facts->now_us);
	verdict.way = found.way;
	verdict.for_us = verdict.why == OVERFLOW_TRY ? calm_us : window_us;
	verdict.carried_bps = found.carried_bps;
	verdict.room_bps = found.room_bps;
	overflow->window = now;
	return verdict;
}

/* Follows how long some session is limited. True: for longer than a burst. */
static bool is_full(struct overflow *overflow, const struct overflow_facts *facts)
{
	if (!is_limited(facts, OVERFLOW_UP) && !is_limited(facts, OVERFLOW_DOWN)) {
		overflow->limited.at_us = overflow->half_way.at_us = 0;
		return false;
	}
	if (!overflow->limited.at_us)
		overflow->limited = mark_of(facts);
	if (!overflow->half_way.at_us && facts->now_us - overflow->limited.at_us >= full_us(facts) / 2)
		overflow->half_way = mark_of(facts);
	return limited_us(overflow, facts) >= full_us(facts);
}

static struct overflow_verdict decide(struct overflow *overflow, const struct overflow_facts *facts)
{
	if (!is_full(overflow, facts))
		return look_for_less(overflow, facts);
	overflow->calm.at_us = 0;
	return look_for_more(overflow, facts);
}

/* Steps that the cheapest have come up to are none; nor are those whose links have all gone. */
static void drop_steps(struct overflow *overflow, const struct overflow_facts *facts)
{
	size_t n = 0;
	uint32_t cost;

	for (size_t i = 0; i < overflow->n_steps; i++) {
		const struct overflow_step step = overflow->steps[i];

		if (step.cost > overflow->base && least_cost(facts, step.cost, &cost) && cost == step.cost)
			overflow->steps[n++] = step;
	}
	overflow->n_steps = n;
}

/* The cheapest have gone, or are back; then what was open in their place is so for a while yet, until sessions have
 * joined them again. */
static struct overflow_verdict follow_base(struct overflow *overflow, const struct overflow_facts *facts)
{
	struct overflow_verdict verdict = { 0 };
	uint32_t before = overflow->base, most = open_cost(overflow), cost;

	if (!least_cost(facts, 0, &cost)) {   /* what there is stays as it is: nothing works */
		overflow->base = overflow->begun ? before : least_of_all(facts);
		return verdict;
	}
	overflow->base = cost;
	if (overflow->begun && cost > before) {
		verdict = (struct overflow_verdict){ .changed = cost > most, .opened = true,
						     .why = OVERFLOW_NONE_CHEAPER, .cost = cost };
	} else if (overflow->begun && cost < before) {
		memmove(&overflow->steps[1], &overflow->steps[0], overflow->n_steps * sizeof(overflow->steps[0]));
		overflow->steps[0] = (struct overflow_step){ .cost = before };
		overflow->n_steps++;
	}
	if (cost != before)
		forget_marks(overflow);
	overflow->begun = true;
	drop_steps(overflow, facts);
	return verdict;
}

/* Once something was closed: whether links that are closed carry what they did not before. Asked from time to time,
 * and more rarely where telling again has not helped. */
static bool must_tell_again(struct overflow *overflow, const struct overflow_facts *facts)
{
	struct overflow_mark now = mark_of(facts), told = overflow->told;
	bool loud = false;

	if (!overflow->closed_at_us || (told.at_us && now.at_us - told.at_us < TOLD_US << overflow->n_told))
		return false;
	overflow->told = now;
	if (!told.at_us || open_cost(overflow) == UINT32_MAX)
		return false;
	for (unsigned int way = 0; way < OVERFLOW_WAYS; way++)
		loud |= rate_bps(facts, &told, &now, open_cost(overflow) + 1, UINT32_MAX, way) >
		overflow->last.own_bps[way] + SILENT_BPS;
	overflow->n_told = loud ? overflow->n_told + (overflow->n_told < TOLD_DOUBLINGS) : 0;
	return loud;
}

/* Whether the link carried something in each way in which sessions are limited, beside acknowledgements of what it
 * carried the other way. */
static bool carries(const struct overflow_mark *since, const struct overflow_facts *facts, size_t link)
{
	uint64_t least_bytes = UNHEARD_BPS / BITS_PER_BYTE * (facts->now_us - since->at_us) / US_PER_S;
	uint64_t n_bytes[OVERFLOW_WAYS];

	for (unsigned int way = 0; way < OVERFLOW_WAYS; way++)
		n_bytes[way] = moved_bytes(since->n_bytes[link][way], facts->links[link].n_bytes[way]);
	for (unsigned int way = 0; way < OVERFLOW_WAYS; way++)
		if (limited_within(facts, way, PAUSE_US) && n_bytes[way] < least_bytes + n_bytes[!way] / ACKS_SHARE)
			return false;
	return true;
}

/* A bit each of the links that were opened, and carry nothing though sessions are limited still: their peers may not
 * have heard of it. Asked, and told, as above. */
static uint32_t tell_open_again(struct overflow *overflow, const struct overflow_facts *facts)
{
	bool now = is_limited(facts, OVERFLOW_UP) || is_limited(facts, OVERFLOW_DOWN);
	bool lately = limited_within(facts, OVERFLOW_UP, PAUSE_US) || limited_within(facts, OVERFLOW_DOWN, PAUSE_US);
	uint64_t since_us = facts->now_us - overflow->told_open.at_us;
	bool begun = overflow->told_open.at_us;
	uint32_t unheard = 0;

	if (!lately || !overflow->n_steps)
		overflow->told_open.at_us = 0;
	if (!now || !overflow->n_steps || (begun && since_us < TOLD_US << overflow->n_told_open))
		return 0;
	for (size_t i = 0; begun && i < facts->n_links; i++)
		if (is_of(&facts->links[i], overflow->steps[0].cost, open_cost(overflow)) && facts->links[i].works &&
		    !carries(&overflow->told_open, facts, i))
			unheard |= 1u << i;
	overflow->told_open = mark_of(facts);
	if (begun)
		overflow->n_told_open = unheard ? overflow->n_told_open + (overflow->n_told_open < TOLD_DOUBLINGS) : 0;
	return unheard;
}

static uint32_t open_links(const struct overflow *overflow, const struct overflow_facts *facts)
{
	uint32_t open = 0;

	for (size_t i = 0; i < facts->n_links; i++)
		if (is_of(&facts->links[i], 0, open_cost(overflow)))
			open |= 1u << i;
	return open;
}

struct overflow_verdict overflow_look(struct overflow *overflow, const struct overflow_facts *facts)
{
	struct overflow_verdict verdict = follow_base(overflow, facts);

	measure_rooms(overflow, facts);
	if (overflow->begun && !verdict.changed)
		verdict = decide(overflow, facts);
	verdict.tell_again = !verdict.changed && must_tell_again(overflow, facts);
	if (!verdict.changed)
		verdict.tell_open_again = tell_open_again(overflow, facts);
	verdict.open = open_links(overflow, facts);
	return verdict;
}
