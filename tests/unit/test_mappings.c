/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit_address.h"

#include <errno.h>
#include "policy/mappings.h"

#define NOW_S 1000u
#define HOLD_S 120u
#define TCP 6
#define ALICE 1u
#define BOB 70u

struct told {
	unsigned int n[MAPPINGS_ENDED + 1];
	struct mapping last;
};

static void on_change(void *context, enum mappings_change change, const struct mapping *mapping)
{
	struct told *told = context;

	told->n[change]++;
	told->last = *mapping;
}

static struct mappings *table(uint16_t first_port, uint16_t last_port, struct told *told)
{
	struct mappings_options options = {
		.external = unit_address("198.51.100.1"), .first_port = first_port, .last_port = last_port,
		.least_s = 120, .most_s = 86400, .hold_s = HOLD_S,
		.on_change = told ? on_change : NULL, .context = told,
	};
	struct mappings *mappings;

	assert_int_equal(mappings_new(&options, &mappings), 0);
	return mappings;
}

static struct mappings_request ask(uint32_t subscriber, const char *internal, const char *suggested)
{
	struct mappings_request request = {
		.subscriber = subscriber, .most = 100, .protocol = TCP, .internal = unit_address(internal),
		.lifetime_s = 3600, .nonce = "nonce",
	};

	if (suggested)
		request.suggested = unit_address(suggested);
	return request;
}

static int map(struct mappings *mappings, const struct mappings_request *request, uint64_t now_s, const char *expected)
{
	struct mapping out = { .n_filters = 0 };
	int r = mappings_map(mappings, request, now_s, &out);

	if (!r && expected)
		unit_expect_address("external", expected, &out.external);
	return r;
}

static void the_suggested_port_is_given(void **state)
{
	struct told told = { { 0 } };
	_cleanup_(mappings_freep) struct mappings *mappings = table(20000, 20009, &told);
	struct mappings_request request = ask(ALICE, "10.0.0.7:80", "198.51.100.1:20005");
	struct mapping found;

	assert_int_equal(map(mappings, &request, NOW_S, "198.51.100.1:20005"), 0);
	assert_int_equal(mappings_count(mappings), 1);
	assert_int_equal(told.n[MAPPINGS_MADE], 1);
	unit_expect_address("internal", "10.0.0.7:80", &told.last.internal);
	assert_true(mappings_find(mappings, ALICE, TCP, &request.internal, &found));
	assert_true(found.ends_at_s == NOW_S + 3600);
	assert_false(mappings_find(mappings, BOB, TCP, &request.internal, &found));
	assert_false(mappings_find(mappings, ALICE, 17, &request.internal, &found));
}

static void what_cannot_be_given_is_another_port(void **state)
{
	_cleanup_(mappings_freep) struct mappings *mappings = table(20000, 20009, NULL);
	static const char *const hints[] = { "198.51.100.1:20005", "0.0.0.0:20005", "198.51.100.1:80",
					     "198.51.100.2:20005", "198.51.100.1:20010", NULL };
	char internal[] = "10.0.0.7:1";
	uint16_t seen[ARRAY_SIZE(hints)];

	for (size_t i = 0; i < ARRAY_SIZE(hints); i++, internal[9]++) {
		struct mappings_request request = ask(ALICE, internal, hints[i]);
		struct mapping out;

		assert_int_equal(mappings_map(mappings, &request, NOW_S, &out), 0);
		assert_in_range(out.external.port, 20000, 20009);
		seen[i] = out.external.port;
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(seen[i], seen[j]);
	}
	assert_int_equal(seen[0], 20005);
}

