/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/check.h"

#include <stdio.h>
#include <string.h>
#include "base/util.h"
#include "conf/keys.h"
#include "conf/upstreams.h"
#include "policy/forwards.h"

static bool has_link(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->n_links; i++)
		if (!strcmp(conf->links[i].name, name))
			return true;
	return false;
}

/* What a gateway asks its converter for. NULL when it is fine, else what is wrong and what to do; here and below. */
static const char *check_asked(const struct conf *conf)
{
	if (conf->n_asked && !conf->gateway.enabled)
		return "a [forward NAME] at a converter needs a subscriber";
	if (conf->n_asked && (!conf->gateway.has_key || !conf->gateway.inbound))
		return "a [forward NAME] needs gateway.key, for the converter to know whose it is, and gateway.inbound";
	if (conf->n_asked && conf->gateway.signalling == CONF_SIGNALLING_ROUTE)
		return "a [forward NAME] asks the converter, and with gateway.signalling = route there is none to ask";
	for (size_t i = 0; i < conf->n_asked; i++) {
		const struct conf_forward *forward = &conf->asked[i];

		if (forward->listen.port)
			return "listen is of a converter's [forward NAME], which names a subscriber; a gateway's has "
			       "external_port";
		if (!forward->port)
			return "a gateway's [forward NAME] needs port, the host's";
		if (forward->accept != CONF_FORWARD_EARLY)
			return "accept is of a converter's [forward NAME]; what a gateway asks for is early";
		for (size_t j = 0; j < i; j++)
			if (conf->asked[j].port == forward->port &&
			    address_equal_ip(&conf->asked[j].host, &forward->host))
				return "two [forward NAME] sections have the same host and port";
	}
	return NULL;
}

static const char *check_signalling(const struct conf *conf)
{
	const struct conf_gateway *gateway = &conf->gateway;

	if (gateway->signalling != CONF_SIGNALLING_ROUTE) {
		if (gateway->route_link[0])
			return "gateway.route_link is for signalling = route";
		return upstreams_check(conf);
	}
	if (conf->n_upstreams || gateway->dhcp)
		return "with gateway.signalling = route the converter has no address for us: it stands on the way; "
		       "take gateway.converter and [upstream NAME] out";
	if (gateway->port_mapping)
		return "gateway.port_mapping asks the converter, and with gateway.signalling = route there is none to "
		       "ask";
	if (gateway->route_link[0] && !has_link(conf, gateway->route_link))
		return "gateway.route_link names a link that there is no [link NAME] section for";
	return NULL;
}

static bool is_loopback(const struct address *a)
{
	static const struct prefix loopback[] = { { { [10] = 0xff, 0xff, 127 }, 104 }, { { [15] = 1 }, 128 } };

	return prefix_contains(&loopback[0], a) || prefix_contains(&loopback[1], a);
}

/* Where the converter itself is to be reached. [::] takes IPv4, too. */
static bool is_listened_on(const struct conf *conf, const struct address *a)
{
	for (size_t i = 0; i < conf->converter.n_listen; i++) {
		const struct address *listen = &conf->converter.listen[i];
		bool any = address_is_unspecified(listen) && (!address_is_v4(listen) || address_is_v4(a));

		if (listen->port == a->port && (any || address_equal_ip(listen, a)))
			return true;
	}
	return false;
}

static const char *check_socks(const struct conf *conf)
{
	for (size_t i = 0; i < conf->host.n_socks; i++) {
		const struct address *socks = &conf->host.socks[i];

		if (!conf->host.socks_open && !is_loopback(socks))
			return "host.socks has an address that other machines can connect to; 127.0.0.1 and [::1] are "
			       "this machine's alone, host.socks_open = yes takes any";
		if (socks->port == conf->gateway.intercept_port)
			return "host.socks has the port of gateway.intercept_port, to which nobody can connect";
		if (conf->converter.enabled && is_listened_on(conf, socks))
			return "host.socks has an address and port that converter.listen has, too";
	}
	return NULL;
}

static bool is_open_to_all(const struct conf_host *host)
{
	for (size_t i = 0; !host->socks_user[0] && i < host->n_socks; i++)
		if (!is_loopback(&host->socks[i]))
			return true;
	return false;
}

static const char *check_host(const struct conf *conf)
{
	const struct conf_host *host = &conf->host;

	if (own_chooses(&host->choice) && !conf->gateway.plumbing)
		return "with gateway.plumbing = no this machine's own connections don't come to us; host.socks is what "
		       "is left of [host]";
	if (host->enabled && !own_chooses(&host->choice) && !host->n_socks)
		return "the [host] section chooses no connections: host.all = yes, or users, groups, cgroups, ports, "
		       "to or socks";
	if (!host->socks_user[0] != !host->socks_password[0])
		return "host.socks_user and host.socks_password go together";
	return NULL;
}

