/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit_address.h"

#include "policy/choose.h"

enum { UP = 1, BACKUP = 2, UNANSWERED = 4, STRIPS = 8, COSTLY = 16, DEAR = 32, SILENT = 64 };

#define LINKS 4

/* Links with addresses of both families, in the state that the flags say; link i has 10.0.i.1 and fd00:i::1. */
static void make_links(struct choose_link links[LINKS], const unsigned int flags[LINKS])
{
	for (unsigned int i = 0; i < LINKS; i++) {
		char v4[32], v6[32];

		snprintf(v4, sizeof(v4), "10.0.%u.1", i);
		snprintf(v6, sizeof(v6), "fd00:%u::1", i);
		links[i] = (struct choose_link){ .up = flags[i] & UP, .backup = flags[i] & BACKUP,
						 .unanswered = flags[i] & UNANSWERED,
						 .strips_mptcp = flags[i] & STRIPS, .silent = flags[i] & SILENT,
						 .cost = flags[i] & DEAR ? 20 : flags[i] & COSTLY ? 10 : 0,
						 .v4 = unit_address(v4), .v6 = unit_address(v6) };
	}
}

static void the_order_is_by_rank_and_then_by_place(void **state)
{
	static const struct { unsigned int flags[LINKS], tried; uint8_t expected; } cases[] = {
		{ { UP, UP, UP, UP }, 0, 0 },
		{ { UP, UP, UP, UP }, 0x1, 1 },
		{ { UP, UP, UP, UP }, 0x7, 3 },
		{ { 0, UP, UP, UP }, 0, 1 },
		{ { UP | STRIPS, UP, UP, UP }, 0, 1 },
		{ { UP | UNANSWERED, UP | STRIPS, UP | BACKUP, 0 }, 0, 1 },
		{ { UP | BACKUP, UP | UNANSWERED, UP | UNANSWERED | STRIPS, 0 }, 0, 1 },
		{ { UP | BACKUP, UP | UNANSWERED, UP | UNANSWERED | STRIPS, 0 }, 0x2, 2 },
		{ { UP | BACKUP | UNANSWERED, UP | BACKUP, UP | BACKUP | STRIPS, 0 }, 0, 1 },
		{ { UP | BACKUP | UNANSWERED, UP | BACKUP, UP | BACKUP | STRIPS, 0 }, 0x2, 2 },
		{ { UP | BACKUP | UNANSWERED, UP | BACKUP, UP | BACKUP | STRIPS, UP }, 0xe, 0 },
		{ { UP | UNANSWERED, 0, 0, UP | STRIPS }, 0, 3 },
		{ { UP | COSTLY, UP, UP, 0 }, 0, 1 },
		{ { UP | DEAR, UP | COSTLY, UP | STRIPS, 0 }, 0, 2 },
		{ { UP | DEAR, UP | COSTLY, UP | STRIPS, 0 }, 0x4, 1 },
		{ { UP | DEAR, UP | COSTLY, UP | UNANSWERED, 0 }, 0, 1 },
		{ { UP | COSTLY, UP | BACKUP, 0, 0 }, 0, 0 },
		{ { UP | COSTLY | STRIPS, UP | COSTLY, UP | DEAR, 0 }, 0, 1 },
		{ { UP | SILENT, UP | UNANSWERED, UP | BACKUP, 0 }, 0, 1 },
		{ { UP | SILENT, 0, UP | BACKUP | UNANSWERED | STRIPS, 0 }, 0, 2 },
		{ { UP | SILENT | BACKUP, UP | SILENT, 0, 0 }, 0, 0 },
	};
	const struct address converter = unit_address("192.0.2.1:5124");

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct choose_link links[LINKS];
		struct choice choice;
		int r;

		make_links(links, cases[i].flags);
		r = choose_first_link(links, LINKS, &converter, 1, cases[i].tried, &choice);
		if (r || choice.link != cases[i].expected)
			fail_msg("case %zu: expected link %u, saw %u (result %d)", i, cases[i].expected, choice.link,
				 r);
	}
}

static void the_family_is_the_first_that_the_link_has(void **state)
{
	const struct address converters[] = { unit_address("[2001:db8::1]:5124"), unit_address("192.0.2.1:5124"),
					      unit_address("192.0.2.2:5124") };
	struct choose_link links[LINKS];
	struct choice choice;

	make_links(links, (const unsigned int[LINKS]){ UP, 0, 0, 0 });
	links[0].v6.port = 7;   /* an address alone is wanted */
	assert_int_equal(choose_first_link(links, 1, converters, 3, 0, &choice), 0);
	unit_expect_address("converter", "[2001:db8::1]:5124", &choice.converter);
	unit_expect_address("source", "fd00::1", &choice.source);
	links[0].v6 = (struct address){ .port = 0 };
	assert_int_equal(choose_first_link(links, 1, converters, 3, 0, &choice), 0);
	unit_expect_address("converter", "192.0.2.1:5124", &choice.converter);
	unit_expect_address("source", "10.0.0.1", &choice.source);
}