static void the_hosts_own_port_is_the_second_choice(void **state)
{
	_cleanup_(mappings_freep) struct mappings *mappings = table(20000, 20009, NULL);
	struct mappings_request request = ask(ALICE, "10.0.0.7:20003", NULL),
				other = ask(BOB, "10.0.0.7:20003", "0.0.0.0:20003");

	assert_int_equal(map(mappings, &request, NOW_S, "198.51.100.1:20003"), 0);
	other.prefer_failure = true;
	assert_int_equal(map(mappings, &other, NOW_S, NULL), MAPPINGS_E_EXTERNAL);
	other.suggested = unit_address("198.51.100.9:20004");
	assert_int_equal(map(mappings, &other, NOW_S, NULL), MAPPINGS_E_EXTERNAL);
	other.suggested = unit_address("0.0.0.0:80");
	assert_int_equal(map(mappings, &other, NOW_S, NULL), MAPPINGS_E_EXTERNAL);
	other.suggested = unit_address("198.51.100.1:20004");
	assert_int_equal(map(mappings, &other, NOW_S, "198.51.100.1:20004"), 0);
	assert_int_equal(mappings_count(mappings), 2);
}

static void the_same_nonce_renews(void **state)
{
	struct told told = { { 0 } };
	_cleanup_(mappings_freep) struct mappings *mappings = table(20000, 20009, &told);
	struct mappings_request request = ask(ALICE, "10.0.0.7:80", "0.0.0.0:20005");
	struct mapping out;

	assert_int_equal(map(mappings, &request, NOW_S, "198.51.100.1:20005"), 0);
	request.suggested = unit_address("0.0.0.0:20006");
	assert_int_equal(mappings_map(mappings, &request, NOW_S + 100, &out), 0);
	unit_expect_address("external", "198.51.100.1:20005", &out.external);
	assert_true(out.ends_at_s == NOW_S + 3700);
	assert_int_equal(told.n[MAPPINGS_RENEWED], 1);
	request.prefer_failure = true;
	assert_int_equal(map(mappings, &request, NOW_S, NULL), MAPPINGS_E_EXTERNAL);
	request.suggested = unit_address("0.0.0.0:20005");
	assert_int_equal(map(mappings, &request, NOW_S, "198.51.100.1:20005"), 0);
	request.nonce[0] ^= 1;
	assert_int_equal(mappings_map(mappings, &request, NOW_S + 200, &out), MAPPINGS_E_NONCE);
	assert_true(out.ends_at_s == NOW_S + 3600);
	assert_int_equal(told.n[MAPPINGS_RENEWED], 2);
}

static void lifetimes_have_two_ends(void **state)
{
	_cleanup_(mappings_freep) struct mappings *mappings = table(20000, 20009, NULL);
	struct mappings_request request = ask(ALICE, "10.0.0.7:80", NULL);
	struct mapping out;

	request.lifetime_s = 1;
	assert_int_equal(mappings_map(mappings, &request, NOW_S, &out), 0);
	assert_true(out.ends_at_s == NOW_S + 120);
	request.lifetime_s = UINT32_MAX;
	assert_int_equal(mappings_map(mappings, &request, NOW_S, &out), 0);
	assert_true(out.ends_at_s == NOW_S + 86400);
}

static void ends_when_its_time_is_over(void **state)
{
	struct told told = { { 0 } };
	_cleanup_(mappings_freep) struct mappings *mappings = table(20000, 20000, &told);
	struct mappings_request request = ask(ALICE, "10.0.0.7:80", NULL), other = ask(BOB, "10.0.0.7:80", NULL);

	assert_true(mappings_turn_at_s(mappings) == MAPPINGS_FOR_EVER);
	assert_int_equal(map(mappings, &request, NOW_S, NULL), 0);
	assert_true(mappings_turn_at_s(mappings) == NOW_S + 3600);
	mappings_turn(mappings, NOW_S + 3599);
	assert_int_equal(mappings_count(mappings), 1);
	assert_int_equal(map(mappings, &other, NOW_S + 3599, NULL), MAPPINGS_E_FULL);
	mappings_turn(mappings, NOW_S + 3600);
	assert_int_equal(mappings_count(mappings), 0);
	assert_int_equal(told.n[MAPPINGS_ENDED], 1);
	assert_true(mappings_turn_at_s(mappings) == NOW_S + 3600 + HOLD_S);
	/* what is on its way to it is Alice's */
	assert_int_equal(map(mappings, &other, NOW_S + 3600 + HOLD_S - 1, NULL), MAPPINGS_E_FULL);
	assert_int_equal(map(mappings, &other, NOW_S + 3600 + HOLD_S, "198.51.100.1:20000"), 0);
	assert_int_equal(told.n[MAPPINGS_ENDED], 1);
	mappings_turn(mappings, NOW_S + 100000);   /* over, and what it was held for too */
	assert_true(mappings_turn_at_s(mappings) == MAPPINGS_FOR_EVER);
	assert_int_equal(told.n[MAPPINGS_ENDED], 2);
}

