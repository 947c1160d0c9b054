/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/util.h"
#include "conf/keys.h"

#define LIST_SEPARATORS ", \t"


static int uint_set(const struct conf_key *key, uint32_t *out, const char *text)
{
	char *end;
	unsigned long long value;

	if (text[0] < '0' || text[0] > '9')
		return VALUE_E_INVALID;
	errno = 0;
	value = strtoull(text, &end, strncmp(text, "0x", 2) ? 10 : 16);
	if (*end || errno || value < key->min || value > key->max)
		return VALUE_E_INVALID;
	*out = (uint32_t)value;
	return 0;
}

static int bytes_set(uint64_t *out, const char *text)
{
	static const char powers[] = "kMGT";
	const char *power;
	char *end;
	unsigned long long value, unit = 1;

	if (text[0] < '0' || text[0] > '9')
		return VALUE_E_INVALID;
	errno = 0;
	value = strtoull(text, &end, 10);
	power = *end ? strchr(powers, *end) : NULL;
	for (const char *p = powers; power && p <= power; p++)
		unit *= 1000;
	if (errno || (*end && (!power || end[1])) || value > CONF_BYTES_MOST / unit)
		return VALUE_E_INVALID;
	*out = value * unit;
	return 0;
}

static int port_set(uint16_t *out, const char *text)
{
	const struct conf_key range = { .min = 1, .max = UINT16_MAX };
	uint32_t value;
	int r = uint_set(&range, &value, text);

	if (!r)
		*out = (uint16_t)value;
	return r;
}

static int bool_set(bool *out, const char *text)
{
	*out = !strcmp(text, "yes");
	return *out || !strcmp(text, "no") ? 0 : VALUE_E_INVALID;
}

static int text_set(const struct conf_key *key, char *out, const char *text)
{
	if (strlen(text) >= key->max || (key->required && !*text))
		return VALUE_E_INVALID;
	snprintf(out, key->max, "%s", text);
	return 0;
}

static int path_set(const struct conf_key *key, char *out, const char *text)
{
	return text[0] == '/' ? text_set(key, out, text) : VALUE_E_INVALID;
}

static int ports_set(struct conf_ports *out, const char *text)
{
	char first[8];
	size_t n = strcspn(text, "-");
	struct conf_ports ports;

	if (!text[n] || n >= sizeof(first))
		return VALUE_E_INVALID;
	snprintf(first, sizeof(first), "%.*s", (int)n, text);
	if (port_set(&ports.first, first) || port_set(&ports.last, text + n + 1) || ports.first > ports.last)
		return VALUE_E_INVALID;
	*out = ports;
	return 0;
}

/* key->min is the family: 4, 6, or 0 for either, which then names somebody. */
static int ip_set(const struct conf_key *key, struct address *out, const char *text)
{
	struct address ip;

	if (address_parse(&ip, text, 0) || ip.port ||
	    (key->min ? address_is_v4(&ip) != (key->min == 4) : address_is_unspecified(&ip)))
		return VALUE_E_INVALID;
	*out = ip;
	return 0;
}

static int prefix_set(const struct conf_key *key, struct prefix *out, const char *text)
{
	struct prefix prefix;

	if (prefix_parse(&prefix, text) || !strchr(text, '/') || (strchr(text, ':') == NULL) != (key->min == 4))
		return VALUE_E_INVALID;
	*out = prefix;
	return 0;
}

