/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/rule_items.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/util.h"
#include "conf/keys.h"

/* Digits alone, most at most; where they end in *rest. */
static int number_read(const char *word, unsigned int most, unsigned int *out, const char **rest)
{
	unsigned int value = 0;

	if (!isdigit((unsigned char)*word))
		return VALUE_E_INVALID;
	for (; isdigit((unsigned char)*word); word++) {
		value = 10 * value + (unsigned int)(*word - '0');
		if (value > most)
			return VALUE_E_INVALID;
	}
	*out = value;
	*rest = word;
	return 0;
}

static int number_parse(const char *word, unsigned int most, unsigned int *out)
{
	const char *rest;

	return number_read(word, most, out, &rest) || *rest ? VALUE_E_INVALID : 0;
}

int rule_port_add(struct rule *rule, const char *word)
{
	unsigned int first, last;
	const char *rest;

	if (rule->n_ports == RULE_ITEMS)
		return VALUE_E_FULL;
	if (number_read(word, UINT16_MAX, &first, &rest))
		return VALUE_E_INVALID;
	last = first;
	if (*rest && (*rest != '-' || number_parse(rest + 1, UINT16_MAX, &last)))
		return VALUE_E_INVALID;
	if (!first || last < first)
		return VALUE_E_INVALID;
	rule->ports[rule->n_ports++] = (struct rule_ports){ (uint16_t)first, (uint16_t)last };
	return 0;
}

int rule_interface_add(struct rule *rule, const char *word)
{
	if (rule->n_interfaces == RULE_ITEMS)
		return VALUE_E_FULL;
	if (conf_interface_set(rule->interfaces[rule->n_interfaces], word))
		return VALUE_E_INVALID;
	rule->n_interfaces++;
	return 0;
}

/* RFC 2474, 2597, 3246, 5865, 8622. */
static int dscp_parse(const char *word, unsigned int *out)
{
	static const struct { const char *name; unsigned int value; } names[] = {
		{ "be", 0 }, { "le", 1 }, { "cs0", 0 }, { "cs1", 8 }, { "cs2", 16 }, { "cs3", 24 }, { "cs4", 32 },
		{ "cs5", 40 }, { "cs6", 48 }, { "cs7", 56 }, { "af11", 10 }, { "af12", 12 }, { "af13", 14 },
		{ "af21", 18 }, { "af22", 20 }, { "af23", 22 }, { "af31", 26 }, { "af32", 28 }, { "af33", 30 },
		{ "af41", 34 }, { "af42", 36 }, { "af43", 38 }, { "va", 44 }, { "ef", 46 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(names[i].name, word)) {
			*out = names[i].value;
			return 0;
		}
	return number_parse(word, 63, out);
}

int rule_dscp_add(struct rule *rule, const char *word)
{
	unsigned int value;

	if (dscp_parse(word, &value))
		return VALUE_E_INVALID;
	if (rule->dscp == RULE_DSCP_ALL)
		rule->dscp = 0;
	rule->dscp |= 1ull << value;
	return 0;
}

int rule_set_dscp(struct rule *rule, const char *word)
{
	unsigned int value;

	if (!strcmp(word, "copy")) {
		rule->set_dscp = RULE_DSCP_COPY;
		return 0;
	}
	if (dscp_parse(word, &value))
		return VALUE_E_INVALID;
	rule->set_dscp = (int)value;
	return 0;
}

int rule_mac_add(struct rule *rule, const char *word)
{
	uint8_t *mac = rule->macs[rule->n_macs];

	if (rule->n_macs == RULE_ITEMS)
		return VALUE_E_FULL;
	if (strlen(word) != 3 * RULE_MAC_BYTES - 1)
		return VALUE_E_INVALID;
	for (size_t i = 0; i < RULE_MAC_BYTES; i++, word += 3) {
		if (!isxdigit((unsigned char)word[0]) || !isxdigit((unsigned char)word[1]) ||
		    (i + 1 < RULE_MAC_BYTES && word[2] != ':'))
			return VALUE_E_INVALID;
		mac[i] = (uint8_t)strtoul((const char[]){ word[0], word[1], 0 }, NULL, 16);
	}
	rule->n_macs++;
	return 0;
}

int rule_subscriber_add(struct rule *rule, const char *word)
{
	if (rule->n_subscribers == RULE_ITEMS)
		return VALUE_E_FULL;
	if (!conf_name_is_sound(word))
		return VALUE_E_INVALID;
	snprintf(rule->subscribers[rule->n_subscribers++], RULE_NAME_BYTES, "%s", word);
	return 0;
}

static int day_parse(const char *word, size_t n, unsigned int *out)
{
	static const char *const names[] = { "sun", "mon", "tue", "wed", "thu", "fri", "sat" };

	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++)
		if (n == 3 && !memcmp(names[i], word, n)) {
			*out = i;
			return 0;
		}
	return VALUE_E_INVALID;
}

