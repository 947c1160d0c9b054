/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <arpa/inet.h>
#include "base/address.h"

static struct address address_of(const char *text)
{
	struct address a;

	if (address_parse(&a, text, 0))
		fail_msg("expected '%s' to be an address", text);
	return a;
}

static struct prefix prefix_of(const char *text)
{
	struct prefix p;

	if (prefix_parse(&p, text))
		fail_msg("expected '%s' to be a prefix", text);
	return p;
}

/* What is parsed, and what is printed of it. */
static void parses_and_formats(void **state)
{
	static const struct { const char *text, *printed; uint16_t port; } cases[] = {
		{ "192.0.2.1", "192.0.2.1:5124", 5124 },
		{ "192.0.2.1:443", "192.0.2.1:443", 443 },
		{ "192.0.2.1:0", "192.0.2.1", 0 },
		{ "0.0.0.0:65535", "0.0.0.0:65535", 65535 },
		{ "2001:db8::1", "[2001:db8::1]:5124", 5124 },
		{ "[2001:db8::1]", "[2001:db8::1]:5124", 5124 },
		{ "[2001:DB8:0:0::1]:443", "[2001:db8::1]:443", 443 },
		{ "[2001:db8::1]:0", "2001:db8::1", 0 },
		{ "[::]:5124", "[::]:5124", 5124 },
		{ "::ffff:192.0.2.1", "192.0.2.1:5124", 5124 },
		{ "[::ffff:192.0.2.1]:1", "192.0.2.1:1", 1 },
		{ "[2001:db8:1111:2222:3333:4444:255.255.255.255]:65535",
		  "[2001:db8:1111:2222:3333:4444:ffff:ffff]:65535", 65535 },
	};
	char out[ADDRESS_TEXT_BYTES];
	struct address a, again;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (address_parse(&a, cases[i].text, 5124))
			fail_msg("expected '%s' to be an address", cases[i].text);
		assert_int_equal(a.port, cases[i].port);
		assert_string_equal(address_format(&a, out), cases[i].printed);
		assert_int_equal(address_parse(&again, out, 0), 0);
		assert_true(address_equal(&a, &again));
	}
}

static void turns_down_what_is_no_address(void **state)
{
	static const char *const cases[] = {
		"", " ", "192.0.2", "192.0.2.256", "192.0.2.1:", "192.0.2.1:65536", "192.0.2.1:-1", "192.0.2.1:+1",
		"192.0.2.1: 1",
		"192.0.2.1:1x", "192.0.2.1:99999999999999999999", "192.0.2.1/24", "example.org", "example.org:80",
		":443", "[", "[]",
		"[2001:db8::1", "[2001:db8::1]443", "[2001:db8::1]:", "2001:db8::1%eth0", "[fe80::1%1]:1",
		"1:2:3:4:5:6:7:8:9",
		"[192.0.2.1", "0000000000000000000000000000000000000000000000000000000000000000",
	};
	char longer[2 * ADDRESS_TEXT_BYTES] = "";
	struct address a;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (address_parse(&a, cases[i], 5124) != ADDRESS_E_SYNTAX)
			fail_msg("expected '%s' to be turned down, saw it taken", cases[i]);
	for (size_t n = 0; n < sizeof(longer) - 1; n++) {   /* ADDRESS_TEXT_BYTES is among the lengths */
		longer[n] = '1';
		assert_int_equal(address_parse(&a, longer, 5124), ADDRESS_E_SYNTAX);
	}
}

static void says_which_family(void **state)
{
	struct address v4 = address_of("192.0.2.1"), v6 = address_of("2001:db8::1"), none = address_of("0.0.0.0");
	struct address compatible = address_of("::192.0.2.1"), any = address_of("::");

	assert_true(address_is_v4(&v4));
	assert_false(address_is_v4(&v6));
	assert_false(address_is_v4(&compatible));
	assert_false(address_is_v4(&any));
	assert_true(address_is_unspecified(&none));
	assert_true(address_is_unspecified(&any));
	assert_false(address_is_unspecified(&v4));
	assert_false(address_is_unspecified(&v6));
}

static void compares(void **state)
{
	struct address a = address_of("192.0.2.1:80"), b = address_of("192.0.2.1:81"), c = address_of("192.0.2.2:80");

	assert_true(address_equal(&a, &a));
	assert_true(address_equal_ip(&a, &b));
	assert_false(address_equal(&a, &b));
	assert_false(address_equal_ip(&a, &c));
	assert_true(address_among((const struct address[]){ c, b, a }, 3, &a));
	assert_false(address_among((const struct address[]){ c, b, a }, 2, &a));
	assert_false(address_among(NULL, 0, &a));
}

