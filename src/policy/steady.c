/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/steady.h"

#include <stddef.h>
#include "base/clock.h"

#define FIRST_LOOK_US (1 * US_PER_MS)
#define DOUBLINGS 7u                     /* the kernel's own timer comes after 200 ms: looks at 1 .. 128 ms, then every 128 */
#define SHARE_PERCENT 75u                /* of the window: at 50 the receiver's autotuning doesn't see a reason to grow */
#define SHORT_RTT_US (5 * US_PER_MS)     /* beyond it no relay is faster than the path for long */
#define LEAST_BOUND_BYTES (32u << 10)
#define FIRST_WINDOW_BYTES 65535u          /* of a peer whose window isn't known: Linux's default */
#define CHANGE_SHARE 16u                 /* a bound that differs by less is left: setting it costs a system call */

void steady_refused(struct steady *steady, uint64_t now_us)
{
	if (steady->look_at_us)
		return;
	steady->look_at_us = now_us + FIRST_LOOK_US;
	steady->fruitless = 0;
}

void steady_moved(struct steady *steady)
{
	steady->look_at_us = 0;
}

struct steady_verdict steady_follow(struct steady *steady, const struct steady_facts *facts)
{
	struct steady_verdict verdict = { 0 };
	uint32_t share = (uint32_t)((uint64_t)facts->window_bytes * SHARE_PERCENT / 100), difference;

	if (!steady->guarded && !steady->stalled && !steady->bound_bytes && facts->min_rtt_us > SHORT_RTT_US)
		return verdict;
	if (share > facts->most_bytes)
		share = facts->most_bytes;
	difference = share > steady->bound_bytes ? share - steady->bound_bytes : steady->bound_bytes - share;
	if (share < LEAST_BOUND_BYTES || difference <= steady->bound_bytes / CHANGE_SHARE)
		return verdict;
	verdict.bound_bytes = steady->bound_bytes = share;
	return verdict;
}

struct steady_verdict steady_begin(struct steady *steady, const struct steady_facts *facts)
{
	struct steady_facts unknown = *facts;

	steady->begun = true;
	if (!facts->window_bytes)
		unknown.window_bytes = FIRST_WINDOW_BYTES;
	return steady_follow(steady, &unknown);
}

/* All that was sent has arrived, as far as TCP knows, and nothing waits in a subflow: what is missing is the DATA_ACK. */
static bool is_stall(const struct steady_facts *facts)
{
	return !facts->in_flight_packets && !facts->unsent_bytes && facts->queued_bytes;
}

static bool has_room(const struct steady_facts *facts)
{
	return (uint64_t)facts->queued_bytes + STEADY_NUDGE_BYTES <= facts->window_bytes;
}

struct steady_verdict steady_look(struct steady *steady, const struct steady_facts *facts)
{
	struct steady_verdict verdict = { 0 };

	if (facts->acknowledged != steady->acknowledged)
		steady->fruitless = 0;
	else if (steady->fruitless < DOUBLINGS)
		steady->fruitless++;
	steady->acknowledged = facts->acknowledged;
	steady->look_at_us = facts->now_us + (FIRST_LOOK_US << steady->fruitless);
	if (!is_stall(facts))
		return steady_follow(steady, facts);
	steady->stalled = true;
	verdict = steady_follow(steady, facts);
	verdict.nudge = has_room(facts);   /* without room the peer may be slow, not silent; its own update comes then */
	return verdict;
}
