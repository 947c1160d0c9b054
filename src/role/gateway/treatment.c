/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/gateway/treatment.h"

#include <string.h>
#include <time.h>
#include "path/marks.h"

static uint8_t link_number(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->n_links; i++)
		if (!strcmp(conf->links[i].name, name))
			return (uint8_t)i;
	return CHOOSE_NO_LINK;   /* a configuration with such a rule is refused */
}

static uint32_t accept_of(const struct conf *conf, enum rule_accept accept)
{
	switch (accept) {
	case RULE_ACCEPT_AUTO:
		return CONF_ACCEPT_AUTO;
	case RULE_ACCEPT_FAITHFUL:
		return CONF_ACCEPT_FAITHFUL;
	case RULE_ACCEPT_EARLY:
		return CONF_ACCEPT_EARLY;
	case RULE_ACCEPT_DEFAULT:
	case RULE_N_ACCEPTS:
		break;
	}
	return conf->gateway.accept;
}

static struct treatment treatment_of_rule(const struct conf *conf, size_t number, uint8_t dscp)
{
	struct treatment treatment = {
		.action = RULE_BOND, .accept = conf->gateway.accept, .dscp = dscp, .priority = RULE_PRIORITY_NONE,
		.link = CHOOSE_NO_LINK,
	};
	const struct rule *rule;

	if (number >= conf->rules->n)
		return treatment;
	rule = &conf->rules->all[number];
	treatment.action = rule->action;
	treatment.accept = accept_of(conf, rule->accept);
	treatment.priority = rule->priority;
	if (rule->set_dscp != RULE_DSCP_COPY)
		treatment.dscp = (uint8_t)rule->set_dscp;
	if (rule->action == RULE_LINK)
		treatment.link = link_number(conf, rule->link);
	return treatment;
}

struct treatment treatment_of_packet(const struct conf *conf, uint8_t dscp, size_t rule)
{
	return treatment_of_rule(conf, rule, dscp);
}

struct treatment treatment_of_connection(const struct conf *conf)
{
	return treatment_of_rule(conf, RULES_NONE, 0);
}

static size_t find(const struct conf *conf, struct rule_facts *facts)
{
	time_t now = time(NULL);
	struct tm local = { 0 };

	localtime_r(&now, &local);
	facts->minute = (unsigned int)(local.tm_hour * 60 + local.tm_min);
	facts->weekday = (unsigned int)local.tm_wday;
	return rules_find(conf->rules, facts);
}

struct treatment treatment_of_facts(const struct conf *conf, struct rule_facts *facts)
{
	return treatment_of_rule(conf, conf->rules->n ? find(conf, facts) : RULES_NONE, (uint8_t)facts->dscp);
}

struct treatment treatment_of_request(const struct conf *conf, const struct address *client,
				      const struct address *destination, const char *subscriber, uint8_t dscp)
{
	struct rule_facts facts = { .source = *client, .destination = *destination, .dscp = dscp,
				    .subscriber = subscriber };

	return treatment_of_facts(conf, &facts);
}

uint32_t treatment_fwmark(const struct conf *conf)
{
	return conf->host.enabled ? mark_value(conf->gateway.fwmark, MARK_OURS) : 0;
}

struct net_marking treatment_marking(const struct treatment *treatment)
{
	return (struct net_marking){
		.dscp = treatment->dscp, .has_priority = treatment->priority != RULE_PRIORITY_NONE,
		.priority = treatment->priority,
	};
}