static void goes_through_sockaddrs(void **state)
{
	struct address v4 = address_of("192.0.2.1:443"), v6 = address_of("[2001:db8::1]:80"), back;
	struct sockaddr_storage storage;
	static const struct sockaddr_storage zeros;
	struct sockaddr_in6 mapped = { .sin6_family = AF_INET6, .sin6_port = htons(443) };

	memset(&storage, 0xff, sizeof(storage));
	assert_int_equal(address_to_sockaddr(&v4, &storage), sizeof(struct sockaddr_in));
	/* behind family, port, address */
	assert_memory_equal((char *)&storage + 8, (const char *)&zeros + 8, sizeof(zeros) - 8);
	assert_int_equal(storage.ss_family, AF_INET);
	assert_int_equal(((struct sockaddr_in *)(void *)&storage)->sin_port, htons(443));
	assert_int_equal(((struct sockaddr_in *)(void *)&storage)->sin_addr.s_addr, htonl(0xc0000201));
	assert_int_equal(address_from_sockaddr(&back, (void *)&storage), 0);
	assert_true(address_equal(&back, &v4));
	assert_int_equal(address_to_sockaddr(&v6, &storage), sizeof(struct sockaddr_in6));
	assert_int_equal(storage.ss_family, AF_INET6);
	assert_int_equal(address_from_sockaddr(&back, (void *)&storage), 0);
	assert_true(address_equal(&back, &v6));
	memcpy(&mapped.sin6_addr, v4.ip, 16);
	assert_int_equal(address_from_sockaddr(&back, (void *)&mapped), 0);
	assert_true(address_equal(&back, &v4));
	storage.ss_family = AF_UNIX;
	assert_int_equal(address_from_sockaddr(&back, (void *)&storage), ADDRESS_E_SYNTAX);
}

static void makes_v4_of_numbers(void **state)
{
	struct address a = address_from_v4(htonl(0xc0000201), 443), b = address_of("192.0.2.1:443");

	assert_true(address_equal(&a, &b));
}

static void parses_and_formats_prefixes(void **state)
{
	static const struct { const char *text, *printed; unsigned int n_bits; } cases[] = {
		{ "10.0.0.0/8", "10.0.0.0/8", 104 }, { "0.0.0.0/0", "0.0.0.0/0", 96 },
		{ "192.0.2.1", "192.0.2.1/32", 128 }, { "192.0.2.128/25", "192.0.2.128/25", 121 },
		{ "2001:db8::/32", "2001:db8::/32", 32 }, { "::/0", "::/0", 0 },
		{ "2001:db8::1", "2001:db8::1/128", 128 }, { "fe80::/10", "fe80::/10", 10 },
		{ "::ffff:0:0/96", "0.0.0.0/0", 96 },
	};
	char out[ADDRESS_TEXT_BYTES];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct prefix p = prefix_of(cases[i].text);

		assert_int_equal(p.n_bits, cases[i].n_bits);
		assert_string_equal(prefix_format(&p, out), cases[i].printed);
		assert_int_equal(prefix_is_v4(&p), !strchr(cases[i].printed, ':'));
	}
}

static void turns_down_what_is_no_prefix(void **state)
{
	static const char *const cases[] = {
		"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8/8", "10.0.0.0/8 ", "10.0.0.1/8",
		"192.0.2.129/25",
		"2001:db8::/129", "2001:db8::1/64", "8000::/0", "2001:db8::/x", "10/8", "[2001:db8::]/32",
		"000000000000000000000000000000000000000000000000000000000000/8",
	};
	char longer[2 * ADDRESS_TEXT_BYTES] = "";
	struct prefix p;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (prefix_parse(&p, cases[i]) != ADDRESS_E_SYNTAX)
			fail_msg("expected '%s' to be turned down, saw it taken", cases[i]);
	for (size_t n = 0; n < sizeof(longer) - 1; n++) {
		longer[n] = '1';
		assert_int_equal(prefix_parse(&p, longer), ADDRESS_E_SYNTAX);
	}
}

static void prefixes_contain(void **state)
{
	static const struct { const char *prefix, *address; bool inside; } cases[] = {
		{ "10.0.0.0/8", "10.255.255.255", true }, { "10.0.0.0/8", "11.0.0.0", false },
		{ "10.0.0.0/8", "9.255.255.255", false }, { "192.0.2.128/25", "192.0.2.128", true },
		{ "192.0.2.128/25", "192.0.2.127", false }, { "192.0.2.1", "192.0.2.1", true },
		{ "192.0.2.1", "192.0.2.0", false }, { "0.0.0.0/0", "203.0.113.9", true },
		{ "0.0.0.0/0", "2001:db8::1", false }, { "::/0", "2001:db8::1", true }, { "::/0", "::1", true },
		{ "::/0", "192.0.2.1", false }, { "2001:db8::/33", "2001:db8:7fff::1", true },
		{ "2001:db8::/33", "2001:db8:8000::1", false }, { "::/64", "192.0.2.1", false },
		{ "2001:db8::/32", "2101:db8::1", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct prefix p = prefix_of(cases[i].prefix);
		struct address a = address_of(cases[i].address);

		if (prefix_contains(&p, &a) != cases[i].inside)
			fail_msg("expected %s to be %s %s, saw the opposite", cases[i].address,
				 cases[i].inside ? "inside" : "outside", cases[i].prefix);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_and_formats),
		cmocka_unit_test(turns_down_what_is_no_address),
		cmocka_unit_test(says_which_family),
		cmocka_unit_test(compares),
		cmocka_unit_test(goes_through_sockaddrs),
		cmocka_unit_test(makes_v4_of_numbers),
		cmocka_unit_test(parses_and_formats_prefixes),
		cmocka_unit_test(turns_down_what_is_no_prefix),
		cmocka_unit_test(prefixes_contain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
