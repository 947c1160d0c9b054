/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/rules.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/util.h"

const char *rule_action_name(enum rule_action action)
{
	static const char *const names[] = { "bond", "bypass", "link", "reject" };
	static_assert(ARRAY_SIZE(names) == RULE_N_ACTIONS, "name every action");

	return names[action];
}

const char *rule_accept_name(enum rule_accept accept)
{
	static const char *const names[] = { "default", "auto", "faithful", "early" };
	static_assert(ARRAY_SIZE(names) == RULE_N_ACCEPTS, "name every way to accept");

	return names[accept];
}

struct rules *rules_new(void)
{
	return calloc(1, sizeof(struct rules));
}

void rules_freep(struct rules **rules)
{
	if (!*rules)
		return;
	for (size_t i = 0; i < (*rules)->n; i++)
		rule_end(&(*rules)->all[i]);
	for (size_t i = 0; i < (*rules)->n_lists; i++)
		prefixes_end(&(*rules)->lists[i].prefixes);
	free((*rules)->all);
	free((*rules)->lists);
	free(*rules);
	*rules = NULL;
}

void rule_init(struct rule *rule)
{
	*rule = (struct rule){ .set_dscp = RULE_DSCP_COPY, .priority = RULE_PRIORITY_NONE, .dscp = RULE_DSCP_ALL,
			       .to_minute = RULE_DAY_MINUTES,
			       .days = RULE_DAYS_ALL };
}

void rule_end(struct rule *rule)
{
	free(rule->text);
	free(rule->tls_names);
	prefixes_end(&rule->from.own);
	prefixes_end(&rule->to.own);
	rule_init(rule);
}

static int compare_ports(const void *a, const void *b)
{
	return (int)((const struct rule_ports *)a)->first - (int)((const struct rule_ports *)b)->first;
}

static void merge_ports(struct rule *rule)
{
	size_t n_kept = 0;

	qsort(rule->ports, rule->n_ports, sizeof(rule->ports[0]), compare_ports);
	for (size_t i = 0; i < rule->n_ports; i++) {
		struct rule_ports *last = n_kept ? &rule->ports[n_kept - 1] : NULL;

		if (!last || last->last + 1u < rule->ports[i].first)
			rule->ports[n_kept++] = rule->ports[i];
		else if (last->last < rule->ports[i].last)
			last->last = rule->ports[i].last;
	}
	rule->n_ports = n_kept;
}

int rules_add(struct rules *rules, struct rule *rule)
{
	struct rule *more = rules->n < RULES_MOST ? reallocarray(rules->all, rules->n + 1, sizeof(*more)) : NULL;

	if (!more) {
		rule_end(rule);
		return rules->n < RULES_MOST ? -ENOMEM : RULES_E_MANY;
	}
	rules->all = more;
	merge_ports(rule);
	more[rules->n++] = *rule;
	rule_init(rule);
	return 0;
}

