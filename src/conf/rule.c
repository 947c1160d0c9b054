/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/rule.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/util.h"
#include "conf/keys.h"
#include "conf/rule_items.h"

#define BLANKS " \t\r"

struct reading {
	struct rules *rules;
	struct rule rule;
	const char *rest;         /* what comes after word */
	char word[RULE_TLS_NAME_BYTES + 2];   /* to be read next; "": the end */
	bool comma;               /* stands before word */
	unsigned int given;       /* a bit a clause */
	struct prefix *prefixes;  /* of the side that is being read */
	size_t n_prefixes;
	char *reason;
	size_t n_reason;
	int result;               /* 0, or the first failure */
};

struct clause {
	const char *word, *wanted;
	int (*add)(struct rule *rule, const char *word);
	bool is_list;             /* separated by commas */
	bool is_treatment;        /* has a meaning only for what we carry */
};

static const struct clause clauses[] = {
	{ "port", "ports 1..65535 like 443, 8000-8100", rule_port_add, true, false },
	{ "interface", "names of network interfaces", rule_interface_add, true, false },
	{ "dscp", "0..63 or a name like ef, af41, cs5", rule_dscp_add, true, false },
	{ "mac", "addresses like 02:00:00:00:00:01", rule_mac_add, true, false },
	{ "subscriber", "names of subscribers", rule_subscriber_add, true, false },
	{ "days", "days like mon-fri, sun", rule_days_add, true, false },
	{ "time", "HH:MM-HH:MM, which may go over midnight", rule_time_set, false, false },
	{ "tls", "host names like www.example.com, *.example.net", rule_tls_name_add, true, false },
	{ "set-dscp", "copy, 0..63 or a name like ef, af41, cs5", rule_set_dscp, false, true },
	{ "priority", "0..6", rule_priority_set, false, true },
};
enum { GIVEN_FROM = ARRAY_SIZE(clauses), GIVEN_TO, GIVEN_ACCEPT };

static int refuse(struct reading *reading, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int refuse(struct reading *reading, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(reading->reason, reading->n_reason, format, args);
	va_end(args);
	reading->result = RULE_E_INVALID;
	return RULE_E_INVALID;
}

static void advance(struct reading *reading)
{
	const char *begin = reading->rest + strspn(reading->rest, BLANKS ",");
	size_t n = strcspn(begin, BLANKS ",");

	reading->comma = memchr(reading->rest, ',', (size_t)(begin - reading->rest));
	reading->rest = begin + n;
	if (n >= sizeof(reading->word)) {
		refuse(reading, "found a word of %zu bytes: '%.20s...'", n, begin);
		n = 0;
	}
	memcpy(reading->word, begin, n);
	reading->word[n] = 0;
}

static bool is_word(const struct reading *reading, const char *word)
{
	return !strcmp(reading->word, word);
}

static int turn_down(struct reading *reading, int r, const char *what, const char *wanted)
{
	if (r < 0)
		reading->result = r;
	else if (r == VALUE_E_FULL)
		refuse(reading, "found one more %s, '%s', than there can be in a rule", what, reading->word);
	else
		refuse(reading, "%s: found '%s', wanted %s", what, reading->word, wanted);
	return reading->result;
}

/* Whether the clause is the first of its kind. */
static bool note(struct reading *reading, unsigned int bit, const char *word)
{
	if (reading->given & 1u << bit)
		refuse(reading, "'%s' is given a second time; keep one of them", word);
	reading->given |= 1u << bit;
	return !reading->result;
}

static int list_item(struct reading *reading, struct rule_side *side)
{
	size_t list;
	int r;

	if (reading->word[0] != '@')
		return conf_prefix_add(&reading->prefixes, &reading->n_prefixes, reading->word);
	if (side->n_lists == RULE_LISTS)
		return VALUE_E_FULL;
	if (!conf_list_name_is_sound(reading->word + 1))
		return VALUE_E_INVALID;
	r = rules_list(reading->rules, reading->word + 1, &list);
	if (!r)
		side->lists[side->n_lists++] = list;
	return r == RULES_E_MANY ? VALUE_E_FULL : r;
}

/* "any", or prefixes and lists. */
static void read_side(struct reading *reading, struct rule_side *side, const char *what)
{
	int r = 0;

	if (is_word(reading, "any")) {
		advance(reading);
		return;
	}
	side->given = true;
	reading->n_prefixes = 0;
	do {
		r = list_item(reading, side);
		if (r)
			turn_down(reading, r, what,
				  "any, prefixes like 192.0.2.0/24, 2001:db8::/32 without bits behind their length, or "
				  "lists like @NAME");
		else
			advance(reading);
	} while (!reading->result && reading->comma && reading->word[0]);
	if (!reading->result)
		reading->result = prefixes_make(&side->own, reading->prefixes, reading->n_prefixes);
}

/* "from mac ..." and "to port ..." read well: there the first word says nothing. */
static bool is_filler(const struct reading *reading, bool from)
{
	return from ? is_word(reading, "mac") || is_word(reading, "interface") || is_word(reading, "subscriber") :
		      is_word(reading, "port") || is_word(reading, "tls");
}

static void read_from_or_to(struct reading *reading, bool from)
{
	advance(reading);
	if (!is_filler(reading, from) && !reading->result &&
	    note(reading, from ? GIVEN_FROM : GIVEN_TO, from ? "from" : "to"))
		read_side(reading, from ? &reading->rule.from : &reading->rule.to, from ? "from" : "to");
}

static void read_clause(struct reading *reading, const struct clause *clause)
{
	int r;

	if (!note(reading, (unsigned int)(clause - clauses), clause->word))
		return;
	do {
		r = clause->add(&reading->rule, reading->word);
		if (r)
			turn_down(reading, r, clause->word, clause->wanted);
		else
			advance(reading);
	} while (!reading->result && clause->is_list && reading->comma && reading->word[0]);
}

/* Whether it was one. */
static bool read_accept(struct reading *reading)
{
	for (enum rule_accept accept = RULE_ACCEPT_AUTO; accept < RULE_N_ACCEPTS; accept++)
		if (is_word(reading, rule_accept_name(accept))) {
			if (note(reading, GIVEN_ACCEPT, "auto, faithful or early"))
				reading->rule.accept = accept;
			advance(reading);
			return true;
		}
	return false;
}

static void read_next(struct reading *reading)
{
	if (reading->comma) {
		refuse(reading, "found a comma before '%s', wanted none there", reading->word);
		return;
	}
	if (is_word(reading, "from") || is_word(reading, "to")) {
		read_from_or_to(reading, is_word(reading, "from"));
		return;
	}
	if (read_accept(reading))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(clauses); i++)
		if (is_word(reading, clauses[i].word)) {
			advance(reading);
			read_clause(reading, &clauses[i]);
			return;
		}
	refuse(reading, "found '%s', wanted from, to, port, interface, dscp, mac, subscriber, time, days, tls, auto, "
			"faithful, early, set-dscp or priority",
	       reading->word);
}

