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
		{ .external = address_of("[2001:db8::5]:443"), .subscriber = 3,
		  .host = address_of("[2001:db8:1::10]:8443") },
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
		assert_true(memcmp(forwards_at(forwards, i - 1)->external.ip, forwards_at(forwards, i)->external.ip,
				   16) <= 0);
	assert_false(forwards_any_faithful(forwards));
	assert_null(find(forwards, "203.0.113.5:81"));
	assert_null(find(forwards, "203.0.113.6:443"));
	assert_null(find(forwards, "[2001:db8::6]:443"));
	forwards_freep(&forwards);
	assert_null(forwards);
}

static void two_of_one_address_are_refused(void **state)
{
	const struct forward list[] = { { .external = address_of("203.0.113.5:443"), .subscriber = 1 },
					{ .external = address_of("203.0.113.5:80") },
					{ .external = address_of("203.0.113.5:443"), .subscriber = 2 } };
	struct forwards *forwards = NULL;

	assert_int_equal(forwards_new(list, ARRAY_SIZE(list), &forwards), FORWARDS_E_TWICE);
	assert_null(forwards);
}

static void one_that_is_faithful_is_told_of(void **state)
{
	const struct forward list[] = { { .external = address_of("203.0.113.5:443") },
					{ .external = address_of("203.0.113.5:80"), .faithful = true } };
	struct forwards *forwards;

	assert_int_equal(forwards_new(list, ARRAY_SIZE(list), &forwards), 0);
	assert_true(forwards_any_faithful(forwards));
	forwards_freep(&forwards);
}

static void filters_say_who_may_come(void **state)
{
	struct mapping_filter filters[2] = { { .port = 0 }, { .port = 1234 } };
	struct forward list[] = { { .external = address_of("203.0.113.5:80") },
				  { .external = address_of("203.0.113.5:443"), .n_filters = 2, .filters = filters } };
	const struct { const char *remote; bool may; } cases[] = {
		{ "192.0.2.7:5", true }, { "192.0.3.7:5", false }, { "198.51.100.1:1234", true },
		{ "198.51.100.1:1235", false }, { "[2001:db8::1]:1234", false },
	};
	struct forwards *forwards;

	assert_int_equal(prefix_parse(&filters[0].from, "192.0.2.0/24"), 0);
	assert_int_equal(prefix_parse(&filters[1].from, "198.51.100.1/32"), 0);
	assert_int_equal(forwards_new(list, ARRAY_SIZE(list), &forwards), 0);
	memset(filters, 0, sizeof(filters));   /* they were copied */
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct address remote = address_of(cases[i].remote);

		assert_int_equal(forward_admits(find(forwards, "203.0.113.5:443"), &remote), cases[i].may);
		assert_true(forward_admits(find(forwards, "203.0.113.5:80"), &remote));
	}
	forwards_freep(&forwards);
	list[0].n_filters = SIZE_MAX / sizeof(filters[0]) / 4;
	assert_int_equal(forwards_new(list, 1, &forwards), -ENOMEM);
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
		cmocka_unit_test(filters_say_who_may_come),
		cmocka_unit_test(none_are_fine),
		cmocka_unit_test(more_than_there_is_memory_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
