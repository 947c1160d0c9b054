/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit_address.h"

#include "policy/admit.h"

/* The first and the last address of each special range. */
static const char *const special[] = {
	"0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255", "127.0.0.0",
	"127.255.255.255",
	"169.254.0.0", "169.254.255.255", "172.16.0.0", "172.31.255.255", "192.0.0.0", "192.0.0.255", "192.0.2.0",
	"192.0.2.255",
	"192.88.99.0", "192.88.99.255", "192.168.0.0", "192.168.255.255", "198.18.0.0", "198.19.255.255",
	"198.51.100.0",
	"198.51.100.255", "203.0.113.0", "203.0.113.255", "224.0.0.0", "239.255.255.255", "240.0.0.0",
	"255.255.255.255",
	"::", "::1", "100::", "100::ffff:ffff:ffff:ffff", "2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff",
	"2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
	"3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	"fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	"fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	/* special IPv4 addresses within IPv6 ones: compatible, 6to4, NAT64, local NAT64, translated */
	"::10.0.0.1", "2002:7f00:1::", "2002:a00:1::1", "64:ff9b::192.168.1.1", "64:ff9b:1::10.0.0.1",
	"64:ff9b:1:ffff:ffff:ffff:127.0.0.1",
	"::ffff:0:127.0.0.1",
};

/* Their neighbours, and ordinary ones. */
static const char *const ordinary[] = {
	"1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
	"169.253.255.255",
	"169.255.0.0", "172.15.255.255", "172.32.0.0", "191.255.255.255", "192.0.1.0", "192.0.1.255", "192.0.3.0",
	"192.88.98.255",
	"192.88.100.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "198.51.99.255",
	"198.51.101.0",
	"203.0.112.255", "203.0.114.0", "223.255.255.255", "8.8.8.8",
	"2001:4860:4860::8888", "100:0:0:1::", "2001:1::1", "2001:2:1::", "2001:db7:ffff::", "2001:db9::",
	"3fff:1000::", "5eff::", "5f01::",
	"fbff::", "fe00::", "fe7f::", "2002:808:808::1", "64:ff9b::8.8.8.8", "64:ff9b:1::8.8.8.8",
	"64:ff9b:2::10.0.0.1", "2003::1",
	"::8.8.8.8", "::ffff:0:8.8.8.8",
};

static void special_ranges_are_known_to_their_ends(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(special); i++) {
		struct address a = unit_address(special[i]);

		if (!admit_is_special(&a))
			fail_msg("expected %s to be special, saw an ordinary address", special[i]);
	}
}

/* As those who leave them alone have them named. */
static void special_ranges_are_named(void **state)
{
	size_t n;
	const struct prefix *all = admit_special(&n);

	for (size_t i = 0; i < n; i++) {
		struct address first = { .port = 0 };

		memcpy(first.ip, all[i].ip, sizeof(first.ip));
		assert_true(admit_is_special(&first));
	}
	for (size_t i = 0; i < ARRAY_SIZE(ordinary); i++) {
		struct address a = unit_address(ordinary[i]);

		assert_false(admit_in_prefixes(all, n, &a));
	}
}

static void their_neighbours_are_ordinary(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(ordinary); i++) {
		struct address a = unit_address(ordinary[i]);

		if (admit_is_special(&a))
			fail_msg("expected %s to be ordinary, saw a special address", ordinary[i]);
	}
}

