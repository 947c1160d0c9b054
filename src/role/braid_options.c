/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What path/ is told of the configuration. */
#include <stdio.h>
#include "base/util.h"
#include "role/braid_parts.h"
#include "role/converter/source.h"

#define OWN_ASKED 2                    /* keep-alives, one of which may be lost */
#define OWN_SLACK_S 90
#define OWN_UNASKED_S 432000           /* five days, as for firewalls */

/* Each once, however many addresses share it: nft would mind. */
static void take_listen_ports(struct path_options *options, const struct conf_converter *converter)
{
	for (size_t i = 0; i < size_min(converter->n_listen, PATH_LISTEN_PORTS - 1); i++) {
		uint16_t port = converter->listen[i].port;
		size_t j = 0;

		while (j < options->n_listen_ports && options->listen_ports[j] != port)
			j++;
		options->listen_ports[j] = port;
		options->n_listen_ports = j == options->n_listen_ports ? j + 1 : options->n_listen_ports;
	}
}

/* Clients on whose way we are. Both of their sockets, the near ones above all, have addresses that aren't ours. */
static void take_on_path(struct path_options *options, const struct conf *conf)
{
	const struct conf_converter *converter = &conf->converter;

	options->foreign_sources = source_is_foreign(conf) || converter->n_intercept;
	options->on_path = converter->intercept;
	options->n_on_path = converter->n_intercept;
	options->on_path_port = converter->intercept_port;
	options->on_path_keeps_source = converter->intercept_source == CONF_INTERCEPT_CLIENT;
	options->on_path_holds = converter->intercept_accept == CONF_FORWARD_FAITHFUL;
	options->on_path_queue = (uint16_t)converter->intercept_queue;
	for (size_t i = 0; i < converter->n_intercept_join; i++) {
		options->joins[i] = converter->intercept_join[i];
		options->joins[i].port = converter->intercept_join_port;
	}
	options->n_joins = converter->n_intercept_join;
	if (options->n_joins)
		options->listen_ports[options->n_listen_ports++] = converter->intercept_join_port;
}

static void put_converters(struct path_options *options, const struct address *addresses, size_t n)
{
	for (size_t i = 0; i < n && options->n_converter < PATH_CONVERTERS; i++)
		if (!address_among(options->converter, options->n_converter, &addresses[i]))
			options->converter[options->n_converter++] = addresses[i];
}

/* The machine's own end of a connection answers keep-alive, so a packet of it is seen as often as we ask. */
static void take_own(struct path_options *options, const struct conf *conf, const struct upstreams *upstreams)
{
	struct address more[PATH_CONVERTERS];
	size_t n_more = upstreams ? upstreams_addresses(upstreams, more, ARRAY_SIZE(more)) : 0;

	options->own = &conf->host.choice;
	options->leads_own = true;
	options->own_memory_s = conf->limits.keepalive_s ? OWN_ASKED * conf->limits.keepalive_s + OWN_SLACK_S :
		OWN_UNASKED_S;
	for (size_t i = 0; i < conf->n_upstreams; i++)
		put_converters(options, conf->upstreams[i].converter, conf->upstreams[i].n_converter);
	put_converters(options, more, n_more);
}

struct path_options braid_path_options(struct braid *braid, const struct conf *conf)
{
	static const enum path_accept accepts[] = {
		[CONF_ACCEPT_AUTO] = PATH_ACCEPT_AUTO, [CONF_ACCEPT_FAITHFUL] = PATH_ACCEPT_FAITHFUL,
		[CONF_ACCEPT_EARLY] = PATH_ACCEPT_EARLY,
	};
	struct path_options options = {
		.intercept_port = conf->gateway.intercept_port, .fwmark = conf->gateway.fwmark,
		.route_table = conf->gateway.route_table, .rule_priority = conf->gateway.rule_priority,
		.plumbing = conf->gateway.plumbing, .accept = accepts[conf->gateway.accept],
		.accept_memory = conf->gateway.accept_memory, .accept_memory_s = conf->gateway.accept_memory_s,
		.n_workers = braid_n_workers(conf), .first_queue = (uint16_t)conf->gateway.first_queue,
		.proxy_mptcp_hosts = conf->gateway.mptcp_hosts == CONF_MPTCP_HOSTS_PROXY, .rules = conf->rules,
		.refuse_quic = conf->gateway.quic == CONF_QUIC_REFUSE,
		.fullmesh = conf->gateway.signalling == CONF_SIGNALLING_ROUTE, .times = &braid->shared.alive,
	};

	snprintf(options.state_dir, sizeof(options.state_dir), "%s", conf->daemon.state_dir);
	for (size_t i = 0; i < conf->n_links; i++) {
		struct path_link_options *link = &options.links[options.n_links++];

		snprintf(link->name, sizeof(link->name), "%s", conf->links[i].name);
		snprintf(link->interface, sizeof(link->interface), "%s", conf->links[i].interface);
		link->next_hop_v4 = conf->links[i].next_hop_v4;
		link->next_hop_v6 = conf->links[i].next_hop_v6;
		link->backup = conf_link_is_backup(conf, i);
	}
	if (own_chooses(&conf->host.choice))
		take_own(&options, conf, braid->upstreams);
	for (size_t i = 0; conf->gateway.enabled && i < conf->gateway.n_lan; i++)
		snprintf(options.lan[options.n_lan++], IF_NAMESIZE, "%s", conf->gateway.lan[i]);
	if (conf->converter.enabled)
		take_listen_ports(&options, &conf->converter);
	for (size_t i = 0; i < conf->converter.n_announce; i++)
		options.announced[options.n_announced++] = conf->converter.announce[i];
	options.takes_forwards = conf->converter.enabled;
	take_on_path(&options, conf);
	return options;
}
