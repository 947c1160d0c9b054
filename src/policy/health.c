/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/health.h"

#include "base/clock.h"
#include "base/util.h"
#include "policy/health_parts.h"

#define ASKS 2u                              /* in a row, before a link is called silent */
#define ASKS_OF_LOSING 4u                    /* of one that loses packets, or has lost a probe lately */
#define LOST_US (60 * US_PER_S)
#define QUIET_LEAST_US (200 * US_PER_MS)     /* mobile links pause for so long every now and then */
#define WAIT_LEAST_US (60 * US_PER_MS)       /* for an answer */
#define WAIT_MOST_US (3 * US_PER_S)
#define WAIT_UNKNOWN_US (2 * US_PER_S)       /* where no round trip is known: of a second, by satellite, and the next
					      * hop is to be found first; a mobile modem wakes up */
#define WAIT_SLACK_US (30 * US_PER_MS)
#define WAIT_LOWRATE_US (10 * US_PER_S)      /* at least, for one packet each way between others */
#define PAUSE_FIRST_US (1 * US_PER_S)
#define PAUSE_LOWRATE_US (30 * US_PER_S)
#define PAUSE_SILENT_MOST_US (30 * US_PER_S)
#define SILENT_OFTEN_US (120 * US_PER_S)     /* so long a silent link is asked every second: sessions that run would
					      * like it back */
#define BUSY_TICKS 8u                        /* in a row in which something came: it comes all the time */
#define STEADY_TICKS 4u                      /* is alive */
#define CAME_TICKS 2u                        /* while it is asked: more than a stray packet */
#define TICK_LEAST_US (HEALTH_TICK_US * 4 / 5)
#define DOUBT_DOUBLINGS 4u                   /* 16 s */
#define DOUBT_FORGET_US (60 * US_PER_S)
#define FLAP_US (30 * US_PER_S)              /* silent again so soon after its return: it has to answer more often
					      * before the next one */
#define FLAPS_MOST 3u                        /* 8 answers */
#define PASSED_US (4500 * US_PER_MS)         /* two looks of the workers */
#define RATE_UNKNOWN_BPS 1000000u            /* a link is taken for so fast until it is seen full */
#define PROBES_AT_ONCE 8u
#define RATE_LOWRATE_BPS 2400u
#define PROBES_AT_ONCE_LOWRATE 3u            /* whether it works, and two when it is in doubt */
#define BUDGET_PERCENT 1u
#define EARN_MOST_US (3600 * US_PER_S)
#define BITS_PER_BYTE 8u

const char *health_state_name(enum health_state state)
{
	static const char *const names[] = { "down", "unknown", "good", "lossy", "full", "silent" };
	static_assert(ARRAY_SIZE(names) == HEALTH_N_STATES, "name every state");

	return names[state];
}

static void set_state(struct health_link *link, enum health_state state, uint64_t now_us)
{
	link->state = state;
	link->since_us = now_us;
	link->n_for = 0;
}

/* Long enough for an answer over the link as it is now, its queue included. */
static uint64_t wait_us(const struct health_link *link)
{
	uint64_t us = link->rtt_us + link->rtt_us / 4 + WAIT_SLACK_US;

	if (link->lowrate)
		return us < WAIT_LOWRATE_US ? WAIT_LOWRATE_US : us;
	if (!link->rtt_us)
		return WAIT_UNKNOWN_US;
	return us < WAIT_LEAST_US ? WAIT_LEAST_US : us > WAIT_MOST_US ? WAIT_MOST_US : us;
}

static uint8_t n_asks(const struct health_link *link)
{
	return link->state == HEALTH_LOSSY || link->asked_at_us < link->loses_until_us ? ASKS_OF_LOSING : ASKS;
}

/* The next probe goes out while an answer to the one before may still come: each has all the time that an answer
 * takes. */
static uint64_t patience_us(const struct health_link *link)
{
	return link->n_asked < n_asks(link) ? wait_us(link) / 2 : wait_us(link);
}

