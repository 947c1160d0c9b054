/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/steady.h"

#include <stddef.h>
#include "base/clock.h"
#include "base/util.h"

#define PAUSE_LEAST_MS 1u                /* before the first look */
#define PAUSE_MOST_MS 32u
#define PAUSES_A_ROUND_TRIP 4u           /* nothing is in flight a round trip after the last write, no sooner: to
					  * look all the time costs more */
#define DOUBLINGS 7u
#define LOOK_SLOWEST_US (128 * US_PER_MS)   /* the kernel's own timer comes after 200 ms */
#define SHARE_PERCENT 75u                /* of the window: at 50 the receiver's autotuning doesn't see a reason to
					  * grow */
#define SHORT_RTT_US (5 * US_PER_MS)     /* beyond it no relay is faster than the path for long */
#define LEAST_BOUND_BYTES (32u << 10)
#define SHORT_BOUND_BYTES 2000000u       /* on a path without delay: more brings no speed, and overruns a receiver
					  * whose window closes */
#define BOUND_BYTES_A_US 2000u           /* and for each microsecond of round trip: 16 Gbit/s */
#define LINKS_HELD_MS 5000u              /* a loss, or bbr's look at the least round trip, makes windows small for a
					  * moment; what waits for the lost packet wants its room meanwhile */
/* Twice what Linux's own tuning has: a slow link has more than a round trip of bytes in its queue, and a good one
 * that waits for these isn't held back by its congestion window, which then doesn't grow, nor the bound with it. Of
 * long round trips two, and half a second: the queue isn't longer because the link is, and what stands in it for
 * seconds is late for all. */
#define SHORT_ROUND_TRIPS 4u
#define LONG_ROUND_TRIPS 2u
#define LONG_SLACK_US (500 * US_PER_MS)
#define UNEQUAL_PERCENT 180u             /* of what the windows are together: what the links carry in the longest
					  * round trip, where the others' are shorter. A deep queue beside a short one,
					  * left to Linux's own tuning, shows up to 175 */
#define LINKS_NEED 2u                    /* of what the links carry in the longest without a queue no less: what is
					  * lost comes a round trip later. Linux's own tuning has more, up to its limit
					  * (tcp_wmem) */
#define WINDOW_SHIFT 17u                 /* of window_units: 128 KiB */
#define LEAST_LINKS_BYTES (64u << 10)    /* enough for windows to grow from */
#define FIRST_WINDOW_BYTES 65535u          /* of a peer whose window isn't known: Linux's default */
#define CHANGE_SHARE 16u                 /* a bound that differs by less is left: setting it costs a system call */

static uint64_t pause_us(const struct steady *steady)
{
	return (steady->pause_ms ? steady->pause_ms : PAUSE_LEAST_MS) * US_PER_MS;
}

static void set_pause(struct steady *steady, uint32_t min_rtt_us)
{
	uint64_t pause_ms = min_rtt_us / PAUSES_A_ROUND_TRIP / US_PER_MS;

	if (pause_ms < PAUSE_LEAST_MS)
		pause_ms = PAUSE_LEAST_MS;
	steady->pause_ms = (uint8_t)(pause_ms < PAUSE_MOST_MS ? pause_ms : PAUSE_MOST_MS);
}

void steady_refused(struct steady *steady, uint64_t now_us)
{
	if (steady->look_at_us)
		return;
	steady->look_at_us = now_us + pause_us(steady);
	steady->fruitless = 0;
}

void steady_moved(struct steady *steady)
{
	steady->look_at_us = 0;
}

/* What lies beyond what the links carry until the last of them has answered waits in a subflow's queue: what is
 * there can go over no other. */
static uint32_t links_bytes(const struct steady_facts *facts)
{
	uint64_t short_us = (uint64_t)facts->longest_rtt_us * SHORT_ROUND_TRIPS,
		 long_us = (uint64_t)facts->longest_rtt_us * LONG_ROUND_TRIPS + LONG_SLACK_US;
	uint64_t n_bytes = facts->rate_bytes_per_s * u64_min(short_us, long_us) / US_PER_S;

	if (n_bytes < LEAST_LINKS_BYTES)
		return LEAST_LINKS_BYTES;
	return n_bytes < UINT32_MAX ? (uint32_t)n_bytes : UINT32_MAX;
}

/* The most that it was lately. */
static uint32_t held_links_bytes(struct steady *steady, const struct steady_facts *facts)
{
	uint32_t now_ms = (uint32_t)(facts->now_us / US_PER_MS), n_bytes;

	if (!facts->rate_bytes_per_s)
		return UINT32_MAX;
	n_bytes = links_bytes(facts);
	if (n_bytes >= steady->links_bytes || now_ms - steady->links_at_ms >= LINKS_HELD_MS) {
		steady->links_bytes = n_bytes;
		steady->links_at_ms = now_ms;
	}
	return steady->links_bytes;
}

static uint32_t most_bytes(struct steady *steady, const struct steady_facts *facts)
{
	uint64_t most = SHORT_BOUND_BYTES + (uint64_t)facts->min_rtt_us * BOUND_BYTES_A_US,
		 links = held_links_bytes(steady, facts);

	if (most > links)
		most = links;
	return most < facts->most_bytes ? (uint32_t)most : facts->most_bytes;
}