static void prefixes_take_their_family_alone(void **state)
{
	const struct prefix prefixes[] = { unit_prefix("192.0.2.0/25"), unit_prefix("2001:db8::/33"),
					   unit_prefix("198.51.100.7") };
	static const struct { const char *address; bool in; } cases[] = {
		{ "192.0.2.0", true }, { "192.0.2.127", true }, { "192.0.2.128", false }, { "2001:db8:7fff::1", true },
		{ "2001:db8:8000::1", false }, { "198.51.100.7", true }, { "198.51.100.6", false },
		{ "::192.0.2.1", false },
	};
	const struct prefix all_v6 = unit_prefix("::/0"), all_v4 = unit_prefix("0.0.0.0/0");
	struct address a;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		a = unit_address(cases[i].address);
		if (admit_in_prefixes(prefixes, ARRAY_SIZE(prefixes), &a) != cases[i].in)
			fail_msg("expected %s to be %s the prefixes, saw the contrary", cases[i].address,
				 cases[i].in ? "in" : "outside");
	}
	a = unit_address("192.0.2.0");
	assert_false(admit_in_prefixes(prefixes, 0, &a));
	assert_false(admit_in_prefixes(&all_v6, 1, &a));
	assert_true(admit_in_prefixes(&all_v4, 1, &a));
	a = unit_address("2001:db8::1");
	assert_true(admit_in_prefixes(&all_v6, 1, &a));
	assert_false(admit_in_prefixes(&all_v4, 1, &a));
}

static void destinations_are_ordinary_or_allowed_by_name(void **state)
{
	const struct prefix allow[] = { unit_prefix("10.1.0.0/16"), unit_prefix("fd00::/8") };
	static const struct { const char *address; bool admitted; } cases[] = {
		{ "8.8.8.8:53", true }, { "8.8.8.8", false }, { "10.1.2.3:22", true }, { "10.1.2.3", false },
		{ "10.2.0.0:22", false }, { "127.0.0.1:22", false }, { "[fd00::1]:443", true },
		{ "[fc00::1]:443", false }, { "[2600::1]:443", true },
		{ "[2002:a01:203::]:22", false },   /* 10.1.2.3 in other clothes isn't what was allowed */
		{ "[64:ff9b::10.1.2.3]:22", false }, { "[2002:808:808::1]:1", true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct address a = unit_address(cases[i].address);

		if (admit_destination(allow, ARRAY_SIZE(allow), &a) != cases[i].admitted)
			fail_msg("expected %s to be %s, saw the contrary", cases[i].address,
				 cases[i].admitted ? "admitted" : "refused");
	}
}

static void without_allowances_no_special_one_is_admitted(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(special); i++) {
		struct address a = unit_address(special[i]);

		a.port = 80;
		if (admit_destination(NULL, 0, &a))
			fail_msg("expected %s to be refused, saw it admitted", special[i]);
	}
}

static void some_addresses_are_no_peers(void **state)
{
	static const struct { const char *address; bool peer; } cases[] = {
		{ "8.8.8.8:53", true }, { "8.8.8.8", false }, { "10.1.2.3:22", true }, { "0.0.0.0:9", false },
		{ "0.255.255.255:9", false }, { "1.0.0.0:9", true }, { "126.255.255.255:9", true },
		{ "127.0.0.1:9", false }, { "127.255.255.255:9", false }, { "128.0.0.0:9", true },
		{ "169.254.9.9:9", false }, { "223.255.255.255:9", true }, { "224.0.0.1:9", false },
		{ "240.0.0.0:9", false }, { "255.255.255.255:9", false }, { "[2600::1]:9", true },
		{ "[fd00::1]:9", true }, { "[::]:9", false }, { "[::1]:9", false }, { "[::10.0.0.1]:9", false },
		{ "[fe80::1]:9", false }, { "[febf::]:9", false }, { "[ff02::1]:9", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct address a = unit_address(cases[i].address);

		if (admit_is_no_peer(&a) == cases[i].peer)
			fail_msg("expected %s to be %s peer, saw the contrary", cases[i].address,
				 cases[i].peer ? "a" : "no");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(special_ranges_are_known_to_their_ends),
		cmocka_unit_test(special_ranges_are_named),
		cmocka_unit_test(their_neighbours_are_ordinary),
		cmocka_unit_test(prefixes_take_their_family_alone),
		cmocka_unit_test(destinations_are_ordinary_or_allowed_by_name),
		cmocka_unit_test(without_allowances_no_special_one_is_admitted),
		cmocka_unit_test(some_addresses_are_no_peers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