static int endpoint_set(struct address *out, const char *text)
{
	struct address endpoint;

	if (address_parse(&endpoint, text, 0) || !endpoint.port || address_is_unspecified(&endpoint))
		return VALUE_E_INVALID;
	*out = endpoint;
	return 0;
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int key_set(uint8_t *out, const char *text)
{
	if (strlen(text) != 2 * CONF_KEY_BYTES)
		return VALUE_E_INVALID;
	for (size_t i = 0; i < CONF_KEY_BYTES; i++) {
		int high = nibble(text[2 * i]), low = nibble(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return VALUE_E_INVALID;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

static int choice_set(const struct conf_key *key, uint32_t *out, const char *text)
{
	for (uint32_t i = 0; key->choices[i]; i++)
		if (!strcmp(text, key->choices[i])) {
			*out = i;
			return 0;
		}
	return VALUE_E_INVALID;
}

static int choice_add(const struct conf_key *key, uint32_t *out, const char *item)
{
	uint32_t choice;
	int r = choice_set(key, &choice, item);

	if (!r)
		*out |= 1u << choice;
	return r;
}

static int address_add(const struct conf_key *key, struct address *list, size_t *n, const char *item)
{
	if (*n >= key->max || address_parse(&list[*n], item, key->min ? (uint16_t)key->min : CONF_PORT_CONVERT))
		return VALUE_E_INVALID;
	++*n;
	return 0;
}

static int converter_add(const struct conf_key *key, struct conf_gateway *gateway, const char *item)
{
	if (strcmp(item, "dhcp"))
		return address_add(key, gateway->converter, &gateway->n_converter, item);
	gateway->dhcp = true;
	return 0;
}

static int ip_add(const struct conf_key *key, struct address *list, size_t *n, const char *item)
{
	if (*n >= key->max || address_parse(&list[*n], item, 0) || list[*n].port)
		return VALUE_E_INVALID;
	++*n;
	return 0;
}

/* Names go into paths of sysctls and rules of the packet filter: what could mean something there is no name. */
int conf_interface_set(char out[CONF_INTERFACE_BYTES], const char *text)
{
	size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:@-+");

	if (!n || text[n] || n >= CONF_INTERFACE_BYTES || !strcmp(text, ".") || !strcmp(text, ".."))
		return VALUE_E_INVALID;
	snprintf(out, CONF_INTERFACE_BYTES, "%s", text);
	return 0;
}

static int interface_add(const struct conf_key *key, char (*list)[CONF_INTERFACE_BYTES], size_t *n, const char *item)
{
	if (*n >= key->max || conf_interface_set(list[*n], item))
		return VALUE_E_INVALID;
	++*n;
	return 0;
}

int conf_prefix_add(struct prefix **list, size_t *n, const char *item)
{
	struct prefix prefix, *more;

	if (prefix_parse(&prefix, item))
		return VALUE_E_INVALID;
	if (!(*n & (*n - 1))) {   /* there is room up to the next power of two */
		more = reallocarray(*list, *n ? 2 * *n : 1, sizeof(**list));
		if (!more)
			return -ENOMEM;
		*list = more;
	}
	(*list)[(*n)++] = prefix;
	return 0;
}

bool conf_name_is_sound(const char *name)
{
	return *name && strlen(name) < CONF_NAME_BYTES &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == strlen(name);
}

/* One set of our own has a name that a list's set could have, too. */
bool conf_list_name_is_sound(const char *name)
{
	return isalpha((unsigned char)name[0]) && conf_name_is_sound(name) && strcmp(name, "accepted") != 0;
}

static bool is_sound(const char *text, const char *sound, size_t n_most_bytes)
{
	return *text && strlen(text) < n_most_bytes && strspn(text, sound) == strlen(text);
}

#define LETTERS_AND_DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

static int name_add(const struct conf_key *key, char (*list)[OWN_NAME_BYTES], size_t *n, const char *item)
{
	if (*n >= key->max || !is_sound(item, LETTERS_AND_DIGITS "._-", OWN_NAME_BYTES))
		return VALUE_E_INVALID;
	snprintf(list[(*n)++], OWN_NAME_BYTES, "%s", item);
	return 0;
}

/* They are written into rules of the packet filter, and become a path. */
static int cgroup_add(const struct conf_key *key, char (*list)[OWN_CGROUP_BYTES], size_t *n, const char *item)
{
	if (*n >= key->max || !is_sound(item, LETTERS_AND_DIGITS "._-:@/", OWN_CGROUP_BYTES) || item[0] == '/' ||
	    item[strlen(item) - 1] == '/' || strstr(item, "//") || strstr(item, ".."))
		return VALUE_E_INVALID;
	snprintf(list[(*n)++], OWN_CGROUP_BYTES, "%s", item);
	return 0;
}

static int port_add(const struct conf_key *key, struct rule_ports *list, size_t *n, const char *item)
{
	struct conf_ports range;

	if (*n >= key->max || (strchr(item, '-') ? ports_set(&range, item) : port_set(&range.first, item)))
		return VALUE_E_INVALID;
	list[(*n)++] = (struct rule_ports){ range.first, strchr(item, '-') ? range.last : range.first };
	return 0;
}

static int item_add(const struct conf_key *key, void *field, size_t *n, const char *item)
{
	if (key->type == CONF_TYPE_NAMES)
		return name_add(key, field, n, item);
	if (key->type == CONF_TYPE_CGROUPS)
		return cgroup_add(key, field, n, item);
	if (key->type == CONF_TYPE_PORT_LIST)
		return port_add(key, field, n, item);
	if (key->type == CONF_TYPE_ADDRESSES)
		return address_add(key, field, n, item);
	if (key->type == CONF_TYPE_CONVERTERS)
		return converter_add(key, field, item);
	if (key->type == CONF_TYPE_IPS)
		return ip_add(key, field, n, item);
	if (key->type == CONF_TYPE_INTERFACES)
		return interface_add(key, field, n, item);
	if (key->type == CONF_TYPE_CHOICES)
		return choice_add(key, field, item);
	return conf_prefix_add(field, n, item);
}

static int list_set(const struct conf_key *key, void *field, size_t *n, const char *text)
{
	_cleanup_(freep) char *copy = strdup(text);
	char *rest = NULL;
	int r = copy ? 0 : -ENOMEM;

	if (copy && !text[strspn(text, LIST_SEPARATORS)])   /* commas alone are no list either */
		return VALUE_E_INVALID;
	for (char *item = copy ? strtok_r(copy, LIST_SEPARATORS, &rest) : NULL; item && !r;
	     item = strtok_r(NULL, LIST_SEPARATORS, &rest))
		r = item_add(key, field, n, item);
	return r;
}

static void note_given(const struct conf_key *key, bool *given)
{
	if (key->n_offset)
		*given = true;
}

int conf_value_set(const struct conf_key *key, void *base, const char *text)
{
	void *field = (char *)base + key->offset, *beside = (char *)base + key->n_offset;

	switch (key->type) {
	case CONF_TYPE_UINT:
		return uint_set(key, field, text);
	case CONF_TYPE_BYTES:
		return bytes_set(field, text);
	case CONF_TYPE_PORT:
		return port_set(field, text);
	case CONF_TYPE_BOOL:
		return bool_set(field, text);
	case CONF_TYPE_TEXT:
		return text_set(key, field, text);
	case CONF_TYPE_KEY:
		note_given(key, beside);
		return key_set(field, text);
	case CONF_TYPE_CHOICE:
		return choice_set(key, field, text);
	case CONF_TYPE_IP:
		note_given(key, beside);
		return ip_set(key, field, text);
	case CONF_TYPE_PREFIX:
		note_given(key, beside);
		return prefix_set(key, field, text);
	case CONF_TYPE_ENDPOINT:
		return endpoint_set(field, text);
	case CONF_TYPE_PORTS:
		return ports_set(field, text);
	case CONF_TYPE_PATH:
		return path_set(key, field, text);
	case CONF_TYPE_INTERFACE:
		return conf_interface_set(field, text);
	case CONF_TYPE_ADDRESSES:
	case CONF_TYPE_CONVERTERS:
	case CONF_TYPE_IPS:
	case CONF_TYPE_INTERFACES:
	case CONF_TYPE_PREFIXES:
	case CONF_TYPE_CHOICES:
	case CONF_TYPE_NAMES:
	case CONF_TYPE_CGROUPS:
	case CONF_TYPE_PORT_LIST:
		return list_set(key, field, beside, text);
	case CONF_TYPE_PREFIX_FILE:
	case CONF_TYPE_RULES:
		break;
	}
	return VALUE_E_INVALID;
}

/* "a, b or c". */
static void choices_text(const char *const *choices, const char *before, char *out, size_t n_out)
{
	size_t n = (size_t)snprintf(out, n_out, "%s", before);

	for (size_t i = 0; choices[i] && n < n_out; i++)
		n += (size_t)snprintf(out + n, n_out - n, "%s%s", !i ? "" : choices[i + 1] ? ", " : " or ", choices[i]);
}

void conf_value_wanted(const struct conf_key *key, char *out, size_t n_out)
{
	static const char *const wanted[] = {
		[CONF_TYPE_BYTES] = "a number of bytes like 50G, at most 1000000T; k, M, G and T are powers of 1000",
		[CONF_TYPE_PORT] = "1..65535", [CONF_TYPE_BOOL] = "yes or no",
		[CONF_TYPE_KEY] = "64 hex digits (braidctl key prints a new one)",
		[CONF_TYPE_IP] = "an IP address without a port, of the key's family",
		[CONF_TYPE_PREFIX] = "a prefix like 2001:db8:7::/48, of the key's family, without bits behind its "
				     "length",
		[CONF_TYPE_ENDPOINT] = "an IP address with a port, like 192.0.2.1:443 or [2001:db8::1]:443",
		[CONF_TYPE_PORTS] = "a range of ports like 20000-29999", [CONF_TYPE_PATH] = "a path that begins with /",
		[CONF_TYPE_INTERFACE] = "the name of a network interface: at most 15 letters, digits and ._:@-+",
		[CONF_TYPE_PREFIXES] = "prefixes like 192.0.2.0/24, 2001:db8::/32, without bits behind their length",
		[CONF_TYPE_PREFIX_FILE] = "a path that begins with /",
		[CONF_TYPE_RULES] = "[NAME:] bond, bypass, link NAME or reject, then what it matches: from "
				    "PREFIX,@LIST to PREFIX,@LIST port N,N-N interface NAME dscp N mac MAC subscriber "
				    "NAME time HH:MM-HH:MM days mon-fri tls NAME, and how: auto, faithful or early, "
				    "set-dscp N, priority N",
	};

	if (key->type == CONF_TYPE_UINT)
		snprintf(out, n_out, "%u..%u", key->min, key->max);
	else if (key->type == CONF_TYPE_CHOICE)
		choices_text(key->choices, "", out, n_out);
	else if (key->type == CONF_TYPE_CHOICES)
		choices_text(key->choices, "some of ", out, n_out);
	else if (key->type == CONF_TYPE_TEXT)
		snprintf(out, n_out, "a text of %u to %u bytes", key->required ? 1u : 0u, key->max - 1);
	else if (key->type == CONF_TYPE_ADDRESSES)
		snprintf(out, n_out, "at most %u addresses like 192.0.2.1, 192.0.2.1:5124, [2001:db8::1]:5124",
			 key->max);
	else if (key->type == CONF_TYPE_CONVERTERS)
		snprintf(out, n_out, "at most %u addresses like 192.0.2.1, 192.0.2.1:5124, [2001:db8::1]:5124, and "
				     "dhcp", key->max);
	else if (key->type == CONF_TYPE_IPS)
		snprintf(out, n_out, "at most %u addresses without ports, like 192.0.2.1, 2001:db8::1", key->max);
	else if (key->type == CONF_TYPE_INTERFACES)
		snprintf(out, n_out, "at most %u interface names", key->max);
	else if (key->type == CONF_TYPE_NAMES)
		snprintf(out, n_out, "at most %u names of letters, digits, '.', '_', '-', or numbers", key->max);
	else if (key->type == CONF_TYPE_CGROUPS)
		snprintf(out, n_out, "at most %u paths below the root of the control groups, of letters, digits and "
				     "._-:@, like system.slice/backup.service", key->max);
	else if (key->type == CONF_TYPE_PORT_LIST)
		snprintf(out, n_out, "at most %u ports and ranges of them, like 443, 8000-8100", key->max);
	else
		snprintf(out, n_out, "%s", wanted[key->type]);
}
