/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The configuration, checked. Pure: the text is handed in (prog/ reads the file), errors come back as text. Every key
 * stands in one table (conf/keys.c) that the parser, the help text and the man page walk. A struct conf is never
 * changed once it was made: workers share it as an immutable snapshot.
 */
#ifndef BRAID_CONF_CONF_H
#define BRAID_CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/address.h"
#include "policy/own.h"
#include "policy/race.h"
#include "policy/rules.h"
#include "policy/source_address.h"

#define CONF_NAME_BYTES 32          /* of links and subscribers, with the terminating zero */
#define CONF_INTERFACE_BYTES 16     /* IFNAMSIZ */
#define CONF_PATH_BYTES 108         /* sun_path */
#define CONF_KEY_BYTES 32
#define CONF_LOGIN_BYTES 256        /* of a user name or a password, with the terminating zero */
#define CONF_PASSWORD_BYTES 128     /* the same, of subscribers' */
#define CONF_CONGESTION_BYTES 16    /* TCP_CA_NAME_MAX */
#define CONF_LINKS 8                /* what the kernel's MPTCP can use at once */
#define CONF_LAN_INTERFACES 16
#define CONF_SOCKS_ADDRESSES 4
#define CONF_LISTEN_ADDRESSES 8
#define CONF_POOL_ADDRESSES 64
#define CONF_INTERCEPT_JOINS 2      /* one of each family at most */
#define CONF_ANNOUNCED 2            /* the same */
#define CONF_CONVERTER_ADDRESSES 2  /* one of each family at most */
#define CONF_UPSTREAMS 8            /* beside the one of gateway.converter */
#define CONF_PORT_CONVERT 5124      /* no port was assigned; the one that dissectors know */

/* In the order of their names in conf/keys.c. */
enum conf_idle { CONF_IDLE_JOINED, CONF_IDLE_LEFT };
enum conf_period { CONF_PERIOD_DAY, CONF_PERIOD_MONTH };
enum conf_pieces { CONF_PIECES_PROFILE, CONF_PIECES_AUTO };
enum conf_profile { CONF_PROFILE_AUTO, CONF_PROFILE_SATELLITE, CONF_PROFILE_LOWRATE, CONF_PROFILE_LOSSY };

struct conf_link {
	char name[CONF_NAME_BYTES];
	char interface[CONF_INTERFACE_BYTES];
	struct address next_hop_v4;     /* unspecified (all zero): taken from the main table's default route */
	struct address next_hop_v6;
	bool backup;
	uint32_t cost;                  /* more than another's: carries what the other can't */
	uint32_t profile;               /* enum conf_profile: what is waited for, and how its sessions go over it */
	uint32_t idle;                  /* enum conf_idle: what its sessions have of it while it isn't needed */
	uint64_t cap_bytes;             /* a period, both ways together; 0: none */
	uint32_t cap_period;            /* enum conf_period */
	uint32_t cap_warn_percent, cap_stop_percent;   /* of cap_bytes; warn 0: nothing is said */
	bool dhcp;                      /* what its DHCP says of converters is believed */
};

/* A converter of a gateway's. What its section doesn't say, [gateway] does. */
struct conf_upstream {
	char name[CONF_NAME_BYTES];     /* "": that of gateway.converter */
	struct address converter[CONF_CONVERTER_ADDRESSES];
	size_t n_converter;
	bool has_key;
	uint8_t key[CONF_KEY_BYTES];
	char user[CONF_LOGIN_BYTES];    /* with socks5; "": none, as the password */
	char password[CONF_LOGIN_BYTES];
};

