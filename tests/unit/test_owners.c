/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit_address.h"

#include "base/util.h"
#include "policy/owners.h"

static struct owned list[16];
static size_t n;

static void have(const char *prefix)
{
	list[n] = (struct owned){ .prefix = unit_prefix(prefix), .owner = (uint32_t)n };
	n++;
}

static int none(void **state)
{
	n = 0;
	return 0;
}

/* owner: -1: nobody's. */
static void expect(const char *ip, int owner)
{
	struct address address = unit_address(ip);
	const struct owned *found = owners_find(list, n, &address);

	if ((found ? (int)found->owner : -1) != owner)
		fail_msg("%s: expected the owner %d, saw %d", ip, owner, found ? (int)found->owner : -1);
}

static void each_address_has_one_owner(void **state)
{
	expect("192.0.2.1", -1);
	have("198.51.100.0/24");
	have("192.0.2.0/25");
	have("192.0.2.128/25");
	have("192.0.2.200");
	have("2001:db8:7::/48");
	n -= 2;
	have("2001:db8:7::/48");
	owners_sort(list, n);
	assert_null(owners_overlap(list, n));
	expect("192.0.1.255", -1);
	expect("192.0.2.0", 1);
	expect("192.0.2.127", 1);
	expect("192.0.2.255", 2);
	expect("192.0.3.0", -1);
	expect("198.51.100.7", 0);
	expect("255.255.255.255", -1);
	expect("2001:db8:7:8::1", 3);
	expect("2001:db8:8::1", -1);
	expect("::", -1);
}

static void all_of_one_family_is_none_of_the_other(void **state)
{
	have("::/0");
	have("192.0.2.0/24");
	owners_sort(list, n);
	assert_null(owners_overlap(list, n));
	expect("2001:db8::1", 0);
	expect("192.0.2.1", 1);
	expect("192.0.3.1", -1);
	n = 0;
	have("0.0.0.0/0");
	have("2001:db8::/32");
	owners_sort(list, n);
	assert_null(owners_overlap(list, n));
	expect("1.2.3.4", 0);
	expect("2001:db8::1", 1);
	expect("2001:db9::1", -1);
}

static void what_two_have_is_found(void **state)
{
	static const char *const pairs[][2] = {
		{ "192.0.2.0/24", "192.0.2.7" }, { "192.0.2.0/24", "192.0.2.0/24" }, { "10.0.0.0/8", "10.0.0.0/9" },
		{ "::/0", "2001:db8::/32" }, { "0.0.0.0/0", "192.0.2.0/24" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		n = 0;
		have("100.64.0.0/10");
		if (i == 4)
			n = 0;
		have(pairs[i][1]);
		have(pairs[i][0]);
		owners_sort(list, n);
		assert_non_null(owners_overlap(list, n));
	}
	assert_null(owners_overlap(list, 0));
	owners_sort(list, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(each_address_has_one_owner, none),
		cmocka_unit_test_setup(all_of_one_family_is_none_of_the_other, none),
		cmocka_unit_test_setup(what_two_have_is_found, none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