static void the_family_is_that_of_most_links(void **state)
{
	const struct address converters[] = { unit_address("192.0.2.1:5124"), unit_address("[2001:db8::1]:5124") };
	struct choose_link links[LINKS];
	struct choice choice;

	make_links(links, (const unsigned int[LINKS]){ UP, UP, UP, 0 });
	links[1].v4 = (struct address){ .port = 0 };
	assert_int_equal(choose_first_link(links, LINKS, converters, 2, 0, &choice), 0);
	unit_expect_address("the second link has IPv6 alone", "[2001:db8::1]:5124", &choice.converter);
	links[2].v6 = (struct address){ .port = 0 };
	assert_int_equal(choose_first_link(links, LINKS, converters, 2, 0, &choice), 0);
	unit_expect_address("as many have IPv4 alone", "192.0.2.1:5124", &choice.converter);
	links[1].up = false;
	assert_int_equal(choose_first_link(links, LINKS, converters + 1, 1, 0, &choice), 0);
	unit_expect_address("the converter has no other", "[2001:db8::1]:5124", &choice.converter);
	assert_int_equal(choose_first_link(links, LINKS, converters, 2, 0, &choice), 0);
	unit_expect_address("one that isn't up doesn't count", "192.0.2.1:5124", &choice.converter);
}

static void a_link_without_the_family_is_out(void **state)
{
	const struct address converter = unit_address("[2001:db8::1]:5124");
	struct choose_link links[LINKS];
	struct choice choice;

	make_links(links, (const unsigned int[LINKS]){ UP, UP, UP | BACKUP, 0 });
	links[0].v6 = unit_address("::");
	assert_int_equal(choose_first_link(links, LINKS, &converter, 1, 0, &choice), 0);
	assert_int_equal(choice.link, 1);
	links[1].v6 = unit_address("0.0.0.0");
	assert_int_equal(choose_first_link(links, LINKS, &converter, 1, 0, &choice), 0);
	assert_int_equal(choice.link, 2);
	unit_expect_address("source", "fd00:2::1", &choice.source);
}

/* A worse link that is looked at later must leave the better one's addresses alone. */
static void what_was_chosen_stays_whole(void **state)
{
	const struct address converters[] = { unit_address("192.0.2.1:5124"), unit_address("[2001:db8::1]:5124") };
	struct choose_link links[LINKS];
	struct choice choice;

	make_links(links, (const unsigned int[LINKS]){ UP | UNANSWERED, UP, UP | STRIPS, UP });
	links[1].v4 = unit_address("0.0.0.0");
	assert_int_equal(choose_first_link(links, LINKS, converters, 2, 0, &choice), 0);
	assert_int_equal(choice.link, 1);
	unit_expect_address("source", "fd00:1::1", &choice.source);
	unit_expect_address("converter", "[2001:db8::1]:5124", &choice.converter);
}

static void without_any_link_the_kernel_routes_once(void **state)
{
	const struct address converters[] = { unit_address("192.0.2.1:5124"), unit_address("[2001:db8::1]:5124") };
	struct choose_link links[LINKS];
	struct choice choice;

	make_links(links, (const unsigned int[LINKS]){ 0, BACKUP, UNANSWERED, STRIPS });
	assert_int_equal(choose_first_link(links, LINKS, converters, 2, 0, &choice), 0);
	assert_int_equal(choice.link, CHOOSE_NO_LINK);
	assert_true(address_is_unspecified(&choice.source));
	unit_expect_address("converter", "192.0.2.1:5124", &choice.converter);
	assert_int_equal(choose_first_link(NULL, 0, converters, 2, 0, &choice), 0);
	assert_int_equal(choice.link, CHOOSE_NO_LINK);
	assert_int_equal(choose_first_link(links, LINKS, converters, 2, 0x1, &choice), CHOOSE_E_NONE);
}

static void when_all_were_tried_there_is_none(void **state)
{
	const struct address converter = unit_address("192.0.2.1:5124");
	struct choose_link links[LINKS];
	struct choice choice;

	make_links(links, (const unsigned int[LINKS]){ UP, UP, UP | BACKUP, UP | UNANSWERED });
	assert_int_equal(choose_first_link(links, LINKS, &converter, 1, 0xf, &choice), CHOOSE_E_NONE);
	assert_int_equal(choose_first_link(links, LINKS, NULL, 0, 0, &choice), CHOOSE_E_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_order_is_by_rank_and_then_by_place),
		cmocka_unit_test(the_family_is_the_first_that_the_link_has),
		cmocka_unit_test(the_family_is_that_of_most_links),
		cmocka_unit_test(a_link_without_the_family_is_out),
		cmocka_unit_test(what_was_chosen_stays_whole),
		cmocka_unit_test(without_any_link_the_kernel_routes_once),
		cmocka_unit_test(when_all_were_tried_there_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
