/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "conf/conf.h"

#define GATEWAY "[gateway]\nlan = lan0\nconverter = 192.0.2.1\n[link a]\ninterface = wan0\n"
#define KEY "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define CONVERTER "[converter]\n[subscriber alice]\nkey = " KEY "\n"

static char *read_it(void *context, const char *path, size_t *n, char *reason, size_t n_reason)
{
	const char *text = strcmp(path, "/missing") ? context : NULL;

	if (!strcmp(path, "/binary")) {
		*n = 4;
		return (char *)unit_copy("::1", *n);
	}
	if (!text) {
		snprintf(reason, n_reason, "it isn't there");
		return NULL;
	}
	*n = strlen(text);
	return (char *)unit_copy(text, *n);
}

static struct conf *conf_of(const char *text, const char *file)
{
	const struct conf_reader reader = { .read = read_it, .context = (void *)(uintptr_t)file };
	struct conf_error error;
	struct conf *conf = NULL;

	if (conf_parse("x", text, strlen(text), &reader, &conf, &error))
		fail_msg("expected a sound configuration, saw: %s", error.text);
	return conf;
}

static void expect_error(const char *text, const char *file, const char *expected)
{
	const struct conf_reader reader = { .read = read_it, .context = (void *)(uintptr_t)file };
	struct conf_error error;
	struct conf *conf = NULL;
	int r = conf_parse("x", text, strlen(text), &reader, &conf, &error);

	if (r != CONF_E_INVALID || !strstr(error.text, expected))
		fail_msg("expected '%s', saw %d '%s'", expected, r, error.text);
}

static void rules_go_on_in_the_next_line(void **state)
{
	struct conf *conf = conf_of("[policy]\nrule = a: bypass\n  # said between\n  to 10.0.0.0/8,\n"
				    "\t11.0.0.0/8 ; and this\nrule = bond\n  port 1\n" GATEWAY "[policy]\nrule = reject\n", NULL);

	assert_int_equal(conf->rules->n, 3);
	assert_string_equal(conf->rules->all[0].text, "bypass to 10.0.0.0/8, 11.0.0.0/8");
	assert_int_equal(conf->rules->all[0].line, 2);
	assert_int_equal(conf->rules->all[1].n_ports, 1);
	assert_int_equal(conf->rules->all[1].line, 6);
	assert_string_equal(conf->rules->all[2].name, "rule 3");
	conf_freep(&conf);
	conf = conf_of("[policy]\nrule = bond\n[gateway]\n lan = lan0\nconverter = 192.0.2.1\n[link a]\n"
		       "interface = wan0\n", NULL);
	assert_string_equal(conf->gateway.lan[0], "lan0");   /* indented, and yet nothing goes on here */
	assert_string_equal(conf->rules->all[0].text, "bond");
	conf_freep(&conf);
	conf = conf_of(GATEWAY, NULL);
	assert_int_equal(conf->rules->n + conf->rules->n_lists, 0);
	conf_freep(&conf);
}

static void lists_have_prefixes_and_files(void **state)
{
	static const char file[] = "# head\n192.0.2.0/24   # this\n\n\t2001:db8::/32\r\n  198.51.100.7";
	struct conf *conf = conf_of(GATEWAY "[list a]\nfile = /some\nprefix = 10.0.0.0/8,11.0.0.0/8\n  12.0.0.0/8\n"
					    "file = /some\n[list b]\n[list c]\ndnsmasq = yes\n[policy]\nrule = bond to @b,@a,@c\n", file);
	const struct rules *rules = conf->rules;
	size_t a = rules->all[0].to.lists[1];

	assert_int_equal(rules->n_lists, 3);
	assert_string_equal(rules->lists[a].name, "a");
	assert_int_equal(rules->lists[a].prefixes.n_v4, 3);   /* 10 to 12, .7, 192.0.2 */
	assert_int_equal(rules->lists[a].prefixes.n_v6, 1);
	assert_true(rules->lists[a].defined && !rules->lists[a].dynamic);
	assert_true(rules->lists[rules->all[0].to.lists[2]].dynamic);
	conf_freep(&conf);
}