struct conf_subscriber {
	char name[CONF_NAME_BYTES];
	bool has_key;
	uint8_t key[CONF_KEY_BYTES];
	char password[CONF_PASSWORD_BYTES];   /* "": none; one of the two is there */
	uint32_t max_sessions;
	uint32_t max_new_per_s;         /* sessions; 0: no limit, as with all below */
	uint32_t max_new_burst;         /* that may come at once after a quiet while; never 0 */
	uint32_t rate_mbit;             /* each direction, all sessions together, in 10^6 bits a second */
	uint32_t volume_mb_per_day;     /* both directions together, in 10^6 bytes; days and months of the local time */
	uint32_t volume_mb_per_month;
	struct source_settings source;  /* from which address servers see its sessions; which fields go together is
					 * checked */
	uint32_t max_inbound_waiting;   /* remote hosts whose connections the gateway hasn't claimed yet */
	uint32_t max_inbound_per_s;     /* that come newly; never 0 */
	uint32_t max_mappings;          /* that its hosts may ask for; 0: none */
	uint32_t max_host_mappings;     /* and each of them; never 0 */
	struct prefix *clients;         /* that are his where their connections are intercepted; nobody else's */
	size_t n_clients;
};

enum conf_forward_accept { CONF_FORWARD_EARLY, CONF_FORWARD_FAITHFUL };   /* in the order of their names in
									   * conf/keys.c */

/* Connections to an address of the converter that are for a host behind a subscriber's gateway: the converter's
 * section, with a subscriber; or the gateway's, without, which asks the converter for it. */
struct conf_forward {
	char name[CONF_NAME_BYTES];
	char subscriber[CONF_NAME_BYTES];
	struct address listen;          /* the converter's address and port */
	struct address host;            /* the host's address, without a port */
	uint16_t port;                  /* the host's; 0: the same as the converter's */
	uint16_t external_port;         /* the gateway's wish; 0: the same as the host's */
	uint32_t accept;                /* enum conf_forward_accept */
	uint32_t max_waiting, max_new_per_s;   /* as the subscriber's, of this one alone */
};

struct conf_ports {
	uint16_t first, last;
};

/* In the order of their names in conf/keys.c. */
enum conf_accept { CONF_ACCEPT_AUTO, CONF_ACCEPT_FAITHFUL, CONF_ACCEPT_EARLY };
enum conf_mptcp_hosts { CONF_MPTCP_HOSTS_PASS, CONF_MPTCP_HOSTS_PROXY };
enum conf_pipelined { CONF_PIPELINED_AUTO, CONF_PIPELINED_YES, CONF_PIPELINED_NO };
enum conf_quic { CONF_QUIC_LEAVE, CONF_QUIC_REFUSE };
enum conf_intercept_source { CONF_INTERCEPT_CLIENT, CONF_INTERCEPT_SUBSCRIBER };
/* role/schemes.c has the schemes */
enum conf_signalling { CONF_SIGNALLING_CONVERT, CONF_SIGNALLING_PLAIN, CONF_SIGNALLING_SOCKS5, CONF_SIGNALLING_ROUTE,
		       CONF_SIGNALLING_N };

struct conf_gateway {
	bool enabled;                   /* the section is there */
	char lan[CONF_LAN_INTERFACES][CONF_INTERFACE_BYTES];
	size_t n_lan;
	struct address converter[CONF_CONVERTER_ADDRESSES];   /* the first of conf.upstreams, where it is there */
	size_t n_converter;
	bool dhcp;                      /* the last are those that the links' DHCP tells of */
	bool has_key;
	uint8_t key[CONF_KEY_BYTES];
	uint16_t intercept_port;
	uint32_t fwmark;
	uint32_t route_table;           /* first of the tables used: +0 interception, +1.. one per link */
	uint32_t rule_priority;
	bool plumbing;                  /* false: endpoints, rules, tables and sysctls are somebody else's work */
	uint32_t signalling;            /* enum conf_signalling */
	char user[CONF_LOGIN_BYTES];    /* with socks5; "": none, as the password */
	char password[CONF_LOGIN_BYTES];
	uint32_t pipelined;             /* enum conf_pipelined */
	char route_link[CONF_NAME_BYTES];   /* with CONF_SIGNALLING_ROUTE: over which connections begin; "": the
					     * first */
	uint32_t accept;                /* enum conf_accept */
	uint32_t accept_memory;         /* destinations remembered to have accepted */
	uint32_t accept_memory_s;
	uint32_t first_queue;           /* of the packet queues: one a worker */
	uint32_t mptcp_hosts;           /* enum conf_mptcp_hosts */
	uint32_t quic;                  /* enum conf_quic */
	bool port_mapping;              /* hosts may ask the converter for mappings, by PCP and NAT-PMP */
	uint32_t early_data_wait_ms;
	bool inbound;                   /* connections from the converter's side are taken */
	struct prefix *inbound_allow;   /* hosts that they may be for; none: whoever is on the LAN */
	size_t n_inbound_allow;
	uint32_t overflow_after_ms;     /* that links are full, before costlier ones are opened */
	uint32_t link_lossy_percent;    /* of what a link is given to send, sent again: it is lossy */
	uint32_t link_full_ms;          /* that a round trip over it takes longer than the least: it is full */
	uint32_t probe_idle_s;          /* most time between two probes of a link on which nothing happens */
	uint32_t attempt_timeout_ms;    /* a converter that doesn't answer over one link is tried over another after
					 * this */
	uint32_t syn_race;              /* enum race_mode */
	uint32_t pieces;                /* enum conf_pieces */
};

