/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit_show.h"

#include "ctl/policy_words.h"

static json_t *words_of(const char *const *words, size_t n, char reason[200])
{
	return policy_words((char *const *)(uintptr_t)words, n, reason, 200);
}

static void expect_refused(const char *const *words, size_t n, const char *expected)
{
	char reason[200] = "";
	json_t *arguments = words_of(words, n, reason);

	if (arguments || strcmp(reason, expected))
		fail_msg("expected '%s', saw '%s'", expected, reason);
}

static void words_become_arguments(void **state)
{
	static const char *const words[] = { "10.0.0.7", "192.0.2.1", "443", "tls", "example.com", "at", "08:00" };
	char reason[200];
	json_t *arguments = words_of(words, ARRAY_SIZE(words), reason);

	assert_non_null(arguments);
	assert_int_equal(json_object_size(arguments), 5);
	assert_string_equal(json_string_value(json_object_get(arguments, "port")), "443");
	assert_string_equal(json_string_value(json_object_get(arguments, "at")), "08:00");
	json_decref(arguments);
}

static void wrong_words_are_told(void **state)
{
	expect_refused((const char *const[]){ "a", "b" }, 2, "policy test: wanted SOURCE DESTINATION PORT");
	expect_refused((const char *const[]){ "a", "\xff", "c" }, 3, "policy test: the words are no text in UTF-8");
	expect_refused((const char *const[]){ "a", "b", "c", "port", "1" }, 5,
		       "policy test: 'port': wanted interface, dscp, mac, subscriber, tls or at");
	expect_refused((const char *const[]){ "a", "b", "c", "mac" }, 4, "policy test: 'mac': its value is missing");
	expect_refused((const char *const[]){ "a", "b", "c", "mac", "x", "mac", "y" }, 7,
		       "policy test: 'mac': it is given a second time");
	expect_refused((const char *const[]){ "a", "b", "c", "mac", "\xff" }, 5,
		       "policy test: 'mac': its value is no text in UTF-8");
}

static void answers_are_shown(void **state)
{
	unit_expect_shown(show_policy_list, json_pack("{s:[{s:s,s:s},{s:s,s:s,s:s}], s:[{s:s,s:i,s:i,s:b},{s:s,s:b}]}",
						      "rules", "name", "a", "text", "bond",
						      "name", "b", "text", "reject", "shadowed_by", "a",
						      "lists",
						      "name", "l", "ranges_v4", 3, "ranges_v6", 0, "dnsmasq", 0,
						      "name", "n", "dnsmasq", 1),
		     "a: bond\nb: reject\n    never decides: 'a' comes before it and matches all that it matches\neverything else: bond\n"
		     "@l: 3 ranges of IPv4 addresses, 0 of IPv6 addresses\n@n: filled by dnsmasq\n");
	unit_expect_shown(show_policy_test, json_pack("{s:s,s:s,s:s,s:s,s:i,s:i,s:[{s:s,s:b,s:s}]}", "decides", "a",
						      "action", "link", "link", "dsl", "accept", "early",
						      "set_dscp", 46, "priority", 0,
						      "rules", "name", "a", "matches", 1, "why", "so"),
		     "rule 'a' decides: link dsl, accepted early, DSCP 46, priority 0\n    a matches: so\n");
	unit_expect_shown(show_policy_test, json_pack("{s:n,s:s,s:[{s:s,s:b}]}", "decides", "action", "bond", "rules",
						      "name", "a", "matches", 0),
		     "no rule matches: bond\n    a does not match: -\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_become_arguments),
		cmocka_unit_test(wrong_words_are_told),
		cmocka_unit_test(answers_are_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
