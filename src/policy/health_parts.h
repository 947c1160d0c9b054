/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel tells of sessions, made into a link's figures and a state. Private to health.c and
 * health_figures.c. */
#ifndef BRAID_POLICY_HEALTH_PARTS_H
#define BRAID_POLICY_HEALTH_PARTS_H

#include "policy/health.h"

/* A round trip, of sessions or of a probe, and the least that goes with it. */
void health_take_rtt(struct health_link *link, uint64_t rtt_us, uint64_t least_rtt_us, bool of_sessions,
		     uint64_t now_us);
/* False where the workers have not looked again, or there is nothing to compare with. */
bool health_take_figures(struct health_link *link, const struct health_link_facts *facts,
			 const struct health_facts *all);
/* After that, of a link that works: GOOD, LOSSY or FULL, none of which is left or taken for one look's sake. */
enum health_state health_judge_figures(struct health_link *link, const struct health_facts *all);

#endif
