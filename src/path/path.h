/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The gateway's links and the plumbing of both roles: MPTCP endpoints and limits, one routing table and rule a link,
 * the interception of TCP from the LAN (nft table, fwmark rule, local route), what a converter does to SYNs and has of
 * what comes back to addresses that aren't its own (other nft tables), the sysctls that Braid needs. Everything that
 * was put in place is taken away by path_freep(), and what an earlier run left behind (kill -9) by path_new(). Runs in
 * the thread of its loop; the status is copied out.
 */
#ifndef BRAID_PATH_PATH_H
#define BRAID_PATH_PATH_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/address.h"
#include "loop/loop.h"
#include "path/alive.h"
#include "policy/forwards.h"
#include "policy/own.h"
#include "policy/rules.h"

#define PATH_LINKS 8
#define PATH_NAME_BYTES 32
#define PATH_LAN_INTERFACES 16
#define PATH_LISTEN_PORTS 9
#define PATH_JOINS 2
#define PATH_ANNOUNCED 2
#define PATH_CONVERTERS 192   /* every one that there may be, with both addresses, and those that were lately */

struct path_link_options {
	char name[PATH_NAME_BYTES];
	char interface[IF_NAMESIZE];
	struct address next_hop_v4;     /* unspecified: from the main table's default route over this interface */
	struct address next_hop_v6;
	bool backup;
};

/* Of a connection that is intercepted: before its destination has accepted, after it, or by whether it has done so
 * lately. */
enum path_accept { PATH_ACCEPT_AUTO, PATH_ACCEPT_FAITHFUL, PATH_ACCEPT_EARLY };

struct path_options {
	struct path_link_options links[PATH_LINKS];
	size_t n_links;
	char lan[PATH_LAN_INTERFACES][IF_NAMESIZE];   /* intercepted; none at a converter */
	size_t n_lan;
	uint16_t listen_ports[PATH_LISTEN_PORTS];     /* a converter's, and that of joins */
	size_t n_listen_ports;
	bool takes_forwards;            /* path_set_forwards() follows at once: what an earlier run has left of them
					 * stays until then */
	const struct own_choice *own;   /* which of this machine's own connections are intercepted, where packets can
					 * be held; NULL: none; borrowed as rules are */
	bool leads_own;                 /* there are such, or were: once it was true, it stays so, for they live on */
	uint32_t own_memory_s;          /* how long one that is silent is known */
	struct address converter[PATH_CONVERTERS];   /* connections to it are never intercepted */
	size_t n_converter;
	bool foreign_sources;           /* a converter's sockets may have addresses that aren't this machine's; once
					 * it was true, it stays so: their connections live on */
	const struct prefix *on_path;   /* a converter's: clients whose Multipath TCP connections are taken on their
					 * way; none overlap. Borrowed, as long as these options hold */
	size_t n_on_path;
	uint16_t on_path_port;          /* of the listeners that they are handed to (path/marks.h) */
	bool on_path_keeps_source;      /* we connect to their servers from their own addresses and ports */
	bool on_path_holds;             /* their first packets wait for a worker's verdict, each of n_workers with a
					 * queue */
	uint16_t on_path_queue;         /* the first */
	struct address joins[PATH_JOINS];   /* with ports: what such clients are told, to join there */
	size_t n_joins;
	struct address announced[PATH_ANNOUNCED];   /* without: what every peer is told, to join there at the port
						     * that it has come to */
	size_t n_announced;
	bool fullmesh;                  /* a gateway's links join wherever the peer says, not at its first address
					 * alone */
	uint16_t intercept_port;
	uint32_t fwmark;
	uint32_t route_table;           /* +0 interception, +1.. one per link */
	uint32_t rule_priority;         /* +0 and +9 interception, +1.. one per link */
	enum path_accept accept;
	uint32_t accept_memory;         /* destinations */
	uint32_t accept_memory_s;
	unsigned int n_workers;         /* that can hold first packets, each with a queue; 0: all are accepted early */
	uint16_t first_queue;
	bool proxy_mptcp_hosts;         /* else their SYNs pass untouched */
	bool refuse_quic;
	const struct rules *rules;      /* NULL: none; borrowed, as long as these options hold */
	char state_dir[108];            /* where the sysctls' old values are kept while we run */
	bool plumbing;                  /* false: only look, change nothing */
	struct alive_times *times;      /* borrowed, as long as the path is there (path/alive.h) */
};

/* Hosts' connections, or this machine's own. */
static inline bool path_catches(const struct path_options *options)
{
	return options->n_lan || options->leads_own;
}

/* These, or others on their way. */
static inline bool path_intercepts(const struct path_options *options)
{
	return path_catches(options) || options->n_on_path;
}

