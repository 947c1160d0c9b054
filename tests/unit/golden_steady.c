/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * golden_steady FILE: replays a recorded trace of policy/steady (tests/golden/README.md). Every decision is to be the one that stands there, and
 * whatever stands there is to keep what the rules promise; with GOLDEN_UPDATE=1 in the environment the file is written anew with the decisions as they
 * are now, on the facts as they were.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include "../golden/steady_line.h"
#include "base/clock.h"

#define LINES_MOST 2000

struct replay {
	struct steady steady;
	bool begun;                      /* a "leg" line has come */
	uint64_t links_bytes;            /* the most that twice what the links carry has been; traces are shorter than what is held */
	unsigned int n_bound, n_nudges, n_looks;
};

static const char *path;
static bool updates;
static char lines[LINES_MOST][STEADY_LINE_BYTES];
static size_t n_lines;

static int read_file(void)
{
	FILE *file = fopen(path, "r");

	if (!file)
		return -1;
	while (n_lines < LINES_MOST && fgets(lines[n_lines], STEADY_LINE_BYTES, file)) {
		lines[n_lines][strcspn(lines[n_lines], "\n")] = '\0';
		n_lines++;
	}
	return fclose(file);
}

static void write_file(void)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	for (size_t i = 0; i < n_lines; i++)
		fprintf(file, "%s\n", lines[i]);
	assert_int_equal(fclose(file), 0);
}

static void expect_line(size_t i, const char *seen)
{
	if (updates)
		snprintf(lines[i], STEADY_LINE_BYTES, "%s", seen);
	if (strcmp(lines[i], seen))
		fail_msg("%s:%zu: expected\n  %s\nsaw\n  %s", path, i + 1, lines[i], seen);
}

static void expect_bound(size_t i, const struct steady_facts *facts, struct steady_verdict verdict, bool was_bound, struct replay *replay)
{
	uint64_t window_bytes = facts->window_bytes ? facts->window_bytes : 65535;
	uint64_t links_bytes = 4 * (facts->rate_bytes_per_s * facts->longest_rtt_us / US_PER_S);
	const struct steady *steady = &replay->steady;

	if (links_bytes > replay->links_bytes)
		replay->links_bytes = links_bytes;
	if (!verdict.bound_bytes)
		return;
	if (verdict.bound_bytes < 32u << 10 || verdict.bound_bytes > facts->most_bytes || verdict.bound_bytes > window_bytes * 3 / 4)
		fail_msg("%s:%zu: a bound of %u bytes with a window of %llu, %u allowed", path, i + 1, verdict.bound_bytes,
			 (unsigned long long)window_bytes, facts->most_bytes);
	if (facts->rate_bytes_per_s && verdict.bound_bytes > replay->links_bytes && verdict.bound_bytes > 64u << 10)
		fail_msg("%s:%zu: a bound of %u bytes where the links have carried %llu at most in four round trips", path, i + 1, verdict.bound_bytes,
			 (unsigned long long)replay->links_bytes);
	if (!was_bound && !steady->guarded && !steady->stalled && facts->min_rtt_us > 5 * US_PER_MS)
		fail_msg("%s:%zu: a long path is bound without a reason", path, i + 1);
}

static void expect_nudge(size_t i, const struct steady_facts *facts, struct steady_verdict verdict, const char *what)
{
	if (verdict.nudge && (strcmp(what, "look") || facts->in_flight_packets || facts->unsent_bytes || !facts->queued_bytes ||
			      facts->queued_bytes + STEADY_NUDGE_BYTES > facts->window_bytes))
		fail_msg("%s:%zu: a nudge where there is no stall, or no room for it", path, i + 1);
}

static void expect_next_look(size_t i, const struct steady_facts *facts, const struct steady *steady, const char *what)
{
	if (!strcmp(what, "look") &&
	    (steady->look_at_us < facts->now_us + US_PER_MS || steady->look_at_us > facts->now_us + 128 * US_PER_MS))
		fail_msg("%s:%zu: at %llu us, the next look is at %llu us", path, i + 1, (unsigned long long)facts->now_us,
			 (unsigned long long)steady->look_at_us);
}

