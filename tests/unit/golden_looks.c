/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * golden_looks FILE: replays a recorded trace of policy/congestion and policy/spoilt (tests/golden/README.md). Every decision is to be the one that stands there; with
 * GOLDEN_UPDATE=1 in the environment the file is written anew with the decisions as they are now, on the facts as they were.
 */
#include "unit_trace.h"

#include "../golden/looks_line.h"

#define LOOKS_SUBFLOWS 16
#define FIGURES_MOST 4

static_assert(LOOKS_SUBFLOWS == CONGESTION_SUBFLOWS && LOOKS_SUBFLOWS == SPOILT_SUBFLOWS, "a line has all of them");

static struct replay {
	struct congestion congestion;
	struct spoilt spoilt;
	unsigned int n_looks, n_changes, n_spoilt;
} replay;

/* A subflow as it stands in a line: its ports, and what the kernel told of it, in the order of looks_line.h. */
struct told {
	uint16_t local, remote;
	uint64_t figures[FIGURES_MOST];
};

static uint64_t now_of(size_t i)
{
	return strtoull(strchr(lines[i], ' ') + 1, NULL, 10);
}

/* The words behind the time, until the arrow. Returns how many there are. */
static size_t read_subflows(size_t i, size_t n_figures, struct told out[LOOKS_SUBFLOWS])
{
	const char *at = strchr(strchr(lines[i], ' ') + 1, ' ');
	int n_read = 0;
	size_t n = 0;

	for (; at && n < LOOKS_SUBFLOWS && sscanf(at, " %" SCNu16 "/%" SCNu16 "%n", &out[n].local, &out[n].remote, &n_read) == 2; n++) {
		at += n_read;
		for (size_t f = 0; f < n_figures; f++, at += n_read)
			if (sscanf(at, ":%" SCNu64 "%n", &out[n].figures[f], &n_read) != 1)
				fail_msg("%s:%zu: not %zu figures each: %s", path, i + 1, n_figures, at);
	}
	return n;
}

static void replay_losses(size_t i)
{
	struct congestion_subflow subflows[LOOKS_SUBFLOWS] = { 0 };
	struct congestion_facts facts = { .now_us = now_of(i), .subflows = subflows };
	char seen[LOOKS_LINE_BYTES];
	struct congestion_verdict verdict;
	struct told told[LOOKS_SUBFLOWS];

	facts.n_subflows = read_subflows(i, 4, told);
	for (size_t s = 0; s < facts.n_subflows; s++)
		subflows[s] = (struct congestion_subflow){
			.local.port = told[s].local, .remote.port = told[s].remote, .rtt_us = (uint32_t)told[s].figures[0],
			.min_rtt_us = (uint32_t)told[s].figures[1], .sent_bytes = told[s].figures[2], .retransmitted_bytes = told[s].figures[3],
		};
	verdict = congestion_look(&replay.congestion, &facts);
	replay.n_changes += verdict.change;
	looks_line_congestion(seen, &facts, verdict, &replay.congestion);
	expect_line(i, seen);
}

static void replay_harm(size_t i)
{
	struct spoilt_subflow subflows[LOOKS_SUBFLOWS] = { 0 };
	struct spoilt_facts facts = { .now_us = now_of(i), .subflows = subflows };
	char seen[LOOKS_LINE_BYTES];
	struct spoilt_verdict verdict;
	struct told told[LOOKS_SUBFLOWS];

	facts.n_subflows = read_subflows(i, 3, told);
	for (size_t s = 0; s < facts.n_subflows; s++)
		subflows[s] = (struct spoilt_subflow){
			.local.port = told[s].local, .remote.port = told[s].remote, .rtt_us = (uint32_t)told[s].figures[0],
			.delivered_bytes = told[s].figures[1], .busy_us = told[s].figures[2],
		};
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
