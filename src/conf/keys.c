/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/keys.h"

#include <assert.h>
#include "base/util.h"

const char *const conf_section_names[] = { "gateway", "converter", "link", "subscriber", "daemon", "limits", "relay", "log",
					   "policy", "list" };
static_assert(ARRAY_SIZE(conf_section_names) == CONF_N_SECTIONS, "name every section");

static const char *const levels[] = { "error", "warning", "info", "debug", NULL };
static const char *const accepts[] = { "auto", "faithful", "early", NULL };
static const char *const mptcp_hosts[] = { "pass", "proxy", NULL };
static const char *const quic[] = { "leave", "refuse", NULL };

#define AT(field) .offset = offsetof(struct conf, field)
#define LIST(field, count) AT(field), .n_offset = offsetof(struct conf, count)

const struct conf_key conf_keys[] = {
	{ CONF_GATEWAY, "lan", CONF_TYPE_INTERFACES, LIST(gateway.lan, gateway.n_lan), .max = CONF_LAN_INTERFACES, .required = true,
	  .help = "interfaces whose hosts' TCP connections are bonded" },
	{ CONF_GATEWAY, "converter", CONF_TYPE_ADDRESSES, LIST(gateway.converter, gateway.n_converter),
	  .max = CONF_CONVERTER_ADDRESSES, .required = true,
	  .help = "the converter's address, one of each family at most; port 5124 unless given" },
	{ CONF_GATEWAY, "key", CONF_TYPE_KEY, LIST(gateway.key, gateway.has_key),
	  .help = "the subscriber's key at the converter; without it the converter must let us in by our addresses" },
	{ CONF_GATEWAY, "intercept_port", CONF_TYPE_PORT, AT(gateway.intercept_port), .fallback = "5125", .restart = true,
	  .help = "local port that intercepted connections are handed to" },
	{ CONF_GATEWAY, "fwmark", CONF_TYPE_UINT, AT(gateway.fwmark), .min = 1, .max = UINT32_MAX, .fallback = "0x5124", .restart = true,
	  .help = "mark of intercepted packets" },
	{ CONF_GATEWAY, "route_table", CONF_TYPE_UINT, AT(gateway.route_table), .min = 256, .max = 1000000, .fallback = "5200", .restart = true,
	  .help = "first of the routing tables used: one for the interception, then one a link" },
	{ CONF_GATEWAY, "rule_priority", CONF_TYPE_UINT, AT(gateway.rule_priority), .min = 1, .max = 32000, .fallback = "5200", .restart = true,
	  .help = "first of the routing rules' priorities used" },
	{ CONF_GATEWAY, "plumbing", CONF_TYPE_BOOL, AT(gateway.plumbing), .fallback = "yes", .restart = true,
	  .help = "no: endpoints, rules, tables, interception and sysctls are somebody else's work" },
	{ CONF_GATEWAY, "early_data_wait_ms", CONF_TYPE_UINT, AT(gateway.early_data_wait_ms), .min = 0, .max = 1000, .fallback = "5",
	  .help = "how long to wait for a host's first bytes, to send them in the first packet" },
	{ CONF_GATEWAY, "accept", CONF_TYPE_CHOICE, AT(gateway.accept), .choices = accepts, .fallback = "auto",
	  .help = "faithful: a host's connection is accepted when its destination has accepted; early: at once; auto: early for a destination "
		  "that accepted lately, faithful for others" },
	{ CONF_GATEWAY, "accept_memory", CONF_TYPE_UINT, AT(gateway.accept_memory), .min = 16, .max = 10000000, .fallback = "16384", .restart = true,
	  .help = "destinations (address and port) remembered to have accepted" },
	{ CONF_GATEWAY, "accept_memory_s", CONF_TYPE_UINT, AT(gateway.accept_memory_s), .min = 1, .max = 604800, .fallback = "600", .restart = true,
	  .help = "how long they are remembered" },
	{ CONF_GATEWAY, "queue", CONF_TYPE_UINT, AT(gateway.first_queue), .min = 0, .max = 65000, .fallback = "5124", .restart = true,
	  .help = "first of the packet queues (NFQUEUE) in which hosts' first packets wait: one a worker" },
	{ CONF_GATEWAY, "mptcp_hosts", CONF_TYPE_CHOICE, AT(gateway.mptcp_hosts), .choices = mptcp_hosts, .fallback = "pass",
	  .help = "connections of hosts that speak Multipath TCP themselves: pass on untouched, or bond as others" },
	{ CONF_GATEWAY, "quic", CONF_TYPE_CHOICE, AT(gateway.quic), .choices = quic, .fallback = "leave",
	  .help = "refuse: hosts' QUIC (UDP port 443) is answered with an ICMP error while we bond, so that they use TCP at once" },
	{ CONF_GATEWAY, "port_mapping", CONF_TYPE_BOOL, AT(gateway.port_mapping), .fallback = "no", .restart = true,
	  .help = "yes: hosts may ask for ports at the converter by which they are reached from outside (PCP and NAT-PMP, UDP port 5351)" },
	{ CONF_GATEWAY, "attempt_timeout_ms", CONF_TYPE_UINT, AT(gateway.attempt_timeout_ms), .min = 50, .max = 60000, .fallback = "900",
	  .help = "a converter that doesn't answer over one link is tried over another after this at the latest" },

	{ CONF_CONVERTER, "listen", CONF_TYPE_ADDRESSES, LIST(converter.listen, converter.n_listen), .max = CONF_LISTEN_ADDRESSES,
	  .fallback = "[::]:5124", .help = "addresses to listen on; [::] takes IPv4 too" },
	{ CONF_CONVERTER, "allow", CONF_TYPE_PREFIXES, LIST(converter.allow, converter.n_allow),
	  .help = "clients that are served without a key" },
	{ CONF_CONVERTER, "allow_destination", CONF_TYPE_PREFIXES, LIST(converter.allow_destination, converter.n_allow_destination),
	  .help = "destinations to be served although they are private, loopback, link-local or our own" },
	{ CONF_CONVERTER, "ticket_window_s", CONF_TYPE_UINT, AT(converter.ticket_window_s), .min = 1, .max = 86400, .fallback = "120", .restart = true,
	  .help = "how far a gateway's clock may be from ours" },
	{ CONF_CONVERTER, "ticket_memory", CONF_TYPE_UINT, AT(converter.ticket_memory), .min = 1024, .max = 67108864, .fallback = "262144", .restart = true,
	  .help = "tickets remembered within the window, so that none is used twice" },
	{ CONF_CONVERTER, "convert_timeout_ms", CONF_TYPE_UINT, AT(converter.convert_timeout_ms), .min = 100, .max = 600000, .fallback = "5000",
	  .help = "time for a whole Convert message to arrive" },
	{ CONF_CONVERTER, "mapping_address", CONF_TYPE_NEXT_HOP, AT(converter.mapping_address), .restart = true,
	  .help = "address at which subscribers' hosts may be reached from outside, where they ask for it (PCP); without it they can't ask" },
	{ CONF_CONVERTER, "mapping_ports", CONF_TYPE_PORTS, AT(converter.mapping_ports), .fallback = "20000-29999", .restart = true,
	  .help = "ports of that address that are given out" },
	{ CONF_CONVERTER, "mapping_least_s", CONF_TYPE_UINT, AT(converter.mapping_least_s), .min = 1, .max = 604800, .fallback = "120", .restart = true,
	  .help = "shortest time for which a port is given" },
	{ CONF_CONVERTER, "mapping_most_s", CONF_TYPE_UINT, AT(converter.mapping_most_s), .min = 1, .max = 604800, .fallback = "86400", .restart = true,
	  .help = "longest time; whoever wants it for longer asks again" },

	{ CONF_LINK, "interface", CONF_TYPE_INTERFACE, .offset = offsetof(struct conf_link, interface), .required = true,
	  .restart = true, .help = "network interface of the link" },
	{ CONF_LINK, "next_hop_v4", CONF_TYPE_NEXT_HOP, .offset = offsetof(struct conf_link, next_hop_v4), .min = 4,
	  .help = "the link's IPv4 router; found in the main routing table unless given" },
	{ CONF_LINK, "next_hop_v6", CONF_TYPE_NEXT_HOP, .offset = offsetof(struct conf_link, next_hop_v6), .min = 6,
	  .help = "the link's IPv6 router; found in the main routing table unless given" },
	{ CONF_LINK, "backup", CONF_TYPE_BOOL, .offset = offsetof(struct conf_link, backup), .fallback = "no",
	  .help = "yes: used only while no other link works" },

	{ CONF_SUBSCRIBER, "key", CONF_TYPE_KEY, .offset = offsetof(struct conf_subscriber, key), .required = true,
	  .help = "64 hex digits, as printed by braidctl key" },
	{ CONF_SUBSCRIBER, "max_sessions", CONF_TYPE_UINT, .offset = offsetof(struct conf_subscriber, max_sessions), .min = 1, .max = 1000000,
	  .fallback = "8000", .help = "sessions of this subscriber at once" },
	{ CONF_SUBSCRIBER, "max_new_per_s", CONF_TYPE_UINT, .offset = offsetof(struct conf_subscriber, max_new_per_s), .min = 0, .max = 1000000,
	  .fallback = "0", .help = "new sessions a second; 0: no limit" },
	{ CONF_SUBSCRIBER, "max_new_burst", CONF_TYPE_UINT, .offset = offsetof(struct conf_subscriber, max_new_burst), .min = 1, .max = 1000000,
	  .fallback = "100", .help = "new sessions that may come at once after a quiet while, where max_new_per_s is set" },
	{ CONF_SUBSCRIBER, "rate_mbit", CONF_TYPE_UINT, .offset = offsetof(struct conf_subscriber, rate_mbit), .min = 0, .max = 100000,
	  .fallback = "0", .help = "millions of bits a second, each way, all sessions together; 0: no limit" },
	{ CONF_SUBSCRIBER, "volume_mb_per_day", CONF_TYPE_UINT, .offset = offsetof(struct conf_subscriber, volume_mb_per_day), .min = 0,
	  .max = UINT32_MAX, .fallback = "0",
	  .help = "millions of bytes a day of the local time, both ways together; then new sessions are refused and those that run go on; 0: no limit" },
	{ CONF_SUBSCRIBER, "volume_mb_per_month", CONF_TYPE_UINT, .offset = offsetof(struct conf_subscriber, volume_mb_per_month), .min = 0,
	  .max = UINT32_MAX, .fallback = "0", .help = "the same by the month" },
	{ CONF_SUBSCRIBER, "max_mappings", CONF_TYPE_UINT, .offset = offsetof(struct conf_subscriber, max_mappings), .min = 0, .max = 65535,
	  .fallback = "100", .help = "ports of converter.mapping_address that its hosts may have at once; 0: none" },

	{ CONF_DAEMON, "workers", CONF_TYPE_UINT, AT(daemon.workers), .min = 0, .max = 256, .fallback = "0", .restart = true,
	  .help = "threads that relay; 0: one a core" },
	{ CONF_DAEMON, "control", CONF_TYPE_PATH, AT(daemon.control), .max = CONF_PATH_BYTES, .fallback = "/run/braid/control", .restart = true,
	  .help = "control socket for braidctl" },
	{ CONF_DAEMON, "state_dir", CONF_TYPE_PATH, AT(daemon.state_dir), .max = CONF_PATH_BYTES, .fallback = "/run/braid", .restart = true,
	  .help = "where old values of system settings are kept while we run, subscribers' volumes and hosts' mappings; in /run these last until the next boot" },
	{ CONF_DAEMON, "drain_timeout_ms", CONF_TYPE_UINT, AT(daemon.drain_timeout_ms), .min = 0, .max = 86400000, .fallback = "30000",
	  .help = "at SIGTERM: how long sessions may go on" },

	{ CONF_LIMITS, "max_sessions", CONF_TYPE_UINT, AT(limits.max_sessions), .min = 1, .max = 10000000, .fallback = "8000", .restart = true,
	  .help = "sessions at once" },
	{ CONF_LIMITS, "max_half_open", CONF_TYPE_UINT, AT(limits.max_half_open), .min = 1, .max = 1000000, .fallback = "8000", .restart = true,
	  .help = "sessions being set up at once" },
	{ CONF_LIMITS, "connect_timeout_ms", CONF_TYPE_UINT, AT(limits.connect_timeout_ms), .min = 100, .max = 600000, .fallback = "20000",
	  .help = "time for the other end to answer a connection" },
	{ CONF_LIMITS, "keepalive_s", CONF_TYPE_UINT, AT(limits.keepalive_s), .min = 0, .max = 32767, .fallback = "600",
	  .help = "idle time before the first keep-alive probe, on both legs; 0: none" },

	{ CONF_RELAY, "congestion", CONF_TYPE_TEXT, AT(relay.congestion), .max = CONF_CONGESTION_BYTES, .fallback = "auto",
	  .help = "congestion control of the Multipath TCP leg; auto: cubic, and bbr for bulk transfers over links that lose packets at random" },
	{ CONF_RELAY, "steady", CONF_TYPE_BOOL, AT(relay.steady), .fallback = "yes", .restart = true,
	  .help = "keep senders from running into lost DATA_ACKs; no: to see what they do to a connection" },
	{ CONF_RELAY, "held_mb", CONF_TYPE_UINT, AT(relay.held_mb), .min = 1, .max = 1000000, .fallback = "128", .restart = true,
	  .help = "megabytes that were read and that slow readers have not taken, all sessions together; each may hold 16 kB beyond it, each way" },
	{ CONF_RELAY, "pipes", CONF_TYPE_UINT, AT(relay.pipes), .min = 0, .max = 100000, .fallback = "16", .restart = true,
	  .help = "most pipes that bulk transfers hold at once" },

	{ CONF_LOG, "level", CONF_TYPE_CHOICE, AT(log.level), .choices = levels, .fallback = "info", .help = "what is logged: error, warning, info or debug" },

	{ CONF_POLICY, "rule", CONF_TYPE_RULES,
	  .help = "what becomes of the connections that it matches; may be given many times, the first that matches decides" },

	{ CONF_LIST, "prefix", CONF_TYPE_PREFIXES, .offset = offsetof(struct conf_list, prefixes), .n_offset = offsetof(struct conf_list, n_prefixes),
	  .help = "prefixes of the list, which rules name as @NAME" },
	{ CONF_LIST, "file", CONF_TYPE_PREFIX_FILE, .offset = offsetof(struct conf_list, prefixes), .n_offset = offsetof(struct conf_list, n_prefixes),
	  .help = "a file with more of them, one a line; what follows # is a comment" },
	{ CONF_LIST, "dnsmasq", CONF_TYPE_BOOL, .offset = offsetof(struct conf_list, dnsmasq), .fallback = "no",
	  .help = "yes: dnsmasq fills the list (nftset=/DOMAIN/4#inet#braid#NAME_4,6#inet#braid#NAME_6)" },
};
const size_t n_conf_keys = ARRAY_SIZE(conf_keys);
