/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/multipath.h"

#include "base/clock.h"
#include "base/util.h"

#define ASKS 3u
#define WAIT_LEAST_US (1 * US_PER_S)          /* for an answer; before Linux sends the third SYN, which is plain TCP */
#define WAIT_MOST_US (2500 * US_PER_MS)
#define TOO_LATE_US (1900 * US_PER_MS)        /* that third SYN may have been sent by then: plain TCP is Linux's own
					       * doing */
#define SUSPECT_US (60 * US_PER_S)            /* between two suspicions that are looked into */
#define AGAIN_FIRST_US (50 * US_PER_S)
#define AGAIN_MOST_US (600 * US_PER_S)
#define SLACK_US (10 * US_PER_S)              /* to ask again before it is forgotten */

static uint64_t wait_us(const struct multipath_facts *facts)
{
	uint64_t us = 2 * facts->rtt_us;

	return us < WAIT_LEAST_US ? WAIT_LEAST_US : us > WAIT_MOST_US ? WAIT_MOST_US : us;
}

static void settle(struct multipath *multipath, enum multipath_state state, uint64_t now_us)
{
	bool bad = state == MULTIPATH_STRIPS || state == MULTIPATH_DROPS;
	uint64_t longer_us = multipath->pause_us ? 2 * multipath->pause_us : AGAIN_FIRST_US;

	multipath->n_asked = 0;
	multipath->state = state;
	multipath->pause_us = !bad ? 0 : longer_us < AGAIN_MOST_US ? longer_us : AGAIN_MOST_US;
	multipath->ask_at_us = now_us + (bad ? multipath->pause_us : SUSPECT_US);
}

static bool is_due(const struct multipath *multipath, const struct multipath_facts *facts)
{
	return facts->now_us >= multipath->ask_at_us && (multipath->state != MULTIPATH_CLEAN || facts->suspected);
}

bool multipath_look(struct multipath *multipath, const struct multipath_facts *facts)
{
	if (!facts->works || facts->rtt_us >= TOO_LATE_US) {
		multipath->n_asked = 0;
		return false;
	}
	if (!multipath->n_asked && !is_due(multipath, facts))
		return false;
	if (multipath->n_asked && facts->now_us - multipath->asked_at_us < wait_us(facts))
		return false;
	if (multipath->n_asked >= ASKS) {
		settle(multipath, facts->alive_at_us > multipath->first_asked_at_us ? MULTIPATH_DROPS :
		       multipath->state, facts->now_us);
		return false;
	}
	if (!multipath->n_asked++)
		multipath->first_asked_at_us = facts->now_us;
	multipath->asked_at_us = facts->now_us;
	return true;
}

void multipath_not_asked(struct multipath *multipath)
{
	multipath->n_asked -= multipath->n_asked > 0;
}

void multipath_answered(struct multipath *multipath, bool fell_back, uint64_t waited_us, uint64_t now_us)
{
	enum multipath_state told = fell_back ? MULTIPATH_STRIPS : MULTIPATH_CLEAN;

	settle(multipath, fell_back && waited_us >= TOO_LATE_US ? multipath->state : told, now_us);
}

uint64_t multipath_bad_until_us(const struct multipath *multipath)
{
	return multipath->pause_us ? multipath->ask_at_us + SLACK_US : 0;
}

const char *multipath_state_name(enum multipath_state state)
{
	static const char *const names[] = { "unknown", "clean", "strips", "drops" };
	static_assert(ARRAY_SIZE(names) == MULTIPATH_N_STATES, "name every state");

	return names[state];
}
