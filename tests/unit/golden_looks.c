/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * golden_looks FILE: replays a recorded trace of policy/congestion and policy/spoilt (tests/golden/README.md). Every decision is to be the one that stands there; with
 * GOLDEN_UPDATE=1 in the environment the file is written anew with the decisions as they are now, on the facts as they were.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include "../golden/looks_line.h"

#define LINES_MOST 400

struct replay {
	struct congestion congestion;
	struct spoilt spoilt;
	unsigned int n_looks, n_changes, n_spoilt;
};

static const char *path;
static bool updates;
static char lines[LINES_MOST][LOOKS_LINE_BYTES];
static size_t n_lines;

static int read_file(void)
{
	FILE *file = fopen(path, "r");

	if (!file)
		return -1;
	while (n_lines < LINES_MOST && fgets(lines[n_lines], LOOKS_LINE_BYTES, file)) {
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
		snprintf(lines[i], LOOKS_LINE_BYTES, "%s", seen);
	if (strcmp(lines[i], seen))
		fail_msg("%s:%zu: expected\n  %s\nsaw\n  %s", path, i + 1, lines[i], seen);
}

/* The words behind the time, until the arrow. */
static const char *next_subflow(const char *at, uint16_t *local, uint16_t *remote)
{
	at = strchr(at, ' ');
	return at && sscanf(at, " %" SCNu16 "/%" SCNu16 ":", local, remote) == 2 ? at + 1 : NULL;
}

static void replay_losses(struct replay *replay, size_t i)
{
	struct congestion_subflow subflows[CONGESTION_SUBFLOWS] = { 0 };
	struct congestion_facts facts = { .now_us = strtoull(lines[i] + strlen("losses "), NULL, 10), .subflows = subflows };
	const char *at = lines[i] + strlen("losses ");
	char seen[LOOKS_LINE_BYTES];
	struct congestion_verdict verdict;

	for (struct congestion_subflow *s = subflows; (at = next_subflow(at, &s->local.port, &s->remote.port)); s++) {
		if (sscanf(strchr(at, ':'), ":%" SCNu32 ":%" SCNu32 ":%" SCNu64 ":%" SCNu64, &s->rtt_us, &s->min_rtt_us, &s->sent_bytes, &s->retransmitted_bytes) != 4)
			fail_msg("%s:%zu: no four figures: %s", path, i + 1, at);
		facts.n_subflows++;
	}
	verdict = congestion_look(&replay->congestion, &facts);
	replay->n_changes += verdict.change;
	looks_line_congestion(seen, &facts, verdict, &replay->congestion);
	expect_line(i, seen);
}

static void replay_harm(struct replay *replay, size_t i)
{
	struct spoilt_subflow subflows[SPOILT_SUBFLOWS] = { 0 };
	struct spoilt_facts facts = { .now_us = strtoull(lines[i] + strlen("harm "), NULL, 10), .subflows = subflows };
	const char *at = lines[i] + strlen("harm ");
	char seen[LOOKS_LINE_BYTES];
	struct spoilt_verdict verdict;

	for (struct spoilt_subflow *s = subflows; (at = next_subflow(at, &s->local.port, &s->remote.port)); s++) {
		if (sscanf(strchr(at, ':'), ":%" SCNu32 ":%" SCNu64 ":%" SCNu64, &s->rtt_us, &s->delivered_bytes, &s->busy_us) != 3)
			fail_msg("%s:%zu: no three figures: %s", path, i + 1, at);
		facts.n_subflows++;
	}
	verdict = spoilt_look(&replay->spoilt, &facts);
	replay->n_spoilt += verdict.spoilt;
	looks_line_spoilt(seen, &facts, verdict, &replay->spoilt);
	expect_line(i, seen);
}

static void replay_line(struct replay *replay, size_t i)
{
	if (!strcmp(lines[i], "begin cubic") || !strcmp(lines[i], "begin bbr"))
		replay->congestion = (struct congestion){ .bbr = !strcmp(lines[i], "begin bbr") };
	else if (!strcmp(lines[i], "moved"))
		spoilt_moved(&replay->spoilt);
	else if (!strncmp(lines[i], "losses ", 7))
		replay_losses(replay, i);
	else if (!strncmp(lines[i], "harm ", 5))
		replay_harm(replay, i);
	else
		fail_msg("%s:%zu: what is this: %s", path, i + 1, lines[i]);
	replay->n_looks += strstr(lines[i], " -> ") != NULL;
}

static void test_replay(void **state)
{
	struct replay replay = { 0 };
	char seen[LOOKS_LINE_BYTES];
	size_t shows = SIZE_MAX;

	assert_true(n_lines > 0 && n_lines < LINES_MOST);
	for (size_t i = 0; i < n_lines; i++) {
		if (!strncmp(lines[i], "# shows", 7))
			shows = i;
		else if (lines[i][0] && lines[i][0] != '#')
			replay_line(&replay, i);
	}
	assert_true(shows != SIZE_MAX);
	snprintf(seen, sizeof(seen), "# shows %u looks, %u changes, %u spoilt", replay.n_looks, replay.n_changes, replay.n_spoilt);
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
