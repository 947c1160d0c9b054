/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/links/rejoin.h"

#include <errno.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/util.h"
#include "path/path.h"
#include "policy/backoff.h"
#include "role/links/link_health.h"
#include "role/links/stranded.h"
#include "role/log.h"
#include "role/worker.h"

#define LOOK_US (2 * US_PER_S)            /* as the workers look */
#define AGAIN_FIRST_US (10 * US_PER_S)    /* sessions have their subflows by then, and were looked at since */
#define AGAIN_MOST_US (600 * US_PER_S)
#define JOINED_US (5 * US_PER_S)          /* after a link's return: sessions have been looked at since */
#define FEW 64u                           /* sessions that have the link: they may always be disturbed */
#define DISTURBED_FOR_ONE 16u             /* beyond these, by each that lacks it */

struct tried {
	bool wanted;                      /* and not known to work: it is being probed */
	struct backoff backoff;
};

struct rejoin {
	struct loop *loop;
	struct rejoin_options options;
	uint8_t handler;
	uint64_t counted_at_us;           /* from then on all that workers have counted was there after the last change of a link */
	struct tried links[CONF_LINKS];
};

static struct link_census census_of(const struct rejoin *rejoin, size_t link)
{
	return stranded_census(rejoin->options.workers, rejoin->options.n_workers, link);
}

/* Those that have nothing else stand still for some round trips: not for the sake of fewer. And thousands don't join again for the sake of one. */
static bool is_wanted(const struct link_census *census)
{
	return census->n_lacking && census->n_lacking >= census->n_alone && census->n_with <= FEW + DISTURBED_FOR_ONE * census->n_lacking;
}

static void begin_anew(struct rejoin *rejoin, size_t i)
{
	const struct view *view = rejoin->options.view(rejoin->options.context);
	struct tried *link = &rejoin->links[i];

	link->wanted = false;
	backoff_done(&link->backoff, loop_now_us(rejoin->loop));
	log_info("link %s: the converter answers over it, and %llu sessions don't have it: they begin anew there", view->links[i].name,
		 (unsigned long long)census_of(rejoin, i).n_lacking);
	path_rejoin(rejoin->options.path, i, shared_longest_rtt_us(rejoin->options.shared, view, false));
}

/* When it is opened, answers again, or is begun anew, sessions have some time to join it, and to be looked at since. */
static void wait_for_joins(struct tried *link, uint64_t us, uint64_t now_us)
{
	link->backoff.delay_us = us;
	link->backoff.done_at_us = now_us;
}

void rejoin_now(struct rejoin *rejoin, size_t link)
{
	const struct view *view = rejoin->options.view(rejoin->options.context);

	if (census_of(rejoin, link).n_alone)
		return;
	rejoin->links[link].wanted = false;
	wait_for_joins(&rejoin->links[link], AGAIN_FIRST_US, loop_now_us(rejoin->loop));
	path_rejoin(rejoin->options.path, link, shared_longest_rtt_us(rejoin->options.shared, view, false));
}

static void look(struct rejoin *rejoin, size_t i, uint64_t now_us)
{
	const struct view *view = rejoin->options.view(rejoin->options.context);
	struct link_census census = census_of(rejoin, i);
	struct tried *link = &rejoin->links[i];

	link->wanted = false;
	if (shared_is_left(rejoin->options.shared, view, i))
		wait_for_joins(link, AGAIN_FIRST_US, now_us);
	else if (shared_is_silent(rejoin->options.shared, i))
		wait_for_joins(link, JOINED_US, now_us);
	else if (now_us < rejoin->counted_at_us || !is_wanted(&census) || !view->links[i].up || backoff_at_us(&link->backoff, now_us) > now_us)
		return;
	else if (link_health_works(rejoin->options.health, i, LOOK_US))
		begin_anew(rejoin, i);
	else
		link->wanted = true;
}

static void on_timer(void *context, struct loop_ref ref, uint64_t now_us)
{
	struct rejoin *rejoin = context;
	const struct view *view = rejoin->options.view(rejoin->options.context);

	for (size_t i = 0; i < view->n_links; i++)
		look(rejoin, i, now_us);
	while (loop_timer_at(rejoin->loop, now_us + LOOK_US, ref))
		;   /* never without: nobody else looks */
}

void rejoin_answered(struct rejoin *rejoin, size_t link)
{
	struct link_census census = census_of(rejoin, link);

	if (rejoin->links[link].wanted && loop_now_us(rejoin->loop) >= rejoin->counted_at_us && is_wanted(&census))   /* sessions may have got through meanwhile, by themselves */
		begin_anew(rejoin, link);
}

void rejoin_link_changed(struct rejoin *rejoin, size_t link)
{
	const struct view *view = rejoin->options.view(rejoin->options.context);

	rejoin->links[link].wanted = false;
	if (view->links[link].up)   /* as it was: sessions may have lost it */
		rejoin->counted_at_us = loop_now_us(rejoin->loop) + 2 * LOOK_US;
	rejoin->links[link].backoff = (struct backoff){ .first_us = AGAIN_FIRST_US, .most_us = AGAIN_MOST_US };
	wait_for_joins(&rejoin->links[link], JOINED_US, loop_now_us(rejoin->loop));
}

int rejoin_new(struct loop *loop, const struct rejoin_options *options, struct rejoin **out)
{
	struct rejoin *rejoin = calloc(1, sizeof(*rejoin));
	struct loop_handler handler = { .on_timer = on_timer, .context = rejoin };

	if (!rejoin)
		return -ENOMEM;
	rejoin->loop = loop;
	rejoin->options = *options;
	rejoin->handler = loop_handler_add(loop, &handler);
	for (size_t i = 0; i < CONF_LINKS; i++)
		rejoin_link_changed(rejoin, i);
	*out = rejoin;
	return loop_timer_at(loop, loop_now_us(loop) + LOOK_US, (struct loop_ref){ .handler = rejoin->handler });
}

void rejoin_freep(struct rejoin **rejoin)
{
	free(*rejoin);
	*rejoin = NULL;
}
