/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "policy/prefixes.h"

static struct prefixes set_of(const char *const *texts, size_t n)
{
	struct prefix all[16];
	struct prefixes set;

	assert_true(n <= ARRAY_SIZE(all));
	for (size_t i = 0; i < n; i++)
		if (prefix_parse(&all[i], texts[i]))
			fail_msg("'%s' is no prefix", texts[i]);
	assert_int_equal(prefixes_make(&set, all, n), 0);
	return set;
}

static void expect_has(const struct prefixes *set, const char *text, bool expected)
{
	struct address address;

	assert_int_equal(address_parse(&address, text, 0), 0);
	if (prefixes_have(set, &address) != expected)
		fail_msg("%s: expected %s, saw the opposite", text, expected ? "in" : "out");
}

static void ranges_are_merged(void **state)
{
	static const char *const texts[] = { "10.0.1.0/24", "10.0.0.0/24", "10.0.0.128/25", "192.0.2.7",
					     "255.255.255.255", "255.255.255.254",
					     "2001:db8:1::/48", "2001:db8::/48", "2001:db8:0:8000::/49",
					     "2001:db8:9::/48", "ffff::/16" };
	struct prefixes set = set_of(texts, ARRAY_SIZE(texts));

	assert_int_equal(set.n_v4, 3);
	assert_int_equal(set.v4[0].first, 0x0a000000);
	assert_int_equal(set.v4[0].last, 0x0a0001ff);
	assert_int_equal(set.v4[2].first, 0xfffffffe);
	assert_int_equal(set.n_v6, 3);
	assert_int_equal(set.v6[0].last[5], 1);
	expect_has(&set, "10.0.0.0", true);
	expect_has(&set, "10.0.1.255", true);
	expect_has(&set, "9.255.255.255", false);
	expect_has(&set, "10.0.2.0", false);
	expect_has(&set, "192.0.2.7", true);
	expect_has(&set, "192.0.2.6", false);
	expect_has(&set, "192.0.2.8", false);
	expect_has(&set, "255.255.255.255", true);
	expect_has(&set, "2001:db8:1:ffff::", true);
	expect_has(&set, "2001:db8:2::", false);
	expect_has(&set, "2001:db7::", false);
	expect_has(&set, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true);
	prefixes_end(&set);
	assert_true(prefixes_empty(&set));
}

static void what_touches_is_one_over_all_bytes(void **state)
{
	static const char *const texts[] = { "2001:db8::ffff:ffff", "2001:db8::1:0:0", "2001:db8::1:0:2",
					     "0.255.255.255", "1.0.0.0" };
	struct prefixes set = set_of(texts, ARRAY_SIZE(texts));

	assert_int_equal(set.n_v6, 2);
	assert_int_equal(set.n_v4, 1);
	prefixes_end(&set);
}

static void what_holds_everything_ends(void **state)
{
	static const char *const texts[] = { "::/0", "2001:db8::/32", "ffff::/16", "0.0.0.0/0", "10.0.0.0/8",
					     "255.0.0.0/8" };
	struct prefixes set = set_of(texts, ARRAY_SIZE(texts));

	assert_int_equal(set.n_v4, 1);
	assert_int_equal(set.n_v6, 1);
	expect_has(&set, "255.255.255.255", true);
	expect_has(&set, "::", true);
	prefixes_end(&set);
}

static void families_are_apart(void **state)
{
	static const char *const six[] = { "::/0" }, *const four[] = { "0.0.0.0/0" };
	struct prefixes set = set_of(six, 1);

	expect_has(&set, "10.0.0.1", false);
	expect_has(&set, "2001:db8::1", true);
	prefixes_end(&set);
	set = set_of(four, 1);
	expect_has(&set, "10.0.0.1", true);
	expect_has(&set, "2001:db8::1", false);
	prefixes_end(&set);
	set = set_of(NULL, 0);
	expect_has(&set, "10.0.0.1", false);
	expect_has(&set, "::1", false);
	prefixes_end(&set);
}

static void many_are_found(void **state)
{
	const size_t n = 100000;
	struct prefix *all = calloc(n, sizeof(*all));
	struct prefixes set;

	assert_non_null(all);
	for (size_t i = 0; i < n; i++) {   /* every other /25, the last ones first */
		struct address a = address_from_v4(htonl((uint32_t)(n - i) << 8), 0);

		memcpy(all[i].ip, a.ip, 16);
		all[i].n_bits = 96 + 25;
	}
	assert_int_equal(prefixes_make(&set, all, n), 0);
	assert_int_equal(set.n_v4, n);
	for (size_t i = 1; i <= n; i++) {
		struct address in = address_from_v4(htonl((uint32_t)i << 8 | 127), 0),
			       out = address_from_v4(htonl((uint32_t)i << 8 | 128), 0);

		assert_true(prefixes_have(&set, &in));
		assert_false(prefixes_have(&set, &out));
	}
	prefixes_end(&set);
	free(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_are_merged),
		cmocka_unit_test(what_touches_is_one_over_all_bytes),
		cmocka_unit_test(what_holds_everything_ends),
		cmocka_unit_test(families_are_apart),
		cmocka_unit_test(many_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
