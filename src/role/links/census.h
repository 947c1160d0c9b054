/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who has what of the gateway's links (policy/census.h). Each worker counts its sessions while it looks over them every
 * two seconds anyway (role/links/stranded.c): enough to see that something is amiss. And at once where somebody is
 * about to take an endpoint out, since a session may have begun, or lost its other subflows, since then (decision
 * 0038).
 */
#ifndef BRAID_ROLE_LINKS_CENSUS_H
#define BRAID_ROLE_LINKS_CENSUS_H

#include "net/mptcp_info.h"
#include "policy/backoff.h"
#include "policy/census.h"
#include "role/worker.h"

struct census_taker;

/* A worker's. Borrows it, whose relay and view must be there. 0 or a negative errno. */
int census_taker_new(struct worker *worker, struct census_taker **out);
void census_taker_freep(struct census_taker **taker);
/* One session of a look (known: it was there at the look before), and the look is over. */
void census_take(struct census_taker *taker, const struct session_view *session,
		 const struct mptcp_connection_info *info, bool known);
void census_publish(struct census_taker *taker);

/* All workers' together, as they were found at their last looks; from any thread. */
struct census census_seen(struct worker *const *workers, size_t n_workers, size_t link);

/* A count that somebody in the main thread waits for. Begin with zeros. */
struct census_call {
	uint64_t number;          /* 0: none */
	uint64_t asked_at_us;
	uint64_t stayed_at_us;    /* when sessions were last told to stay where they are */
};

#define CENSUS_WAIT_US (5 * US_PER_MS)   /* to ask again whether it is done */

/* True, once: all workers have counted since this was called first. Until then it is to be called again. */
bool census_is_done(struct census_call *call, struct worker *const *workers, size_t n_workers, uint64_t now_us);
/* What is being counted may not hold any more: the next call begins anew. */
void census_forget(struct census_call *call);
/* All workers' together, as they were counted then. */
struct census census_counted(struct worker *const *workers, size_t n_workers, size_t link);

/* Links whose endpoints are to be taken out. Begin with census_leave_anew(). */
struct census_leaving {
	struct census_call count;
	struct backoff backoff;   /* while somebody would end with each of them */
	bool waits;               /* for a count */
};

/* Those of the wanted links (a bit each) that no session ends with, as far as is known; 0: to be asked again, soon
 * where it waits. One at a time, where there are sessions: two may be all that one has. */
uint32_t census_leave(struct census_leaving *leaving, struct worker *const *workers, size_t n_workers, uint32_t wanted,
		      uint64_t now_us);
/* Links have changed, or others are wanted. */
void census_leave_anew(struct census_leaving *leaving);

#endif
