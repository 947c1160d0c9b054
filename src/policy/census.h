/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How many of a gateway's sessions have what of each link, and whether a link's endpoint may be taken out: with it go
 * the subflows of every session over the link, and a session of which that was the last subflow ends, or stands still
 * (decision 0038). Pure.
 */
#ifndef BRAID_POLICY_CENSUS_H
#define BRAID_POLICY_CENSUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One session's Multipath TCP connection; a bit each link. */
struct census_session {
	bool known;               /* it was there at the look before: its links have had time to join */
	bool joins;               /* Linux takes new subflows for it: it has begun, and neither end has ended its
				   * stream */
	uint32_t reachable;       /* the link is up, and has an address of the session's family */
	uint32_t named;           /* there is a subflow over it, whatever its state */
	uint32_t stands;          /* there is one that is established */
	uint32_t works;           /* one is, or may be soon, and isn't waited for in vain */
};

/* Of one link. Whole numbers only: they are handed from thread to thread one by one. */
struct census {
	uint64_t n_lacking;       /* sessions that could have it, and have not */
	uint64_t n_with;          /* something comes through over it */
	uint64_t n_alone;         /* and over no other one, of those that take another one */
	uint64_t n_last;          /* no other one is established, whether something comes through or not */
	uint64_t n_bound;         /* of these: they take no other one, and would end with it */
};

/* Adds one session to the counts of all links. wanted: links that sessions are to have. */
void census_add(struct census *census, size_t n_links, const struct census_session *session, uint32_t wanted);

/* Whether nobody is lost if the link is left for good. */
bool census_may_leave(const struct census *census);
/* Whether sessions had better begin anew over the link: those that have nothing else stand still for some round
 * trips, so not for the sake of fewer; and thousands don't join again for the sake of one. Whether they may,
 * census_may_begin_anew() says. */
bool census_wants_anew(const struct census *census);
/* Whether nobody is lost if the link is taken away and put back. */
bool census_may_begin_anew(const struct census *census);

#endif
