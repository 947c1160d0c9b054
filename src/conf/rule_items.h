/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One word of a rule: a port, a MAC, a time. Each takes a word and puts it into the rule. 0, VALUE_E_INVALID,
 * VALUE_E_FULL or -ENOMEM. Private to conf/. */
#ifndef BRAID_CONF_RULE_ITEMS_H
#define BRAID_CONF_RULE_ITEMS_H

#include "policy/rules.h"

enum { VALUE_E_FULL = 2 };   /* there are as many as there can be */

int rule_port_add(struct rule *rule, const char *word);
int rule_interface_add(struct rule *rule, const char *word);
int rule_dscp_add(struct rule *rule, const char *word);
int rule_mac_add(struct rule *rule, const char *word);
int rule_subscriber_add(struct rule *rule, const char *word);
int rule_days_add(struct rule *rule, const char *word);
int rule_tls_name_add(struct rule *rule, const char *word);
int rule_time_set(struct rule *rule, const char *word);
int rule_set_dscp(struct rule *rule, const char *word);
int rule_priority_set(struct rule *rule, const char *word);

#endif
