/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/util.h"
#include "conf/check.h"

#define WANT_BYTES 128
#define WARNING_BYTES 200

static bool has_link(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->n_links; i++)
		if (!strcmp(conf->links[i].name, name))
			return true;
	return false;
}

static bool has_subscriber(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->n_subscribers; i++)
		if (!strcmp(conf->subscribers[i].name, name))
			return true;
	return false;
}

/* The first list of the side that there is no section for, or NULL. */
static const char *missing_list(const struct rules *rules, const struct rule_side *side)
{
	for (size_t i = 0; i < side->n_lists; i++)
		if (!rules->lists[side->lists[i]].defined)
			return rules->lists[side->lists[i]].name;
	return NULL;
}

static const char *missing_subscriber(const struct conf *conf, const struct rule *rule)
{
	for (size_t i = 0; i < rule->n_subscribers; i++)
		if (!has_subscriber(conf, rule->subscribers[i]))
			return rule->subscribers[i];
	return NULL;
}

/* Whether the rule fits to the rest; else want says what is missing. */
static bool check_rule(const struct conf *conf, const struct rule *rule, char want[WANT_BYTES])
{
	const char *list = missing_list(conf->rules, &rule->from), *subscriber = missing_subscriber(conf, rule);
	const char *of_gateway = rule->action == RULE_LINK ? "link" : rule->n_interfaces ? "interface" :
				 rule->n_macs ? "mac" : NULL;

	if (!list)
		list = missing_list(conf->rules, &rule->to);
	if (list)
		snprintf(want, WANT_BYTES, "there is no list '%s'; add a section [list %s]", list, list);
	else if (of_gateway && !conf->gateway.enabled)
		snprintf(want, WANT_BYTES, "'%s' is for a gateway, and there is no [gateway]", of_gateway);
	else if (rule->n_subscribers && !conf->converter.enabled)
		snprintf(want, WANT_BYTES, "'subscriber' is for a converter, and there is no [converter]");
	else if (rule->action == RULE_LINK && !has_link(conf, rule->link))
		snprintf(want, WANT_BYTES, "there is no link '%s'; add a section [link %s]", rule->link, rule->link);
	else if (subscriber)
		snprintf(want, WANT_BYTES, "there is no subscriber '%s'; add a section [subscriber %s]", subscriber,
			 subscriber);
	else
		return true;
	return false;
}

static int check_lists(const struct conf *conf, struct conf_error *error, const char *file)
{
	for (size_t i = 0; i < conf->rules->n_lists; i++) {
		const struct rule_list *list = &conf->rules->lists[i];
		const char *wrong = !list->dynamic ? NULL : !prefixes_empty(&list->prefixes) ?
			"a list that dnsmasq fills can't have prefixes of its own; make two lists, a rule may name "
			"both" :
			!conf->gateway.enabled ? "dnsmasq fills lists at a gateway alone, and there is no [gateway]" :
				NULL;

		if (wrong) {
			snprintf(error->text, sizeof(error->text), "%s: [list %s]: %s", file, list->name, wrong);
			return CONF_E_INVALID;
		}
	}
	return 0;
}

int conf_check_rules(const struct conf *conf, struct conf_error *error, const char *file)
{
	char want[WANT_BYTES];

	for (size_t i = 0; i < conf->rules->n; i++) {
		const struct rule *rule = &conf->rules->all[i];

		if (check_rule(conf, rule, want))
			continue;
		error->line = rule->line;
		snprintf(error->text, sizeof(error->text), "%s:%u: policy.rule: '%s': %s", file, rule->line, rule->name,
			 want);
		return CONF_E_INVALID;
	}
	return check_lists(conf, error, file);
}

/* Why no name is ever known to the rule, and what to do; NULL: it is. */
static const char *nameless(const struct conf *conf, const struct rule *rule)
{
	if (!rule->n_tls_names)
		return NULL;
	if (!conf->gateway.enabled)
		return "a converter looks at no TLS names; move it to the gateway";
	if (!conf->gateway.plumbing)
		return "with gateway.plumbing = no hosts' first packets don't come to us; use a list that dnsmasq "
		       "fills";
	if (conf->gateway.accept == CONF_ACCEPT_FAITHFUL)
		return "a TLS name is seen in a connection that is accepted early; set gateway.accept = auto, or use a "
		       "list that dnsmasq fills";
	return NULL;
}

/* Whether there is something about a rule that people want to know. */
static bool tell(const struct conf *conf, size_t i, char out[WARNING_BYTES])
{
	const struct rule *rule = &conf->rules->all[i];
	size_t shadow = rules_shadowed_by(conf->rules, i);
	const char *why = nameless(conf, rule);

	if (why)
		snprintf(out, WARNING_BYTES, "never matches: %s", why);
	else if (rules_never_matches(conf->rules, i))
		snprintf(out, WARNING_BYTES,
			 "never matches: one side has IPv4 addresses alone, the other IPv6 addresses alone");
	else if (shadow != RULES_NONE)
		snprintf(out, WARNING_BYTES,
			 "never decides: '%s' in line %u comes before it and matches all that it matches",
			 conf->rules->all[shadow].name, conf->rules->all[shadow].line);
	else if (rule->n_tls_names && rule->accept == RULE_ACCEPT_FAITHFUL)
		snprintf(out, WARNING_BYTES,
			 "is not faithful: its TLS names are seen in connections that are accepted early; take "
			 "'faithful' out");
	else
		return false;
	return true;
}

int conf_note_warning(struct conf *conf, const char *text)
{
	char **more = reallocarray(conf->warnings, conf->n_warnings + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	conf->warnings = more;
	more[conf->n_warnings] = strdup(text);
	if (!more[conf->n_warnings])
		return -ENOMEM;
	conf->n_warnings++;
	return 0;
}

static int warn(struct conf *conf, const char *file, const struct rule *rule, const char *what)
{
	char text[WARNING_BYTES + 160];

	snprintf(text, sizeof(text), "%.100s:%u: rule '%s' %s", file, rule->line, rule->name, what);
	return conf_note_warning(conf, text);
}

int conf_warn_of_rules(struct conf *conf, const char *file)
{
	char what[WARNING_BYTES];
	int r = 0;

	for (size_t i = 0; i < conf->rules->n && !r; i++)
		if (tell(conf, i, what))
			r = warn(conf, file, &conf->rules->all[i], what);
	return r;
}