static void faults_are_told_with_their_line(void **state)
{
	expect_error(GATEWAY "[policy]\nrule = allow\n", NULL, "x:7: policy.rule: found 'allow', wanted bond");
	expect_error(GATEWAY "[policy]\nrule = bond\n  port x\nrule = bond\n", NULL,
		     "x:7: policy.rule: port: found 'x'");
	expect_error("[policy]\nrule = bond x\n" GATEWAY, NULL, "x:2: policy.rule: found 'x'");
	expect_error(GATEWAY "[policy x]\n", NULL, "x:6: found section [policy x], wanted [policy]");
	expect_error(GATEWAY "[policy]\nrules = bond\n", NULL, "x:7: found unknown key 'rules'");
	expect_error(GATEWAY "[policy]\nrule = link b\n", NULL,
		     "x:7: policy.rule: 'rule 1': there is no link 'b'; add a section [link b]");
	expect_error(GATEWAY "[policy]\nrule = bond to @b\n", NULL,
		     "x:7: policy.rule: 'rule 1': there is no list 'b'; add a section [list b]");
	expect_error(GATEWAY "[policy]\nrule = n: bond from @b, @c to @d\n[list b]\n[list d]\n", NULL,
		     "'n': there is no list 'c'");
	expect_error(GATEWAY "[policy]\nrule = bond subscriber a\n", NULL, "'subscriber' is for a converter");
	expect_error(CONVERTER "[policy]\nrule = bond subscriber alice, bob\n", NULL, "there is no subscriber 'bob'");
	expect_error(CONVERTER "[policy]\nrule = link alice\n", NULL, "'link' is for a gateway");
	expect_error(CONVERTER "[policy]\nrule = bond interface a\n", NULL, "'interface' is for a gateway");
	expect_error(CONVERTER "[policy]\nrule = bond mac 02:00:00:00:00:01\n", NULL, "'mac' is for a gateway");
	expect_error(CONVERTER "[list a]\ndnsmasq = yes\n", NULL,
		     "x: [list a]: dnsmasq fills lists at a gateway alone");
	expect_error(GATEWAY "[list a]\ndnsmasq = yes\nprefix = ::1\n", NULL,
		     "x: [list a]: a list that dnsmasq fills can't have prefixes");
	expect_error(GATEWAY "[list a]\n[list a]\n", NULL, "x:7: found a second section [list a]");
	expect_error(GATEWAY "[list 1a]\n", NULL,
		     "x:6: found section name '1a', wanted [list NAME], NAME of letters, digits, '.', '_', '-', a "
		     "letter first");
	expect_error(GATEWAY "[list a]\nprefix = 10.0.0.1/8\n", NULL, "x:7: list a.prefix: found '10.0.0.1/8'");
	expect_error(GATEWAY "[list a]\ndnsmasq = yes\ndnsmasq = no\n", NULL, "given a second time");
	expect_error(GATEWAY "[list a]\nfile = some\n", NULL,
		     "x:7: list a.file: found 'some', wanted a path that begins with /");
	expect_error(GATEWAY "[list a]\nfile = /binary\n", NULL,
		     "x:7: list a.file: /binary:1: found '::1', wanted a prefix");
	expect_error(GATEWAY "[list a]\nfile = /missing\n", NULL,
		     "x:7: list a.file: cannot read /missing: it isn't there");
	expect_error(GATEWAY "[list a]\nfile = /some\n", "::1\nx # y\n",
		     "x:7: list a.file: /some:2: found 'x # y', wanted a prefix");
	expect_error(GATEWAY "[list a]\nfile = /some\n",
		     "0123456789012345678901234567890123456789012345678901234567890123456789",
		     "/some:1: found '01234567890123456789012345678901234567890123456789012345', wanted");
}

static void without_a_reader_files_are_refused(void **state)
{
	static const char text[] = GATEWAY "[list a]\nfile = /some\n";
	struct conf_error error;
	struct conf *conf = NULL;

	assert_int_equal(conf_parse("x", text, strlen(text), NULL, &conf, &error), CONF_E_INVALID);
	assert_string_equal(error.text, "x:7: list a.file: cannot read /some: files can't be read here");
}

