/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/dhcp_command.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "net/own_address.h"
#include "policy/admit.h"
#include "role/braid_parts.h"
#include "role/log.h"
#include "wire/dhcp.h"

#define VALUE_BYTES 1024          /* of an option, RFC 3396's long ones too */
#define LIFETIME_MOST_S 0xffffffffull   /* which is for ever */
#define NONE "-"

/* What is said, read. */
struct said {
	size_t link;
	bool v6;
	struct provisions_address addresses[DHCP_ADDRESSES];
	size_t n, n_left_out;
	uint64_t until_us;
};

static const char *text_of(const json_t *arguments, const char *name)
{
	const char *text = json_string_value(json_object_get(arguments, name));

	return text ? text : "";
}

/* By its name, or its interface's. n_links: none. */
static size_t find_link(const struct conf *conf, const char *name)
{
	size_t i = 0;

	while (i < conf->n_links && strcmp(conf->links[i].name, name) && strcmp(conf->links[i].interface, name))
		i++;
	return i;
}

/* Where no converter can be: nobody is, or we are ourselves. */
static bool is_useless(const struct address *address)
{
	struct address with_port = *address;

	with_port.port = CONF_PORT_CONVERT;
	return admit_is_no_peer(&with_port) || net_is_own_address(address);
}

static bool read_option(struct said *said, const char *hex)
{
	struct dhcp_converters converters;
	uint8_t value[VALUE_BYTES];
	size_t n_value;
	const char *end;

	if (!strcmp(hex, NONE))
		return true;
	if (sodium_hex2bin(value, sizeof(value), hex, strlen(hex), ": ", &n_value, &end) || *end ||
	    (said->v6 ? dhcp_v6_get : dhcp_v4_get)(&converters, value, n_value))
		return false;
	said->n_left_out = converters.n_left_out;
	for (size_t i = 0; i < converters.n; i++) {
		if (is_useless(&converters.at[i].address))
			said->n_left_out++;
		else
			said->addresses[said->n++] = (struct provisions_address){ converters.at[i].converter,
										  converters.at[i].address };
	}
	return true;
}

/* Seconds; nothing, or all bits, is for ever. */
static bool read_lifetime(struct said *said, const char *text, uint64_t now_us)
{
	char *end;
	unsigned long long lifetime_s = *text ? strtoull(text, &end, 10) : LIFETIME_MOST_S;

	if (*text && (*text < '0' || *text > '9' || *end || lifetime_s > LIFETIME_MOST_S))
		return false;
	said->until_us = lifetime_s == LIFETIME_MOST_S ? CLOCK_NEVER_US : now_us + lifetime_s * US_PER_S;
	if (!lifetime_s)
		said->n = 0;
	return true;
}

/* NULL: it is read; else what is wrong with it. */
static const char *read_all(const struct braid *braid, const json_t *arguments, struct said *said)
{
	const struct conf *conf = braid->holder->conf;
	const char *family = text_of(arguments, "family");

	if (!braid->upstreams || !conf->gateway.dhcp)
		return "what DHCP says of converters isn't used: gateway.converter doesn't have dhcp in it";
	said->link = find_link(conf, text_of(arguments, "link"));
	if (said->link == conf->n_links)
		return "argument 'link': wanted the name of a [link NAME], or its interface's";
	if (!conf->links[said->link].dhcp)
		return "what this link's DHCP says isn't believed: link.dhcp = no";
	if (strcmp(family, "4") && strcmp(family, "6"))
		return "argument 'family': wanted 4 or 6, of DHCPv4 or DHCPv6";
	said->v6 = family[0] == '6';
	if (!read_option(said, text_of(arguments, "option")))
		return "argument 'option': wanted the option's value in hex digits (lists of IPv4 addresses, each with "
		       "its length in bytes before it; or IPv6 addresses), or -";
	return read_lifetime(said, text_of(arguments, "lifetime_s"), loop_now_us(braid->loop)) ? NULL :
	       "argument 'lifetime_s': wanted a number of seconds";
}

void dhcp_run(void *context, struct control_call call, const json_t *arguments)
{
	struct braid *braid = context;
	struct said said = { .n = 0 };
	const char *wrong = read_all(braid, arguments, &said), *link;
	char reason[320];
	int r;

	if (wrong) {
		control_refuse(call, "%s", wrong);
		return;
	}
	link = braid->holder->conf->links[said.link].name;
	r = braid_provision(braid, said.link, said.v6, said.addresses, said.n, said.until_us, reason, sizeof(reason));
	if (r) {
		control_refuse(call, "%s", reason);
		return;
	}
	snprintf(reason, sizeof(reason), "%s's DHCPv%d tells of %zu address%s of converters", link, said.v6 ? 6 : 4,
		 said.n, said.n == 1 ? "" : "es");
	if (said.n_left_out)
		snprintf(reason + strlen(reason), sizeof(reason) - strlen(reason),
			 "; left out: %zu, beyond what is kept, or where nobody can be", said.n_left_out);
	log_info("%s", reason);
	control_answer(call, json_pack("{s:s}", "message", reason));
}
