/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * golden_steady FILE: replays a recorded trace of policy/steady (tests/golden/README.md). Every decision is to be the
 * one that stands there, and whatever stands there is to keep what the rules promise; with GOLDEN_UPDATE=1 in the
 * environment the file is written anew with the decisions as they are now, on the facts as they were.
 */
#include "unit_trace.h"

#include "../golden/steady_line.h"
#include "base/clock.h"

static struct replay {
	struct steady steady;
	bool begun;                      /* a "leg" line has come */
	uint64_t links_bytes;            /* the most that the links have carried in that time; traces are shorter
					  * than what is held */
	uint64_t window_units;           /* the peer's window as it was known last, in 128 KiB */
	unsigned int n_bound, n_nudges, n_looks;
} replay;

/* Linux's own tuning leaves too little: the links carry far more than their windows until the longest has answered, or
 * where nothing stands in a queue, more than half of the buffer, which is what is queued and half as much again. */
static bool is_narrow(const struct steady_facts *facts)
{
	uint64_t rate = facts->rate_bytes_per_s,
		 no_queue_us = facts->longest_min_rtt_us < facts->longest_rtt_us ? facts->longest_min_rtt_us :
			       facts->longest_rtt_us;

	return 10 * (rate * facts->longest_rtt_us / US_PER_S) > 18 * facts->windows_bytes ||
	       4 * (rate * no_queue_us / US_PER_S) > 3 * (uint64_t)facts->queued_bytes;
}

static void expect_bound(size_t i, const struct steady_facts *facts, struct steady_verdict verdict, bool was_bound)
{
	uint64_t four_us = 4 * (uint64_t)facts->longest_rtt_us,
		 two_us = 2 * (uint64_t)facts->longest_rtt_us + US_PER_S / 2;
	uint64_t links_bytes = facts->rate_bytes_per_s * (four_us < two_us ? four_us : two_us) / US_PER_S;
	const struct steady *steady = &replay.steady;
	uint64_t window_bytes = facts->window_bytes ? facts->window_bytes : replay.window_units << 17;
	bool is_near = window_bytes * 3 / 4 < (uint64_t)facts->queued_bytes * 3 / 2;

	if (facts->window_bytes)
		replay.window_units = facts->window_bytes >> 17 ? facts->window_bytes >> 17 : 1;
	else if (window_bytes < 65535)
		window_bytes = 65535;
	if (links_bytes > replay.links_bytes)
		replay.links_bytes = links_bytes;
	if (!verdict.bound_bytes)
		return;
	if (verdict.bound_bytes < 32u << 10 || verdict.bound_bytes > facts->most_bytes ||
	    (verdict.bound_bytes > window_bytes * 3 / 4 && verdict.bound_bytes > 64u << 10))
		fail_msg("%s:%zu: a bound of %u bytes with a window of %llu, %u allowed", path, i + 1,
			 verdict.bound_bytes, (unsigned long long)window_bytes, facts->most_bytes);
	if (was_bound && !facts->window_bytes)
		fail_msg("%s:%zu: a bound by a window that isn't known", path, i + 1);
	if (facts->rate_bytes_per_s && verdict.bound_bytes > replay.links_bytes && verdict.bound_bytes > 64u << 10)
		fail_msg("%s:%zu: a bound of %u bytes where the links have carried %llu at most in four round trips, "
			 "or two and half a second", path, i + 1, verdict.bound_bytes,
			 (unsigned long long)replay.links_bytes);
	if (!was_bound && !(steady->guarded && is_near) && !steady->stalled && facts->min_rtt_us > 5 * US_PER_MS &&
	    !is_narrow(facts))
		fail_msg("%s:%zu: a long path is bound without a reason", path, i + 1);
}

static void expect_nudge(size_t i, const struct steady_facts *facts, struct steady_verdict verdict, const char *what)
{
	if (verdict.nudge && (strcmp(what, "look") || facts->in_flight_packets || facts->unsent_bytes ||
			      !facts->queued_bytes || facts->queued_bytes + STEADY_NUDGE_BYTES > facts->window_bytes))
		fail_msg("%s:%zu: a nudge where there is no stall, or no room for it", path, i + 1);
}

