/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/check.h"

#include <stdio.h>
#include <string.h>
#include "base/util.h"
#include "conf/keys.h"

/* NULL when it is fine, else what is wrong and what to do. */
static const char *check_gateway(const struct conf *conf)
{
	if (!conf->gateway.enabled)
		return conf->n_links ? "there are [link NAME] sections but no [gateway]" : NULL;
	if (!conf->n_links)
		return "a gateway needs a [link NAME] section for each of its uplinks";
	if (!(conf->gateway.fwmark & 0xffff))   /* path/marks.h makes others of it by its upper half */
		return "gateway.fwmark needs one of its lower 16 bits set";
	if (conf->gateway.n_converter == 2 &&
	    address_is_v4(&conf->gateway.converter[0]) == address_is_v4(&conf->gateway.converter[1]))
		return "gateway.converter has two addresses of one family, wanted one of each at most";
	for (size_t i = 0; i < conf->n_links; i++) {
		for (size_t j = 0; j < i; j++)
			if (!strcmp(conf->links[i].interface, conf->links[j].interface))
				return "two links have the same interface";
		for (size_t j = 0; j < conf->gateway.n_lan; j++)
			if (!strcmp(conf->links[i].interface, conf->gateway.lan[j]))
				return "an interface is in gateway.lan and a link as well";
	}
	return NULL;
}

static int order_of_keys(const void *a, const void *b)
{
	const struct conf_subscriber *const *one = a, *const *other = b;

	return memcmp((*one)->key, (*other)->key, CONF_KEY_BYTES);
}

/* Sorted, for there may be tens of thousands. Where memory is short it isn't looked at: the first of the two is served then. */
static bool same_key_twice(const struct conf *conf)
{
	_cleanup_(freep) const struct conf_subscriber **sorted = calloc(conf->n_subscribers + 1, sizeof(*sorted));

	for (size_t i = 0; sorted && i < conf->n_subscribers; i++)
		sorted[i] = &conf->subscribers[i];
	if (sorted)
		qsort(sorted, conf->n_subscribers, sizeof(*sorted), order_of_keys);
	for (size_t i = 1; sorted && i < conf->n_subscribers; i++)
		if (!order_of_keys(&sorted[i - 1], &sorted[i]))
			return true;
	return false;
}

static const char *check_converter(const struct conf *conf)
{
	if (!conf->converter.enabled)
		return conf->n_subscribers ? "there are [subscriber NAME] sections but no [converter]" : NULL;
	if (!conf->converter.n_allow && !conf->n_subscribers)
		return "the converter would be open to the world: add a [subscriber NAME] with a key, or converter.allow";
	if (conf->converter.mapping_least_s > conf->converter.mapping_most_s)
		return "converter.mapping_least_s is more than converter.mapping_most_s";
	for (size_t i = 0; !address_is_unspecified(&conf->converter.mapping_address) && i < conf->converter.n_listen; i++)
		if (conf->converter.listen[i].port >= conf->converter.mapping_ports.first && conf->converter.listen[i].port <= conf->converter.mapping_ports.last)
			return "a port of converter.listen is one of converter.mapping_ports";
	return same_key_twice(conf) ? "two subscribers have the same key; each needs its own (braidctl key)" : NULL;
}

int conf_check(const struct conf *conf, struct conf_error *error, const char *file)
{
	const char *wrong = NULL;

	if (!conf->gateway.enabled && !conf->converter.enabled)
		wrong = "neither [gateway] nor [converter] is there; one of them says what this machine is to be";
	if (!wrong)
		wrong = check_gateway(conf);
	if (!wrong)
		wrong = check_converter(conf);
	if (!wrong)
		return conf_check_rules(conf, error, file);
	snprintf(error->text, sizeof(error->text), "%s: %s", file, wrong);
	return CONF_E_INVALID;
}

/* Whether the key's field is the same in both. Lists and links aren't marked as needing a restart, but for a link's interface. */
static bool same(const struct conf_key *key, const struct conf *a, const struct conf *b)
{
	const void *field_a = (const char *)a + key->offset, *field_b = (const char *)b + key->offset;

	switch (key->type) {
	case CONF_TYPE_UINT:
		return !memcmp(field_a, field_b, sizeof(uint32_t));
	case CONF_TYPE_PORT:
		return !memcmp(field_a, field_b, sizeof(uint16_t));
	case CONF_TYPE_PORTS:
		return !memcmp(field_a, field_b, sizeof(struct conf_ports));
	case CONF_TYPE_NEXT_HOP:
		return address_equal(field_a, field_b);
	case CONF_TYPE_BOOL:
		return *(const bool *)field_a == *(const bool *)field_b;
	case CONF_TYPE_TEXT:
	case CONF_TYPE_PATH:
		return !strcmp(field_a, field_b);
	default:
		return true;
	}
}

static bool same_links(const struct conf *a, const struct conf *b)
{
	if (a->n_links != b->n_links)
		return false;
	for (size_t i = 0; i < a->n_links; i++)
		if (strcmp(a->links[i].name, b->links[i].name) || strcmp(a->links[i].interface, b->links[i].interface))
			return false;
	return true;
}

void conf_restart_needed(const struct conf *running, const struct conf *next, char *out, size_t n_out)
{
	size_t at = 0;

	out[0] = 0;
	for (size_t i = 0; i < n_conf_keys && at < n_out; i++) {
		const struct conf_key *key = &conf_keys[i];

		if (key->restart && key->section != CONF_LINK && !same(key, running, next))
			at += (size_t)snprintf(out + at, n_out - at, "%s%s.%s", at ? ", " : "", conf_section_names[key->section], key->name);
	}
	if (at < n_out && !same_links(running, next))
		at += (size_t)snprintf(out + at, n_out - at, "%slinks", at ? ", " : "");
	if (at < n_out && (running->gateway.enabled != next->gateway.enabled || running->converter.enabled != next->converter.enabled))
		snprintf(out + at, n_out - at, "%sroles", at ? ", " : "");
}
