/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/keys.h"

#include <assert.h>
#include "base/util.h"

const char *const conf_section_names[] = { "gateway", "converter", "link", "subscriber", "daemon", "limits", "relay",
					   "log",
					   "policy", "list", "forward", "host", "upstream" };
static_assert(ARRAY_SIZE(conf_section_names) == CONF_N_SECTIONS, "name every section");

static const char *const levels[] = { "error", "warning", "info", "debug", NULL };
static const char *const accepts[] = { "auto", "faithful", "early", NULL };
static const char *const forward_accepts[] = { "early", "faithful", NULL };
static const char *const mptcp_hosts[] = { "pass", "proxy", NULL };
static const char *const address_modes[] = { "shared", "preserve", "prefix", NULL };   /* as enum source_mode */
static const char *const idles[] = { "joined", "left", NULL };
static const char *const intercept_sources[] = { "client", "subscriber", NULL };
static const char *const profiles[] = { "auto", "satellite", "lowrate", "lossy", NULL };   /* enum conf_profile */
static const char *const periods[] = { "day", "month", NULL };
static const char *const quic[] = { "leave", "refuse", NULL };
static const char *const signalling[] = { "convert", "plain", "socks5", "route", NULL };
static_assert(ARRAY_SIZE(signalling) == CONF_SIGNALLING_N + 1, "name every scheme");

static const char *const races[] = { "off", "on", "auto", NULL };   /* as enum race_mode */
static const char *const pieces[] = { "profile", "auto", NULL };   /* enum conf_pieces */
static const char *const pipelined[] = { "auto", "yes", "no", NULL };

#define AT(field) .offset = offsetof(struct conf, field)
#define LIST(field, count) AT(field), .n_offset = offsetof(struct conf, count)