static void expect_next_look(size_t i, const struct steady_facts *facts, const struct steady *steady, const char *what)
{
	if (!strcmp(what, "look") &&
	    (steady->look_at_us < facts->now_us + US_PER_MS || steady->look_at_us > facts->now_us + 128 * US_PER_MS))
		fail_msg("%s:%zu: at %llu us, the next look is at %llu us", path, i + 1,
			 (unsigned long long)facts->now_us, (unsigned long long)steady->look_at_us);
}

static struct steady_verdict decide(struct steady *steady, const struct steady_facts *facts, const char *what)
{
	return !strcmp(what, "begin") ? steady_begin(steady, facts) :
	       !strcmp(what, "look")  ? steady_look(steady, facts) :
					steady_follow(steady, facts);
}

static void replay_decision(size_t i, const char *what)
{
	bool was_bound = replay.steady.bound_bytes;
	char seen[STEADY_LINE_BYTES];
	struct steady_verdict verdict;
	struct steady_facts f;

	if (sscanf(lines[i] + strlen(what), STEADY_FACTS, &f.now_us, &f.acknowledged, &f.queued_bytes,
		   &f.in_flight_packets, &f.unsent_bytes, &f.window_bytes, &f.rate_bytes_per_s, &f.longest_rtt_us,
		   &f.min_rtt_us, &f.most_bytes, &f.windows_bytes, &f.longest_min_rtt_us) != 12)
		fail_msg("%s:%zu: no twelve figures: %s", path, i + 1, lines[i]);
	verdict = decide(&replay.steady, &f, what);
	steady_line_decision(seen, what, &f, verdict, &replay.steady);
	expect_line(i, seen);
	expect_bound(i, &f, verdict, was_bound);
	expect_nudge(i, &f, verdict, what);
	expect_next_look(i, &f, &replay.steady, what);
	replay.n_bound += !!verdict.bound_bytes;
	replay.n_nudges += verdict.nudge;
	replay.n_looks += !strcmp(what, "look");
}

/* The first one tells the state that the trace begins with, the others what it has come to. */
static void replay_leg(size_t i)
{
	unsigned int fruitless, pause_ms, begun, guarded, stalled, window_units;
	struct steady *s = &replay.steady;
	char seen[STEADY_LINE_BYTES];

	if (!replay.begun) {
		if (sscanf(lines[i], "leg %" SCNu64 " %" SCNu64 " %" SCNu32 " %u %u %u %u %u %" SCNu32 " %" SCNu32
			   " %u",
			   &s->acknowledged, &s->look_at_us, &s->bound_bytes, &fruitless, &pause_ms, &begun, &guarded,
			   &stalled, &s->links_bytes, &s->links_at_ms, &window_units) != 11)
			fail_msg("%s:%zu: no leg: %s", path, i + 1, lines[i]);
		replay.links_bytes = s->links_bytes;
		s->fruitless = (uint8_t)fruitless;
		s->pause_ms = (uint8_t)pause_ms;
		s->begun = begun;
		s->guarded = guarded;
		s->stalled = stalled;
		s->window_units = (uint8_t)window_units;
		replay.window_units = window_units;
	}
	replay.begun = true;
	steady_line_leg(seen, s);
	expect_line(i, seen);
}

static void replay_line(size_t i)
{
	char what[16] = "";
	uint64_t now_us;

	sscanf(lines[i], "%15s", what);
	if (!strcmp(what, "leg"))
		replay_leg(i);
	else if (!replay.begun)
		fail_msg("%s:%zu: the first line is to be a leg: %s", path, i + 1, lines[i]);
	else if (!strcmp(what, "moved"))
		steady_moved(&replay.steady);
	else if (sscanf(lines[i], "refused %" SCNu64, &now_us) == 1)
		steady_refused(&replay.steady, now_us);
	else if (!strcmp(what, "begin") || !strcmp(what, "follow") || !strcmp(what, "look"))
		replay_decision(i, what);
	else
		fail_msg("%s:%zu: what is this: %s", path, i + 1, lines[i]);
}

static void put_figures(char out[TRACE_FIGURES_BYTES])
{
	snprintf(out, TRACE_FIGURES_BYTES, "%u looks, %u bounds, %u nudges", replay.n_looks, replay.n_bound,
		 replay.n_nudges);
}