/* This machine's own connections. Where the converter is, and how it is reached, the gateway's section says. */
struct conf_host {
	bool enabled;                   /* the section is there */
	struct own_choice choice;
	struct address socks[CONF_SOCKS_ADDRESSES];   /* to listen on for programs that say where they want to go */
	size_t n_socks;
	bool socks_open;                /* also where others can connect to it */
	char socks_user[CONF_LOGIN_BYTES], socks_password[CONF_LOGIN_BYTES];   /* "": anybody */
};

struct conf_converter {
	bool enabled;
	struct address listen[CONF_LISTEN_ADDRESSES];
	size_t n_listen;
	struct address announce[CONF_ANNOUNCED];   /* of this machine, where sessions' other links join; no ports */
	size_t n_announce;
	uint32_t signalling;            /* those that are accepted: a bit each, 1 << enum conf_signalling */
	struct prefix *allow;           /* clients that need no key */
	size_t n_allow;
	struct prefix *allow_destination;   /* of the destinations refused by default */
	size_t n_allow_destination;
	struct address pool[CONF_POOL_ADDRESSES];   /* that sessions leave from; no ports */
	size_t n_pool;
	uint32_t ticket_window_s;
	uint32_t ticket_memory;         /* tickets remembered within the window */
	uint32_t convert_timeout_ms;    /* for a whole Convert message to arrive */
	struct conf_ports bind_ports;   /* that clients may have us listen on for a moment; 0: none */
	struct prefix *intercept;       /* clients on whose way we are, and whose Multipath TCP connections are taken */
	size_t n_intercept;
	uint16_t intercept_port;        /* local port that they are handed to */
	struct address intercept_join[CONF_INTERCEPT_JOINS];   /* of this machine, where their other subflows come
							        * to; no ports */
	size_t n_intercept_join;
	uint16_t intercept_join_port;
	uint32_t intercept_accept;      /* enum conf_forward_accept */
	uint32_t intercept_queue;       /* first of the packet queues: one a worker */
	uint32_t intercept_source;      /* enum conf_intercept_source: whose address the destination sees */
	uint16_t inbound_port;          /* local port that forwards' connections are handed to */
	uint32_t inbound_queue;         /* first of the packet queues: one a worker */
	struct address mapping_address; /* unspecified: hosts are given no mappings */
	struct conf_ports mapping_ports;
	uint32_t mapping_least_s, mapping_most_s;
};