int rule_days_add(struct rule *rule, const char *word)
{
	size_t n = strcspn(word, "-");
	unsigned int day, last;

	if (day_parse(word, n, &day))
		return VALUE_E_INVALID;
	last = day;
	if (word[n] && day_parse(word + n + 1, strlen(word + n + 1), &last))
		return VALUE_E_INVALID;
	if (rule->days == RULE_DAYS_ALL)
		rule->days = 0;
	for (; day != last; day = (day + 1) % 7)   /* fri-mon goes over the weekend */
		rule->days |= (uint8_t)(1u << day);
	rule->days |= (uint8_t)(1u << last);
	return 0;
}

/* "08:30", and "24:00" where a day ends. */
static int minute_read(const char *word, unsigned int *out, const char **rest)
{
	unsigned int hour, minute;

	if (number_read(word, 24, &hour, rest) || *rest != word + 2 || **rest != ':')
		return VALUE_E_INVALID;
	word += 3;
	if (number_read(word, 59, &minute, rest) || *rest != word + 2 || (hour == 24 && minute))
		return VALUE_E_INVALID;
	*out = 60 * hour + minute;
	return 0;
}

int rule_time_set(struct rule *rule, const char *word)
{
	unsigned int from, to;

	if (minute_read(word, &from, &word) || *word != '-' || minute_read(word + 1, &to, &word) || *word)
		return VALUE_E_INVALID;
	if (from == RULE_DAY_MINUTES || from == to)
		return VALUE_E_INVALID;
	rule->from_minute = (uint16_t)from;
	rule->to_minute = (uint16_t)to;
	return 0;
}

int rule_priority_set(struct rule *rule, const char *word)
{
	unsigned int value;

	if (number_parse(word, 6, &value))
		return VALUE_E_INVALID;
	rule->priority = (int)value;
	return 0;
}

/* Letters, digits, '-', '_' and dots between them. */
static bool host_is_sound(const char *name)
{
	for (bool dot = true; ; name++) {
		if (dot && (!*name || *name == '.'))
			return false;
		if (!*name)
			return true;
		if (!isalnum((unsigned char)*name) && !strchr("-_.", *name))
			return false;
		dot = *name == '.';
	}
}

int rule_tls_name_add(struct rule *rule, const char *word)
{
	char *name;

	if (rule->n_tls_names == RULE_ITEMS)
		return VALUE_E_FULL;
	if (strlen(word) >= RULE_TLS_NAME_BYTES || !host_is_sound(word + (strncmp(word, "*.", 2) ? 0 : 2)))
		return VALUE_E_INVALID;
	if (!rule->tls_names)
		rule->tls_names = calloc(RULE_ITEMS, sizeof(*rule->tls_names));
	if (!rule->tls_names)
		return -ENOMEM;
	name = rule->tls_names[rule->n_tls_names++];
	for (size_t i = 0; word[i]; i++)
		name[i] = (char)tolower((unsigned char)word[i]);
	return 0;
}