static void long_lines_are_told(void **state)
{
	char text[600] = GATEWAY "[policy]\nrule = bond port 1";
	size_t n = strlen(text);

	memset(text + n, '1', 300);
	text[n + 300] = 0;
	expect_error(text, NULL,
		     "x:7: found a line of 318 bytes, wanted at most 198; lists and rules may go on in the next line, "
		     "indented");
}

static void too_many_lists_are_refused(void **state)
{
	char *text = NULL;
	size_t n_text;
	FILE *out = open_memstream(&text, &n_text);

	fputs(GATEWAY, out);
	for (unsigned int i = 0; i < RULES_LISTS; i++)
		fprintf(out, "[list l%u]\n", i);
	fflush(out);
	struct conf *conf = conf_of(text, NULL);
	assert_int_equal(conf->rules->n_lists, RULES_LISTS);
	conf_freep(&conf);
	fprintf(out, "[list one-more]\n");
	fflush(out);
	expect_error(text, NULL, "found one more list, wanted at most 1024");
	fclose(out);
	free(text);
}

static void what_never_decides_is_a_warning(void **state)
{
	struct conf *conf = conf_of(GATEWAY "[policy]\nrule = a: bypass to 10.0.0.0/8\n"
					    "rule = bond from ::/0 to 10.0.0.0/9\nrule = reject to @l port 1\nrule = link b\n[link b]\ninterface = w\n[list l]\nprefix = 10.1.0.0/16\n", NULL);

	assert_int_equal(conf->n_warnings, 2);
	assert_string_equal(conf->warnings[0],
			    "x:8: rule 'rule 2' never matches: one side has IPv4 addresses alone, the other IPv6 "
			    "addresses alone");
	assert_string_equal(conf->warnings[1],
			    "x:9: rule 'rule 3' never decides: 'a' in line 7 comes before it and matches all that it "
			    "matches");
	conf_freep(&conf);
}

static void expect_warning(const char *gateway, const char *rule, const char *warning)
{
	char text[512];
	struct conf *conf;

	snprintf(text, sizeof(text), "%s[policy]\nrule = a: %s\n", gateway, rule);
	conf = conf_of(text, NULL);
	assert_int_equal(conf->n_warnings, warning != NULL);
	if (warning && !strstr(conf->warnings[0], warning))
		fail_msg("expected '%s', saw '%s'", warning, conf->warnings[0]);
	conf_freep(&conf);
}

static void names_that_are_never_seen_are_a_warning(void **state)
{
	expect_warning(GATEWAY, "bypass tls a.b", NULL);
	expect_warning(GATEWAY "[gateway]\naccept = early\n", "bypass tls a.b", NULL);
	expect_warning(GATEWAY "[gateway]\naccept = faithful\n", "bypass tls a.b",
		       "x:9: rule 'a' never matches: a TLS name is seen in a connection that is accepted early");
	expect_warning(GATEWAY "[gateway]\nplumbing = no\n", "bypass tls a.b",
		       "rule 'a' never matches: with gateway.plumbing = no");
	expect_warning(CONVERTER, "bypass tls a.b", "rule 'a' never matches: a converter looks at no TLS names");
	expect_warning(CONVERTER, "bypass", NULL);
	expect_warning(GATEWAY, "bond early tls a.b", NULL);
	expect_warning(GATEWAY, "bond faithful tls a.b", "rule 'a' is not faithful");
	expect_warning(GATEWAY, "bond faithful", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_go_on_in_the_next_line),
		cmocka_unit_test(lists_have_prefixes_and_files),
		cmocka_unit_test(faults_are_told_with_their_line),
		cmocka_unit_test(without_a_reader_files_are_refused),
		cmocka_unit_test(long_lines_are_told),
		cmocka_unit_test(too_many_lists_are_refused),
		cmocka_unit_test(what_never_decides_is_a_warning),
		cmocka_unit_test(names_that_are_never_seen_are_a_warning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