int rules_list(struct rules *rules, const char *name, size_t *index)
{
	struct rule_list *more;

	for (size_t i = 0; i < rules->n_lists; i++)
		if (!strcmp(rules->lists[i].name, name)) {
			*index = i;
			return 0;
		}
	if (rules->n_lists >= RULES_LISTS)
		return RULES_E_MANY;
	more = reallocarray(rules->lists, rules->n_lists + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	rules->lists = more;
	*index = rules->n_lists++;
	more[*index] = (struct rule_list){ .defined = false };
	strncpy(more[*index].name, name, RULE_NAME_BYTES - 1);
	return 0;
}

int rules_define_list(struct rules *rules, size_t index, const struct prefix *all, size_t n, bool dynamic)
{
	struct rule_list *list = &rules->lists[index];
	int r = prefixes_make(&list->prefixes, all, n);

	list->dynamic = dynamic;
	list->defined = !r;
	return r;
}

static bool side_has(const struct rules *rules, const struct rule_side *side, const struct address *address,
		     const struct rule_facts *facts)
{
	if (!side->given || prefixes_have(&side->own, address))
		return true;
	for (size_t i = 0; i < side->n_lists; i++) {
		const struct rule_list *list = &rules->lists[side->lists[i]];

		if (list->dynamic ? facts->list_holds && facts->list_holds(facts->context, list, address) :
		    prefixes_have(&list->prefixes, address))
			return true;
	}
	return false;
}

static bool ports_have(const struct rule *rule, uint16_t port)
{
	for (size_t i = 0; i < rule->n_ports; i++)
		if (rule->ports[i].first <= port && port <= rule->ports[i].last)
			return true;
	return !rule->n_ports;
}

static bool interfaces_have(const struct rule *rule, const char *interface)
{
	for (size_t i = 0; interface && i < rule->n_interfaces; i++)
		if (!strcmp(rule->interfaces[i], interface))
			return true;
	return !rule->n_interfaces;
}

static bool macs_have(const struct rule *rule, const uint8_t *mac)
{
	for (size_t i = 0; mac && i < rule->n_macs; i++)
		if (!memcmp(rule->macs[i], mac, RULE_MAC_BYTES))
			return true;
	return !rule->n_macs;
}

static bool subscribers_have(const struct rule *rule, const char *subscriber)
{
	for (size_t i = 0; subscriber && i < rule->n_subscribers; i++)
		if (!strcmp(rule->subscribers[i], subscriber))
			return true;
	return !rule->n_subscribers;
}

bool rule_holds_at(const struct rule *rule, unsigned int weekday, unsigned int minute)
{
	if (rule->from_minute > rule->to_minute && minute < rule->to_minute)
		weekday = (weekday + 6) % 7;   /* began yesterday */
	else if (minute < rule->from_minute || (rule->from_minute <= rule->to_minute && minute >= rule->to_minute))
		return false;
	return rule->days >> weekday & 1;
}

/* Host names are compared without regard to case; a last dot is none of the name's. */
static bool name_has(const char *pattern, const char *name)
{
	size_t n_pattern, n_name = strlen(name);
	bool any = pattern[0] == '*';

	pattern += any;
	n_pattern = strlen(pattern);
	n_name -= n_name && name[n_name - 1] == '.';
	if (any ? n_name <= n_pattern : n_name != n_pattern)
		return false;
	for (size_t i = 0; i < n_pattern; i++)
		if (tolower((unsigned char)name[n_name - n_pattern + i]) != pattern[i])
			return false;
	return true;
}

static bool tls_names_have(const struct rule *rule, const char *name)
{
	for (size_t i = 0; name && i < rule->n_tls_names; i++)
		if (name_has(rule->tls_names[i], name))
			return true;
	return !rule->n_tls_names;
}

enum rule_kind rules_mismatch(const struct rules *rules, const struct rule *rule, const struct rule_facts *facts)
{
	if (!side_has(rules, &rule->from, &facts->source, facts))
		return RULE_FROM;
	if (!side_has(rules, &rule->to, &facts->destination, facts))
		return RULE_TO;
	if (!ports_have(rule, facts->destination.port))
		return RULE_PORT;
	if (!interfaces_have(rule, facts->interface))
		return RULE_INTERFACE;
	if (rule->dscp != RULE_DSCP_ALL && (facts->dscp < 0 || !(rule->dscp >> facts->dscp & 1)))
		return RULE_DSCP;
	if (!macs_have(rule, facts->mac))
		return RULE_MAC;
	if (!subscribers_have(rule, facts->subscriber))
		return RULE_SUBSCRIBER;
	if (!rule_holds_at(rule, facts->weekday, facts->minute))
		return RULE_TIME;
	return tls_names_have(rule, facts->tls_name) ? RULE_N_KINDS : RULE_TLS_NAME;
}

size_t rules_find(const struct rules *rules, const struct rule_facts *facts)
{
	for (size_t i = 0; i < rules->n; i++)
		if (rules_mismatch(rules, &rules->all[i], facts) == RULE_N_KINDS)
			return i;
	return RULES_NONE;
}
