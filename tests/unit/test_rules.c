/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit_rules.h"

static const uint8_t mac_1[RULE_MAC_BYTES] = { 2, 0, 0, 0, 0, 1 }, mac_2[RULE_MAC_BYTES] = { 2, 0, 0, 0, 0, 2 };

static void expect_found(const struct rules *rules, const struct rule_facts *facts, const char *name)
{
	size_t found = rules_find(rules, facts);
	const char *seen = found == RULES_NONE ? "none" : rules->all[found].name;

	if (strcmp(seen, name))
		fail_msg("expected %s, saw %s", name, seen);
}

static void the_first_that_matches_decides(void **state)
{
	struct rules *rules = rules_of("a: bypass to 10.0.0.0/8 port 80\nb: reject to 10.0.0.0/8, 2001:db8::/32\n"
				       "c: bond from 10.1.0.0/16 port 1-9");
	struct rule_facts facts = facts_of("10.1.0.1", "10.2.0.1", 80);

	expect_found(rules, &facts, "a");
	facts.destination.port = 81;
	expect_found(rules, &facts, "b");
	facts = facts_of("2001:db8::1", "2001:db8::2", 81);
	expect_found(rules, &facts, "b");
	facts = facts_of("10.1.0.1", "192.0.2.1", 9);
	expect_found(rules, &facts, "c");
	facts.destination.port = 10;
	expect_found(rules, &facts, "none");
	facts = facts_of("10.2.0.1", "192.0.2.1", 9);
	expect_found(rules, &facts, "none");
	rules_freep(&rules);
	rules_freep(&rules);
}

static void each_kind_is_looked_at(void **state)
{
	struct rules *rules = rules_of("if: bond interface lan0, lan1\ndscp: bond dscp ef,0\n"
				       "mac: bond mac 02:00:00:00:00:01\n"
				       "sub: bond subscriber alice, bob\ntls: bond tls www.example.com, *.example.net");
	struct rule_facts facts = facts_of("10.1.0.1", "10.2.0.1", 80);

	expect_found(rules, &facts, "none");   /* nothing of it is known */
	facts.interface = "lan1";
	expect_found(rules, &facts, "if");
	facts.interface = "lan2";
	expect_found(rules, &facts, "none");
	facts.dscp = 46;
	expect_found(rules, &facts, "dscp");
	facts.dscp = 0;
	expect_found(rules, &facts, "dscp");
	facts.dscp = 63;
	expect_found(rules, &facts, "none");
	facts.mac = mac_2;
	expect_found(rules, &facts, "none");
	facts.mac = mac_1;
	expect_found(rules, &facts, "mac");
	facts.mac = NULL;
	facts.subscriber = "bob";
	expect_found(rules, &facts, "sub");
	facts.subscriber = "bo";
	expect_found(rules, &facts, "none");
	facts.subscriber = NULL;
	facts.tls_name = "WWW.example.COM";
	expect_found(rules, &facts, "tls");
	facts.tls_name = "www.example.com.";
	expect_found(rules, &facts, "tls");
	facts.tls_name = "a.b.Example.net";
	expect_found(rules, &facts, "tls");
	static const char *const others[] = { "", ".", "example.net", ".example.net", "aexample.net",
					      "xwww.example.com", "www.example.org", "x" };
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		facts.tls_name = others[i];
		expect_found(rules, &facts, "none");
	}
	rules_freep(&rules);
}

static bool holds_all(void *context, const struct rule_list *list, const struct address *address)
{
	++*(unsigned int *)context;
	return !strcmp(list->name, "dynamic") && address->ip[15] == 1;
}

