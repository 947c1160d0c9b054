/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The text of a rule (doc/policy.md). Private to conf/, and to the fuzz target of this grammar. */
#ifndef BRAID_CONF_RULE_H
#define BRAID_CONF_RULE_H

#include "policy/rules.h"

enum { RULE_E_INVALID = 1 };

/* Adds the rule that text describes; lists that it names come to be in rules, not defined yet. Where it is none,
 * reason says what was found and what was wanted. 0, RULE_E_INVALID or -ENOMEM. */
int rule_parse(struct rules *rules, const char *text, unsigned int line, char *reason, size_t n_reason);

#endif
