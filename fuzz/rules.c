/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two rules, a line each, then bytes that choose a connection among those that the second one names: each line is taken
 * or turned down with a text, and keeps its bounds. Where the first shadows the second, it must match whatever the
 * second does.
 */
#include "fuzz.h"

#include "conf/rule.h"

struct choice { const uint8_t *bytes; size_t n; };

static unsigned int choose(struct choice *choice, size_t n)
{
	if (!choice->n || !n)
		return 0;
	choice->n--;
	return (unsigned int)(*choice->bytes++ % n);
}

static void choose_address(struct choice *choice, const struct rule_side *side, struct address *out)
{
	const struct prefixes *own = &side->own;
	unsigned int last = choose(choice, 2), which = choose(choice, own->n_v4 + own->n_v6);

	if (which < own->n_v4)
		*out = address_from_v4(htonl(last ? own->v4[which].last : own->v4[which].first), 0);
	else if (own->n_v6)
		memcpy(out->ip, last ? own->v6[which - own->n_v4].last : own->v6[which - own->n_v4].first, 16);
	else
		memset(out->ip, (int)choose(choice, 256), 16);
}

static struct rule_facts choose_facts(struct choice *choice, const struct rule *rule)
{
	struct rule_facts facts = { .dscp = (int)choose(choice, 65) - 1,
				    .minute = 60 * choose(choice, 24) + choose(choice, 60),
				    .weekday = choose(choice, 7) };
	unsigned int port = choose(choice, rule->n_ports);

	choose_address(choice, &rule->from, &facts.source);
	choose_address(choice, &rule->to, &facts.destination);
	facts.destination.port = rule->n_ports ? choose(choice, 2) ? rule->ports[port].first : rule->ports[port].last :
				 80;
	if (rule->n_interfaces)
		facts.interface = rule->interfaces[choose(choice, rule->n_interfaces)];
	if (rule->n_macs)
		facts.mac = rule->macs[choose(choice, rule->n_macs)];
	if (rule->n_subscribers)
		facts.subscriber = rule->subscribers[choose(choice, rule->n_subscribers)];
	if (rule->n_tls_names)
		facts.tls_name = rule->tls_names[choose(choice, rule->n_tls_names)];
	return facts;
}

static void check_bounds(const struct rules *rules, const struct rule *rule)
{
	expect(rule->name[0] && memchr(rule->name, 0, RULE_NAME_BYTES) && rule->text && rule->action < RULE_N_ACTIONS &&
	       rule->accept < RULE_N_ACCEPTS);
	expect((rule->action == RULE_LINK) == !!rule->link[0]);
	expect(rule->set_dscp >= RULE_DSCP_COPY && rule->set_dscp < 64 && rule->priority >= RULE_PRIORITY_NONE &&
	       rule->priority <= 6);
	expect(rule->n_ports <= RULE_ITEMS && rule->n_interfaces <= RULE_ITEMS && rule->n_macs <= RULE_ITEMS &&
	       rule->n_subscribers <= RULE_ITEMS);
	expect(rule->n_tls_names <= RULE_ITEMS && rule->days && rule->days <= RULE_DAYS_ALL && rule->dscp);
	expect(rule->from_minute < RULE_DAY_MINUTES && rule->to_minute <= RULE_DAY_MINUTES &&
	       rule->from_minute != rule->to_minute);
	for (size_t i = 0; i < rule->n_ports; i++)
		expect(rule->ports[i].first && rule->ports[i].first <= rule->ports[i].last &&
		       (!i || rule->ports[i - 1].last < rule->ports[i].first));
	for (size_t i = 0; i < rule->from.n_lists; i++)
		expect(rule->from.lists[i] < rules->n_lists);
	for (size_t i = 0; i < rules->n_lists; i++)
		expect(rules->lists[i].name[0] && memchr(rules->lists[i].name, 0, RULE_NAME_BYTES));
}

static void parse(struct rules *rules, const char *line)
{
	char reason[300] = "";
	size_t n = rules->n;
	int r = rule_parse(rules, line, 1, reason, sizeof(reason));

	expect(r == 0 || (r == RULE_E_INVALID && reason[0] && memchr(reason, 0, sizeof(reason))));
	expect(rules->n == n + !r);
	if (!r)
		check_bounds(rules, &rules->all[n]);
}

/* A list that was only named holds nothing that both could have in common but itself. */
static bool holds(void *context, const struct rule_list *list, const struct address *address)
{
	return (address->ip[15] ^ list->name[0]) & 1;
}

static void check_pair(const struct rules *rules, struct choice choice)
{
	struct rule_facts facts = choose_facts(&choice, &rules->all[1]);
	char why[RULE_EXPLANATION_BYTES];
	bool first, second;

	facts.list_holds = holds;
	first = rules_explain(rules, 0, &facts, why);
	second = rules_explain(rules, 1, &facts, why);
	expect(why[0] && memchr(why, 0, sizeof(why)));
	expect(rules_find(rules, &facts) == (first ? 0 : second ? 1 : RULES_NONE));
	if (rules_shadowed_by(rules, 1) == 0)
		expect(first || !second);
	if (rules_never_matches(rules, 1) && address_is_v4(&facts.source) == address_is_v4(&facts.destination))
		expect(!second);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct rules *rules = rules_new();
	size_t at = 0, index;

	for (unsigned int i = 0; i < 2 && at < n; i++) {
		const uint8_t *end = memchr(bytes + at, '\n', n - at);
		size_t n_line = end ? (size_t)(end - bytes) - at : n - at;
		char *line = strndup((const char *)bytes + at, n_line);

		parse(rules, line);
		free(line);
		at += n_line + (end ? 1 : 0);
	}
	for (index = 0; index < rules->n_lists; index++)
		rules_define_list(rules, index, NULL, 0, true);
	if (rules->n == 2)
		check_pair(rules, (struct choice){ bytes + at, n - at });
	rules_freep(&rules);
	return 0;
}
