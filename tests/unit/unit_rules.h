/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules from text, for unit tests. */
#ifndef BRAID_UNIT_RULES_H
#define BRAID_UNIT_RULES_H

#include "unit.h"

#include "conf/rule.h"

/* Rules a line each. Lists that they name are defined by the caller. */
static inline struct rules *rules_of(const char *text)
{
	struct rules *rules = rules_new();
	char line[2048], reason[400];
	unsigned int n = 0;

	assert_non_null(rules);
	while (*text) {
		size_t n_line = strcspn(text, "\n");

		snprintf(line, sizeof(line), "%.*s", (int)n_line, text);
		if (rule_parse(rules, line, ++n, reason, sizeof(reason)))
			fail_msg("'%s': expected a rule, saw: %s", line, reason);
		text += n_line + (text[n_line] == '\n');
	}
	return rules;
}

static inline void define(struct rules *rules, const char *name, const char *prefix, bool dynamic)
{
	struct prefix all;
	size_t index;

	assert_int_equal(rules_list(rules, name, &index), 0);
	if (prefix)
		assert_int_equal(prefix_parse(&all, prefix), 0);
	assert_int_equal(rules_define_list(rules, index, &all, prefix ? 1 : 0, dynamic), 0);
}

static inline struct rule_facts facts_of(const char *source, const char *destination, uint16_t port)
{
	struct rule_facts facts = { .dscp = -1, .minute = 12 * 60, .weekday = 3 };

	assert_int_equal(address_parse(&facts.source, source, 0), 0);
	assert_int_equal(address_parse(&facts.destination, destination, 0), 0);
	facts.destination.port = port;
	return facts;
}

#endif
