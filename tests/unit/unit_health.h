/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A gateway whose links do what a test says, for policy/health. */
#ifndef BRAID_TESTS_UNIT_HEALTH_H
#define BRAID_TESTS_UNIT_HEALTH_H

#include "unit.h"

#include "base/clock.h"
#include "policy/health.h"

#define MBIT 1000000ull
#define LOOK_US (2 * US_PER_S)
#define A 0u
#define B 1u

/* What a link does, as a test says. */
struct wire {
	bool up, dead, spared, suspected, lowrate;
	bool answers_one_in_two;
	uint64_t rx_bps, sent_bps;            /* sessions' */
	uint64_t foreign_bps;                 /* of the interface alone */
	uint32_t loss_per_10_000, n_unanswered;
	uint64_t rtt_us, queue_us;
	uint64_t asked_at_us[8];
	size_t n_asked;                       /* on their way */
	unsigned int n_seen;
};

struct home {
	struct health health;
	struct health_facts facts;
	struct health_link_facts links[HEALTH_LINKS];
	struct wire wires[HEALTH_LINKS];
	uint64_t now_us, looked_at_us, next_us;
	unsigned int n_changes;
	enum health_state last_before;
	size_t last_changed;
	uint64_t changed_at_us;
};

static inline struct home home_of(size_t n_links)
{
	struct home home = { .now_us = 1000 * US_PER_S,
			     .facts = { .n_links = n_links, .lossy_percent = 2, .full_ms = 25, .probe_idle_s = 300 } };

	home.looked_at_us = home.now_us;
	for (size_t i = 0; i < n_links; i++)
		home.wires[i] = (struct wire){ .up = true, .rtt_us = 50 * US_PER_MS };
	return home;
}

static inline bool answers(struct wire *wire)
{
	return !wire->dead && !(wire->answers_one_in_two && wire->n_seen++ % 2);
}

/* Answers to probes that are due. */
static inline void answer(struct home *home, size_t i)
{
	struct wire *wire = &home->wires[i];
	size_t n = 0;

	for (size_t j = 0; j < wire->n_asked; j++) {
		if (home->now_us - wire->asked_at_us[j] < wire->rtt_us + wire->queue_us) {
			wire->asked_at_us[n++] = wire->asked_at_us[j];
			continue;
		}
		if (answers(wire))
			health_answered(&home->health, i, wire->asked_at_us[j], wire->rtt_us + wire->queue_us,
					home->now_us);
	}
	wire->n_asked = n;
}

/* What has passed since, as the interfaces and, every two seconds, the workers count it. */
static inline void carry(struct home *home, size_t i, uint64_t us, bool worker_looks)
{
	struct wire *wire = &home->wires[i];
	struct health_link_facts *link = &home->links[i];
	uint64_t rx = wire->dead ? 0 : wire->rx_bps / 8 * us / US_PER_S, tx = wire->sent_bps / 8 * us / US_PER_S;

	link->up = wire->up;
	link->spared = wire->spared;
	link->suspected = wire->suspected;
	link->lowrate = wire->lowrate;
	link->rx_bytes += rx + (wire->dead ? 0 : wire->foreign_bps / 8 * us / US_PER_S + tx / 50);
	link->tx_bytes += tx + rx / 50;
	link->seen.received_bytes += rx;
	link->seen.sent_bytes += tx;
	link->seen.acked_bytes += wire->dead ? 0 : tx;
	link->seen.retransmitted_bytes += tx * wire->loss_per_10_000 / 10000;
	if (!worker_looks)
		return;
	link->seen.n_looks++;
	link->seen.n_unanswered = wire->n_unanswered;
	link->seen.carried_bytes = wire->dead ? 0 : (wire->rx_bps + wire->sent_bps) / 4;
	link->seen.rtt_us = link->seen.carried_bytes ? wire->rtt_us + wire->queue_us : 0;
	link->seen.min_rtt_us = link->seen.carried_bytes ? wire->rtt_us : 0;
}

static inline void look(struct home *home)
{
	struct health_verdict verdict;

	home->facts.now_us = home->now_us;
	home->facts.links = home->links;
	verdict = health_look(&home->health, &home->facts);
	home->next_us = verdict.next_us;
	for (size_t i = 0; i < home->facts.n_links; i++) {
		struct wire *wire = &home->wires[i];

		if (verdict.ask >> i & 1 && wire->n_asked < ARRAY_SIZE(wire->asked_at_us))
			wire->asked_at_us[wire->n_asked++] = home->now_us;
		if (!(verdict.changed >> i & 1))
			continue;
		home->n_changes++;
		home->last_before = verdict.before[i];
		home->last_changed = i;
		home->changed_at_us = home->now_us;
	}
}

/* Time passes, in steps of ten milliseconds; a look where one is due. */
static inline void pass(struct home *home, uint64_t ms)
{
	for (uint64_t i = 0; i < ms / 10; i++) {
		bool worker_looks;

		home->now_us += 10 * US_PER_MS;
		worker_looks = home->now_us - home->looked_at_us >= LOOK_US;
		if (worker_looks)
			home->looked_at_us = home->now_us;
		for (size_t j = 0; j < home->facts.n_links; j++) {
			carry(home, j, 10 * US_PER_MS, worker_looks);
			answer(home, j);
		}
		if (home->now_us >= home->next_us)
			look(home);
	}
}

static inline enum health_state state_of(const struct home *home, size_t i)
{
	return home->health.links[i].state;
}

static inline void expect(const struct home *home, size_t i, enum health_state state)
{
	if (state_of(home, i) != state)
		fail_msg("link %zu: expected %s, saw %s", i, health_state_name(state),
			 health_state_name(state_of(home, i)));
}

static inline struct home at_work_over(uint64_t rtt_us, uint64_t rx_bps, uint64_t sent_bps)
{
	struct home home = home_of(2);

	for (size_t i = 0; i < 2; i++) {
		home.wires[i].rtt_us = rtt_us;
		home.wires[i].rx_bps = rx_bps;
		home.wires[i].sent_bps = sent_bps;
	}
	pass(&home, 6000);
	expect(&home, A, HEALTH_GOOD);
	expect(&home, B, HEALTH_GOOD);
	home.n_changes = 0;
	return home;
}

static inline struct home at_work(uint64_t rx_bps, uint64_t sent_bps)
{
	return at_work_over(50 * US_PER_MS, rx_bps, sent_bps);
}

#endif
