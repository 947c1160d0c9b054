/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit_rules.h"

static void a_rule_has_all_that_it_says(void **state)
{
	struct rules *rules = rules_of("voip: link dsl faithful from 10.0.0.7,10.0.0.8 , @hosts to @voip port "
				       "5060-5061, 443 interface lan0, lan0.7\tdscp ef,af41, cs1 mac 02:00:00:00:aB:01 "
				       "subscriber alice time 22:00-06:00 days mon-tue,sat tls WWW.Example.com, "
				       "*.x-y.org set-dscp 10 priority 6");
	const struct rule *rule = &rules->all[0];

	assert_string_equal(rule->name, "voip");
	assert_int_equal(rule->line, 1);
	assert_memory_equal(rule->text, "link dsl faithful", 17);
	assert_int_equal(rule->action, RULE_LINK);
	assert_string_equal(rule->link, "dsl");
	assert_int_equal(rule->accept, RULE_ACCEPT_FAITHFUL);
	assert_int_equal(rule->from.own.n_v4, 1);   /* .7 and .8 touch */
	assert_int_equal(rule->from.n_lists, 1);
	assert_true(rule->to.given);
	assert_true(prefixes_empty(&rule->to.own));
	assert_string_equal(rules->lists[rule->to.lists[0]].name, "voip");
	assert_int_equal(rule->n_ports, 2);
	assert_int_equal(rule->ports[0].first, 443);
	assert_int_equal(rule->ports[1].last, 5061);
	assert_int_equal(rule->n_interfaces, 2);
	assert_string_equal(rule->interfaces[1], "lan0.7");
	assert_true(rule->dscp == (1ull << 46 | 1ull << 34 | 1ull << 8));
	assert_int_equal(rule->n_macs, 1);
	assert_int_equal(rule->macs[0][4], 0xab);
	assert_string_equal(rule->subscribers[0], "alice");
	assert_int_equal(rule->from_minute, 22 * 60);
	assert_int_equal(rule->to_minute, 6 * 60);
	assert_int_equal(rule->days, 1 << 1 | 1 << 2 | 1 << 6);
	assert_int_equal(rule->n_tls_names, 2);
	assert_string_equal(rule->tls_names[0], "www.example.com");
	assert_string_equal(rule->tls_names[1], "*.x-y.org");
	assert_int_equal(rule->set_dscp, 10);
	assert_int_equal(rule->priority, 6);
	rules_freep(&rules);
}

static void what_is_not_said_matches_everything(void **state)
{
	struct rules *rules = rules_of("bond\nbond from any to any set-dscp copy\n"
				       "bypass from mac 02:00:00:00:00:01 to port 1 from interface a to tls b\n"
				       "bypass from 10.0.0.1 from subscriber a\n bond early\r\nbond auto");

	assert_string_equal(rules->all[1].name, "rule 2");
	for (size_t i = 0; i < 2; i++) {
		const struct rule *rule = &rules->all[i];

		assert_false(rule->from.given || rule->to.given || rule->n_ports || rule->n_interfaces ||
			     rule->n_macs || rule->n_subscribers);
		assert_true(rule->dscp == RULE_DSCP_ALL && rule->days == RULE_DAYS_ALL && !rule->from_minute &&
			    rule->to_minute == RULE_DAY_MINUTES);
		assert_int_equal(rule->set_dscp, RULE_DSCP_COPY);
		assert_int_equal(rule->priority, RULE_PRIORITY_NONE);
	}
	assert_false(rules->all[2].from.given || rules->all[2].to.given);
	assert_true(rules->all[3].from.given);
	assert_int_equal(rules->all[4].accept, RULE_ACCEPT_EARLY);
	assert_int_equal(rules->all[5].accept, RULE_ACCEPT_AUTO);
	rules_freep(&rules);
}

static void expect_refused(const char *text, const char *expected)
{
	struct rules *rules = rules_of("taken: bond");
	char reason[400] = "";
	int r = rule_parse(rules, text, 1, reason, sizeof(reason));

	if (r != RULE_E_INVALID || !strstr(reason, expected))
		fail_msg("'%s': expected '%s', saw %d '%s'", text, expected, r, reason);
	assert_int_equal(rules->n, 1);
	rules_freep(&rules);
}

