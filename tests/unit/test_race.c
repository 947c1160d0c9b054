/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit_address.h"

#include "policy/race.h"

enum { UP = 1, BACKUP = 2, UNANSWERED = 4, STRIPS = 8, COSTLY = 16, CAPPED = 32, LOST = 64, SILENT = 128 };

#define LINKS 3
#define MS 1000u

static void make_links(struct choose_link links[LINKS], struct race_link others[LINKS], const unsigned int flags[LINKS])
{
	for (unsigned int i = 0; i < LINKS; i++) {
		char v4[32];

		snprintf(v4, sizeof(v4), "10.0.%u.1", i);
		links[i] = (struct choose_link){ .up = flags[i] & UP, .backup = flags[i] & BACKUP,
						 .unanswered = flags[i] & UNANSWERED, .silent = flags[i] & SILENT,
						 .strips_mptcp = flags[i] & STRIPS, .cost = flags[i] & COSTLY ? 10 : 0,
						 .v4 = unit_address(v4) };
		others[i] = (struct race_link){ .capped = flags[i] & CAPPED, .lost_syn = flags[i] & LOST,
						.rtt_us = 20 * MS };
	}
}

/* The links begun over, a digit each: "01" both of them, "" none. */
static void expect_begun(size_t number, const char *expected, enum race_mode mode, const struct choose_link *links,
			 const struct race_link *others, uint32_t tried)
{
	const struct address converter = unit_address("192.0.2.1:5124");
	struct choice out[RACE_MOST];
	size_t n = race_choose(mode, links, others, LINKS, &converter, 1, tried, out);
	char seen[RACE_MOST + 1] = "";

	for (size_t i = 0; i < n; i++)
		seen[i] = out[i].link == CHOOSE_NO_LINK ? '-' : (char)('0' + out[i].link);
	if (strcmp(seen, expected))
		fail_msg("case %zu: expected links '%s', saw '%s'", number, expected, seen);
	for (size_t i = 0; i < n && seen[i] != '-'; i++)
		assert_true(address_equal_ip(&out[i].source, &links[out[i].link].v4) &&
			    address_equal(&out[i].converter, &converter));
}