static void a_port_that_is_held_is_its_old_ones(void **state)
{
	_cleanup_(mappings_freep) struct mappings *mappings = table(20000, 20001, NULL);
	struct mappings_request request = ask(ALICE, "10.0.0.7:80", "0.0.0.0:20000"), stranger = request;
	struct mapping out;

	assert_int_equal(map(mappings, &request, NOW_S, "198.51.100.1:20000"), 0);
	assert_int_equal(mappings_unmap(mappings, &request, NOW_S, &out), 0);
	stranger.nonce[0] ^= 1;
	assert_int_equal(map(mappings, &stranger, NOW_S, "198.51.100.1:20001"), 0);
	assert_int_equal(mappings_unmap(mappings, &stranger, NOW_S, &out), 0);
	request.suggested = unit_address("0.0.0.0:20001");
	request.prefer_failure = true;
	assert_int_equal(map(mappings, &request, NOW_S, NULL), MAPPINGS_E_EXTERNAL);
	request.prefer_failure = false;
	assert_int_equal(map(mappings, &request, NOW_S + 1, "198.51.100.1:20000"), 0);
	assert_int_equal(mappings_count(mappings), 1);
	assert_int_equal(mappings_unmap(mappings, &request, NOW_S, &out), 0);
	request.suggested = unit_address("0.0.0.0:20000");
	request.prefer_failure = true;
	assert_int_equal(map(mappings, &request, NOW_S + 1, "198.51.100.1:20000"), 0);
}

static void deletes(void **state)
{
	struct told told = { { 0 } };
	_cleanup_(mappings_freep) struct mappings *mappings = table(20000, 20009, &told);
	struct mappings_request request = ask(ALICE, "10.0.0.7:80", NULL), other = request;
	struct mapping out;

	assert_int_equal(mappings_unmap(mappings, &request, NOW_S, &out), 0);   /* there is none */
	assert_int_equal(map(mappings, &request, NOW_S, NULL), 0);
	other.nonce[0] ^= 1;
	assert_int_equal(mappings_unmap(mappings, &other, NOW_S, &out), MAPPINGS_E_NONCE);
	unit_expect_address("in the way", "10.0.0.7:80", &out.internal);
	assert_int_equal(mappings_unmap(mappings, &request, NOW_S, &out), 0);
	assert_int_equal(mappings_unmap(mappings, &request, NOW_S, &out), 0);
	assert_int_equal(told.n[MAPPINGS_ENDED], 1);
	assert_int_equal(mappings_count(mappings), 0);
}