static bool is_asked(const struct health_link *link)
{
	return link->n_asked;
}

static void ask_no_more(struct health_link *link)
{
	link->n_asked = 0;
	link->first_asked_at_us = 0;
}

void health_want(struct health *health, size_t i)
{
	health->links[i].wanted = !is_asked(&health->links[i]);
}

/* Of what the link can, probes may take a hundredth. */
static bool can_afford(struct health_link *link, uint64_t now_us)
{
	uint64_t bps = link->lowrate ? RATE_LOWRATE_BPS : link->full_bps ? link->full_bps : RATE_UNKNOWN_BPS;
	uint64_t most = (link->lowrate ? PROBES_AT_ONCE_LOWRATE : PROBES_AT_ONCE) * HEALTH_PROBE_BYTES;
	uint64_t us = link->budget_at_us ? now_us - link->budget_at_us : 0;
	uint64_t earned = bps * (u64_min(us, EARN_MOST_US) / US_PER_MS) /
			  (100 / BUDGET_PERCENT * BITS_PER_BYTE * US_PER_S / US_PER_MS);

	if (!link->budget_at_us) {
		link->budget_at_us = now_us;
		link->budget_bytes = most;
	} else if (earned) {
		link->budget_at_us = now_us;
		link->budget_bytes = link->budget_bytes + earned < most ? link->budget_bytes + earned : most;
	}
	return link->budget_bytes >= HEALTH_PROBE_BYTES;
}

static void charge(struct health_link *link)
{
	link->budget_bytes -= HEALTH_PROBE_BYTES;
	link->n_probes++;
}

bool health_charge(struct health *health, size_t i, uint64_t now_us)
{
	if (!can_afford(&health->links[i], now_us))
		return false;
	charge(&health->links[i]);
	return true;
}

void health_give_back(struct health *health, size_t i)
{
	health->links[i].budget_bytes += HEALTH_PROBE_BYTES;
	health->links[i].n_probes--;
}

void health_not_asked(struct health *health, size_t i)
{
	struct health_link *link = &health->links[i];

	health_give_back(health, i);
	link->n_asked -= link->n_asked > 0;
}

static void ask(struct health_link *link, size_t i, uint64_t now_us, struct health_verdict *verdict)
{
	charge(link);
	if (!is_asked(link)) {
		link->first_asked_at_us = now_us;
		link->n_came = 0;
	}
	link->n_asked += link->n_asked < UINT8_MAX;
	link->asked_at_us = now_us;
	link->wanted = false;
	verdict->ask |= 1u << i;
}

static bool lives_another(const struct health *health, const struct health_facts *facts, size_t i, uint64_t since_us)
{
	for (size_t j = 0; j < facts->n_links; j++)
		if (j != i && health->links[j].state != HEALTH_DOWN && health->links[j].state != HEALTH_SILENT &&
		    health->links[j].alive_at_us >= since_us)
			return true;
	return false;
}

static uint64_t longest_wait_us(const struct health *health, const struct health_facts *facts)
{
	uint64_t longest = 0;

	for (size_t i = 0; i < facts->n_links; i++)
		if (health->links[i].state != HEALTH_DOWN && wait_us(&health->links[i]) > longest)
			longest = wait_us(&health->links[i]);
	return longest;
}

static void change(struct health *health, size_t i, enum health_state state, uint64_t now_us,
		   struct health_verdict *verdict)
{
	struct health_link *link = &health->links[i];

	if (link->state == state)
		return;
	if (!(verdict->changed & 1u << i))
		verdict->before[i] = link->state;
	verdict->changed |= 1u << i;
	if (link->state == HEALTH_SILENT)
		link->returned_at_us = now_us;
	set_state(link, state, now_us);
}