static void read_name(struct reading *reading)
{
	struct rule *rule = &reading->rule;
	size_t n = strlen(reading->word);

	if (!n || reading->word[n - 1] != ':') {
		snprintf(rule->name, sizeof(rule->name), "rule %zu", reading->rules->n + 1);
		return;
	}
	reading->word[n - 1] = 0;
	if (!conf_name_is_sound(reading->word)) {
		refuse(reading, "found '%s:', wanted a name of letters, digits, '.', '_', '-', at most %d of them",
		       reading->word, RULE_NAME_BYTES - 1);
		return;
	}
	snprintf(rule->name, sizeof(rule->name), "%.*s", RULE_NAME_BYTES - 1, reading->word);
	for (size_t i = 0; i < reading->rules->n; i++)
		if (!strcmp(reading->rules->all[i].name, rule->name))
			refuse(reading, "found a second rule '%s'; give it another name", rule->name);
	advance(reading);
}

static void read_action(struct reading *reading)
{
	struct rule *rule = &reading->rule;

	rule->text = strdup(reading->rest - strlen(reading->word));
	if (!rule->text) {
		reading->result = -ENOMEM;
		return;
	}
	while (rule->action < RULE_N_ACTIONS && !is_word(reading, rule_action_name(rule->action)))
		rule->action++;
	if (rule->action == RULE_N_ACTIONS || reading->comma) {
		rule->action = RULE_BOND;
		refuse(reading, "found '%s%s', wanted bond, bypass, link NAME or reject", reading->comma ? "," : "",
		       reading->word);
		return;
	}
	advance(reading);
	if (rule->action != RULE_LINK)
		return;
	if (!conf_name_is_sound(reading->word))
		refuse(reading, "link: found '%s', wanted the name of a link", reading->word);
	snprintf(rule->link, sizeof(rule->link), "%.*s", RULE_NAME_BYTES - 1, reading->word);
	advance(reading);
}

/* What is carried past us, or not at all, can't be treated in any way. */
static void check_treatment(struct reading *reading)
{
	if (reading->rule.action != RULE_BYPASS && reading->rule.action != RULE_REJECT)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(clauses); i++)
		if (clauses[i].is_treatment && reading->given & 1u << i)
			refuse(reading, "found '%s' in a rule that is to %s, wanted it with bond or link alone",
			       clauses[i].word, rule_action_name(reading->rule.action));
	if (reading->given & 1u << GIVEN_ACCEPT)
		refuse(reading, "found '%s' in a rule that is to %s, wanted it with bond or link alone",
		       rule_accept_name(reading->rule.accept), rule_action_name(reading->rule.action));
}

int rule_parse(struct rules *rules, const char *text, unsigned int line, char *reason, size_t n_reason)
{
	struct reading reading = { .rules = rules, .rest = text, .reason = reason, .n_reason = n_reason };

	rule_init(&reading.rule);
	reading.rule.line = line;
	advance(&reading);
	if (!reading.result)
		read_name(&reading);
	if (!reading.result)
		read_action(&reading);
	while (!reading.result && reading.word[0])
		read_next(&reading);
	if (!reading.result && reading.comma)
		refuse(&reading, "found a comma at the end, wanted none there");
	if (!reading.result)
		check_treatment(&reading);
	free(reading.prefixes);
	if (reading.result) {
		rule_end(&reading.rule);
		return reading.result;
	}
	reading.result = rules_add(rules, &reading.rule);
	return reading.result == RULES_E_MANY ? refuse(&reading, "found one more rule, wanted at most %d", RULES_MOST) :
	       reading.result;
}