static void lists_are_asked(void **state)
{
	struct rules *rules = rules_of("a: bypass to @fixed, @dynamic\nb: reject to @empty");
	struct rule_facts facts = facts_of("10.1.0.1", "10.2.0.1", 80);
	unsigned int n_asked = 0;

	define(rules, "fixed", "192.0.2.0/24", false);
	define(rules, "dynamic", NULL, true);
	define(rules, "empty", NULL, false);
	expect_found(rules, &facts, "none");   /* nobody to ask */
	facts.list_holds = holds_all;
	facts.context = &n_asked;
	expect_found(rules, &facts, "a");
	facts = facts_of("10.1.0.1", "10.2.0.2", 80);
	facts.list_holds = holds_all;
	facts.context = &n_asked;
	expect_found(rules, &facts, "none");
	assert_int_equal(n_asked, 2);
	facts = facts_of("10.1.0.1", "192.0.2.2", 80);
	expect_found(rules, &facts, "a");
	rules_freep(&rules);
}

static void expect_holds(const char *text, unsigned int weekday, unsigned int minute, bool expected)
{
	struct rules *rules = rules_of(text);

	if (rule_holds_at(&rules->all[0], weekday, minute) != expected)
		fail_msg("'%s', day %u minute %u: expected %d, saw the opposite", text, weekday, minute, expected);
	rules_freep(&rules);
}

static void times_may_go_over_midnight(void **state)
{
	expect_holds("bond time 08:00-17:30", 0, 8 * 60, true);
	expect_holds("bond time 08:00-17:30", 0, 8 * 60 - 1, false);
	expect_holds("bond time 08:00-17:30", 0, 17 * 60 + 29, true);
	expect_holds("bond time 08:00-17:30", 0, 17 * 60 + 30, false);
	expect_holds("bond time 00:00-24:00 days mon", 1, 0, true);
	expect_holds("bond days mon", 1, 1439, true);
	expect_holds("bond days mon", 2, 0, false);
	expect_holds("bond time 22:00-06:00 days fri", 5, 22 * 60, true);
	expect_holds("bond time 22:00-06:00 days fri", 6, 5 * 60 + 59, true);
	expect_holds("bond time 22:00-06:00 days fri", 6, 6 * 60, false);
	expect_holds("bond time 22:00-06:00 days fri", 5, 5 * 60, false);
	expect_holds("bond time 22:00-06:00 days fri", 6, 22 * 60, false);
	expect_holds("bond time 22:00-06:00 days sat", 0, 0, true);
	expect_holds("bond days fri-mon", 0, 0, true);
	expect_holds("bond days fri-mon", 2, 0, false);
	expect_holds("bond days sun-sat", 3, 0, true);
}

static void expect_explained(const char *rule, const struct rule_facts *facts, bool matches, const char *expected)
{
	struct rules *rules = rules_of(rule);
	char text[RULE_EXPLANATION_BYTES];

	for (size_t i = 0; i < rules->n_lists; i++)
		define(rules, rules->lists[i].name, NULL, true);
	assert_int_equal(rules_explain(rules, 0, facts, text), matches);
	if (strcmp(text, expected))
		fail_msg("'%s': expected '%s', saw '%s'", rule, expected, text);
	rules_freep(&rules);
}

static void each_kind_is_explained(void **state)
{
	struct rule_facts facts = facts_of("10.1.0.1", "2001:db8::1", 80);
	unsigned int n_asked = 0;

	expect_explained("bond", &facts, true, "everything it asks for is so");
	expect_explained("bond from 10.2.0.0/16", &facts, false,
			 "the source 10.1.0.1 is in none of its prefixes and lists");
	expect_explained("bond to 10.2.0.0/16", &facts, false,
			 "the destination 2001:db8::1 is in none of its prefixes and lists");
	expect_explained("bond to @names", &facts, false,
			 "the destination 2001:db8::1 is in none of its prefixes and lists; what dnsmasq filled in is "
			 "not known here");
	facts.list_holds = holds_all;
	facts.context = &n_asked;
	expect_explained("bond to @names", &facts, false,
			 "the destination 2001:db8::1 is in none of its prefixes and lists");
	expect_explained("bond port 81", &facts, false, "the port 80 is none of its own");
	expect_explained("bond interface lan0", &facts, false, "it asks for the interface, which is not known");
	expect_explained("bond dscp 1", &facts, false, "it asks for the DSCP, which is not known");
	expect_explained("bond mac 02:00:00:00:00:01", &facts, false,
			 "it asks for the MAC address, which is not known");
	expect_explained("bond subscriber a", &facts, false, "it asks for the subscriber, which is not known");
	expect_explained("bond tls a", &facts, false, "it asks for the TLS name, which is not known");
	expect_explained("bond days mon", &facts, false, "it does not hold on Wednesday at 12:00");
	facts.interface = "lan1";
	facts.dscp = 46;
	facts.mac = mac_2;
	facts.subscriber = "b";
	facts.tls_name = "b";
	expect_explained("bond interface lan0", &facts, false, "the interface lan1 is none of its own");
	expect_explained("bond dscp 1", &facts, false, "the DSCP 46 is none of its own");
	expect_explained("bond mac 02:00:00:00:00:01", &facts, false,
			 "the MAC address 02:00:00:00:00:02 is none of its own");
	expect_explained("bond subscriber a", &facts, false, "the subscriber b is none of its own");
	expect_explained("bond tls a", &facts, false, "the TLS name b is none of its own");
}