static void fall_silent(struct health *health, size_t i, uint64_t now_us, struct health_verdict *verdict)
{
	struct health_link *link = &health->links[i];
	bool soon = link->returned_at_us && now_us - link->returned_at_us < FLAP_US;
	uint64_t came_us = link->moved_at_us > link->answered_at_us ? link->moved_at_us : link->answered_at_us;

	if (link->state == HEALTH_SILENT)
		return;
	link->n_flaps = soon ? link->n_flaps + (link->n_flaps < FLAPS_MOST) : 0;
	link->n_answers = 0;
	link->silent_us = came_us ? now_us - came_us : 0;
	link->pause_us = PAUSE_FIRST_US;
	link->n_busy = link->n_doubts = 0;
	change(health, i, HEALTH_SILENT, now_us, verdict);
}

/* Sessions' bytes have come through over it lately. */
static bool has_passed(const struct health_link *link, uint64_t now_us)
{
	return link->passed_at_us && now_us - link->passed_at_us < PASSED_US;
}

static bool is_steady(const struct health_link *link)
{
	return link->n_busy >= STEADY_TICKS;
}

/* Something comes just now of which the workers' next look will tell whether it is sessions' own: a transfer that
 * begins may fill a queue for longer than a probe is waited for, and over a slow link packets come too seldom to be
 * steady. */
static bool may_have_passed(const struct health_link *link, uint64_t now_us)
{
	return (is_steady(link) || link->n_came >= CAME_TICKS || now_us - link->moved_at_us < QUIET_LEAST_US) &&
	       now_us - link->first_asked_at_us < PASSED_US;
}

/* Something does come: what wasn't answered was lost, or is no business of the link's. */
static bool comes_something(const struct health_link *link, uint64_t now_us)
{
	if (link->lowrate)
		return link->moved_at_us >= link->first_asked_at_us;
	return link->moved_at_us >= link->first_asked_at_us && now_us - link->moved_at_us < wait_us(link) &&
	       has_passed(link, now_us);
}

static void pause_longer(struct health_link *link, uint64_t most_us)
{
	uint64_t us = link->pause_us ? 2 * link->pause_us : link->lowrate ? PAUSE_LOWRATE_US : PAUSE_FIRST_US;

	link->pause_us = us < most_us ? us : most_us;
}

/* Two had no answer. Whether it is the link, others tell; where nobody is known to answer, they are asked. */
static void judge_unanswered(struct health *health, size_t i, const struct health_facts *facts,
			     struct health_verdict *verdict)
{
	struct health_link *link = &health->links[i];
	uint64_t now_us = facts->now_us;

	link->n_answers = 0;
	if (link->state != HEALTH_SILENT && has_passed(link, now_us) && now_us - link->moved_at_us < QUIET_LEAST_US &&
	    !comes_something(link, now_us))
		return;
	if (link->state != HEALTH_SILENT && !has_passed(link, now_us) && may_have_passed(link, now_us))
		return;
	if (link->state != HEALTH_SILENT && comes_something(link, now_us)) {
		ask_no_more(link);
		return;
	}
	if (lives_another(health, facts, i, link->first_asked_at_us)) {
		fall_silent(health, i, now_us, verdict);
		return;
	}
	for (size_t j = 0; j < facts->n_links; j++)
		if (j != i)
			health_want(health, j);
	if (link->state == HEALTH_SILENT || link->state == HEALTH_UNKNOWN ||
	    now_us - link->asked_at_us < longest_wait_us(health, facts))
		return;
	link->pause_us = PAUSE_FIRST_US;
	change(health, i, HEALTH_UNKNOWN, now_us, verdict);
}

/* Of the link that is being asked: time for the second probe, for the verdict, or, when that was given, for another
 * one after a while. */
static void go_on_asking(struct health *health, size_t i, const struct health_facts *facts,
			 struct health_verdict *verdict)
{
	struct health_link *link = &health->links[i];
	uint64_t now_us = facts->now_us, waited_us = now_us - link->asked_at_us;
	bool often = link->state == HEALTH_SILENT && now_us - link->since_us < SILENT_OFTEN_US;

