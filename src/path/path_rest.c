/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An endpoint that has gone is not put back at once (decision 0036): its peers are told by another link (RM_ADDR), and
 * close what they have of it when they come to it. A subflow that had begun from the same address meanwhile would be
 * closed with it: the id is the same, for the address that a session began from always.
 */
#include "base/clock.h"
#include "base/util.h"
#include "path/path_parts.h"

#define REST_US (250 * US_PER_MS)   /* half a round trip of most links, and what a busy peer takes */

uint32_t path_resting(const struct path *path, bool v6)
{
	uint64_t now_us = loop_clock_us();
	uint32_t links = 0;

	for (size_t i = 0; i < path->options.n_links; i++)
		links |= (uint32_t)(path->rests_until_us[i][v6] > now_us) << i;
	return links;
}

/* Without memory for a timer it doesn't rest. */
static void rest(struct path *path, size_t link, bool v6, uint64_t us)
{
	uint64_t until_us = loop_clock_us() + us;

	if (path->rests_until_us[link][v6] < until_us &&
	    !loop_timer_at(path->loop, until_us,
			   (struct loop_ref){ .handler = path->handler, .part = PATH_PART_RESTED }))
		path->rests_until_us[link][v6] = until_us;
}

bool path_rest(struct path *path)
{
	uint16_t gone[LINKS_SEEN_MOST];
	/* at the start they are of nobody's sessions */
	size_t n = path->watching ? links_diff(LINKS_DELETE_ENDPOINT, &path->have, &path->want, gone) : 0;

	for (size_t i = 0; i < n; i++) {
		/* the other family's is another id: it stays */
		unsigned int place = path->have.endpoints.at[gone[i]].id - LINKS_ID_FIRST;

		if (place / 2 < path->options.n_links)
			rest(path, place / 2, place % 2, REST_US);
	}
	return path_resting(path, false) | path_resting(path, true);
}

void path_rejoin(struct path *path, size_t link, uint64_t rest_us)
{
	if (!path->kept || !path->watching || link >= path->options.n_links || path->verdicts[link].state != LINKS_UP)
		return;
	for (int v6 = 0; v6 < 2; v6++)
		rest(path, link, v6, rest_us > REST_US ? rest_us : REST_US);
	path_refresh(path);
}
