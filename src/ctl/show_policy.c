/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rules, told to people: lines rather than a table, because a rule and a reason may be long. */
#include "ctl/show.h"

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "-";
}

static long long count_of(const json_t *object, const char *key)
{
	return (long long)json_integer_value(json_object_get(object, key));
}

static void show_lists(const json_t *lists, FILE *out)
{
	const json_t *list;
	size_t i;

	json_array_foreach(lists, i, list) {
		fprintf(out, "@%s: ", text_of(list, "name"));
		if (json_is_true(json_object_get(list, "dnsmasq")))
			fprintf(out, "filled by dnsmasq\n");
		else
			fprintf(out, "%lld ranges of IPv4 addresses, %lld of IPv6 addresses\n",
				count_of(list, "ranges_v4"), count_of(list, "ranges_v6"));
	}
}

void show_policy_list(const json_t *result, FILE *out)
{
	const json_t *rule;
	size_t i;

	json_array_foreach(json_object_get(result, "rules"), i, rule) {
		fprintf(out, "%s: %s\n", text_of(rule, "name"), text_of(rule, "text"));
		if (json_object_get(rule, "shadowed_by"))
			fprintf(out, "    never decides: '%s' comes before it and matches all that it matches\n",
				text_of(rule, "shadowed_by"));
	}
	fprintf(out, "everything else: bond\n");
	show_lists(json_object_get(result, "lists"), out);
}

static void show_treatment(const json_t *result, FILE *out)
{
	fprintf(out, "%s", text_of(result, "action"));
	if (json_object_get(result, "link"))
		fprintf(out, " %s", text_of(result, "link"));
	if (json_object_get(result, "accept"))
		fprintf(out, ", accepted %s", text_of(result, "accept"));
	if (json_object_get(result, "set_dscp"))
		fprintf(out, ", DSCP %lld", count_of(result, "set_dscp"));
	if (json_object_get(result, "priority"))
		fprintf(out, ", priority %lld", count_of(result, "priority"));
	fputc('\n', out);
}

void show_policy_test(const json_t *result, FILE *out)
{
	const char *name = json_string_value(json_object_get(result, "decides"));
	const json_t *rule;
	size_t i;

	if (name)
		fprintf(out, "rule '%s' decides: ", name);
	else
		fprintf(out, "no rule matches: ");
	show_treatment(result, out);
	json_array_foreach(json_object_get(result, "rules"), i, rule)
		fprintf(out, "    %s %s: %s\n", text_of(rule, "name"),
			json_is_true(json_object_get(rule, "matches")) ? "matches" : "does not match",
			text_of(rule, "why"));
}