struct conf {
	struct conf_gateway gateway;
	struct conf_host host;
	struct conf_converter converter;
	struct conf_link links[CONF_LINKS];
	size_t n_links;
	struct conf_upstream upstreams[CONF_UPSTREAMS + 1];   /* the most preferred first; those of DHCP come behind
							       * them */
	size_t n_upstreams;
	struct conf_subscriber *subscribers;
	size_t n_subscribers;
	struct conf_forward *forwards;  /* the converter's */
	size_t n_forwards;
	struct conf_forward *asked;     /* the gateway's */
	size_t n_asked;
	struct rules *rules;            /* [policy] and [list NAME]; never NULL, every list in it is defined */
	char **warnings;                /* what is sound and yet can't be meant, a line each: "braid.ini:12: rule 'x'
					 * never matches: ..." */
	size_t n_warnings;
	struct {                        /* [daemon] */
		uint32_t workers;           /* 0: one a core */
		char control[CONF_PATH_BYTES];
		char state_dir[CONF_PATH_BYTES];
		uint32_t drain_timeout_ms;
	} daemon;
	struct {                        /* [limits] */
		uint32_t max_sessions;      /* all workers together */
		uint32_t max_half_open;     /* sessions being set up, all workers together */
		uint32_t connect_timeout_ms;
		uint32_t keepalive_s;       /* idle time before the first keep-alive probe, both legs */
	} limits;
	struct {                        /* [relay] */
		char congestion[CONF_CONGESTION_BYTES];   /* of the MPTCP leg; "" leaves the system's default;
							   * "auto": role/links/loss_watch.h */
		bool steady;                /* the MPTCP legs keep the rules of policy/steady.h */
		uint32_t held_mb;           /* that sessions may hold for slow readers, all workers together, in 2^20
					     * bytes */
		uint32_t pipes;             /* most pipes that bulk transfers may hold at once, all workers together */
	} relay;
	struct {                        /* [log] */
		uint32_t level;             /* enum conf_log_level */
	} log;
};

enum conf_log_level { CONF_LOG_ERROR, CONF_LOG_WARNING, CONF_LOG_INFO, CONF_LOG_DEBUG };

/* Where and why a text is no configuration. file is the name that was handed in. */
struct conf_error {
	char text[512];                 /* "braid.ini:12: gateway.fwmark: found '0', wanted 1..4294967295" */
	unsigned int line;
};

enum { CONF_E_INVALID = 1 };

/* How the files that a configuration names are read, so that conf/ itself reads none. */
struct conf_reader {
	/* The bytes of the file, malloc'd, or NULL with the reason in one line. */
	char *(*read)(void *context, const char *path, size_t *n_bytes, char *reason, size_t n_reason);
	void *context;
};

/* Parses and checks the text as a whole: unknown sections and keys, ranges, duplicates, missing ones, and what does
 * not fit together (no role, a gateway without links, a converter that would be an open proxy). 0, CONF_E_INVALID
 * with *error filled in, or -ENOMEM. Borrows the reader for the call; NULL: a configuration that names a file is no
 * good. */
int conf_parse(const char *file, const char *text, size_t n_text, const struct conf_reader *reader, struct conf **out,
	       struct conf_error *error);
void conf_freep(struct conf **conf);

/* Connections are taken that their programs meant for their destinations. */
static inline bool conf_intercepts(const struct conf *conf)
{
	return conf->gateway.n_lan || own_chooses(&conf->host.choice);
}

/* Hosts are given ports where they ask for them. */
static inline bool conf_gives_mappings(const struct conf *conf)
{
	return !address_is_unspecified(&conf->converter.mapping_address);
}

/* Some links cost more than others: they are opened while those are full. */
static inline bool conf_has_costs(const struct conf *conf)
{
	for (size_t i = 1; i < conf->n_links; i++)
		if (conf->links[i].cost != conf->links[0].cost)
			return true;
	return false;
}

/* Set so; or of low rate beside links that aren't: it could only hold them up. */
static inline bool conf_link_is_backup(const struct conf *conf, size_t link)
{
	bool alike = true;

	for (size_t i = 0; i < conf->n_links; i++)
		alike &= conf->links[i].profile == CONF_PROFILE_LOWRATE;
	return conf->links[link].backup || (conf->links[link].profile == CONF_PROFILE_LOWRATE && !alike);
}

/* The names of the keys that differ and can only be changed by a restart (comma-separated, into out); "" if none. */
void conf_restart_needed(const struct conf *running, const struct conf *next, char *out, size_t n_out);

/* The help text of every key, from the table; NULL-terminated malloc'd string, or NULL. The second form is mdoc for
 * the man page. */
char *conf_help(void);
char *conf_help_man(void);

#endif
