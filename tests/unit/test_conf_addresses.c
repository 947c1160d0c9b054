/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit_address.h"
#include "unit_conf.h"

#define KEY(digit) "key = " digit "0112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n"
#define A "[subscriber a]\n" KEY("0")
#define B "[subscriber b]\n" KEY("1")
#define C "[subscriber c]\n" KEY("2")
#define CONVERTER "[converter]\nlisten = 203.0.113.1\n"
#define PRESERVE(address) "address_mode = preserve\naddress = " address "\n"
#define PREFIX(prefix) "address_mode = prefix\nprefix = " prefix "\n"

static void modes_are_read(void **state)
{
	struct conf *conf = conf_of("[converter]\npool = 203.0.113.2, 203.0.113.3\n"
				    "pool = 2001:db8::2\n" A B PRESERVE("198.51.100.7") C PREFIX("2001:db8:7::/48")
				    "address = 198.51.100.8\n");
	const struct conf_subscriber *s = conf->subscribers;

	assert_int_equal(conf->converter.n_pool, 3);
	unit_expect_address("pool", "203.0.113.3", &conf->converter.pool[1]);
	assert_true(s[0].source.mode == SOURCE_SHARED && !s[0].source.has_address && !s[0].source.has_prefix);
	assert_true(s[1].source.mode == SOURCE_PRESERVE && s[1].source.has_address && !s[1].source.has_prefix);
	unit_expect_address("address", "198.51.100.7", &s[1].source.address);
	assert_true(s[2].source.mode == SOURCE_PREFIX && s[2].source.has_address && s[2].source.has_prefix);
	assert_int_equal(s[2].source.prefix.n_bits, 48);
	conf_freep(&conf);
}

static void values_are_checked(void **state)
{
	expect_error("[converter]\npool = 203.0.113.2:80\n",
		     "x:2: converter.pool: found '203.0.113.2:80', wanted at most 64 addresses without ports");
	expect_error("[converter]\npool = 203.0.113.0/24\n", "x:2: converter.pool: found");
	expect_error("[converter]\n" A "address_mode = nat\n",
		     "x:4: subscriber a.address_mode: found 'nat', wanted shared, preserve or prefix");
	expect_error("[converter]\n" A "address = 2001:db8::1\n",
		     "x:4: subscriber a.address: found '2001:db8::1', wanted an IP address");
	expect_error("[converter]\n" A "address = 192.0.2.1:80\n", "x:4: subscriber a.address: found");
	for (size_t i = 0; i < 4; i++) {
		static const char *const prefixes[] = { "192.0.2.0/24", "2001:db8::1", "2001:db8::1/48",
							"2001:db8::/129" };
		char text[256];

		snprintf(text, sizeof(text), "[converter]\n" A "prefix = %s\n", prefixes[i]);
		expect_error(text, "x:4: subscriber a.prefix: found");
	}
}

static void sections_fit_together(void **state)
{
	expect_error("[converter]\n" A "address = 198.51.100.7\n",
		     "x: subscriber a has an address or a prefix of its own, which address_mode = shared doesn't use");
	expect_error("[converter]\n" A "prefix = 2001:db8:7::/48\n", "which address_mode = shared doesn't use");
	expect_error("[converter]\n" A "address_mode = preserve\n",
		     "x: subscriber a: address_mode = preserve wants 'address'");
	expect_error("[converter]\n" A PRESERVE("198.51.100.7") "prefix = 2001:db8:7::/48\n",
		     "wants 'address', and no 'prefix'");
	expect_error("[converter]\n" A "address_mode = prefix\naddress = 198.51.100.7\n",
		     "x: subscriber a: address_mode = prefix wants 'prefix'");
	expect_error("[converter]\n" A PRESERVE("224.0.0.9"),
		     "x: subscriber a: its address is loopback, link-local, multicast or reserved");
	expect_error("[converter]\n" A PRESERVE("0.0.0.0"), "x: subscriber a: its address is loopback");
	expect_error("[converter]\n" A PREFIX("fe80::/64"), "x: subscriber a: its prefix has link-local");
	expect_error("[converter]\n" A PREFIX("ff00::/16"), "x: subscriber a: its prefix has link-local, multicast");
	expect_error("[converter]\npool = fe80::1\n" A, "x: converter.pool: fe80::1 is loopback, link-local");
}

static void no_address_is_two_parties(void **state)
{
	struct conf *conf = conf_of(CONVERTER A PREFIX("2001:db8:7::/48") B PREFIX("2001:db8:8::/48")
				    C PRESERVE("203.0.113.7"));

	conf_freep(&conf);
	expect_error("[converter]\n" A PRESERVE("198.51.100.7") B PRESERVE("198.51.100.8") C PRESERVE("198.51.100.7"),
		     "has the same address as subscriber ");
	expect_error("[converter]\n" A PREFIX("2001:db8:7:8::/64") B PREFIX("2001:db8:9::/48")
		     C PREFIX("2001:db8:7::/48"),
		     "x: subscriber a has a prefix that overlaps with that of subscriber c");
	expect_error(CONVERTER A PRESERVE("203.0.113.1"),
		     "x: subscriber a: the converter itself listens on an address of its own");
	expect_error("[converter]\nlisten = [2001:db8:7::1]:5124\n" A PREFIX("2001:db8:7::/48"),
		     "x: subscriber a: the converter itself listens");
	expect_error("[converter]\npool = 203.0.113.7\n" A PRESERVE("203.0.113.7"),
		     "x: subscriber a: an address of its own is in converter.pool");
	expect_error("[converter]\npool = 2001:db8:7::7\n" A PREFIX("2001:db8:7::/48"),
		     "x: subscriber a: an address of its own is in converter.pool");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modes_are_read),
		cmocka_unit_test(values_are_checked),
		cmocka_unit_test(sections_fit_together),
		cmocka_unit_test(no_address_is_two_parties),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
