/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * golden_looks FILE: replays a recorded trace of policy/congestion and policy/spoilt (tests/golden/README.md). Every
 * decision is to be the one that stands there; with GOLDEN_UPDATE=1 in the environment the file is written anew with
 * the decisions as they are now, on the facts as they were.
 */
#include "unit_trace.h"

#include "../golden/looks_line.h"

static struct replay {
	struct congestion congestion;
	struct spoilt spoilt;
	unsigned int n_looks, n_changes, n_spoilt;
} replay;

/* What stands in a line behind the ports of a subflow, in that order. A look at harm has what was delivered: sent,
 * and not again. */
enum figure { RTT, MIN_RTT, SENT, AGAIN, BUSY, N_FIGURES };
static const enum figure of_losses[] = { RTT, MIN_RTT, SENT, AGAIN }, of_harm[] = { RTT, SENT, BUSY };

static void read_figures(size_t i, const char **at, const enum figure *order, size_t n, struct leg_subflow *out)
{
	uint64_t figures[N_FIGURES] = { 0 };
	int n_read = 0;

	for (size_t f = 0; f < n; f++, *at += n_read)
		if (sscanf(*at, ":%" SCNu64 "%n", &figures[order[f]], &n_read) != 1)
			fail_msg("%s:%zu: not %zu figures each: %s", path, i + 1, n, *at);
	out->rtt_us = (uint32_t)figures[RTT];
	out->min_rtt_us = (uint32_t)figures[MIN_RTT];
	out->sent_bytes = figures[SENT];
	out->retransmitted_bytes = figures[AGAIN];
	out->busy_us = figures[BUSY];
}

/* The words behind the kind of look: the time, what had arrived by then where that was noted, and the subflows until
 * the arrow. */
static struct leg_facts read_facts(size_t i, bool arrived, const enum figure *order, size_t n,
				   struct leg_subflow subflows[LEG_SUBFLOWS])
{
	const char *at = strchr(lines[i], ' ');
	struct leg_facts facts = { .now_us = strtoull(at, (char **)&at, 10), .subflows = subflows };
	int n_read = 0;

	if (arrived)
		facts.arrived = strtoull(at, (char **)&at, 10);
	memset(subflows, 0, LEG_SUBFLOWS * sizeof(subflows[0]));
	for (struct leg_subflow *s = subflows; at && facts.n_subflows < LEG_SUBFLOWS; s++, facts.n_subflows++) {
		if (sscanf(at, " %" SCNu16 "/%" SCNu16 "%n", &s->local.port, &s->remote.port, &n_read) != 2)
			break;
		at += n_read;
		read_figures(i, &at, order, n, s);
	}
	return facts;
}

static void replay_losses(size_t i)
{
	struct leg_subflow subflows[LEG_SUBFLOWS];
	struct leg_facts facts = read_facts(i, false, of_losses, ARRAY_SIZE(of_losses), subflows);
	struct congestion_verdict verdict = congestion_look(&replay.congestion, &facts);
	char seen[LOOKS_LINE_BYTES];

	replay.n_changes += verdict.change;
	looks_line_congestion(seen, &facts, verdict, &replay.congestion);
	expect_line(i, seen);
}

static void replay_harm(size_t i)
{
	struct leg_subflow subflows[LEG_SUBFLOWS];
	struct leg_facts facts = read_facts(i, true, of_harm, ARRAY_SIZE(of_harm), subflows);
	struct spoilt_verdict verdict = spoilt_look(&replay.spoilt, &facts);
	char seen[LOOKS_LINE_BYTES];

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
	snprintf(out, TRACE_FIGURES_BYTES, "%u looks, %u changes, %u spoilt", replay.n_looks, replay.n_changes,
		 replay.n_spoilt);
}