	if (waited_us < patience_us(link))
		return;
	if (link->n_asked >= n_asks(link))
		judge_unanswered(health, i, facts, verdict);
	if (!is_asked(link) || (link->n_asked >= n_asks(link) && waited_us < link->pause_us) ||
	    !can_afford(link, now_us))
		return;
	if (link->n_asked >= n_asks(link) && !often)
		pause_longer(link, PAUSE_SILENT_MOST_US);
	ask(link, i, now_us, verdict);
}

static bool works(const struct health_link *link)
{
	return link->state == HEALTH_GOOD || link->state == HEALTH_LOSSY || link->state == HEALTH_FULL;
}

static void probe(struct health *health, size_t i, const struct health_facts *facts, struct health_verdict *verdict)
{
	struct health_link *link = &health->links[i];
	uint64_t now_us = facts->now_us, idle_us = facts->probe_idle_s * US_PER_S;

	if (link->state == HEALTH_DOWN || facts->links[i].spared) {
		ask_no_more(link);
		return;
	}
	if (is_asked(link)) {
		go_on_asking(health, i, facts, verdict);
		return;
	}
	if (!link->wanted && works(link) && link->ask_at_us < link->alive_at_us + link->pause_us)
		link->ask_at_us = link->alive_at_us + link->pause_us;   /* it is seen to work without being asked */
	if ((!link->wanted && now_us < link->ask_at_us) || !can_afford(link, now_us))
		return;
	ask(link, i, now_us, verdict);
	pause_longer(link, idle_us);
	link->ask_at_us = now_us + link->pause_us;
}

/* At once, unless it was for nothing lately. */
static void doubt(struct health_link *link, uint64_t now_us)
{
	if (is_asked(link) || link->state == HEALTH_DOWN || now_us < link->doubt_from_us)
		return;
	if (now_us - link->doubt_from_us > DOUBT_FORGET_US)
		link->n_doubts = 0;
	link->doubt_from_us = now_us + (PAUSE_FIRST_US << link->n_doubts);
	link->n_doubts += link->n_doubts < DOUBT_DOUBLINGS;
	link->wanted = true;
}

bool health_is_alive(const struct health *health, size_t link, uint64_t within_us, uint64_t now_us)
{
	const struct health_link *l = &health->links[link];
	uint64_t at_us = l->answered_at_us > l->passed_at_us ? l->answered_at_us : l->passed_at_us;

	return at_us && at_us + within_us >= now_us;
}

/* What came over the links' interfaces since the last tick. Where something has come all the time, and now only over
 * others, something is wrong. */
static void tick(struct health *health, const struct health_facts *facts)
{
	uint64_t now_us = facts->now_us;
	uint32_t stopped = 0, steady = 0;

	if (now_us - health->ticked_at_us < TICK_LEAST_US)
		return;
	health->ticked_at_us = now_us;
	for (size_t i = 0; i < facts->n_links; i++) {
		struct health_link *link = &health->links[i];
		bool moved = facts->links[i].rx_bytes != link->rx_bytes;

		link->rx_bytes = facts->links[i].rx_bytes;
		stopped |= (uint32_t)(!moved && link->n_busy >= BUSY_TICKS) << i;
		link->n_busy = moved ? link->n_busy + (link->n_busy < BUSY_TICKS) : 0;
		if (!moved)
			continue;
		link->moved_at_us = now_us;
		link->n_came += is_asked(link) && link->n_came < CAME_TICKS;
		if ((is_steady(link) || link->lowrate) && link->state != HEALTH_SILENT)
			link->alive_at_us = now_us;
		steady |= (uint32_t)is_steady(link) << i;
	}
	for (size_t i = 0; steady && i < facts->n_links; i++)
		if (stopped >> i & 1)
			doubt(&health->links[i], now_us);
}

static void come_up(struct health_link *link, uint64_t now_us)
{
	set_state(link, HEALTH_UNKNOWN, now_us);
	link->pause_us = 0;
	link->ask_at_us = now_us;
}