static void deletes_all_of_a_host_with_its_nonce(void **state)
{
	_cleanup_(mappings_freep) struct mappings *mappings = table(20000, 20009, NULL);
	struct mappings_request all = ask(ALICE, "10.0.0.7", NULL), request;
	static const char *const hosts[] = { "10.0.0.7:1", "10.0.0.7:2", "10.0.0.7:3", "10.0.0.8:1" };
	struct mapping out;

	assert_int_equal(mappings_unmap(mappings, &all, NOW_S, &out), 0);   /* nobody by that number yet */
	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
		request = ask(ALICE, hosts[i], NULL);
		request.nonce[0] = i == 2 ? 'x' : request.nonce[0];
		assert_int_equal(map(mappings, &request, NOW_S, NULL), 0);
	}
	request = ask(BOB, "10.0.0.7:1", NULL);
	assert_int_equal(map(mappings, &request, NOW_S, NULL), 0);
	all.protocol = 17;
	assert_int_equal(mappings_unmap(mappings, &all, NOW_S, &out), 0);
	assert_int_equal(mappings_count(mappings), 5);
	request = ask(ALICE, "10.0.0.7:1", NULL);
	request.protocol = 17;
	assert_int_equal(map(mappings, &request, NOW_S, NULL), 0);
	assert_int_equal(mappings_unmap(mappings, &all, NOW_S, &out), 0);
	assert_int_equal(mappings_count(mappings), 5);
	all.protocol = 0;
	assert_int_equal(mappings_unmap(mappings, &all, NOW_S, &out), 0);
	assert_int_equal(mappings_count(mappings), 3);
	assert_int_equal(mappings_unmap(mappings, &all, NOW_S, &out), 0);   /* those that are held end no second time */
	assert_int_equal(mappings_count(mappings), 3);
	mappings_end_all(mappings, ALICE, NOW_S);
	mappings_end_all(mappings, ALICE, NOW_S);
	mappings_end_all(mappings, 12345, NOW_S);
	assert_int_equal(mappings_count(mappings), 1);
}

static void nobody_has_more_than_he_may(void **state)
{
	_cleanup_(mappings_freep) struct mappings *mappings = table(20000, 20009, NULL);
	struct mappings_request request = ask(ALICE, "10.0.0.7:1", NULL), bobs = ask(BOB, "10.0.0.7:1", NULL);
	struct mapping out;

	request.most = bobs.most = 2;
	for (request.internal.port = 1; request.internal.port <= 2; request.internal.port++)
		assert_int_equal(map(mappings, &request, NOW_S, NULL), 0);
	assert_int_equal(map(mappings, &request, NOW_S, NULL), MAPPINGS_E_QUOTA);
	assert_int_equal(map(mappings, &bobs, NOW_S, NULL), 0);
	request.internal.port = 2;
	assert_int_equal(map(mappings, &request, NOW_S, NULL), 0);   /* renewed */
	assert_int_equal(mappings_unmap(mappings, &request, NOW_S, &out), 0);
	request.internal.port = 3;
	assert_int_equal(map(mappings, &request, NOW_S, NULL), 0);
}

/* Whichever hosts the others are. */
static void one_host_has_no_more_than_its_part(void **state)
{
	_cleanup_(mappings_freep) struct mappings *mappings = table(20000, 20009, NULL);
	struct mappings_request one = ask(ALICE, "10.0.0.7:1", NULL), other = ask(ALICE, "10.0.0.8:1", NULL),
				bobs = ask(BOB, "10.0.0.7:1", NULL);
	struct mapping out;

	one.most_of_host = other.most_of_host = bobs.most_of_host = 2;
	assert_int_equal(map(mappings, &other, NOW_S, NULL), 0);
	for (one.internal.port = 1; one.internal.port <= 2; one.internal.port++)
		assert_int_equal(map(mappings, &one, NOW_S, NULL), 0);
	assert_int_equal(map(mappings, &one, NOW_S, NULL), MAPPINGS_E_QUOTA);
	other.internal.port = 2;
	assert_int_equal(map(mappings, &other, NOW_S, NULL), 0);
	assert_int_equal(map(mappings, &bobs, NOW_S, NULL), 0);
	one.internal.port = 2;
	assert_int_equal(map(mappings, &one, NOW_S, NULL), 0);   /* renewed */
	assert_int_equal(mappings_unmap(mappings, &one, NOW_S, &out), 0);
	one.internal.port = 3;
	assert_int_equal(map(mappings, &one, NOW_S, NULL), 0);   /* a port that is held isn't the host's any more */
}

