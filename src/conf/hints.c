/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/hints.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* A blank that doesn't break, a typographer's quotation mark: what comes along from a web page. */
static bool is_plain(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text >= 0x80)
			return false;
	return true;
}

static bool takes_addresses(const struct conf_key *key)
{
	return key->type == CONF_TYPE_ADDRESSES || key->type == CONF_TYPE_CONVERTERS || key->type == CONF_TYPE_IPS ||
	       key->type == CONF_TYPE_IP || key->type == CONF_TYPE_ENDPOINT;
}

/* With a dot, and a letter that no address has, but for an interface's name. */
static bool has_host_name(const char *value)
{
	if (!strchr(value, '.') || strchr(value, '%') || strstr(value, "dhcp"))
		return false;
	for (; *value; value++)
		if (tolower((unsigned char)*value) > 'f' && tolower((unsigned char)*value) <= 'z')
			return true;
	return false;
}

const char *hint_of_value(const struct conf_key *key, const char *value, char out[HINT_BYTES])
{
	const char *hint = "";

	if (key->type == CONF_TYPE_TEXT)   /* may have all of these */
		hint = "";
	else if (!is_plain(value))
		hint = " (something in it isn't ASCII)";
	else if (*value == '"' || *value == '\'')
		hint = " (values have no quotation marks)";
	else if (takes_addresses(key) && has_host_name(value))
		hint = " (names aren't looked up)";
	snprintf(out, HINT_BYTES, "%s", hint);
	if (!*hint && key->type == CONF_TYPE_KEY)
		snprintf(out, HINT_BYTES, " (%zu characters)", strlen(value));
	return out;
}

const char *hint_of_name(const char *name, char out[HINT_BYTES])
{
	bool told[CONF_N_SECTIONS] = { false };
	size_t at = 0;

	if (!is_plain(name)) {
		snprintf(out, HINT_BYTES, " (something in it isn't ASCII)");
		return out;
	}
	out[0] = 0;
	for (size_t i = 0; i < n_conf_keys && at < HINT_BYTES; i++) {
		enum conf_section section = conf_keys[i].section;

		if (strcmp(conf_keys[i].name, name) || told[section])
			continue;
		told[section] = true;
		at += (size_t)snprintf(out + at, HINT_BYTES - at, "%s[%s%s]", at ? ", " : ", which is one of ",
				       conf_section_names[section], conf_section_is_named(section) ? " NAME" : "");
	}
	return out;
}
