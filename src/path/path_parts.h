/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a path is made of. Private to path.c and path_*.c. */
#ifndef BRAID_PATH_PATH_PARTS_H
#define BRAID_PATH_PATH_PARTS_H

#include "net/netlink.h"
#include "path/alive.h"
#include "path/handshakes.h"
#include "path/inbound.h"
#include "path/intercept.h"
#include "path/keep.h"
#include "path/path.h"
#include "path/returns.h"
#include "policy/backoff.h"
#include "policy/links.h"

enum { PATH_PART_REFRESH, PATH_PART_SETTINGS, PATH_PART_FORWARDS, PATH_PART_RESTED };   /* of the handler's timers */

struct path {
	struct loop *loop;
	uint8_t handler;
	path_event_fn on_event;
	void *context;
	struct path_options options;
	int lock_fd;
	struct netlink *netlink, *events;
	bool watching;
	struct mptcp_pm *pm;             /* NULL: none in this kernel, or none of our business */
	struct keep keep;
	bool kept;                       /* keep was opened: settings are to be given back */
	struct interception interception;
	struct handshakes handshakes;
	bool handshakes_missing;   /* they could not be put, and that was said */
	struct inbound_table inbound;
	struct backoff inbound_again;    /* where nft refuses: it may have been short of something for a moment */
	bool inbound_armed;
	struct alive *alive;             /* NULL without plumbing, as the next one */
	struct returns *returns;
	struct links_seen seen;
	struct links_plumbing have, want;
	struct links_verdict verdicts[PATH_LINKS];
	uint64_t since_us[PATH_LINKS];
	uint32_t closed, left;           /* as path_set_closed() was told */
	uint32_t silent;                 /* as path_set_silent() was */
	uint64_t rests_until_us[PATH_LINKS][2];   /* its endpoint of IPv4, and that of IPv6, is not put back before */
	bool retry_armed;
	bool unsettled;                  /* not all of the plumbing could be put in place yet */
	char warned[192];                /* the last failure told: the same is not told again */
};

/* kind: PATH_EVENT_*; link: of PATH_EVENT_LINK. */
void path_emit(struct path *path, int kind, size_t link, const char *text);
/* Looks, decides, acts, and tells. */
void path_refresh(struct path *path);

/* After a plan: links whose endpoints go by it, and those that have gone lately. Whether there are any that the plan
 * has to leave out; when they have rested, the path is looked at again. */
bool path_rest(struct path *path);
uint32_t path_resting(const struct path *path, bool v6);   /* a bit each */

/* Of what keeps hosts from being served, whatever we do. */
void path_warn_of_lan(struct path *path);
/* Without packet queues nobody is asked before a host is accepted. */
void path_warn_of_queues(struct path *path);
/* Of what [host] chooses. */
void path_warn_of_own(struct path *path);

/* Of an earlier run. Where nft refuses, there is none. */
void path_forget_forwards(struct path *path);
/* The table is there, or is put back; later, where nft refuses. */
void path_check_forwards(struct path *path);

#endif