/* Who makes mappings and ends them at once has no more of the range than he may. */
static void held_ports_count(void **state)
{
	_cleanup_(mappings_freep) struct mappings *mappings = table(20000, 20003, NULL);
	struct mappings_request request = ask(ALICE, "10.0.0.7:1", NULL), bobs = ask(BOB, "10.0.0.7:1", NULL);
	struct mapping out;

	request.most = 2;
	for (unsigned int i = 0; i < 20; i++, request.internal.port++) {
		request.nonce[1] = (uint8_t)i;
		assert_int_equal(map(mappings, &request, NOW_S + i, NULL), 0);
		assert_int_equal(mappings_unmap(mappings, &request, NOW_S + i, &out), 0);
	}
	for (bobs.internal.port = 1; bobs.internal.port <= 2; bobs.internal.port++)
		assert_int_equal(map(mappings, &bobs, NOW_S + 20, NULL), 0);
	assert_int_equal(map(mappings, &bobs, NOW_S + 20, NULL), MAPPINGS_E_FULL);
}

/* The one that would be free again first, whichever ended last. */
static void the_next_to_be_free_is_let_go(void **state)
{
	_cleanup_(mappings_freep) struct mappings *mappings = table(20000, 20003, NULL);
	struct mappings_request one = ask(ALICE, "10.0.0.7:1", "0.0.0.0:20000"),
				two = ask(ALICE, "10.0.0.7:2", "0.0.0.0:20001");
	struct mappings_request three = ask(ALICE, "10.0.0.7:3", "0.0.0.0:20002"),
				bobs = ask(BOB, "10.0.0.7:1", "0.0.0.0:20001");
	struct mapping out;

	one.most = two.most = three.most = 2;
	assert_int_equal(map(mappings, &one, NOW_S, NULL), 0);
	assert_int_equal(map(mappings, &two, NOW_S, NULL), 0);
	assert_int_equal(mappings_unmap(mappings, &two, NOW_S, &out), 0);
	assert_int_equal(mappings_unmap(mappings, &one, NOW_S + 1, &out), 0);
	assert_int_equal(map(mappings, &three, NOW_S + 2, "198.51.100.1:20002"), 0);
	bobs.prefer_failure = true;
	assert_int_equal(map(mappings, &bobs, NOW_S + 2, "198.51.100.1:20001"), 0);
	bobs.internal.port = 2;
	bobs.suggested.port = 20000;
	assert_int_equal(map(mappings, &bobs, NOW_S + 2, NULL), MAPPINGS_E_EXTERNAL);
}

static void filters_add_up(void **state)
{
	_cleanup_(mappings_freep) struct mappings *mappings = table(20000, 20009, NULL);
	struct mapping_filter filters[MAPPINGS_FILTERS + 1];
	struct mappings_request request = ask(ALICE, "10.0.0.7:80", NULL);
	struct mapping out;

	for (size_t i = 0; i < ARRAY_SIZE(filters); i++)
		filters[i] = (struct mapping_filter){ .from = unit_prefix("192.0.2.0/24"), .port = (uint16_t)(7 + i) };
	request.filters = filters;
	request.n_filters = MAPPINGS_FILTERS + 1;
	assert_int_equal(map(mappings, &request, NOW_S, NULL), MAPPINGS_E_FILTERS);
	assert_int_equal(mappings_count(mappings), 0);
	request.n_filters = 5;
	assert_int_equal(mappings_map(mappings, &request, NOW_S, &out), 0);
	assert_int_equal(out.n_filters, 5);
	assert_int_equal(out.filters[0].port, 7);
	request.filters = filters + 5;
	request.n_filters = MAPPINGS_FILTERS - 4;
	assert_int_equal(map(mappings, &request, NOW_S, NULL), MAPPINGS_E_FILTERS);
	request.n_filters = MAPPINGS_FILTERS - 5;
	assert_int_equal(mappings_map(mappings, &request, NOW_S, &out), 0);
	assert_int_equal(out.n_filters, MAPPINGS_FILTERS);
	request.clear_filters = true;
	request.n_filters = 1;
	assert_int_equal(mappings_map(mappings, &request, NOW_S, &out), 0);
	assert_int_equal(out.n_filters, 1);
}

