/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon's parts, as its main thread has them. Private to role/braid*.c and the commands. */
#ifndef BRAID_ROLE_BRAID_PARTS_H
#define BRAID_ROLE_BRAID_PARTS_H

#include "ctl/control.h"
#include "net/kernel.h"
#include "path/path.h"
#include "role/braid.h"
#include "role/links/aside.h"
#include "role/links/link_health.h"
#include "role/links/link_volumes.h"
#include "role/links/overflow.h"
#include "role/mappings/port_client.h"
#include "role/mappings/port_server.h"
#include "role/pulse.h"
#include "role/links/rejoin.h"
#include "role/shared.h"
#include "role/converter/volumes.h"
#include "role/gateway/upstreams.h"
#include "role/worker.h"

#define BRAID_WARNINGS 8
#define BRAID_WARNING_BYTES 320

struct braid {
	struct loop *loop;
	uint8_t handler;
	struct conf_holder *holder;
	struct view *view;
	struct shared shared;
	struct path *path;
	struct upstreams *upstreams;     /* NULL where there are no converters to ask: no gateway, or signalling =
					  * route */
	struct link_health *link_health; /* NULL at a converter, as the next four */
	struct rejoin *rejoin;
	struct overflow_control *overflow;
	struct link_volumes *link_volumes;
	struct aside *aside;
	struct port_server *ports;       /* NULL as upstreams */
	struct port_client *own_ports;   /* and what uses it */
	struct volumes *volumes;         /* NULL at a gateway */
	char why_unreachable[64];        /* the converter; as was told last */
	bool told, told_reachable;       /* what the log said last */
	char told_why[64];
	struct control *control;
	struct log_limit control_short;  /* how often it is told that the control socket is short of descriptors */
	struct worker **workers;
	size_t n_workers, n_peers;       /* n_peers: that connections come to, the others are for bulk
					  * (role/worker.h) */
	size_t n_publishing;             /* views on their way to the workers */
	bool telling;                    /* whether the converter answers, as soon as they have arrived */
	bool gathering;                  /* mappings have changed, and are published by the timer */
	bool gathered;                   /* and the timer's time came while another view was on its way: it is next */
	uint64_t publish_from_us;        /* not before; monotonic */
	struct pulse *pulse;
	uint64_t started_at_us;
	struct net_feature_state features[NET_FEATURE_N];
	char warnings[BRAID_WARNINGS][BRAID_WARNING_BYTES];   /* the last ones, in a ring */
	uint64_t warned_at_us[BRAID_WARNINGS];
	size_t n_warnings;               /* ever */
	bool draining;
	bool reloading;                  /* path/ has the new configuration, or is about to */
	uint64_t drain_until_us;
	void (*on_signal)(void *context);
	void *signal_context;
	braid_reload_fn reload;
	void *reload_context;
};

enum { BRAID_PART_PUBLISH };     /* of the handler's timers; the others are role/braid.c's */

/* To the log, and kept for those who ask later; the context is the struct braid. */
void braid_warn(void *context, const char *text);
/* What the kernel has, into braid->features; what is missing is told. 0, or -EOPNOTSUPP where the kernel lacks what
 * nothing works without. */
int braid_probe_kernel(struct braid *braid, const struct conf *conf, char *reason, size_t n_reason);
/* Parts of it that a reload may ask for anew. 0, or a negative errno with the reason in one line. */
int braid_probe_congestion(const struct conf *conf, char *reason, size_t n_reason);
int braid_probe_transparent(const struct braid *braid, const struct conf *conf, char *reason, size_t n_reason);
unsigned int braid_n_workers(const struct conf *conf);
/* Borrows from both. */
struct path_options braid_path_options(struct braid *braid, const struct conf *conf);
/* What a link's DHCP of one family says of converters from now on, as upstreams_provision(). 0, or a negative errno
 * with the reason in one line. */
int braid_provision(struct braid *braid, size_t link, bool v6, const struct provisions_address *addresses, size_t n,
		    uint64_t until_us, char *reason, size_t n_reason);
/* A new view with what is known now, handed to all workers. 0 or -ENOMEM. */
int braid_publish(struct braid *braid, bool reachable);
/* The table of mappings is another one: it will be part of a view, together with what changes until then. */
void braid_on_mappings(void *context, const struct mappings *mappings);
void braid_publish_mappings(struct braid *braid);   /* the timer's */

#endif