static struct steady_verdict decide(struct steady *steady, const struct steady_facts *facts, const char *what)
{
	return !strcmp(what, "begin") ? steady_begin(steady, facts) :
	       !strcmp(what, "look")  ? steady_look(steady, facts) :
					steady_follow(steady, facts);
}

static void replay_decision(struct replay *replay, size_t i, const char *what)
{
	bool was_bound = replay->steady.bound_bytes;
	char seen[STEADY_LINE_BYTES];
	struct steady_verdict verdict;
	struct steady_facts f;

	if (sscanf(lines[i] + strlen(what), STEADY_FACTS, &f.now_us, &f.acknowledged, &f.queued_bytes, &f.in_flight_packets, &f.unsent_bytes,
		   &f.window_bytes, &f.rate_bytes_per_s, &f.longest_rtt_us, &f.min_rtt_us, &f.most_bytes) != 10)
		fail_msg("%s:%zu: no ten figures: %s", path, i + 1, lines[i]);
	verdict = decide(&replay->steady, &f, what);
	steady_line_decision(seen, what, &f, verdict, &replay->steady);
	expect_line(i, seen);
	expect_bound(i, &f, verdict, was_bound, replay);
	expect_nudge(i, &f, verdict, what);
	expect_next_look(i, &f, &replay->steady, what);
	replay->n_bound += !!verdict.bound_bytes;
	replay->n_nudges += verdict.nudge;
	replay->n_looks += !strcmp(what, "look");
}

/* The first one tells the state that the trace begins with, the others what it has come to. */
static void replay_leg(struct replay *replay, size_t i)
{
	unsigned int fruitless, pause_ms, begun, guarded, stalled;
	struct steady *s = &replay->steady;
	char seen[STEADY_LINE_BYTES];

	if (!replay->begun) {
		if (sscanf(lines[i], "leg %" SCNu64 " %" SCNu64 " %" SCNu32 " %u %u %u %u %u", &s->acknowledged, &s->look_at_us, &s->bound_bytes, &fruitless,
			   &pause_ms, &begun, &guarded, &stalled) != 8)
			fail_msg("%s:%zu: no leg: %s", path, i + 1, lines[i]);
		s->fruitless = (uint8_t)fruitless;
		s->pause_ms = (uint8_t)pause_ms;
		s->begun = begun;
		s->guarded = guarded;
		s->stalled = stalled;
	}
	replay->begun = true;
	steady_line_leg(seen, s);
	expect_line(i, seen);
}

static void replay_line(struct replay *replay, size_t i)
{
	char what[16] = "";
	uint64_t now_us;

	sscanf(lines[i], "%15s", what);
	if (!strcmp(what, "leg"))
		replay_leg(replay, i);
	else if (!replay->begun)
		fail_msg("%s:%zu: the first line is to be a leg: %s", path, i + 1, lines[i]);
	else if (!strcmp(what, "moved"))
		steady_moved(&replay->steady);
	else if (sscanf(lines[i], "refused %" SCNu64, &now_us) == 1)
		steady_refused(&replay->steady, now_us);
	else if (!strcmp(what, "begin") || !strcmp(what, "follow") || !strcmp(what, "look"))
		replay_decision(replay, i, what);
	else
		fail_msg("%s:%zu: what is this: %s", path, i + 1, lines[i]);
}

static void test_replay(void **state)
{
	struct replay replay = { 0 };
	char seen[STEADY_LINE_BYTES];
	size_t shows = SIZE_MAX;

	assert_true(n_lines > 0 && n_lines < LINES_MOST);
	for (size_t i = 0; i < n_lines; i++) {
		if (!strncmp(lines[i], "# shows ", 8))
			shows = i;
		else if (lines[i][0] && lines[i][0] != '#')
			replay_line(&replay, i);
	}
	assert_true(shows != SIZE_MAX);
	snprintf(seen, sizeof(seen), "# shows %u looks, %u bounds, %u nudges", replay.n_looks, replay.n_bound, replay.n_nudges);
	expect_line(shows, seen);
	if (updates)
		write_file();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_replay) };

	if (argc != 2)
		return 2;
	path = argv[1];
	updates = getenv("GOLDEN_UPDATE");
	if (read_file()) {
		fprintf(stderr, "cannot read %s\n", path);
		return 2;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