static void the_same_filters_again_are_no_more(void **state)
{
	_cleanup_(mappings_freep) struct mappings *mappings = table(20000, 20009, NULL);
	struct mapping_filter filters[] = {
		{ .from = unit_prefix("192.0.2.0/24"), .port = 7 }, { .from = unit_prefix("192.0.2.0/24") },
		{ .from = unit_prefix("192.0.2.0/25") }, { .from = unit_prefix("198.51.100.0/24") },
		{ .from = unit_prefix("192.0.2.0/24"), .port = 7 },
	};
	struct mappings_request request = ask(ALICE, "10.0.0.7:80", NULL);
	struct mapping out;

	request.filters = filters;
	request.n_filters = ARRAY_SIZE(filters);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(mappings_map(mappings, &request, NOW_S, &out), 0);
		assert_int_equal(out.n_filters, 4);
	}
}

static struct mapping fixed(const char *internal, const char *external)
{
	return (struct mapping){ .subscriber = ALICE, .protocol = TCP, .internal = unit_address(internal),
				 .external = unit_address(external) };
}

static void static_ones_stay(void **state)
{
	struct told told = { { 0 } };
	_cleanup_(mappings_freep) struct mappings *mappings = table(20000, 20009, &told);
	struct mapping one = fixed("10.0.0.7:80", "198.51.100.1:80"),
		       other = fixed("10.0.0.7:81", "198.51.100.1:20001"), out;
	struct mappings_request request = ask(ALICE, "10.0.0.7:80", "0.0.0.0:20005"),
				taken = ask(BOB, "10.0.0.9:80", "0.0.0.0:20001");

	one.ends_at_s = 1;
	assert_int_equal(mappings_add_static(mappings, &one, NOW_S), 0);
	assert_int_equal(mappings_add_static(mappings, &other, NOW_S), 0);
	assert_int_equal(mappings_add_static(mappings, &other, NOW_S), MAPPINGS_E_FULL);
	mappings_turn(mappings, NOW_S + 1000000);
	assert_int_equal(mappings_count(mappings), 2);
	assert_int_equal(mappings_map(mappings, &request, NOW_S, &out), 0);
	unit_expect_address("external", "198.51.100.1:80", &out.external);
	assert_true(out.is_static && out.ends_at_s == MAPPINGS_FOR_EVER);
	request.prefer_failure = true;
	assert_int_equal(map(mappings, &request, NOW_S, NULL), MAPPINGS_E_EXTERNAL);
	assert_int_equal(mappings_unmap(mappings, &request, NOW_S, &out), MAPPINGS_E_STATIC);
	taken.prefer_failure = true;
	assert_int_equal(map(mappings, &taken, NOW_S, NULL), MAPPINGS_E_EXTERNAL);
	mappings_end_all(mappings, ALICE, NOW_S);
	assert_int_equal(mappings_count(mappings), 2);
	taken.suggested.port = 20002;
	assert_int_equal(map(mappings, &taken, NOW_S, NULL), 0);
	assert_int_equal(mappings_unmap(mappings, &taken, NOW_S, &out), 0);
	taken.internal.port++;
	taken.suggested.port++;
	assert_int_equal(map(mappings, &taken, NOW_S, NULL), 0);
	mappings_drop_statics(mappings);
	assert_int_equal(mappings_count(mappings), 1);
	assert_int_equal(told.n[MAPPINGS_ENDED], 3);
	taken.internal.port++;
	taken.suggested.port = 20001;
	assert_int_equal(map(mappings, &taken, NOW_S, "198.51.100.1:20001"), 0);
}

