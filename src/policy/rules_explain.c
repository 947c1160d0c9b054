/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include "policy/rules.h"

static bool asks_dynamic(const struct rules *rules, const struct rule_side *side)
{
	for (size_t i = 0; i < side->n_lists; i++)
		if (rules->lists[side->lists[i]].dynamic)
			return true;
	return false;
}

static void explain_side(const struct rules *rules, const struct rule_side *side, const char *what,
			 const struct address *address, const struct rule_facts *facts, char *out)
{
	char text[ADDRESS_TEXT_BYTES];

	snprintf(out, RULE_EXPLANATION_BYTES, "the %s %s is in none of its prefixes and lists%s", what,
		 address_format_ip(address, text),
		 asks_dynamic(rules, side) && !facts->list_holds ? "; what dnsmasq filled in is not known here" : "");
}

/* What the rule asks for and isn't so, or isn't known. */
static void explain_fact(const char *what, const char *fact, char *out)
{
	if (fact)
		snprintf(out, RULE_EXPLANATION_BYTES, "the %s %.255s is none of its own", what, fact);
	else
		snprintf(out, RULE_EXPLANATION_BYTES, "it asks for the %s, which is not known", what);
}

static void explain_mac(const uint8_t *mac, char *out)
{
	char text[3 * RULE_MAC_BYTES];

	if (mac)
		snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
			 mac[5]);
	explain_fact("MAC address", mac ? text : NULL, out);
}

static void explain_dscp(int dscp, char *out)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", dscp);
	explain_fact("DSCP", dscp < 0 ? NULL : text, out);
}

static void explain_time(const struct rule *rule, const struct rule_facts *facts, char *out)
{
	static const char *const days[] = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday",
					    "Saturday" };

	snprintf(out, RULE_EXPLANATION_BYTES, "it does not hold on %s at %02u:%02u", days[facts->weekday % 7],
		 facts->minute / 60, facts->minute % 60);
}

bool rules_explain(const struct rules *rules, size_t index, const struct rule_facts *facts,
		   char out[RULE_EXPLANATION_BYTES])
{
	const struct rule *rule = &rules->all[index];

	switch (rules_mismatch(rules, rule, facts)) {
	case RULE_FROM:
		explain_side(rules, &rule->from, "source", &facts->source, facts, out);
		return false;
	case RULE_TO:
		explain_side(rules, &rule->to, "destination", &facts->destination, facts, out);
		return false;
	case RULE_PORT:
		snprintf(out, RULE_EXPLANATION_BYTES, "the port %u is none of its own", facts->destination.port);
		return false;
	case RULE_INTERFACE:
		explain_fact("interface", facts->interface, out);
		return false;
	case RULE_DSCP:
		explain_dscp(facts->dscp, out);
		return false;
	case RULE_MAC:
		explain_mac(facts->mac, out);
		return false;
	case RULE_SUBSCRIBER:
		explain_fact("subscriber", facts->subscriber, out);
		return false;
	case RULE_TIME:
		explain_time(rule, facts, out);
		return false;
	case RULE_TLS_NAME:
		explain_fact("TLS name", facts->tls_name, out);
		return false;
	case RULE_N_KINDS:
		break;
	}
	snprintf(out, RULE_EXPLANATION_BYTES, "everything it asks for is so");
	return true;
}