enum path_link_state { PATH_LINK_NO_INTERFACE, PATH_LINK_NO_CARRIER, PATH_LINK_NO_ADDRESS, PATH_LINK_NO_ROUTE,
		       PATH_LINK_UP, PATH_LINK_N_STATES };
const char *path_link_state_name(enum path_link_state state);

struct path_link_status {
	char name[PATH_NAME_BYTES];
	char interface[IF_NAMESIZE];
	unsigned int ifindex;           /* 0: no such interface now */
	enum path_link_state state;
	bool backup;
	bool closed;                    /* by path_set_closed() */
	struct address v4, v6;          /* the addresses in use; unspecified where there is none */
	uint8_t endpoint_id_v4, endpoint_id_v6;   /* MPTCP endpoint ids; 0 where there is none */
	uint64_t rx_bytes, tx_bytes;    /* of the interface */
	uint64_t since_us;              /* of the last change of state, monotonic */
};

struct path_event {
	/* TABLE: the nft table was made anew, or could not be: by itself, not by path_update() */
	enum { PATH_EVENT_LINK, PATH_EVENT_WARNING, PATH_EVENT_TABLE } kind;
	size_t link;                    /* PATH_EVENT_LINK: which */
	char text[192];                 /* one line for the log, without a newline */
};

struct path;
struct nft;
struct inbound_options;

/* Called in the loop's thread after each change of a link, and for warnings; read path_status() for the new state. */
typedef void (*path_event_fn)(void *context, const struct path_event *event);

/* Whether the users and groups that are chosen are there. 0, or -EINVAL with the reason. */
int path_check_own(const struct own_choice *own, char *reason, size_t n_reason);

/* Puts everything in place, all or nothing, and tells of each link. Borrows loop; copies the options. 0, or a
 * negative errno with the reason in one line (what failed, on what, what to do) in reason. */
int path_new(struct loop *loop, const struct path_options *options, path_event_fn on_event, void *context,
	     struct path **out, char *reason, size_t n_reason);
/* Changes links and LAN interfaces under way: what stays the same isn't touched. Same results; on failure the old
 * options hold. */
int path_update(struct path *path, const struct path_options *options, char *reason, size_t n_reason);
/* A bit each link: sessions that run send nothing over it while another works, as over a backup (closed), or have
 * nothing there at all (left, too). Holds until it is called again. */
void path_set_closed(struct path *path, uint32_t closed, uint32_t left);
/* A bit each link: sessions that run have nothing there, and their peers are told, as the link swallows what is
 * sent. Holds until it is called again. */
void path_set_silent(struct path *path, uint32_t silent);
/* The peers may not have heard that they are closed: says it once more, for which they are open for a moment. */
void path_tell_closed(struct path *path);
/* Or that these are open, a bit each: they are closed for a moment. */
void path_tell_open(struct path *path, uint32_t links);
/* The loop must not run any more afterwards: it may still hold a timer of ours. */
void path_freep(struct path **path);

/* Why no host can come by this LAN interface, in words; "" where nothing is seen that would keep them away. */
const char *path_lan_fault(const struct path *path, const char *interface);
/* Whether of the links that are up one has IPv4 alone, and another IPv6 alone. */
bool path_spans_families(const struct path *path);
/* Whether first packets can be held on this machine: the kernel has queues, and the rule that leads there is in
 * place. */
bool path_can_hold(const struct path *path);
/* Which rules the table has: the marks of held packets name it (path/marks.h). */
uint32_t path_rules_generation(const struct path *path);

/* A converter: connections to these are taken from here on, by listeners at inbound_listener(); they are copied.
 * Where nft refuses, a warning says so, and it is tried again a second later, and then ever more rarely. */
void path_set_forwards(struct path *path, const struct forwards *forwards, const struct inbound_options *options);

/* Every session begins its subflow over the link anew, those that have one and those that lack it: Linux tries to
 * join once, and no more. In between they have none there, for rest_us at least: so long may it take until their
 * peers have heard of it by another link. The link has to be up; else nothing is done. */
void path_rejoin(struct path *path, size_t link, uint64_t rest_us);

/* Looks whether the system's settings still are as we need them, puts them back and warns where not. Done by itself
 * every 30 s. */
void path_check_settings(struct path *path);

/* Connections are taken as vouch says, which is asked twice a second. Without one, while the loop turns. */
void path_vouch(struct path *path, alive_vouch_fn vouch, void *context);

/* Copies the present status of at most n_out links, returns how many there are. Reads the interfaces' counters. */
size_t path_status(struct path *path, struct path_link_status *out, size_t n_out);

#endif
