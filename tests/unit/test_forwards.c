/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whom a connection to an address and port of the converter is for. */
#include "unit.h"

#include <errno.h>
#include "policy/forwards.h"

static struct address address_of(const char *text)
{
	struct address a;

	assert_int_equal(address_parse(&a, text, 0), 0);
	return a;
}

static const struct forward *find(const struct forwards *forwards, const char *external)
{
	struct address a = address_of(external);

	return forwards_find(forwards, &a);
}

static void each_is_found_and_no_other(void **state)
{
	const struct forward list[] = {
		{ .external = address_of("203.0.113.5:443"), .subscriber = 2, .host = address_of("192.168.1.10:443") },
		{ .external = address_of("[2001:db8::5]:443"), .subscriber = 3, .host = address_of("[2001:db8:1::10]:8443") },
		{ .external = address_of("203.0.113.5:80"), .subscriber = 1, .host = address_of("192.168.1.10:8080") },
		{ .external = address_of("203.0.113.4:443"), .subscriber = 4, .host = address_of("192.168.1.11:443") },
	};
	struct forwards *forwards;

	assert_int_equal(forwards_new(list, ARRAY_SIZE(list), &forwards), 0);
	assert_int_equal(forwards_n(forwards), 4);
	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		const struct forward *found = forwards_find(forwards, &list[i].external);

		assert_non_null(found);
		assert_int_equal(found->subscriber, list[i].subscriber);
		assert_true(address_equal(&found->host, &list[i].host));
	}
	for (size_t i = 1; i < forwards_n(forwards); i++)
		assert_true(memcmp(forwards_at(forwards, i - 1)->external.ip, forwards_at(forwards, i)->external.ip, 16) <= 0);
	assert_false(forwards_any_faithful(forwards));
	assert_null(find(forwards, "203.0.113.5:81"));
	assert_null(find(forwards, "203.0.113.6:443"));
	assert_null(find(forwards, "[2001:db8::6]:443"));
	forwards_freep(&forwards);
	assert_null(forwards);
}

static void two_of_one_address_are_refused(void **state)
{
	const struct forward list[] = { { .external = address_of("203.0.113.5:443"), .subscriber = 1 }, { .external = address_of("203.0.113.5:80") },
					{ .external = address_of("203.0.113.5:443"), .subscriber = 2 } };
	struct forwards *forwards = NULL;

	assert_int_equal(forwards_new(list, ARRAY_SIZE(list), &forwards), FORWARDS_E_TWICE);
	assert_null(forwards);
}

static void one_that_is_faithful_is_told_of(void **state)
{
	const struct forward list[] = { { .external = address_of("203.0.113.5:443") }, { .external = address_of("203.0.113.5:80"), .faithful = true } };
	struct forwards *forwards;

	assert_int_equal(forwards_new(list, ARRAY_SIZE(list), &forwards), 0);
	assert_true(forwards_any_faithful(forwards));
	forwards_freep(&forwards);
}

static void none_are_fine(void **state)
{
	struct forwards *forwards = NULL;

	assert_null(find(NULL, "203.0.113.5:443"));
	assert_int_equal(forwards_n(NULL), 0);
	assert_false(forwards_any_faithful(NULL));
	assert_int_equal(forwards_new(NULL, 0, &forwards), 0);
	assert_null(find(forwards, "203.0.113.5:443"));
	forwards_freep(&forwards);
	forwards_freep(&forwards);
}

static void more_than_there_is_memory_for(void **state)
{
	const struct forward one = { .subscriber = 1 };
	struct forwards *forwards;

	assert_int_equal(forwards_new(&one, SIZE_MAX / sizeof(one) / 4, &forwards), -ENOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_found_and_no_other),
		cmocka_unit_test(two_of_one_address_are_refused),
		cmocka_unit_test(one_that_is_faithful_is_told_of),
		cmocka_unit_test(none_are_fine),
		cmocka_unit_test(more_than_there_is_memory_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
