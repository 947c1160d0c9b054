/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/links/rejoin.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include "base/clock.h"
#include "base/util.h"
#include "net/socket.h"
#include "path/path.h"
#include "policy/backoff.h"
#include "role/log.h"
#include "role/worker.h"

#define LOOK_US (2 * US_PER_S)            /* as the workers look; and how long a try may take */
#define AGAIN_FIRST_US (10 * US_PER_S)    /* sessions have their subflows by then, and were looked at since */
#define AGAIN_MOST_US (600 * US_PER_S)
#define FEW 64u                           /* sessions that have the link: they may always be disturbed */
#define DISTURBED_FOR_ONE 16u             /* beyond these, by each that lacks it */

struct tried {
	int fd;                           /* of the connection that is tried; -1: none */
	uint16_t generation;
	struct backoff backoff;
};

struct rejoin {
	struct loop *loop;
	struct rejoin_options options;
	uint8_t handler;
	struct tried links[CONF_LINKS];
};

static void drop(struct rejoin *rejoin, struct tried *link)
{
	link->generation++;
	if (link->fd < 0)
		return;
	loop_unwatch(rejoin->loop, link->fd);
	net_close_reset(link->fd);
	link->fd = -1;
}

static struct link_census census_of(const struct rejoin *rejoin, size_t link)
{
	struct link_census sum = { 0 };

	for (size_t i = 0; i < rejoin->options.n_workers; i++) {
		const struct link_census *found = &rejoin->options.workers[i]->census[link];

		sum.n_lacking += __atomic_load_n(&found->n_lacking, __ATOMIC_RELAXED);
		sum.n_with += __atomic_load_n(&found->n_with, __ATOMIC_RELAXED);
		sum.n_alone += __atomic_load_n(&found->n_alone, __ATOMIC_RELAXED);
	}
	return sum;
}

/* Those that have nothing else stand still for some round trips: not for the sake of fewer. And thousands don't join again for the sake of one. */
static bool is_wanted(const struct link_census *census)
{
	return census->n_lacking && census->n_lacking >= census->n_alone && census->n_with <= FEW + DISTURBED_FOR_ONE * census->n_lacking;
}

static void try_link(struct rejoin *rejoin, size_t i)
{
	const struct view *view = rejoin->options.view(rejoin->options.context);
	struct tried *link = &rejoin->links[i];
	struct loop_ref ref = { .handler = rejoin->handler, .index = (uint32_t)i, .generation = link->generation };
	uint64_t now_us = loop_now_us(rejoin->loop);
	struct net_connect_options options = { .mptcp = false };
	struct choice choice;
	size_t n_sent;

	if (backoff_at_us(&link->backoff, now_us) > now_us || shared_choose_link(rejoin->options.shared, view, ~(1u << i), now_us, &choice) || choice.link != i)
		return;
	options.source = choice.source;
	if (net_connect_begin(&choice.converter, &options, &link->fd, &n_sent)) {
		link->fd = -1;
		return;
	}
	if (loop_watch(rejoin->loop, link->fd, EPOLLOUT | EPOLLET, ref))
		drop(rejoin, link);
}

/* When it is opened, sessions have some time to join it, and to be looked at since. */
static void wait_for_joins(struct tried *link, uint64_t now_us)
{
	link->backoff.delay_us = AGAIN_FIRST_US;
	link->backoff.done_at_us = now_us;
}

static void on_timer(void *context, struct loop_ref ref, uint64_t now_us)
{
	struct rejoin *rejoin = context;
	const struct view *view = rejoin->options.view(rejoin->options.context);

	for (size_t i = 0; i < view->n_links; i++) {
		struct link_census census = census_of(rejoin, i);

		drop(rejoin, &rejoin->links[i]);
		if (shared_is_left(rejoin->options.shared, view, i))
			wait_for_joins(&rejoin->links[i], now_us);
		else if (is_wanted(&census))
			try_link(rejoin, i);
	}
	while (loop_timer_at(rejoin->loop, now_us + LOOK_US, ref))
		;   /* never without: nobody else looks */
}

static void on_event(void *context, struct loop_ref ref, uint32_t events)
{
	struct rejoin *rejoin = context;
	const struct view *view = rejoin->options.view(rejoin->options.context);
	struct tried *link = &rejoin->links[ref.index];
	int r = link->fd >= 0 && link->generation == ref.generation ? net_connect_outcome(link->fd, events) : NET_E_AGAIN;

	if (r == NET_E_AGAIN)
		return;
	drop(rejoin, link);
	if (r)
		return;
	backoff_done(&link->backoff, loop_now_us(rejoin->loop));
	log_info("link %s: the converter answers over it, and %llu sessions don't have it: they begin anew there", view->links[ref.index].name,
		 (unsigned long long)census_of(rejoin, ref.index).n_lacking);
	path_rejoin(rejoin->options.path, ref.index);
}

void rejoin_link_changed(struct rejoin *rejoin, size_t link)
{
	drop(rejoin, &rejoin->links[link]);
	rejoin->links[link].backoff = (struct backoff){ .first_us = AGAIN_FIRST_US, .most_us = AGAIN_MOST_US };
}

int rejoin_new(struct loop *loop, const struct rejoin_options *options, struct rejoin **out)
{
	struct rejoin *rejoin = calloc(1, sizeof(*rejoin));
	struct loop_handler handler = { .on_event = on_event, .on_timer = on_timer, .context = rejoin };

	if (!rejoin)
		return -ENOMEM;
	rejoin->loop = loop;
	rejoin->options = *options;
	rejoin->handler = loop_handler_add(loop, &handler);
	for (size_t i = 0; i < CONF_LINKS; i++) {
		rejoin->links[i].fd = -1;
		rejoin_link_changed(rejoin, i);
	}
	*out = rejoin;
	return loop_timer_at(loop, loop_now_us(loop) + LOOK_US, (struct loop_ref){ .handler = rejoin->handler });
}

void rejoin_freep(struct rejoin **rejoin)
{
	if (!*rejoin)
		return;
	for (size_t i = 0; i < CONF_LINKS; i++)
		drop(*rejoin, &(*rejoin)->links[i]);
	free(*rejoin);
	*rejoin = NULL;
}
