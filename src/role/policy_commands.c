/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/policy_commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/util.h"
#include "path/rules_nft.h"
#include "role/braid_parts.h"

/* What somebody asks about, and the memory that its facts point to. */
struct asked {
	struct rule_facts facts;
	uint8_t mac[RULE_MAC_BYTES];
};

static const struct rules *rules_of(const struct braid *braid)
{
	return braid->holder->conf->rules;
}

static void set_treatment(json_t *object, const struct rule *rule)
{
	json_object_set_new(object, "action", json_string(rule_action_name(rule->action)));
	if (rule->action == RULE_LINK)
		json_object_set_new(object, "link", json_string(rule->link));
	if (rule->accept != RULE_ACCEPT_DEFAULT)
		json_object_set_new(object, "accept", json_string(rule_accept_name(rule->accept)));
	if (rule->set_dscp != RULE_DSCP_COPY)
		json_object_set_new(object, "set_dscp", json_integer(rule->set_dscp));
	if (rule->priority != RULE_PRIORITY_NONE)
		json_object_set_new(object, "priority", json_integer(rule->priority));
}

static json_t *rule_json(const struct rules *rules, size_t i)
{
	const struct rule *rule = &rules->all[i];
	size_t shadow = rules_shadowed_by(rules, i);
	json_t *object = json_pack("{s:s, s:i, s:s}", "name", rule->name, "line", (int)rule->line, "text", rule->text);

	if (!object)   /* the file isn't UTF-8 */
		object = json_pack("{s:s, s:i, s:s}", "name", rule->name, "line", (int)rule->line, "text", "?");
	set_treatment(object, rule);
	if (shadow != RULES_NONE)
		json_object_set_new(object, "shadowed_by", json_string(rules->all[shadow].name));
	return object;
}

static json_t *list_json(const struct rule_list *list)
{
	return json_pack("{s:s, s:I, s:I, s:b}", "name", list->name, "ranges_v4", (json_int_t)list->prefixes.n_v4,
			 "ranges_v6", (json_int_t)list->prefixes.n_v6, "dnsmasq", list->dynamic);
}

void policy_list_run(void *context, struct control_call call, const json_t *arguments)
{
	const struct rules *rules = rules_of(context);
	json_t *all = json_array(), *lists = json_array();

	for (size_t i = 0; i < rules->n; i++)
		json_array_append_new(all, rule_json(rules, i));
	for (size_t i = 0; i < rules->n_lists; i++)
		json_array_append_new(lists, list_json(&rules->lists[i]));
	control_answer(call, json_pack("{s:o, s:o}", "rules", all, "lists", lists));
}

/* Digits alone, at most most; -1 otherwise. */
static long number_of(const char *text, long most)
{
	size_t n = text ? strspn(text, "0123456789") : 0;
	long value;

	if (!n || n > 5 || text[n])
		return -1;
	value = strtol(text, NULL, 10);
	return value > most ? -1 : value;
}

static bool mac_of(uint8_t mac[RULE_MAC_BYTES], const char *text)
{
	int n = 0;

	return sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4],
		      &mac[5], &n) == RULE_MAC_BYTES &&
	       !text[n];
}

static bool time_of(struct rule_facts *facts, const char *text)
{
	unsigned int hour, minute;
	time_t now = time(NULL);
	struct tm local;
	int n = 0;

	localtime_r(&now, &local);
	facts->weekday = (unsigned int)local.tm_wday;
	facts->minute = 60 * (unsigned int)local.tm_hour + (unsigned int)local.tm_min;
	if (!text)
		return true;
	if (sscanf(text, "%2u:%2u%n", &hour, &minute, &n) != 2 || text[n] || hour > 23 || minute > 59)
		return false;
	facts->minute = 60 * hour + minute;
	return true;
}

static bool too_long(const char *name)
{
	return name && strlen(name) >= RULE_TLS_NAME_BYTES;
}

static bool holds(void *context, const struct rule_list *list, const struct address *address)
{
	_cleanup_(nft_elements_closep) struct nft_elements *elements = NULL;

	return !nft_elements_open(&elements) && rules_nft_list_holds(elements, list, address);
}

/* NULL, or what is wrong with the arguments. */
static const char *read_facts(struct asked *asked, const json_t *arguments)
{
	struct rule_facts *facts = &asked->facts;
	const char *source = json_string_value(json_object_get(arguments, "source"));
	const char *destination = json_string_value(json_object_get(arguments, "destination"));
	const char *dscp = json_string_value(json_object_get(arguments, "dscp")),
		   *mac = json_string_value(json_object_get(arguments, "mac"));
	long port = number_of(json_string_value(json_object_get(arguments, "port")), UINT16_MAX);

	if (!source || address_parse(&facts->source, source, 0))
		return "argument 'source': wanted an address like 10.0.0.7 or 2001:db8::7";
	if (!destination || address_parse(&facts->destination, destination, 0))
		return "argument 'destination': wanted an address like 192.0.2.1 or 2001:db8::1";
	if (port < 1)
		return "argument 'port': wanted 1..65535";
	facts->destination.port = (uint16_t)port;
	facts->dscp = (int)number_of(dscp, 63);
	if (dscp && facts->dscp < 0)
		return "argument 'dscp': wanted 0..63";
	if (mac && !mac_of(asked->mac, mac))
		return "argument 'mac': wanted an address like 02:00:00:00:00:01";
	if (!time_of(facts, json_string_value(json_object_get(arguments, "at"))))
		return "argument 'at': wanted HH:MM";
	facts->mac = mac ? asked->mac : NULL;
	facts->interface = json_string_value(json_object_get(arguments, "interface"));
	facts->subscriber = json_string_value(json_object_get(arguments, "subscriber"));
	facts->tls_name = json_string_value(json_object_get(arguments, "tls"));
	facts->list_holds = holds;
	if (too_long(facts->interface) || too_long(facts->subscriber) || too_long(facts->tls_name))
		return "arguments 'interface', 'subscriber', 'tls': wanted names of at most 253 bytes";
	return NULL;
}

/* The rules up to the one that decides, each with the reason. */
static json_t *explain(const struct rules *rules, const struct rule_facts *facts)
{
	json_t *all = json_array();

	for (size_t i = 0; i < rules->n; i++) {
		char why[RULE_EXPLANATION_BYTES];
		bool matches = rules_explain(rules, i, facts, why);

		json_array_append_new(all, json_pack("{s:s, s:i, s:b, s:s}", "name", rules->all[i].name,
						     "line", (int)rules->all[i].line,
						     "matches", matches, "why", why));
		if (matches)
			break;
	}
	return all;
}

void policy_test_run(void *context, struct control_call call, const json_t *arguments)
{
	const struct rules *rules = rules_of(context);
	struct asked asked = { .facts = { .dscp = -1 } };
	const char *wrong = read_facts(&asked, arguments);
	size_t found;
	json_t *result;

	if (wrong) {
		control_refuse(call, "%s", wrong);
		return;
	}
	found = rules_find(rules, &asked.facts);
	result = json_pack("{s:s?, s:i, s:i, s:o}", "decides", found == RULES_NONE ? NULL : rules->all[found].name,
			   "weekday", (int)asked.facts.weekday, "minute", (int)asked.facts.minute,
			   "rules", explain(rules, &asked.facts));
	if (result && found == RULES_NONE)
		json_object_set_new(result, "action", json_string(rule_action_name(RULE_BOND)));
	else if (result)
		set_treatment(result, &rules->all[found]);
	control_answer(call, result);
}