const struct conf_key conf_keys[] = {
	{ CONF_GATEWAY, "lan", CONF_TYPE_INTERFACES, LIST(gateway.lan, gateway.n_lan), .max = CONF_LAN_INTERFACES,
	  .help = "interfaces whose hosts' TCP connections are bonded; may be left out where there is a [host]" },
	{ CONF_GATEWAY, "converter", CONF_TYPE_CONVERTERS, AT(gateway), .max = CONF_CONVERTER_ADDRESSES,
	  .help = "the converter's address, one of each family at most; port 5124 unless given; dhcp: also those that "
		  "the links' DHCP tells of, behind it and those of [upstream NAME] sections; with signalling = route "
		  "none" },
	{ CONF_GATEWAY, "key", CONF_TYPE_KEY, LIST(gateway.key, gateway.has_key), .secret = true,
	  .help = "the subscriber's key at the converter; without it the converter must let us in by our addresses" },
	{ CONF_GATEWAY, "intercept_port", CONF_TYPE_PORT, AT(gateway.intercept_port), .fallback = "5125",
	  .restart = true,
	  .help = "local port that intercepted connections are handed to" },
	{ CONF_GATEWAY, "fwmark", CONF_TYPE_UINT, AT(gateway.fwmark), .min = 1, .max = UINT32_MAX, .fallback = "0x5124",
	  .restart = true,
	  .help = "mark of intercepted packets" },
	{ CONF_GATEWAY, "route_table", CONF_TYPE_UINT, AT(gateway.route_table), .min = 256, .max = 1000000,
	  .fallback = "5200", .restart = true,
	  .help = "first of the routing tables used: one for the interception, then one a link" },
	{ CONF_GATEWAY, "rule_priority", CONF_TYPE_UINT, AT(gateway.rule_priority), .min = 1, .max = 32000,
	  .fallback = "5200", .restart = true,
	  .help = "first of the routing rules' priorities used" },
	{ CONF_GATEWAY, "plumbing", CONF_TYPE_BOOL, AT(gateway.plumbing), .fallback = "yes", .restart = true,
	  .help = "no: endpoints, rules, tables, interception and sysctls are somebody else's work" },
	{ CONF_GATEWAY, "early_data_wait_ms", CONF_TYPE_UINT, AT(gateway.early_data_wait_ms), .min = 0, .max = 1000,
	  .fallback = "5",
	  .help = "how long to wait for a host's first bytes, to send them in the first packet" },
	{ CONF_GATEWAY, "inbound", CONF_TYPE_BOOL, AT(gateway.inbound), .fallback = "yes",
	  .help = "connections that the converter's [forward NAME] sections send to our hosts are taken; needs a key" },
	{ CONF_GATEWAY, "inbound_allow", CONF_TYPE_PREFIXES, LIST(gateway.inbound_allow, gateway.n_inbound_allow),
	  .help = "hosts that such connections may be for, never this machine; unless given, those whose addresses are "
		  "of our LAN interfaces' networks" },
	{ CONF_GATEWAY, "signalling", CONF_TYPE_CHOICE, AT(gateway.signalling), .choices = signalling,
	  .fallback = "convert",
	  .help = "how the converter is told where a connection is to go; route: it isn't, it stands on the way of the "
		  "first link and takes it there" },
	{ CONF_GATEWAY, "route_link", CONF_TYPE_TEXT, AT(gateway.route_link), .max = CONF_NAME_BYTES,
	  .help = "with signalling = route, the link on whose way the converter stands: connections begin there; the "
		  "first that there is unless given" },
	{ CONF_GATEWAY, "user", CONF_TYPE_TEXT, AT(gateway.user), .max = CONF_LOGIN_BYTES, .fallback = "",
	  .help = "with socks5: the user name; at a converter of Braid's the subscriber's name" },
	{ CONF_GATEWAY, "password", CONF_TYPE_TEXT, AT(gateway.password), .max = CONF_LOGIN_BYTES, .fallback = "",
	  .secret = true,
	  .help = "with socks5: the user's password" },
	{ CONF_GATEWAY, "pipelined", CONF_TYPE_CHOICE, AT(gateway.pipelined), .choices = pipelined, .fallback = "auto",
	  .help = "with socks5: yes: the server bears all messages and the host's first bytes at once; no: it wants "
		  "them one by one; auto: a converter of Braid's bears them" },
	{ CONF_GATEWAY, "accept", CONF_TYPE_CHOICE, AT(gateway.accept), .choices = accepts, .fallback = "auto",
	  .help = "faithful: a host's connection is accepted when its destination has accepted; early: at once; auto: "
		  "early for a destination that accepted lately, faithful for others" },
	{ CONF_GATEWAY, "accept_memory", CONF_TYPE_UINT, AT(gateway.accept_memory), .min = 16, .max = 10000000,
	  .fallback = "16384", .restart = true,
	  .help = "destinations (address and port) remembered to have accepted" },
	{ CONF_GATEWAY, "accept_memory_s", CONF_TYPE_UINT, AT(gateway.accept_memory_s), .min = 1, .max = 604800,
	  .fallback = "600", .restart = true,
	  .help = "seconds for which destinations are remembered to have accepted" },
	{ CONF_GATEWAY, "queue", CONF_TYPE_UINT, AT(gateway.first_queue), .min = 0, .max = 65000, .fallback = "5124",
	  .restart = true,
	  .help = "first of the packet queues (NFQUEUE) in which hosts' first packets wait: one a worker" },
	{ CONF_GATEWAY, "mptcp_hosts", CONF_TYPE_CHOICE, AT(gateway.mptcp_hosts), .choices = mptcp_hosts,
	  .fallback = "pass",
	  .help = "connections of hosts that speak Multipath TCP themselves: pass on untouched, or bond as others" },
	{ CONF_GATEWAY, "quic", CONF_TYPE_CHOICE, AT(gateway.quic), .choices = quic, .fallback = "leave",
	  .help = "refuse: QUIC (UDP port 443) of hosts, and of whom [host] names, is answered with an ICMP error "
		  "while we bond, so that they use TCP at once" },
	{ CONF_GATEWAY, "port_mapping", CONF_TYPE_BOOL, AT(gateway.port_mapping), .fallback = "no", .restart = true,
	  .help = "yes: hosts may ask for ports at the converter by which they are reached from outside (PCP and "
		  "NAT-PMP, UDP port 5351)" },
	{ CONF_GATEWAY, "overflow_after_ms", CONF_TYPE_UINT, AT(gateway.overflow_after_ms), .min = 100, .max = 60000,
	  .fallback = "400",
	  .help = "links that hold sessions back for so long, and a tenth of a second more, are full: those that cost "
		  "more are opened" },
	{ CONF_GATEWAY, "link_lossy_percent", CONF_TYPE_UINT, AT(gateway.link_lossy_percent), .min = 1, .max = 50,
	  .fallback = "2",
	  .help = "of what is sent up a link: when so much of it has to be sent again, braidctl links calls the link "
		  "lossy" },
	{ CONF_GATEWAY, "link_full_ms", CONF_TYPE_UINT, AT(gateway.link_full_ms), .min = 1, .max = 60000,
	  .fallback = "25",
	  .help = "milliseconds by which a round trip over a link takes longer than the least, or half of the least "
		  "where that is more: braidctl links calls it full" },
	{ CONF_GATEWAY, "probe_idle_s", CONF_TYPE_UINT, AT(gateway.probe_idle_s), .min = 10, .max = 86400,
	  .fallback = "300",
	  .help = "seconds between two probes of a link on which nothing happens, at most; one costs at most 300 "
		  "bytes" },
	{ CONF_GATEWAY, "attempt_timeout_ms", CONF_TYPE_UINT, AT(gateway.attempt_timeout_ms), .min = 50, .max = 60000,
	  .fallback = "900",
	  .help = "a converter that doesn't answer over one link is tried over another after this at the latest" },
	{ CONF_GATEWAY, "syn_race", CONF_TYPE_CHOICE, AT(gateway.syn_race), .choices = races, .fallback = "off",
	  .help = "on: a new connection's first packet goes out over two good links of equal cost at once, and the "
		  "converter serves one of them; auto: where their round trips are alike, or the better one has lost "
		  "such packets lately; needs a key, and signalling = convert" },
	{ CONF_GATEWAY, "pieces", CONF_TYPE_CHOICE, AT(gateway.pieces), .choices = pieces, .fallback = "auto",
	  .help = "profile: new sessions go in pieces over a plain TCP connection a link where link.profile says so; "
		  "auto: there, and where the round trips of links of equal cost are far apart, one being four times "
		  "another and 200 ms more, and none above 1100 ms; else by Multipath TCP, which costs a quarter of "
		  "the processor's time" },

	{ CONF_HOST, "all", CONF_TYPE_BOOL, AT(host.choice.all), .fallback = "no",
	  .help = "yes: every connection that a program of this machine begins is bonded" },
	{ CONF_HOST, "users", CONF_TYPE_NAMES, LIST(host.choice.users, host.choice.n_users), .max = OWN_NAMES,
	  .help = "users whose programs' connections are bonded" },
	{ CONF_HOST, "groups", CONF_TYPE_NAMES, LIST(host.choice.groups, host.choice.n_groups), .max = OWN_NAMES,
	  .help = "groups whose programs' connections are bonded, that of braid-run(1) among them" },
	{ CONF_HOST, "cgroups", CONF_TYPE_CGROUPS, LIST(host.choice.cgroups, host.choice.n_cgroups), .max = OWN_CGROUPS,
	  .help = "control groups (version 2) whose programs' connections are bonded, like "
		  "system.slice/backup.service" },
	{ CONF_HOST, "ports", CONF_TYPE_PORT_LIST, LIST(host.choice.ports, host.choice.n_ports), .max = OWN_PORTS,
	  .help = "ports and ranges of ports, connections to which are bonded, whoever begins them" },
	{ CONF_HOST, "to", CONF_TYPE_PREFIXES, LIST(host.choice.to, host.choice.n_to),
	  .help = "destinations, connections to which are bonded, whoever begins them" },
	{ CONF_HOST, "socks", CONF_TYPE_ADDRESSES, LIST(host.socks, host.n_socks), .max = CONF_SOCKS_ADDRESSES,
	  .min = 1080,
	  .help = "loopback addresses to listen on for programs that speak SOCKS5, like 127.0.0.1:1080; port 1080 "
		  "unless given" },
	{ CONF_HOST, "socks_open", CONF_TYPE_BOOL, AT(host.socks_open), .fallback = "no",
	  .help = "yes: host.socks may have addresses that other machines can connect to" },
	{ CONF_HOST, "socks_user", CONF_TYPE_TEXT, AT(host.socks_user), .max = CONF_LOGIN_BYTES, .fallback = "",
	  .help = "user name that SOCKS5 programs must give" },
	{ CONF_HOST, "socks_password", CONF_TYPE_TEXT, AT(host.socks_password), .max = CONF_LOGIN_BYTES, .fallback = "",
	  .secret = true,
	  .help = "password that goes with it" },
	{ CONF_HOST, "private", CONF_TYPE_BOOL, AT(host.choice.special), .fallback = "no",
	  .help = "yes: also connections to destinations that a converter refuses unless its allow_destination says "
		  "otherwise: private and other special addresses" },

	{ CONF_CONVERTER, "listen", CONF_TYPE_ADDRESSES, LIST(converter.listen, converter.n_listen),
	  .max = CONF_LISTEN_ADDRESSES,
	  .fallback = "[::]:5124", .help = "addresses to listen on; [::] takes IPv4 too" },
	{ CONF_CONVERTER, "announce", CONF_TYPE_IPS, LIST(converter.announce, converter.n_announce),
	  .max = CONF_ANNOUNCED,
	  .help = "addresses of this machine, one of each family, at which gateways reach it: told in each session "
		  "(ADD_ADDR), for gateways of which one link has IPv4 alone and another IPv6 alone" },
	{ CONF_CONVERTER, "signalling", CONF_TYPE_CHOICES, AT(converter.signalling), .choices = signalling,
	  .fallback = "convert",
	  .help = "how clients may say where a connection is to go; a list" },
	{ CONF_CONVERTER, "allow", CONF_TYPE_PREFIXES, LIST(converter.allow, converter.n_allow),
	  .help = "clients that are served without a key" },
	{ CONF_CONVERTER, "allow_destination", CONF_TYPE_PREFIXES,
	  LIST(converter.allow_destination, converter.n_allow_destination),
	  .help = "destinations to be served although they are private, loopback, link-local or our own" },
	{ CONF_CONVERTER, "pool", CONF_TYPE_IPS, LIST(converter.pool, converter.n_pool), .max = CONF_POOL_ADDRESSES,
	  .help = "addresses of this machine that sessions leave from, each subscriber's from the same one; chosen by "
		  "the system unless given" },
	{ CONF_CONVERTER, "ticket_window_s", CONF_TYPE_UINT, AT(converter.ticket_window_s), .min = 1, .max = 86400,
	  .fallback = "120", .restart = true,
	  .help = "how far a gateway's clock may be from ours" },
	{ CONF_CONVERTER, "ticket_memory", CONF_TYPE_UINT, AT(converter.ticket_memory), .min = 1024, .max = 67108864,
	  .fallback = "262144", .restart = true,
	  .help = "tickets remembered within the window, so that none is used twice" },
	{ CONF_CONVERTER, "convert_timeout_ms", CONF_TYPE_UINT, AT(converter.convert_timeout_ms), .min = 100,
	  .max = 600000, .fallback = "5000",
	  .help = "time for a whole Convert message to arrive" },
	{ CONF_CONVERTER, "mapping_address", CONF_TYPE_IP, AT(converter.mapping_address), .restart = true,
	  .help = "address at which subscribers' hosts may be reached from outside, where they ask for it (PCP); "
		  "without it they can't ask" },
	{ CONF_CONVERTER, "mapping_ports", CONF_TYPE_PORTS, AT(converter.mapping_ports), .fallback = "20000-29999",
	  .restart = true,
	  .help = "ports of that address that are given out" },
	{ CONF_CONVERTER, "mapping_least_s", CONF_TYPE_UINT, AT(converter.mapping_least_s), .min = 1, .max = 604800,
	  .fallback = "120", .restart = true,
	  .help = "shortest time for which a port is given" },
	{ CONF_CONVERTER, "mapping_most_s", CONF_TYPE_UINT, AT(converter.mapping_most_s), .min = 1, .max = 604800,
	  .fallback = "86400", .restart = true,
	  .help = "longest time for which a port is given; whoever wants it for longer asks again" },

	{ CONF_CONVERTER, "bind_ports", CONF_TYPE_PORTS, AT(converter.bind_ports),
	  .help = "ports that clients of SOCKS5 may have us listen on, each for one connection (BIND); without it they "
		  "can't" },
	{ CONF_CONVERTER, "intercept", CONF_TYPE_PREFIXES, LIST(converter.intercept, converter.n_intercept),
	  .help = "clients on whose way to their servers this machine stands, and whose Multipath TCP connections it "
		  "takes there; each of converter.allow or of a subscriber's clients" },
	{ CONF_CONVERTER, "intercept_port", CONF_TYPE_PORT, AT(converter.intercept_port), .fallback = "5127",
	  .restart = true,
	  .help = "local port that such connections are handed to" },
	{ CONF_CONVERTER, "intercept_accept", CONF_TYPE_CHOICE, AT(converter.intercept_accept),
	  .choices = forward_accepts, .fallback = "faithful",
	  .help = "faithful: such a connection is accepted when its server has accepted, and refused as that has "
		  "refused; early: at once, and reset where the server refuses" },
	{ CONF_CONVERTER, "intercept_queue", CONF_TYPE_UINT, AT(converter.intercept_queue), .min = 0, .max = 65000,
	  .fallback = "5700", .restart = true,
	  .help = "first of the packet queues (NFQUEUE) in which their first packets wait where intercept_accept is "
		  "faithful: one a worker" },
	{ CONF_CONVERTER, "intercept_join", CONF_TYPE_IPS, LIST(converter.intercept_join, converter.n_intercept_join),
	  .max = CONF_INTERCEPT_JOINS,
	  .help = "addresses of this machine, one of each family at most, that such clients are told (ADD_ADDR), for "
		  "their other links to join by" },
	{ CONF_CONVERTER, "intercept_join_port", CONF_TYPE_PORT, AT(converter.intercept_join_port), .fallback = "5128",
	  .restart = true,
	  .help = "the port at which they join, which nobody else may have" },
	{ CONF_CONVERTER, "intercept_source", CONF_TYPE_CHOICE, AT(converter.intercept_source),
	  .choices = intercept_sources, .fallback = "client",
	  .help = "the address that their servers see: client: the client's own, which answers must come back through "
		  "this machine to; subscriber: as for sessions of gateways, by address_mode and converter.pool" },

	{ CONF_CONVERTER, "inbound_port", CONF_TYPE_PORT, AT(converter.inbound_port), .fallback = "5126",
	  .restart = true,
	  .help = "local port that connections to [forward NAME] are handed to" },
	{ CONF_CONVERTER, "inbound_queue", CONF_TYPE_UINT, AT(converter.inbound_queue), .min = 0, .max = 65000,
	  .fallback = "5400", .restart = true,
	  .help = "first of the packet queues (NFQUEUE) in which first packets to [forward NAME] wait where accept is "
		  "faithful: one a worker" },

	{ CONF_FORWARD, "subscriber", CONF_TYPE_TEXT, .offset = offsetof(struct conf_forward, subscriber),
	  .max = CONF_NAME_BYTES,
	  .help = "at a converter: whose gateway the host is behind; without it the section is a gateway's, which asks "
		  "its converter for a port (mapping_address there)" },
	{ CONF_FORWARD, "listen", CONF_TYPE_ENDPOINT, .offset = offsetof(struct conf_forward, listen),
	  .help = "the converter's address and port that remote hosts connect to" },
	{ CONF_FORWARD, "host", CONF_TYPE_IP, .offset = offsetof(struct conf_forward, host), .required = true,
	  .help = "address of the host behind the gateway" },
	{ CONF_FORWARD, "port", CONF_TYPE_PORT, .offset = offsetof(struct conf_forward, port),
	  .help = "the host's port; at a converter the port of listen unless given" },
	{ CONF_FORWARD, "external_port", CONF_TYPE_PORT, .offset = offsetof(struct conf_forward, external_port),
	  .help = "at a gateway: the converter's port that is asked for, the host's unless given; another one is taken "
		  "where that can't be had" },
	{ CONF_FORWARD, "accept", CONF_TYPE_CHOICE, .offset = offsetof(struct conf_forward, accept),
	  .choices = forward_accepts, .fallback = "early",
	  .help = "early: a remote host's connection is accepted before its host was asked, and reset where that has "
		  "refused; faithful: when the host has accepted" },
	{ CONF_FORWARD, "max_waiting", CONF_TYPE_UINT, .offset = offsetof(struct conf_forward, max_waiting), .min = 1,
	  .max = 1000000, .fallback = "256",
	  .help = "remote hosts at once whose connections the gateway has not claimed yet" },
	{ CONF_FORWARD, "max_new_per_s", CONF_TYPE_UINT, .offset = offsetof(struct conf_forward, max_new_per_s),
	  .min = 1, .max = 1000000, .fallback = "1000",
	  .help = "new connections of remote hosts a second" },

	{ CONF_LINK, "interface", CONF_TYPE_INTERFACE, .offset = offsetof(struct conf_link, interface),
	  .required = true,
	  .restart = true, .help = "network interface of the link" },
	{ CONF_LINK, "next_hop_v4", CONF_TYPE_IP, .offset = offsetof(struct conf_link, next_hop_v4), .min = 4,
	  .help = "the link's IPv4 router; found in the main routing table unless given" },
	{ CONF_LINK, "next_hop_v6", CONF_TYPE_IP, .offset = offsetof(struct conf_link, next_hop_v6), .min = 6,
	  .help = "the link's IPv6 router; found in the main routing table unless given" },
	{ CONF_LINK, "backup", CONF_TYPE_BOOL, .offset = offsetof(struct conf_link, backup), .fallback = "no",
	  .help = "yes: used only while no other link works" },
	{ CONF_LINK, "profile", CONF_TYPE_CHOICE, .offset = offsetof(struct conf_link, profile), .choices = profiles,
	  .fallback = "auto",
	  .help = "lowrate: a packet takes seconds (2.4 kbit/s, 600 ms): sessions go in pieces over a plain TCP "
		  "connection a link, if all links are of this kind, else it is a backup; lossy: it loses packets all "
		  "the time: while such a link is up, sessions go in pieces, too; satellite: an answer takes 600 ms and more; "
		  "auto: none of these" },
	{ CONF_LINK, "cost", CONF_TYPE_UINT, .offset = offsetof(struct conf_link, cost), .min = 0, .max = 1000000,
	  .fallback = "0",
	  .help = "a link that costs more than another carries only what the cheaper ones can't, and no connection "
		  "begins on it while one of them works; links of equal cost are used alike" },
	{ CONF_LINK, "idle", CONF_TYPE_CHOICE, .offset = offsetof(struct conf_link, idle), .choices = idles,
	  .fallback = "joined",
	  .help = "while a costlier link isn't needed, sessions are joined to it and send nothing over it; left: "
		  "nothing of them is there" },
	{ CONF_LINK, "cap_bytes", CONF_TYPE_BYTES, .offset = offsetof(struct conf_link, cap_bytes), .fallback = "0",
	  .help = "what may pass the interface in a period, both ways together; at the stop the link is a backup until "
		  "the next period begins; 0: no limit" },
	{ CONF_LINK, "cap_period", CONF_TYPE_CHOICE, .offset = offsetof(struct conf_link, cap_period),
	  .choices = periods, .fallback = "month",
	  .help = "what cap_bytes is for: a day or a month of the local time" },
	{ CONF_LINK, "cap_warn_percent", CONF_TYPE_UINT, .offset = offsetof(struct conf_link, cap_warn_percent),
	  .min = 0, .max = 100, .fallback = "80",
	  .help = "of cap_bytes: a warning is said; 0: none" },
	{ CONF_LINK, "cap_stop_percent", CONF_TYPE_UINT, .offset = offsetof(struct conf_link, cap_stop_percent),
	  .min = 1, .max = 100, .fallback = "100",
	  .help = "of cap_bytes: the link is a backup from there on until the period ends; less than 100 leaves a rest "
		  "for what goes other ways than through us" },

	{ CONF_LINK, "dhcp", CONF_TYPE_BOOL, .offset = offsetof(struct conf_link, dhcp), .fallback = "yes",
	  .help = "with gateway.converter = dhcp: whether what this link's DHCP says of converters is believed" },

	{ CONF_UPSTREAM, "converter", CONF_TYPE_ADDRESSES, .offset = offsetof(struct conf_upstream, converter),
	  .n_offset = offsetof(struct conf_upstream, n_converter),
	  .max = CONF_CONVERTER_ADDRESSES, .required = true,
	  .help = "a further converter's address, one of each family at most; port 5124 unless given; used while those "
		  "before it, of gateway.converter and of other sections, don't answer" },
	{ CONF_UPSTREAM, "key", CONF_TYPE_KEY, .offset = offsetof(struct conf_upstream, key),
	  .n_offset = offsetof(struct conf_upstream, has_key), .secret = true,
	  .help = "the subscriber's key there; gateway.key unless given" },
	{ CONF_UPSTREAM, "user", CONF_TYPE_TEXT, .offset = offsetof(struct conf_upstream, user),
	  .max = CONF_LOGIN_BYTES, .fallback = "",
	  .help = "with socks5: the user name there; gateway.user unless given" },
	{ CONF_UPSTREAM, "password", CONF_TYPE_TEXT, .offset = offsetof(struct conf_upstream, password),
	  .max = CONF_LOGIN_BYTES, .fallback = "", .secret = true,
	  .help = "with socks5: the user's password" },

	{ CONF_SUBSCRIBER, "key", CONF_TYPE_KEY, .offset = offsetof(struct conf_subscriber, key),
	  .n_offset = offsetof(struct conf_subscriber, has_key), .secret = true,
	  .help = "64 hex digits, as printed by braidctl key; a subscriber has a key, a password, clients, or several "
		  "of these" },
	{ CONF_SUBSCRIBER, "password", CONF_TYPE_TEXT, .offset = offsetof(struct conf_subscriber, password),
	  .max = CONF_PASSWORD_BYTES, .fallback = "", .secret = true,
	  .help = "for SOCKS5, where the subscriber's name is the user name; goes over the network as it is" },
	{ CONF_SUBSCRIBER, "max_sessions", CONF_TYPE_UINT, .offset = offsetof(struct conf_subscriber, max_sessions),
	  .min = 1, .max = 1000000,
	  .fallback = "8000", .help = "sessions of this subscriber at once" },
	{ CONF_SUBSCRIBER, "max_new_per_s", CONF_TYPE_UINT, .offset = offsetof(struct conf_subscriber, max_new_per_s),
	  .min = 0, .max = 1000000,
	  .fallback = "0", .help = "new sessions a second; 0: no limit" },
	{ CONF_SUBSCRIBER, "max_inbound_waiting", CONF_TYPE_UINT,
	  .offset = offsetof(struct conf_subscriber, max_inbound_waiting), .min = 1, .max = 1000000,
	  .fallback = "512",
	  .help = "remote hosts at once, of all his forwards, whose connections the gateway has not claimed yet" },
	{ CONF_SUBSCRIBER, "max_inbound_per_s", CONF_TYPE_UINT,
	  .offset = offsetof(struct conf_subscriber, max_inbound_per_s), .min = 1, .max = 1000000,
	  .fallback = "2000", .help = "new connections of remote hosts a second, of all his forwards" },
	{ CONF_SUBSCRIBER, "max_new_burst", CONF_TYPE_UINT, .offset = offsetof(struct conf_subscriber, max_new_burst),
	  .min = 1, .max = 1000000,
	  .fallback = "100",
	  .help = "new sessions that may come at once after a quiet while, where max_new_per_s is set" },
	{ CONF_SUBSCRIBER, "rate_mbit", CONF_TYPE_UINT, .offset = offsetof(struct conf_subscriber, rate_mbit), .min = 0,
	  .max = 100000,
	  .fallback = "0", .help = "millions of bits a second, each way, all sessions together; 0: no limit" },
	{ CONF_SUBSCRIBER, "volume_mb_per_day", CONF_TYPE_UINT,
	  .offset = offsetof(struct conf_subscriber, volume_mb_per_day), .min = 0,
	  .max = UINT32_MAX, .fallback = "0",
	  .help = "millions of bytes a day of the local time, both ways together; then new sessions are refused and "
		  "those that run go on; 0: no limit" },
	{ CONF_SUBSCRIBER, "volume_mb_per_month", CONF_TYPE_UINT,
	  .offset = offsetof(struct conf_subscriber, volume_mb_per_month), .min = 0,
	  .max = UINT32_MAX, .fallback = "0", .help = "the same by the month, of the local time" },
	{ CONF_SUBSCRIBER, "address_mode", CONF_TYPE_CHOICE, .offset = offsetof(struct conf_subscriber, source.mode),
	  .choices = address_modes, .fallback = "shared",
	  .help = "the address that servers see: shared: one of converter.pool; preserve: the subscriber's own; "
		  "prefix: the host's own, of the subscriber's prefix, toward IPv6 destinations" },
	{ CONF_SUBSCRIBER, "address", CONF_TYPE_IP, .offset = offsetof(struct conf_subscriber, source.address),
	  .n_offset = offsetof(struct conf_subscriber, source.has_address), .min = 4,
	  .help = "the subscriber's own IPv4 address, which must be routed to this machine; for preserve, and with "
		  "prefix for IPv4 destinations" },
	{ CONF_SUBSCRIBER, "prefix", CONF_TYPE_PREFIX, .offset = offsetof(struct conf_subscriber, source.prefix),
	  .n_offset = offsetof(struct conf_subscriber, source.has_prefix), .min = 6,
	  .help = "the IPv6 prefix of the subscriber's hosts, which must be routed by way of this machine" },
	{ CONF_SUBSCRIBER, "max_mappings", CONF_TYPE_UINT, .offset = offsetof(struct conf_subscriber, max_mappings),
	  .min = 0, .max = 65535,
	  .fallback = "100", .help = "ports of converter.mapping_address that its hosts may have at once; 0: none" },
	{ CONF_SUBSCRIBER, "max_host_mappings", CONF_TYPE_UINT,
	  .offset = offsetof(struct conf_subscriber, max_host_mappings), .min = 1, .max = 65535,
	  .fallback = "16", .help = "of these, ports that one host may have at once" },
	{ CONF_SUBSCRIBER, "clients", CONF_TYPE_PREFIXES, .offset = offsetof(struct conf_subscriber, clients),
	  .n_offset = offsetof(struct conf_subscriber, n_clients),
	  .help = "addresses of his that converter.intercept has: sessions of theirs are his, and need no key; nobody "
		  "else's" },

	{ CONF_DAEMON, "workers", CONF_TYPE_UINT, AT(daemon.workers), .min = 0, .max = 256, .fallback = "0",
	  .restart = true,
	  .help = "threads that connections come to, and as many for bulk; 0: one a core" },
	{ CONF_DAEMON, "control", CONF_TYPE_PATH, AT(daemon.control), .max = CONF_PATH_BYTES,
	  .fallback = "/run/braid/control", .restart = true,
	  .help = "control socket for braidctl" },
	{ CONF_DAEMON, "state_dir", CONF_TYPE_PATH, AT(daemon.state_dir), .max = CONF_PATH_BYTES,
	  .fallback = "/run/braid", .restart = true,
	  .help = "where old values of system settings are kept while we run, subscribers' and links' volumes and "
		  "hosts' mappings; in /run these last until the next boot" },
	{ CONF_DAEMON, "drain_timeout_ms", CONF_TYPE_UINT, AT(daemon.drain_timeout_ms), .min = 0, .max = 86400000,
	  .fallback = "30000",
	  .help = "at SIGTERM and braidctl drain: how long sessions may go on" },

	{ CONF_LIMITS, "max_sessions", CONF_TYPE_UINT, AT(limits.max_sessions), .min = 1, .max = 10000000,
	  .fallback = "8000", .restart = true,
	  .help = "sessions at once" },
	{ CONF_LIMITS, "max_half_open", CONF_TYPE_UINT, AT(limits.max_half_open), .min = 1, .max = 1000000,
	  .fallback = "8000", .restart = true,
	  .help = "sessions being set up at once" },
	{ CONF_LIMITS, "connect_timeout_ms", CONF_TYPE_UINT, AT(limits.connect_timeout_ms), .min = 100, .max = 600000,
	  .fallback = "20000",
	  .help = "time for the other end to answer a connection" },
	{ CONF_LIMITS, "keepalive_s", CONF_TYPE_UINT, AT(limits.keepalive_s), .min = 0, .max = 32767, .fallback = "600",
	  .help = "idle time before the first keep-alive probe, on both legs; 0: none" },

	{ CONF_RELAY, "congestion", CONF_TYPE_TEXT, AT(relay.congestion), .max = CONF_CONGESTION_BYTES,
	  .fallback = "auto",
	  .help = "congestion control of the Multipath TCP leg; auto: cubic, and bbr for bulk transfers over links "
		  "that lose packets at random" },
	{ CONF_RELAY, "steady", CONF_TYPE_BOOL, AT(relay.steady), .fallback = "yes", .restart = true,
	  .help = "how much a Multipath TCP connection may have under way is bounded, so that it doesn't stand still "
		  "where a DATA_ACK is lost; no: only to see what happens then" },
	{ CONF_RELAY, "held_mb", CONF_TYPE_UINT, AT(relay.held_mb), .min = 1, .max = 1000000, .fallback = "128",
	  .restart = true,
	  .help = "megabytes that were read and that slow readers have not taken, all sessions together; each may hold "
		  "16 kB beyond it, each way; sessions in pieces have as much once more, and 128 kB each, each way" },
	{ CONF_RELAY, "pipes", CONF_TYPE_UINT, AT(relay.pipes), .min = 0, .max = 100000, .fallback = "16",
	  .restart = true,
	  .help = "most pipes (two descriptors each) that bulk from hosts and servers has at once, to be moved by "
		  "splice; what is more, and what comes by Multipath TCP, is copied" },

	{ CONF_LOG, "level", CONF_TYPE_CHOICE, AT(log.level), .choices = levels, .fallback = "info",
	  .help = "what is logged: error, warning, info or debug" },

	{ CONF_POLICY, "rule", CONF_TYPE_RULES,
	  .help = "what becomes of the connections that it matches; may be given many times, the first that matches "
		  "decides" },

	{ CONF_LIST, "prefix", CONF_TYPE_PREFIXES, .offset = offsetof(struct conf_list, prefixes),
	  .n_offset = offsetof(struct conf_list, n_prefixes),
	  .help = "prefixes of the list, which rules name as @NAME" },
	{ CONF_LIST, "file", CONF_TYPE_PREFIX_FILE, .offset = offsetof(struct conf_list, prefixes),
	  .n_offset = offsetof(struct conf_list, n_prefixes),
	  .help = "a file with more of them, one a line; what follows # is a comment" },
	{ CONF_LIST, "dnsmasq", CONF_TYPE_BOOL, .offset = offsetof(struct conf_list, dnsmasq), .fallback = "no",
	  .help = "yes: dnsmasq fills the list (nftset=/DOMAIN/4#inet#braid#NAME_4,6#inet#braid#NAME_6)" },
};
const size_t n_conf_keys = ARRAY_SIZE(conf_keys);