/* Sending goes on when a third of it is free. */
static uint64_t buffer_bytes(const struct steady_facts *facts)
{
	return (uint64_t)facts->queued_bytes * 3 / 2;
}

/* Sending is refused still: the buffer is full, but for the third that is to be free before more is taken. Linux's
 * own tuning gives each subflow what its own window wants; where another one's round trip is longer, a fast link
 * fills all of that with what waits for the slow one, which doesn't get what it would grow by either. Where there is
 * room it is left alone: a deep queue takes whatever a wider buffer holds. */
static bool is_too_narrow(const struct steady_facts *facts, uint32_t bound_bytes)
{
	uint64_t carried_bytes = facts->rate_bytes_per_s * facts->longest_rtt_us / US_PER_S,
		 no_queue_us = u64_min(facts->longest_rtt_us, facts->longest_min_rtt_us),
		 needed_bytes = facts->rate_bytes_per_s * no_queue_us / US_PER_S * LINKS_NEED;
	bool unequal = carried_bytes * 100 > facts->windows_bytes * UNEQUAL_PERCENT;

	return facts->windows_bytes && facts->queued_bytes && (unequal || needed_bytes > buffer_bytes(facts)) &&
	       bound_bytes > buffer_bytes(facts);
}

/* As it was last, until there is a bound: where a subflow sends, the kernel writes its own idea over it. */
static uint32_t window_bytes(struct steady *steady, const struct steady_facts *facts)
{
	if (!facts->window_bytes)
		return steady->bound_bytes ? 0 : (uint32_t)steady->window_units << WINDOW_SHIFT;
	steady->window_units = (uint8_t)u64_min(u64_max(facts->window_bytes >> WINDOW_SHIFT, 1), UINT8_MAX);
	return facts->window_bytes;
}

/* What Linux's own tuning gives may soon go beyond it: it has a wrong idea of a guarded leg's window. */
static bool is_window_near(const struct steady_facts *facts, uint32_t share_bytes)
{
	return share_bytes < buffer_bytes(facts);
}

/* Why the buffer is bound. */
static bool is_to_be_bound(const struct steady *steady, const struct steady_facts *facts, uint32_t share_bytes,
			   uint32_t bound_bytes, bool refused)
{
	return steady->stalled || steady->bound_bytes || facts->min_rtt_us <= SHORT_RTT_US ||
	       (steady->guarded && is_window_near(facts, share_bytes)) ||
	       (refused && is_too_narrow(facts, bound_bytes));
}

/* A guarded leg would send on into a window that has closed. */
static bool goes_into_a_closed_window(const struct steady *steady, const struct steady_facts *facts,
				      uint32_t bound_bytes)
{
	return steady->guarded && !steady->bound_bytes && facts->window_bytes && facts->min_rtt_us > SHORT_RTT_US &&
	       bound_bytes < LEAST_LINKS_BYTES;
}

/* refused: queued_bytes shows how much the buffer takes. */
static struct steady_verdict follow(struct steady *steady, const struct steady_facts *facts, bool refused)
{
	struct steady_verdict verdict = { 0 };
	uint32_t share = (uint32_t)((uint64_t)window_bytes(steady, facts) * SHARE_PERCENT / 100),
		 most = most_bytes(steady, facts), bound = share < most ? share : most, difference;

	if (!is_to_be_bound(steady, facts, share, bound, refused))
		return verdict;
	if (goes_into_a_closed_window(steady, facts, bound))
		bound = LEAST_LINKS_BYTES;
	difference = bound > steady->bound_bytes ? bound - steady->bound_bytes : steady->bound_bytes - bound;
	if (bound < LEAST_BOUND_BYTES || difference <= steady->bound_bytes / CHANGE_SHARE)
		return verdict;
	verdict.bound_bytes = steady->bound_bytes = bound;
	return verdict;
}

struct steady_verdict steady_follow(struct steady *steady, const struct steady_facts *facts)
{
	return follow(steady, facts, false);
}

struct steady_verdict steady_begin(struct steady *steady, const struct steady_facts *facts)
{
	struct steady_facts unknown = *facts;

	steady->begun = true;
	/* a bound that was set since has seen the window; on a long path Linux's own tuning begins narrower; and where
	 * the round trip isn't known yet, the first look sees to it */
	if (!facts->window_bytes && !steady->bound_bytes && !steady->window_units && facts->min_rtt_us <= SHORT_RTT_US)
		unknown.window_bytes = FIRST_WINDOW_BYTES;
	return follow(steady, &unknown, false);
}

/* All that was sent has arrived, as far as TCP knows, and nothing waits in a subflow: what is missing is the
 * DATA_ACK. */
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
	uint64_t after_us;

	if (facts->acknowledged != steady->acknowledged)
		steady->fruitless = 0;
	else if (steady->fruitless < DOUBLINGS)
		steady->fruitless++;
	steady->acknowledged = facts->acknowledged;
	set_pause(steady, facts->min_rtt_us);
	after_us = pause_us(steady) << steady->fruitless;
	steady->look_at_us = facts->now_us + (after_us < LOOK_SLOWEST_US ? after_us : LOOK_SLOWEST_US);
	if (!is_stall(facts))
		return follow(steady, facts, !facts->held);
	steady->stalled = true;
	verdict = follow(steady, facts, !facts->held);
	verdict.nudge = has_room(facts);   /* without room the peer may be slow, not silent; its own update comes
					    * then */
	return verdict;
}
