/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * golden_looks FILE: replays a recorded trace of policy/congestion and policy/spoilt (tests/golden/README.md). Every decision is to be the one that stands there; with
 * GOLDEN_UPDATE=1 in the environment the file is written anew with the decisions as they are now, on the facts as they were.
 */
#include "unit_trace.h"

#include "../golden/looks_line.h"

static struct replay {
	struct congestion congestion;
	struct spoilt spoilt;
	unsigned int n_looks, n_changes, n_spoilt;
} replay;

/* The words behind the time, until the arrow. */
static const char *next_subflow(const char *at, uint16_t *local, uint16_t *remote)
{
	at = strchr(at, ' ');
	return at && sscanf(at, " %" SCNu16 "/%" SCNu16 ":", local, remote) == 2 ? at + 1 : NULL;
}

static void replay_losses(size_t i)
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
	verdict = congestion_look(&replay.congestion, &facts);
	replay.n_changes += verdict.change;
	looks_line_congestion(seen, &facts, verdict, &replay.congestion);
	expect_line(i, seen);
}

static void replay_harm(size_t i)
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
	verdict = spoilt_look(&replay.spoilt, &facts);
	replay.n_spoilt += verdict.spoilt;
	looks_line_spoilt(seen, &facts, verdict, &replay.spoilt);
	expect_line(i, seen);
}

static void replay_line(size_t i)
{
	if (!strcmp(lines[i], "begin cubic") || !strcmp(lines[i], "begin bbr"))
		replay.congestion = (struct congestion){ .bbr = !strcmp(lines[i], "begin bbr") };
	else if (!strcmp(lines[i], "moved"))
		spoilt_moved(&replay.spoilt);
	else if (!strncmp(lines[i], "losses ", 7))
		replay_losses(i);
	else if (!strncmp(lines[i], "harm ", 5))
		replay_harm(i);
	else
		fail_msg("%s:%zu: what is this: %s", path, i + 1, lines[i]);
	replay.n_looks += strstr(lines[i], " -> ") != NULL;
}

static void put_figures(char out[TRACE_FIGURES_BYTES])
{
	snprintf(out, TRACE_FIGURES_BYTES, "%u looks, %u changes, %u spoilt", replay.n_looks, replay.n_changes, replay.n_spoilt);
}