static void static_ones_come_first(void **state)
{
	struct told told = { { 0 } };
	_cleanup_(mappings_freep) struct mappings *mappings = table(20000, 20009, &told);
	struct mapping one = fixed("10.0.0.7:80", "198.51.100.1:20003"),
		       other = fixed("10.0.0.9:90", "198.51.100.1:20004"), out;
	struct mappings_request same_host = ask(ALICE, "10.0.0.7:80", "0.0.0.0:20001"),
				same_port = ask(BOB, "10.0.0.9:80", "0.0.0.0:20003");
	struct mappings_request held = ask(BOB, "10.0.0.9:91", "0.0.0.0:20004");

	assert_int_equal(map(mappings, &same_host, NOW_S, "198.51.100.1:20001"), 0);
	assert_int_equal(map(mappings, &same_port, NOW_S, "198.51.100.1:20003"), 0);
	assert_int_equal(map(mappings, &held, NOW_S, "198.51.100.1:20004"), 0);
	assert_int_equal(mappings_unmap(mappings, &held, NOW_S, &out), 0);
	assert_int_equal(mappings_add_static(mappings, &one, NOW_S), 0);
	assert_int_equal(mappings_add_static(mappings, &other, NOW_S), 0);
	assert_int_equal(told.n[MAPPINGS_ENDED], 3);
	assert_int_equal(mappings_count(mappings), 2);
	assert_false(mappings_find(mappings, BOB, TCP, &same_port.internal, &out));
}

static void there_are_so_many_static_ones(void **state)
{
	_cleanup_(mappings_freep) struct mappings *mappings = table(20000, 20009, NULL);
	struct mapping one = fixed("10.0.0.7:80", "192.0.2.9:80");
	struct mappings_request request = ask(BOB, "10.0.0.9:80", NULL);

	for (size_t i = 0; i < MAPPINGS_STATICS; i++, one.external.port++)
		assert_int_equal(mappings_add_static(mappings, &one, NOW_S), 0);
	assert_int_equal(mappings_add_static(mappings, &one, NOW_S), MAPPINGS_E_FULL);
	for (size_t i = 0; i < 10; i++, request.internal.port++)
		assert_int_equal(map(mappings, &request, NOW_S, NULL), 0);
	assert_int_equal(map(mappings, &request, NOW_S, NULL), MAPPINGS_E_FULL);
}

static void restores_what_can_be(void **state)
{
	struct told told = { { 0 } };
	_cleanup_(mappings_freep) struct mappings *mappings = table(20000, 20009, &told);
	struct mapping one = fixed("10.0.0.7:80", "198.51.100.1:20001"), out;
	struct mappings_request request = ask(ALICE, "10.0.0.7:80", NULL);

	memcpy(one.nonce, request.nonce, sizeof(one.nonce));
	one.ends_at_s = NOW_S + 10000000;
	one.n_filters = MAPPINGS_FILTERS + 7;
	assert_int_equal(mappings_restore(mappings, &one, NOW_S), 0);
	assert_true(mappings_turn_at_s(mappings) == NOW_S + 86400);
	assert_int_equal(mappings_restore(mappings, &one, NOW_S), MAPPINGS_E_FULL);
	one.external.port = 20002;
	assert_int_equal(mappings_restore(mappings, &one, NOW_S), MAPPINGS_E_FULL);   /* it has one */
	one.external.port = 80;
	assert_int_equal(mappings_restore(mappings, &one, NOW_S), MAPPINGS_E_EXTERNAL);
	one.external = unit_address("192.0.2.1:20002");
	assert_int_equal(mappings_restore(mappings, &one, NOW_S), MAPPINGS_E_EXTERNAL);
	one = fixed("10.0.0.8:80", "198.51.100.1:20003");
	one.ends_at_s = NOW_S - 1;
	assert_int_equal(mappings_restore(mappings, &one, NOW_S), 0);
	one = fixed("10.0.0.8:81", "198.51.100.1:20004");
	one.subscriber = UINT32_MAX;
	assert_int_equal(mappings_restore(mappings, &one, NOW_S), MAPPINGS_E_FULL);
	assert_int_equal(told.n[MAPPINGS_MADE], 0);
	mappings_turn(mappings, NOW_S);
	assert_int_equal(told.n[MAPPINGS_ENDED], 1);
	assert_int_equal(mappings_map(mappings, &request, NOW_S, &out), 0);
	assert_int_equal(told.n[MAPPINGS_RENEWED], 1);
}

