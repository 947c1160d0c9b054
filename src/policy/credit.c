/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/credit.h"

#include "base/clock.h"
#include "base/util.h"

#define UNIT_SHIFT 17u               /* of widest_units: 128 KiB */
#define UNITS_MOST 255u
#define NARROW_SHARE 4u              /* of its widest: a window that is less has a reader that is behind */
#define WIDE_SHARE 8u                /* of a wide window that is written between two looks */
#define SAFE_SHARE 2u                /* of a narrow one that is under way: the kernel's error is no more than what was
				      * under way when a packet was lost */
#define BELIEVED_TIMES 3u            /* of what a narrow window was: more than an error can be */
#define LEAST_BYTES 65536u           /* less isn't worth writing */
#define PROBE_BYTES 1u               /* that finds out whether the window has opened and nobody heard of it */
#define WINDOW_OLD_MS 50u            /* while bytes are under way */
#define PROBE_AFTER_MS 5000u         /* a receiver tells it over each subflow, and again when it has doubled */

uint64_t credit_left_bytes(const struct credit *credit, uint64_t n_bytes)
{
	uint64_t until_bytes = u64_max(credit->until_bytes, CREDIT_FIRST_BYTES);

	return until_bytes > n_bytes ? until_bytes - n_bytes : 0;
}

static bool all_has_arrived(const struct credit_facts *facts)
{
	return facts->queued_bytes <= PROBE_BYTES;
}

static uint64_t window_bytes(const struct credit *credit, const struct credit_facts *facts)
{
	return credit->edge > facts->acknowledged ? credit->edge - facts->acknowledged : 0;
}

/* Never 0. */
static uint32_t now_ms(const struct credit_facts *facts)
{
	return (uint32_t)(facts->now_us / US_PER_MS) | 1;
}

static uint64_t widest_bytes(const struct credit *credit)
{
	return (uint64_t)credit->widest_units << UNIT_SHIFT;
}

static bool is_narrow(const struct credit *credit, const struct credit_facts *facts)
{
	return credit->edge && window_bytes(credit, facts) < widest_bytes(credit) / NARROW_SHARE;
}

/* Other subflows may have moved on since. */
static bool is_known(const struct credit_facts *facts)
{
	return facts->window_heard_ms <= (all_has_arrived(facts) ? UINT32_MAX - 1 : WINDOW_OLD_MS);
}

static bool has_waited(const struct credit *credit, const struct credit_facts *facts)
{
	return credit->waits_since_ms && now_ms(facts) - credit->waits_since_ms >= PROBE_AFTER_MS;
}

/* A narrow window may be told to be wider than it is by as much as was under way, and, when all has arrived, by as much
 * as was under way before, which was half of it at most. */
static bool has_become_wide(const struct credit *credit, const struct credit_facts *facts)
{
	uint64_t half_bytes = widest_bytes(credit) / 2,
		 times_bytes = window_bytes(credit, facts) * BELIEVED_TIMES + LEAST_BYTES;

	if (!all_has_arrived(facts))
		return facts->window_sure && facts->window_bytes >= half_bytes + facts->queued_bytes;
	return facts->window_bytes > u64_min(times_bytes, half_bytes) || has_waited(credit, facts);
}

static bool is_believed(const struct credit *credit, const struct credit_facts *facts)
{
	if (facts->acknowledged + facts->window_bytes < credit->edge)
		return true;
	if (is_narrow(credit, facts))
		return has_become_wide(credit, facts);
	return facts->window_sure || facts->window_bytes >= widest_bytes(credit) / 2;
}

static void note_window(struct credit *credit, const struct credit_facts *facts)
{
	if (!is_known(facts) || !is_believed(credit, facts))
		return;
	credit->edge = facts->acknowledged + facts->window_bytes;
	credit->widest_units = (uint8_t)u64_max(credit->widest_units,
						u64_min(facts->window_bytes >> UNIT_SHIFT, UNITS_MOST));
}

/* Where it may be about to become narrow less than the window is under way, and it is looked at soon again if it isn't
 * known. */
static uint64_t wide_bytes(const struct credit *credit, const struct credit_facts *facts)
{
	uint64_t window = window_bytes(credit, facts), share = u64_max(window / WIDE_SHARE, LEAST_BYTES),
		 most = window / 4 * 3;

	if (window >= widest_bytes(credit) / 2)
		return share;
	share = is_known(facts) ? share : LEAST_BYTES;
	return most > facts->queued_bytes ? u64_min(share, most - facts->queued_bytes) : 0;
}

static uint64_t narrow_bytes(const struct credit *credit, const struct credit_facts *facts)
{
	uint64_t safe = window_bytes(credit, facts) / SAFE_SHARE,
		 under_way = all_has_arrived(facts) ? 0 : facts->queued_bytes;

	return safe >= under_way + LEAST_BYTES ? safe - under_way : 0;
}

/* Nothing is under way, and there is no room, by the peer's last word. */
static uint64_t probe_bytes(struct credit *credit, const struct credit_facts *facts)
{
	bool waited = has_waited(credit, facts);

	if (facts->queued_bytes || waited)
		credit->waits_since_ms = 0;
	else if (!credit->waits_since_ms)
		credit->waits_since_ms = now_ms(facts);
	return waited && !facts->queued_bytes ? PROBE_BYTES : 0;
}

bool credit_look(struct credit *credit, const struct credit_facts *facts)
{
	uint64_t bytes;

	note_window(credit, facts);
	bytes = is_narrow(credit, facts) ? narrow_bytes(credit, facts) : wide_bytes(credit, facts);
	if (bytes)
		credit->waits_since_ms = 0;
	else
		bytes = probe_bytes(credit, facts);
	credit->until_bytes = facts->n_bytes + bytes;
	return bytes;
}

void credit_nudge(struct credit *credit, const struct credit_facts *facts, uint32_t n_bytes)
{
	if ((uint64_t)facts->queued_bytes + n_bytes <= window_bytes(credit, facts))
		credit->until_bytes = facts->n_bytes + n_bytes;
}
