/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A gateway whose links cost, carry and can't what a test says, for policy/overflow.h. */
#ifndef BRAID_TESTS_UNIT_OVERFLOW_H
#define BRAID_TESTS_UNIT_OVERFLOW_H

#include "unit.h"

#include "base/clock.h"
#include "policy/overflow.h"

#define MBIT 1000000ull
#define BURST_US (200 * US_PER_MS)
#define CHEAP 0u
#define COSTLY 1u
#define DEAR 2u

struct home {
	struct overflow overflow;
	struct overflow_link links[OVERFLOW_LINKS];
	size_t n_links;
	uint64_t rates_bps[OVERFLOW_LINKS][OVERFLOW_WAYS];
	bool limited[OVERFLOW_WAYS];
	uint64_t limited_at_us[OVERFLOW_WAYS];
	uint64_t now_us, rtt_us;
	struct overflow_verdict last;        /* that changed something */
	unsigned int n_changes, n_tell_again, n_tell_open_again;
	uint64_t changed_at_us;
	uint32_t last_told;
};

static inline struct home home_of(size_t n_links)
{
	struct home home = { .n_links = n_links, .now_us = 100 * US_PER_S, .rtt_us = 30000 };

	for (size_t i = 0; i < n_links; i++)
		home.links[i] = (struct overflow_link){ .works = true, .cost = (uint32_t)i * 10 };
	return home;
}

static inline uint32_t look(struct home *home)
{
	struct overflow_facts facts = { .now_us = home->now_us, .links = home->links, .n_links = home->n_links,
					.rtt_us = home->rtt_us, .burst_us = BURST_US };
	struct overflow_verdict verdict;

	memcpy(facts.limited_at_us, home->limited_at_us, sizeof(facts.limited_at_us));
	verdict = overflow_look(&home->overflow, &facts);
	home->n_tell_again += verdict.tell_again;
	if (verdict.tell_open_again) {
		assert_int_equal(verdict.tell_open_again & ~(verdict.open & ~1u), 0);   /* the first is always open */
		home->last_told = verdict.tell_open_again;
		home->n_tell_open_again++;
	}
	if (verdict.changed) {
		home->last = verdict;
		home->n_changes++;
		home->changed_at_us = home->now_us;
	}
	return verdict.open;
}

/* Time passes, in looks. Returns what is open then. */
static inline uint32_t pass(struct home *home, unsigned int ms)
{
	uint32_t open = look(home);

	for (unsigned int i = 0; i < ms / 100; i++) {
		home->now_us += OVERFLOW_LOOK_US;
		for (size_t link = 0; link < home->n_links; link++)
			for (unsigned int way = 0; way < OVERFLOW_WAYS; way++)
				home->links[link].n_bytes[way] += home->rates_bps[link][way] / 80;
		for (unsigned int way = 0; way < OVERFLOW_WAYS; way++)
			if (home->limited[way])
				home->limited_at_us[way] = home->now_us;
		open = look(home);
	}
	return open;
}

static inline void carry(struct home *home, size_t link, uint64_t down_mbit)
{
	home->rates_bps[link][OVERFLOW_DOWN] = down_mbit * MBIT;
}

/* 20 Mbit/s on the cheap link, and more wanted, until the costly one is open. */
static inline struct home full_home(size_t n_links)
{
	struct home home = home_of(n_links);

	carry(&home, CHEAP, 20);
	home.limited[OVERFLOW_DOWN] = true;
	assert_int_equal(pass(&home, 500), 3);
	assert_int_equal(home.n_changes, 1);
	return home;
}

static inline void expect(const struct home *home, bool opened, enum overflow_why why, uint32_t cost)
{
	assert_int_equal(home->last.opened, opened);
	assert_int_equal(home->last.why, why);
	assert_int_equal(home->last.cost, cost);
}

#endif