static void a_number_beyond_all_is_no_subscriber(void **state)
{
	_cleanup_(mappings_freep) struct mappings *mappings = table(20000, 20009, NULL);
	struct mappings_request request = ask(UINT32_MAX, "10.0.0.7:80", NULL);

	assert_int_equal(map(mappings, &request, NOW_S, NULL), MAPPINGS_E_FULL);
}

/* Ten thousand, ended and made anew in every order: each step leaves what a plain list says there should be. */
static void ten_thousand(void **state)
{
	enum { PORTS = 10000, STEPS = 60000 };
	static uint64_t ends[PORTS];
	_cleanup_(mappings_freep) struct mappings *mappings = table(20000, 29999, NULL);
	uint32_t seed = 7;
	size_t n_live = 0, n_seen = 0;
	uint64_t now_s = NOW_S;

	for (uint32_t step = 0; step < STEPS; step++) {
		struct mappings_request request = ask(1, "10.0.0.7:1", NULL);
		struct mapping out;
		uint32_t which;

		seed = seed * 1664525u + 1013904223u;
		which = (seed >> 8) % PORTS;
		request.subscriber = which % 50;
		request.most = PORTS;
		request.internal.port = (uint16_t)(1 + which);
		request.lifetime_s = 120 + (seed >> 24) * 100;
		now_s += seed >> 20 & 1;
		if (seed >> 22 & 3) {
			assert_int_equal(mappings_map(mappings, &request, now_s, &out), 0);
			ends[which] = out.ends_at_s;
		} else {
			assert_int_equal(mappings_unmap(mappings, &request, now_s, &out), 0);
			ends[which] = 0;
		}
	}
	for (size_t i = 0; i < PORTS; i++)
		n_live += ends[i] > now_s;
	assert_int_equal(mappings_count(mappings), n_live);
	for (uint32_t at = 0; mappings_next(mappings, &at);)
		n_seen++;
	assert_int_equal(n_seen, n_live);
	mappings_turn(mappings, now_s + 1000000);
	assert_int_equal(mappings_count(mappings), 0);
	assert_true(mappings_turn_at_s(mappings) == MAPPINGS_FOR_EVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_suggested_port_is_given),
		cmocka_unit_test(what_cannot_be_given_is_another_port),
		cmocka_unit_test(the_hosts_own_port_is_the_second_choice),
		cmocka_unit_test(the_same_nonce_renews),
		cmocka_unit_test(lifetimes_have_two_ends),
		cmocka_unit_test(ends_when_its_time_is_over),
		cmocka_unit_test(a_port_that_is_held_is_its_old_ones),
		cmocka_unit_test(deletes),
		cmocka_unit_test(deletes_all_of_a_host_with_its_nonce),
		cmocka_unit_test(nobody_has_more_than_he_may),
		cmocka_unit_test(one_host_has_no_more_than_its_part),
		cmocka_unit_test(held_ports_count),
		cmocka_unit_test(the_next_to_be_free_is_let_go),
		cmocka_unit_test(filters_add_up),
		cmocka_unit_test(the_same_filters_again_are_no_more),
		cmocka_unit_test(static_ones_stay),
		cmocka_unit_test(static_ones_come_first),
		cmocka_unit_test(there_are_so_many_static_ones),
		cmocka_unit_test(restores_what_can_be),
		cmocka_unit_test(a_number_beyond_all_is_no_subscriber),
		cmocka_unit_test(ten_thousand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