/* The second rule, by the first. */
static void expect_shadowed(const char *text, bool expected)
{
	struct rules *rules = rules_of(text);
	size_t seen;

	for (size_t i = 0; i < rules->n_lists; i++) {
		const char *name = rules->lists[i].name;

		define(rules, name, !strcmp(name, "ten") ? "10.0.0.0/8" : !strcmp(name, "six") ? "2001:db8::/32" : NULL,
		       !strcmp(name, "names"));
	}
	assert_int_equal(rules_shadowed_by(rules, 0), RULES_NONE);
	seen = rules_shadowed_by(rules, 1);
	if ((seen == 0) != expected)
		fail_msg("'%s': expected %s, saw %zu", text, expected ? "shadowed" : "not shadowed", seen);
	rules_freep(&rules);
}

static void a_rule_is_shadowed_in_each_kind(void **state)
{
	static const struct { const char *text; bool expected; } cases[] = {
		{ "bond\nbond", true }, { "bypass\nreject port 1 from 10.0.0.1 dscp 3", true },
		{ "bond port 1\nbond", false }, { "bond from 10.0.0.0/8\nbond from 10.1.0.0/16, 10.2.0.0/16", true },
		{ "bond from 10.0.0.0/8\nbond from 10.1.0.0/16, 11.0.0.0/16", false },
		{ "bond from 10.0.0.0/8\nbond from 10.1.0.0/16, 2001:db8::/32", false },
		{ "bond from ::/0\nbond from 2001:db8::/32", true }, { "bond from 10.0.0.0/8\nbond", false },
		{ "bond to 10.0.0.0/8\nbond from 10.0.0.0/8", false }, { "bond to 0.0.0.0/0\nbond", false },
		{ "bond from 10.0.0.0/9, 10.128.0.0/9\nbond from 10.0.0.0/8", true },
		{ "bond to @ten\nbond to 10.1.0.0/16", true },
		{ "bond to @ten, @six\nbond to 10.1.0.0/16, 2001:db8::/48", true },
		{ "bond to @ten\nbond to 2001:db8::/48", false }, { "bond to @ten\nbond to @ten", true },
		{ "bond to 0.0.0.0/0\nbond to @ten", true }, { "bond to @six\nbond to @ten", false },
		{ "bond to @ten\nbond to @names", false }, { "bond to @names\nbond to @names", true },
		{ "bond to @names\nbond to @names, @ten", false }, { "bond to @names\nbond to 10.0.0.0/8", false },
		{ "bond to 0.0.0.0/0, ::/0\nbond to @names", false }, { "bond port 1-10\nbond port 2,9", true },
		{ "bond port 1-5,6-10\nbond port 5-6", true }, { "bond port 1-4,6-10\nbond port 4-6", false },
		{ "bond port 1-4\nbond port 4-5", false }, { "bond port 5\nbond port 1", false },
		{ "bond port 1-2,4-9\nbond port 1,5,9", true }, { "bond port 1\nbond port 1,70", false },
		{ "bond port 1,3-9,4-5\nbond port 6", true }, { "bond interface a,b\nbond interface b", true },
		{ "bond interface a\nbond interface a,b", false }, { "bond interface a\nbond", false },
		{ "bond dscp 1,2\nbond dscp 2", true }, { "bond dscp 1\nbond dscp 1,2", false },
		{ "bond dscp 1\nbond", false }, { "bond mac 02:00:00:00:00:01\nbond mac 02:00:00:00:00:01", true },
		{ "bond mac 02:00:00:00:00:01\nbond mac 02:00:00:00:00:02", false },
		{ "bond subscriber a\nbond subscriber a", true }, { "bond subscriber a\nbond subscriber b", false },
		{ "bond time 08:00-12:00\nbond time 09:00-11:00 days mon", true },
		{ "bond time 08:00-12:00\nbond time 09:00-12:01", false },
		{ "bond time 22:00-06:00\nbond time 23:00-24:00", true },
		{ "bond days sat time 22:00-06:00\nbond days sun time 00:00-06:00", true },
		{ "bond days mon\nbond days tue", false }, { "bond days mon\nbond", false },
		{ "bond tls *.a\nbond tls b.a, *.c.a", true }, { "bond tls *.a\nbond tls a", false },
		{ "bond tls *.a\nbond tls *.a", true }, { "bond tls b.a\nbond tls *.a", false },
		{ "bond tls *.a\nbond", false }, { "bond\nbond tls a", true },
		{ "bond tls *.b.a\nbond tls *.a", false }, { "bond tls *.a\nbond tls x.ba", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect_shadowed(cases[i].text, cases[i].expected);
}

static void what_no_family_matches_is_told(void **state)
{
	static const struct { const char *text; bool never; } cases[] = {
		{ "bond", false }, { "bond from 10.0.0.0/8 to 2001:db8::/32", true }, { "bond from 10.0.0.0/8", false },
		{ "bond from 10.0.0.0/8 to @six", true }, { "bond from 10.0.0.0/8 to @six, @ten", false },
		{ "bond from ::/0 to @ten", true }, { "bond from ::/0 to @names", false },
		{ "bond from ::/0 to @empty", false }, { "bond from ::/0, 10.0.0.0/8 to @ten", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct rules *rules = rules_of(cases[i].text);

		for (size_t j = 0; j < rules->n_lists; j++) {
			const char *name = rules->lists[j].name;

			define(rules, name, !strcmp(name, "ten") ? "10.0.0.0/8" :
			       !strcmp(name, "six") ? "2001:db8::/32" : NULL, !strcmp(name, "names"));
		}
		if (rules_never_matches(rules, 0) != cases[i].never)
			fail_msg("'%s': expected %d, saw the opposite", cases[i].text, cases[i].never);
		rules_freep(&rules);
	}
}

static void there_is_a_bound(void **state)
{
	struct rules *rules = rules_new();
	struct rule rule;
	char name[RULE_NAME_BYTES];
	size_t index;

	for (size_t i = 0; i < RULES_MOST; i++) {
		rule_init(&rule);
		assert_int_equal(rules_add(rules, &rule), 0);
	}
	rule_init(&rule);
	rule.text = strdup("freed by it");
	assert_int_equal(rules_add(rules, &rule), RULES_E_MANY);
	assert_null(rule.text);
	for (size_t i = 0; i < RULES_LISTS; i++) {
		snprintf(name, sizeof(name), "l%zu", i);
		assert_int_equal(rules_list(rules, name, &index), 0);
		assert_int_equal(index, i);
	}
	assert_int_equal(rules_list(rules, "one-more", &index), RULES_E_MANY);
	assert_int_equal(rules_list(rules, "l7", &index), 0);
	assert_int_equal(index, 7);
	assert_false(rules->lists[7].defined);
	rules_freep(&rules);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_that_matches_decides),
		cmocka_unit_test(each_kind_is_looked_at),
		cmocka_unit_test(lists_are_asked),
		cmocka_unit_test(times_may_go_over_midnight),
		cmocka_unit_test(each_kind_is_explained),
		cmocka_unit_test(a_rule_is_shadowed_in_each_kind),
		cmocka_unit_test(what_no_family_matches_is_told),
		cmocka_unit_test(there_is_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