static void follow_link(struct health *health, size_t i, const struct health_facts *facts,
			struct health_verdict *verdict)
{
	const struct health_link_facts *seen = &facts->links[i];
	struct health_link *link = &health->links[i];

	link->lowrate = seen->lowrate;
	if (!seen->up && link->state != HEALTH_DOWN)
		set_state(link, HEALTH_DOWN, facts->now_us);
	else if (seen->up && link->state == HEALTH_DOWN)
		come_up(link, facts->now_us);
	if (seen->spared && link->state == HEALTH_SILENT)   /* nobody would find that it answers again */
		change(health, i, HEALTH_UNKNOWN, facts->now_us, verdict);
	if ((link->state == HEALTH_UNKNOWN && link->alive_at_us >= link->since_us) ||
	    (link->state == HEALTH_SILENT && link->n_answers >= 1u << link->n_flaps)) {
		link->pause_us = 0;
		change(health, i, HEALTH_GOOD, facts->now_us, verdict);
	}
	if (seen->suspected)
		doubt(link, facts->now_us);
	if (!health_take_figures(link, seen, facts) || !works(link))
		return;
	change(health, i, health_judge_figures(link, facts), facts->now_us, verdict);
	if (seen->seen.n_unanswered && facts->now_us - link->passed_at_us >= PASSED_US)
		doubt(link, facts->now_us);
}

/* An answer is waited for no longer than need be. */
static uint64_t next_us(const struct health *health, const struct health_facts *facts)
{
	uint64_t next = facts->now_us + HEALTH_REST_US;

	for (size_t i = 0; i < facts->n_links; i++) {
		const struct health_link *link = &health->links[i];
		uint64_t answer_us = link->asked_at_us + patience_us(link), at_us = facts->now_us + HEALTH_TICK_US;

		if (!link->n_busy && !is_asked(link))
			continue;
		if (is_asked(link) && answer_us > facts->now_us && answer_us < at_us)
			at_us = answer_us;
		next = at_us < next ? at_us : next;
	}
	return next;
}

struct health_verdict health_look(struct health *health, const struct health_facts *facts)
{
	struct health_verdict verdict = { 0 };

	tick(health, facts);
	for (size_t i = 0; i < facts->n_links; i++)
		follow_link(health, i, facts, &verdict);
	for (size_t i = 0; i < facts->n_links; i++)
		probe(health, i, facts, &verdict);
	verdict.next_us = next_us(health, facts);
	return verdict;
}

void health_answered(struct health *health, size_t i, uint64_t begun_at_us, uint64_t rtt_us, uint64_t now_us)
{
	struct health_link *link = &health->links[i];

	if (works(link) && is_asked(link) && begun_at_us > link->first_asked_at_us + WAIT_LEAST_US / 4)
		link->loses_until_us = now_us + LOST_US;   /* it is no answer to the first one */
	link->n_answered++;
	link->alive_at_us = link->answered_at_us = now_us;
	link->n_answers += link->n_answers < UINT8_MAX;
	health_take_rtt(link, rtt_us, rtt_us, false, now_us);
	ask_no_more(link);
	if (link->state == HEALTH_SILENT)
		link->ask_at_us = now_us + PAUSE_FIRST_US;
}

void health_changed(struct health *health, size_t i)
{
	const struct health_link before = health->links[i];

	health->links[i] = (struct health_link){ .n_probes = before.n_probes, .n_answered = before.n_answered,
						 .budget_bytes = before.budget_bytes,
						 .budget_at_us = before.budget_at_us, .seen = before.seen,
						 .rx_bytes = before.rx_bytes };
}

void health_elsewhere(struct health *health)
{
	for (size_t i = 0; i < HEALTH_LINKS; i++) {
		struct health_link *link = &health->links[i];

		link->older_rtt_us = link->newer_rtt_us = link->least_rtt_us = 0;
		link->elsewhere = true;
	}
}