static void good_links_of_one_cost_race(void **state)
{
	static const struct { unsigned int flags[LINKS], tried; const char *off, *on; } cases[] = {
		{ { UP, UP, UP }, 0, "0", "01" },
		{ { UP, UP, UP }, 0x1, "1", "12" },
		{ { UP, UP, UP }, 0x3, "2", "2" },
		{ { UP, UP, UP }, 0x7, "", "" },
		{ { UP, 0, UP }, 0, "0", "02" },
		{ { UP, 0, 0 }, 0, "0", "0" },
		{ { 0, 0, 0 }, 0, "-", "-" },
		{ { UP, UP | COSTLY, 0 }, 0, "0", "0" },
		{ { UP | COSTLY, UP | COSTLY, 0 }, 0, "0", "01" },
		{ { UP | COSTLY, UP, UP | COSTLY }, 0, "1", "1" },
		{ { UP, UP | BACKUP, 0 }, 0, "0", "0" },
		{ { UP | BACKUP, UP | BACKUP, 0 }, 0, "0", "0" },
		{ { UP, UP | UNANSWERED, 0 }, 0, "0", "0" },
		{ { UP | UNANSWERED, UP | UNANSWERED, 0 }, 0, "0", "0" },
		{ { UP | SILENT, UP, UP }, 0, "1", "12" },
		{ { UP, UP | SILENT, 0 }, 0, "0", "0" },
		{ { UP | SILENT, UP | SILENT, 0 }, 0, "0", "0" },
		{ { UP | STRIPS, UP | STRIPS, 0 }, 0, "0", "0" },
		{ { UP, UP | STRIPS, 0 }, 0, "0", "0" },
		{ { UP, UP | CAPPED, UP }, 0, "0", "02" },
		{ { UP, UP | CAPPED, UP | CAPPED }, 0, "0", "0" },
		{ { UP | CAPPED, UP, 0 }, 0, "0", "01" },   /* where the connection begins anyhow; what the other one
							     * does costs it nothing */
		{ { UP, UP | CAPPED, UP | COSTLY }, 0, "0", "0" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct choose_link links[LINKS];
		struct race_link others[LINKS];

		make_links(links, others, cases[i].flags);
		expect_begun(i, cases[i].off, RACE_OFF, links, others, cases[i].tried);
		expect_begun(i, cases[i].on, RACE_ON, links, others, cases[i].tried);
		expect_begun(i, cases[i].on, RACE_AUTO, links, others, cases[i].tried);   /* they are alike */
	}
}

static void auto_races_what_is_alike_or_has_lost(void **state)
{
	static const struct { unsigned int best_lost, best_ms, other_lost, other_ms; const char *expected; } cases[] = {
		{ 0, 20, 0, 20, "01" }, { 0, 20, 0, 30, "01" }, { 0, 20, 0, 31, "0" }, { 0, 30, 0, 20, "01" },
		{ 0, 31, 0, 20, "0" }, { 0, 0, 0, 20, "01" }, { 0, 20, 0, 0, "01" }, { 0, 0, 0, 0, "01" },
		{ 0, 600, 0, 755, "01" }, { 0, 600, 0, 756, "0" }, { LOST, 20, LOST, 600, "01" },
		{ LOST, 20, LOST, 20, "01" }, { 0, 20, LOST, 20, "0" }, { 0, 0, LOST, 0, "0" },
		{ LOST, 20, 0, 20, "1" }, { LOST, 20, 0, 30, "1" }, { LOST, 20, 0, 31, "01" },
		{ LOST, 600, 0, 20, "1" }, { LOST, 0, 0, 20, "01" }, { LOST, 20, 0, 0, "01" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct choose_link links[LINKS];
		struct race_link others[LINKS];

		make_links(links, others,
			   (const unsigned int[LINKS]){ UP | cases[i].best_lost, UP | cases[i].other_lost, 0 });
		others[0].rtt_us = cases[i].best_ms * MS;
		others[1].rtt_us = cases[i].other_ms * MS;
		expect_begun(i, cases[i].expected, RACE_AUTO, links, others, 0);
		expect_begun(i, "01", RACE_ON, links, others, 0);
		expect_begun(i, "0", RACE_OFF, links, others, 0);
	}
}

static void an_attempt_is_overdue_by_its_links_round_trip(void **state)
{
	static const struct { unsigned int waited_us, rtt_us; bool overdue; } cases[] = {
		{ 0, 0, false }, { 60000 * MS, 0, false }, { 20 * MS, 10 * MS, true }, { 20 * MS - 1, 10 * MS, false },
		{ 905 * MS, 600 * MS, true }, { 904 * MS, 600 * MS, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (race_is_overdue(cases[i].waited_us, cases[i].rtt_us) != cases[i].overdue)
			fail_msg("case %zu: expected %d", i, cases[i].overdue);
}

static void an_attempt_that_is_overtaken_tells_of_its_link(void **state)
{
	static const struct { unsigned int waited_us, rtt_us, winner_us; enum race_silence says; } cases[] = {
		{ 40 * MS, 20 * MS, 20 * MS, RACE_SAYS_LOST }, { 34 * MS, 20 * MS, 1 * MS, RACE_SAYS_NOTHING },
		{ 40 * MS, 600 * MS, 20 * MS, RACE_SAYS_NOTHING }, { 30 * MS + 1, 0, 20 * MS, RACE_SAYS_FAR },
		{ 30 * MS, 0, 20 * MS, RACE_SAYS_NOTHING },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (race_overtaken(cases[i].waited_us, cases[i].rtt_us, cases[i].winner_us) != cases[i].says)
			fail_msg("case %zu: expected %d", i, cases[i].says);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_links_of_one_cost_race),
		cmocka_unit_test(auto_races_what_is_alike_or_has_lost),
		cmocka_unit_test(an_attempt_is_overdue_by_its_links_round_trip),
		cmocka_unit_test(an_attempt_that_is_overtaken_tells_of_its_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