static void faults_are_told(void **state)
{
	static const struct { const char *text, *expected; } cases[] = {
		{ "", "found '', wanted bond, bypass, link NAME or reject" }, { "x:", "found '', wanted bond" },
		{ "allow", "found 'allow', wanted bond" }, { ",bond", "found ',bond', wanted bond" },
		{ "taken: bond", "found a second rule 'taken'" }, { "a/b: bond", "found 'a/b:', wanted a name" },
		{ ":", "found ':', wanted a name" }, { "abcdefghijklmnopqrstuvwxyzabcdef: bond", "at most 31 of them" },
		{ "link", "link: found '', wanted the name of a link" }, { "link a/b", "link: found 'a/b'" },
		{ "bond bypass", "found 'bypass', wanted from, to, port" },
		{ "bond, port 1", "found a comma before 'port'" },
		{ "bond time 08:00-09:00, days mon", "found a comma before 'days'" },
		{ "bond port 1,", "found a comma at the end" }, { "bond from any,", "found a comma at the end" },
		{ "bond port 1 port 2", "'port' is given a second time" },
		{ "bond from any from any", "'from' is given a second time" },
		{ "bond to @a to any", "'to' is given a second time" },
		{ "bond auto early", "'auto, faithful or early' is given a second time" },
		{ "bond from", "from: found '', wanted any, prefixes" },
		{ "bond from to 10.0.0.1", "from: found 'to'" }, { "bond to 10.0.0.1/8", "to: found '10.0.0.1/8'" },
		{ "bond to @", "to: found '@'" }, { "bond to @1a", "to: found '@1a'" },
		{ "bond to @a/b", "to: found '@a/b'" }, { "bond to any,10.0.0.1", "found a comma before '10.0.0.1'" },
		{ "bond to @a,@b,@c,@d,@e,@f,@g,@h,@i", "found one more to, '@i', than there can be" },
		{ "bond port 0", "port: found '0', wanted ports" }, { "bond port 65536", "found '65536'" },
		{ "bond port 2-1", "found '2-1'" }, { "bond port 1-", "found '1-'" },
		{ "bond port -1", "found '-1'" }, { "bond port 1-2-3", "found '1-2-3'" },
		{ "bond port 1:2", "found '1:2'" }, { "bond port 1-65536", "found '1-65536'" },
		{ "bond interface a/b", "interface: found 'a/b'" }, { "bond dscp 64", "dscp: found '64'" },
		{ "bond dscp EF", "dscp: found 'EF'" }, { "bond dscp ef, x", "dscp: found 'x'" },
		{ "bond mac 02:00:00:00:00", "mac: found" }, { "bond mac 02:00:00:00:00:0g", "mac: found" },
		{ "bond mac 02:00:00:00:00-01", "mac: found" }, { "bond mac 02:00:00:00:00:0:", "mac: found" },
		{ "bond mac g2:00:00:00:00:01", "mac: found" }, { "bond subscriber a/b", "subscriber: found 'a/b'" },
		{ "bond days mo", "days: found 'mo'" }, { "bond days mon-", "days: found 'mon-'" },
		{ "bond days mon-tues", "days: found" }, { "bond days xyz", "days: found" },
		{ "bond time 08:00", "time: found '08:00'" }, { "bond time 08:00-08:00", "time: found" },
		{ "bond time 8:00-09:00", "time: found" }, { "bond time 08:60-09:00", "time: found" },
		{ "bond time 08:00-24:01", "time: found" }, { "bond time 24:00-08:00", "time: found" },
		{ "bond time 25:00-08:00", "time: found" }, { "bond time 08-00-09:00", "time: found" },
		{ "bond time 08:00-09:0", "time: found" }, { "bond time 08:00-09:00x", "time: found" },
		{ "bond time 0800-0900", "time: found" }, { "bond time 08:00-", "time: found" },
		{ "bond tls *", "tls: found '*'" }, { "bond tls *.", "tls: found '*.'" },
		{ "bond tls a..b", "tls: found" }, { "bond tls .a", "tls: found" }, { "bond tls a.", "tls: found" },
		{ "bond tls *.*.a", "tls: found" }, { "bond tls a!b", "tls: found" },
		{ "bond set-dscp 64", "set-dscp: found '64'" }, { "bond set-dscp", "set-dscp: found ''" },
		{ "bond priority 7", "priority: found '7', wanted 0..6" }, { "bond priority x", "priority: found 'x'" },
		{ "bypass set-dscp ef", "found 'set-dscp' in a rule that is to bypass" },
		{ "reject priority 1", "found 'priority' in a rule that is to reject" },
		{ "reject early", "found 'early' in a rule that is to reject" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect_refused(cases[i].text, cases[i].expected);
}

/* 'item' as often as said, with commas. */
static char *many(const char *begin, const char *item, unsigned int n)
{
	char *text = NULL;
	size_t n_text;
	FILE *out = open_memstream(&text, &n_text);

	fputs(begin, out);
	for (unsigned int i = 0; i < n; i++)
		fprintf(out, "%s%s", i ? "," : "", item);
	fclose(out);
	return text;
}

static void there_are_bounds(void **state)
{
	static const struct { const char *begin, *item, *expected; } cases[] = {
		{ "bond port ", "1", "found one more port, '1'" },
		{ "bond interface ", "a", "found one more interface" },
		{ "bond mac ", "02:00:00:00:00:01", "found one more mac" },
		{ "bond subscriber ", "a", "found one more subscriber" }, { "bond tls ", "a", "found one more tls" },
	};
	char *text, longest[600] = "bond tls ", reason[400];
	struct rules *rules = rules_new();

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		text = many(cases[i].begin, cases[i].item, RULE_ITEMS);
		assert_int_equal(rule_parse(rules, text, 1, reason, sizeof(reason)), 0);
		free(text);
		text = many(cases[i].begin, cases[i].item, RULE_ITEMS + 1);
		expect_refused(text, cases[i].expected);
		free(text);
	}
	text = longest;
	memset(text + 9, 'a', 253);
	text[9 + 253] = 0;
	assert_int_equal(rule_parse(rules, text, 1, reason, sizeof(reason)), 0);
	memset(text + 9, 'a', 254);
	text[9 + 254] = 0;
	expect_refused(text, "tls: found 'aaa");
	memset(text + 9, 'a', 300);
	text[9 + 300] = 0;
	expect_refused(text, "found a word of 300 bytes: 'aaaaaaaaaaaaaaaaaaaa...'");
	expect_refused(text + 9, "found a word of 300 bytes");
	memcpy(text, "bond to  ", 9);
	expect_refused(text, "found a word of 300 bytes");
	memcpy(text, "tls a,b, ", 9);
	memmove(text + 5, text, 400);
	memcpy(text, "bond ", 5);
	expect_refused(text, "found a word of 300 bytes");
	while (rules->n < RULES_MOST)
		assert_int_equal(rule_parse(rules, "bond", 1, reason, sizeof(reason)), 0);
	assert_int_equal(rule_parse(rules, "bond", 1, reason, sizeof(reason)), RULE_E_INVALID);
	assert_string_equal(reason, "found one more rule, wanted at most 1024");
	rules_freep(&rules);
}

static void lists_have_a_bound(void **state)
{
	struct rules *rules = rules_new();
	char name[RULE_NAME_BYTES], reason[400];
	size_t index;

	for (size_t i = 0; i < RULES_LISTS; i++) {
		snprintf(name, sizeof(name), "l%zu", i);
		assert_int_equal(rules_list(rules, name, &index), 0);
	}
	assert_int_equal(rule_parse(rules, "bond to @one-more", 1, reason, sizeof(reason)), RULE_E_INVALID);
	assert_non_null(strstr(reason, "found one more to"));
	rules_freep(&rules);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rule_has_all_that_it_says),
		cmocka_unit_test(what_is_not_said_matches_everything),
		cmocka_unit_test(faults_are_told),
		cmocka_unit_test(there_are_bounds),
		cmocka_unit_test(lists_have_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
