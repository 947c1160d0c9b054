/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/census.h"

#define FEW 64u                   /* sessions that have the link: they may always be disturbed */
#define DISTURBED_FOR_ONE 16u     /* beyond these, by each that lacks it */

/* Of whom nothing works, the news that a subflow was taken away waits for one that does, and would end it (decision
 * 0036): where there is none over the link, there is no such news. */
static bool is_lacking(const struct census_session *session, uint32_t link)
{
	return session->known && session->joins && !(session->works & link) &&
	       (session->works || !(session->named & link));
}

void census_add(struct census *census, size_t n_links, const struct census_session *session, uint32_t wanted)
{
	for (size_t i = 0; i < n_links; i++) {
		uint32_t link = 1u << i;
		bool is_last = session->stands == link;

		census[i].n_lacking += session->reachable & wanted & link && is_lacking(session, link);
		census[i].n_with += session->works >> i & 1;
		census[i].n_alone += session->works == link && session->joins;
		census[i].n_last += is_last;
		census[i].n_bound += is_last && !session->joins;
	}
}

bool census_may_leave(const struct census *census)
{
	return !census->n_last;
}

bool census_wants_anew(const struct census *census)
{
	return census->n_lacking && census->n_lacking >= census->n_alone &&
	       census->n_with <= FEW + DISTURBED_FOR_ONE * census->n_lacking;
}

bool census_may_begin_anew(const struct census *census)
{
	return !census->n_bound;
}