static const char *check_gateway(const struct conf *conf)
{
	const char *wrong;

	if (conf->host.enabled && !conf->gateway.enabled)
		return "a [host] needs a [gateway] section, which says where the converter is; without gateway.lan it "
		       "serves nobody else";
	wrong = check_host(conf);
	if (!wrong)
		wrong = check_socks(conf);
	if (wrong)
		return wrong;
	if (!conf->gateway.enabled)
		return conf->n_links ? "there are [link NAME] sections but no [gateway]" :
		conf->n_upstreams ? "there are [upstream NAME] sections but no [gateway]" : NULL;
	if (!conf->gateway.n_lan && !conf->host.enabled)
		return "gateway.lan is missing: the interfaces whose hosts' TCP connections are bonded; or a [host] "
		       "section for this machine's own";
	if (!conf->n_links)
		return "a gateway needs a [link NAME] section for each of its uplinks";
	wrong = check_signalling(conf);
	if (wrong)
		return wrong;
	if (!(conf->gateway.fwmark & 0xffff))   /* path/marks.h makes others of it by its upper half */
		return "gateway.fwmark needs one of its lower 16 bits set";
	if (conf->gateway.port_mapping && !conf->gateway.inbound)
		return "gateway.port_mapping lets hosts ask to be reached from outside, and gateway.inbound lets "
		       "nobody through";
	if (!conf->gateway.user[0] != !conf->gateway.password[0])
		return "gateway.user and gateway.password go together";
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

/* Sorted, for there may be tens of thousands. Where memory is short it isn't looked at: the first of the two is
 * served then. */
static bool same_key_twice(const struct conf *conf)
{
	_cleanup_(freep) const struct conf_subscriber **sorted = calloc(conf->n_subscribers + 1, sizeof(*sorted));
	size_t n = 0;

	for (size_t i = 0; sorted && i < conf->n_subscribers; i++)
		if (conf->subscribers[i].has_key)
			sorted[n++] = &conf->subscribers[i];
	if (sorted)
		qsort(sorted, n, sizeof(*sorted), order_of_keys);
	for (size_t i = 1; i < n; i++)
		if (!order_of_keys(&sorted[i - 1], &sorted[i]))
			return true;
	return false;
}

static bool has_stranger(const struct conf *conf)
{
	for (size_t i = 0; i < conf->n_subscribers; i++)
		if (!conf->subscribers[i].has_key && !conf->subscribers[i].password[0] &&
		    !conf->subscribers[i].n_clients)
			return true;
	return false;
}

static int order_of_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool has_subscriber(const char *const *sorted, size_t n, const struct conf_forward *forward)
{
	const char *name = forward->subscriber;

	return bsearch(&name, sorted, n, sizeof(*sorted), order_of_names);
}

static const char *check_each_forward(const struct conf *conf, const char *const *names, struct forward *list)
{
	for (size_t i = 0; i < conf->n_forwards; i++) {
		const struct conf_forward *forward = &conf->forwards[i];

		if (!has_subscriber(names, conf->n_subscribers, forward))
			return "a [forward NAME] is for a subscriber that no [subscriber NAME] section describes";
		if (!forward->listen.port)
			return "a [forward NAME] with a subscriber needs listen";
		if (forward->external_port)
			return "external_port is of a gateway's [forward NAME]; a converter's has listen";
		if (is_listened_on(conf, &forward->listen))
			return "a [forward NAME] has an address and port that converter.listen has, too";
		list[i] = (struct forward){ .external = forward->listen };
	}
	return NULL;
}

/* NULL also where memory is short: the same is found when they are put in place. */
static const char *check_forwards(const struct conf *conf)
{
	_cleanup_(freep) const char **names = calloc(conf->n_subscribers + 1, sizeof(*names));
	_cleanup_(freep) struct forward *list = calloc(conf->n_forwards + 1, sizeof(*list));
	_cleanup_(forwards_freep) struct forwards *forwards = NULL;
	const char *wrong;

	if (!names || !list)
		return NULL;
	for (size_t i = 0; i < conf->n_subscribers; i++)
		names[i] = conf->subscribers[i].name;
	qsort(names, conf->n_subscribers, sizeof(*names), order_of_names);
	wrong = check_each_forward(conf, names, list);
	if (!wrong && forwards_new(list, conf->n_forwards, &forwards) == FORWARDS_E_TWICE)
		wrong = "two [forward NAME] sections listen on the same address and port";
	return wrong;
}

static bool is_among(const struct conf_ports *ports, uint16_t port)
{
	return port >= ports->first && port <= ports->last;
}

static const char *check_converter(const struct conf *conf)
{
	if (!conf->converter.enabled && conf->n_forwards)
		return "there are [forward NAME] sections but no [converter]";
	if (!conf->converter.enabled)
		return conf->n_subscribers ? "there are [subscriber NAME] sections but no [converter]" : NULL;
	if (!conf->converter.n_allow && !conf->n_subscribers)
		return "the converter would be open to the world: add a [subscriber NAME] with a key, or "
		       "converter.allow";
	if (conf->converter.mapping_least_s > conf->converter.mapping_most_s)
		return "converter.mapping_least_s is more than converter.mapping_most_s";
	for (size_t i = 0; conf_gives_mappings(conf) && i < conf->converter.n_listen; i++)
		if (is_among(&conf->converter.mapping_ports, conf->converter.listen[i].port))
			return "a port of converter.listen is one of converter.mapping_ports";
	for (size_t i = 0; i < conf->converter.n_listen; i++)
		if (is_among(&conf->converter.bind_ports, conf->converter.listen[i].port))
			return "a port of converter.listen is one of converter.bind_ports";
	if (conf_gives_mappings(conf) && conf->converter.bind_ports.first <= conf->converter.mapping_ports.last &&
	    conf->converter.bind_ports.last >= conf->converter.mapping_ports.first)
		return "converter.bind_ports and converter.mapping_ports have ports in common: what is given to one "
		       "subscriber could be another's";
	if (has_stranger(conf))
		return "a subscriber has neither a key nor a password nor clients: nothing tells who he is";
	if (same_key_twice(conf))
		return "two subscribers have the same key; each needs its own (braidctl key)";
	return check_forwards(conf);
}

int conf_check(const struct conf *conf, struct conf_error *error, const char *file)
{
	const char *wrong = NULL;

	if (!conf->gateway.enabled && !conf->converter.enabled && !conf->host.enabled)
		wrong = "neither [gateway] nor [converter] is there; one of them says what this machine is to be";
	if (!wrong)
		wrong = check_gateway(conf);
	if (!wrong)
		wrong = check_asked(conf);
	if (!wrong)
		wrong = check_converter(conf);
	if (!wrong) {
		int r = conf_check_addresses(conf, error, file);

		if (!r)
			r = conf_check_intercept(conf, error, file);
		return r ? r : conf_check_rules(conf, error, file);
	}
	snprintf(error->text, sizeof(error->text), "%s: %s", file, wrong);
	return CONF_E_INVALID;
}

/* Whether the key's field is the same in both. The types at the end have no key that is marked as needing a restart,
 * but for a link's interface. */
static bool same(const struct conf_key *key, const struct conf *a, const struct conf *b)
{
	const void *field_a = (const char *)a + key->offset, *field_b = (const char *)b + key->offset;

	switch (key->type) {
	case CONF_TYPE_UINT:
	case CONF_TYPE_CHOICE:
	case CONF_TYPE_CHOICES:
		return !memcmp(field_a, field_b, sizeof(uint32_t));
	case CONF_TYPE_PORT:
		return !memcmp(field_a, field_b, sizeof(uint16_t));
	case CONF_TYPE_PORTS:
		return !memcmp(field_a, field_b, sizeof(struct conf_ports));
	case CONF_TYPE_BYTES:
		return !memcmp(field_a, field_b, sizeof(uint64_t));
	case CONF_TYPE_IP:
		return address_equal(field_a, field_b);
	case CONF_TYPE_BOOL:
		return *(const bool *)field_a == *(const bool *)field_b;
	case CONF_TYPE_TEXT:
	case CONF_TYPE_PATH:
		return !strcmp(field_a, field_b);
	case CONF_TYPE_KEY:
	case CONF_TYPE_PREFIX:
	case CONF_TYPE_ENDPOINT:
	case CONF_TYPE_INTERFACE:
	case CONF_TYPE_ADDRESSES:
	case CONF_TYPE_CONVERTERS:
	case CONF_TYPE_IPS:
	case CONF_TYPE_INTERFACES:
	case CONF_TYPE_PREFIXES:
	case CONF_TYPE_PREFIX_FILE:
	case CONF_TYPE_NAMES:
	case CONF_TYPE_CGROUPS:
	case CONF_TYPE_PORT_LIST:
	case CONF_TYPE_RULES:
		break;
	}
	return true;
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
			at += (size_t)snprintf(out + at, n_out - at, "%s%s.%s", at ? ", " : "",
					       conf_section_names[key->section], key->name);
	}
	if (at < n_out && !same_links(running, next))
		at += (size_t)snprintf(out + at, n_out - at, "%slinks", at ? ", " : "");
	if (at < n_out && (running->gateway.signalling == CONF_SIGNALLING_ROUTE) !=
	    (next->gateway.signalling == CONF_SIGNALLING_ROUTE))
		at += (size_t)snprintf(out + at, n_out - at, "%sgateway.signalling", at ? ", " : "");
	if (at < n_out && (running->gateway.enabled != next->gateway.enabled ||
			   running->converter.enabled != next->converter.enabled))
		snprintf(out + at, n_out - at, "%sroles", at ? ", " : "");
}

int conf_warn(struct conf *conf, const char *file)
{
	char text[320];
	int r = conf_warn_of_rules(conf, file);

	if (r || !is_open_to_all(&conf->host))
		return r;
	snprintf(text, sizeof(text),
		 "%.100s: host.socks serves whoever can connect to it, with this machine's links; set host.socks_user "
		 "and host.socks_password, or let a firewall say who", file);
	return conf_note_warning(conf, text);
}
