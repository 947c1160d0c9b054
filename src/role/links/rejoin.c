/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/links/rejoin.h"

#include <errno.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/util.h"
#include "path/path.h"
#include "policy/backoff.h"
#include "role/links/census.h"
#include "role/links/link_health.h"
#include "role/log.h"
#include "role/worker.h"

#define LOOK_US (2 * US_PER_S)            /* as the workers look */
#define AGAIN_FIRST_US (10 * US_PER_S)    /* sessions have their subflows by then, and were looked at since */
#define AGAIN_MOST_US (600 * US_PER_S)
#define JOINED_US (5 * US_PER_S)          /* after a link's return: sessions have been looked at since */
#define SETTLE_US (1 * US_PER_S)          /* after a link was lost: its sessions go over to the others meanwhile */
#define COUNT_US (100 * US_PER_MS)        /* between two counts, while sessions would end with the link */
#define COUNT_MOST_US (2 * US_PER_S)      /* until they have others: they are those that have begun just now */

enum { PART_LOOK, PART_COUNT };

enum reason { REASON_NONE, REASON_LACKED, REASON_ASKED };

struct tried {
	bool wanted;                      /* and not known to work: it is being probed */
	enum reason reason;               /* it is about to be begun anew: it is being counted who would end with it */
	struct census_call count;
	uint64_t count_at_us, until_us;
	struct backoff backoff;
};

struct rejoin {
	struct loop *loop;
	struct rejoin_options options;
	uint8_t handler;
	bool counts;                      /* a timer runs for what is counted */
	uint64_t settled_at_us;           /* nothing is begun anew before */
	struct tried links[CONF_LINKS];
};

static void set_resting(struct rejoin *rejoin, size_t link, uint64_t until_us)
{
	__atomic_store_n(&rejoin->options.shared->links[link].rests_until_us, until_us, __ATOMIC_RELAXED);
}

static void begin_anew(struct rejoin *rejoin, size_t i, const struct census *census, uint64_t now_us)
{
	const struct view *view = rejoin->options.view(rejoin->options.context);
	struct tried *link = &rejoin->links[i];

	if (link->reason == REASON_LACKED) {
		backoff_done(&link->backoff, now_us);
		log_info("link %s: the converter answers over it, and %llu sessions don't have it: they begin anew "
			 "there", view->links[i].name, (unsigned long long)census->n_lacking);
	}
	link->reason = REASON_NONE;
	path_rejoin(rejoin->options.path, i, shared_longest_rtt_us(rejoin->options.shared, view, false));
}

static bool is_there(const struct rejoin *rejoin, size_t link)
{
	const struct view *view = rejoin->options.view(rejoin->options.context);
	const struct shared *shared = rejoin->options.shared;

	return view->links[link].up && !shared_is_silent(shared, link) && !shared_is_left(shared, view, link);
}

/* Nobody may end with it, whoever has begun since the workers' last look, or lost its other links; nor, where it is
 * to lose what it has under way, may somebody have nothing else (decision 0038). */
static void look_at_count(struct rejoin *rejoin, size_t i, uint64_t now_us)
{
	struct tried *link = &rejoin->links[i];
	struct census census;
	bool wanted, may;

	if (now_us < link->count_at_us || now_us < rejoin->settled_at_us ||
	    !census_is_done(&link->count, rejoin->options.workers, rejoin->options.n_workers, now_us))
		return;
	census = census_counted(rejoin->options.workers, rejoin->options.n_workers, i);
	link->count_at_us = now_us + COUNT_US;
	wanted = is_there(rejoin, i) && (link->reason == REASON_ASKED || census_wants_anew(&census));
	may = link->reason == REASON_ASKED ? census_may_leave(&census) : census_may_begin_anew(&census);
	if (wanted && may) {
		begin_anew(rejoin, i, &census, now_us);
	} else if (!wanted || now_us >= link->until_us) {
		link->reason = REASON_NONE;
		set_resting(rejoin, i, 0);
	}
}

static void look_at_counts(struct rejoin *rejoin, uint64_t now_us)
{
	bool more = false;

	for (size_t i = 0; i < CONF_LINKS; i++) {
		if (rejoin->links[i].reason)
			look_at_count(rejoin, i, now_us);
		more |= rejoin->links[i].reason != REASON_NONE;
	}
	rejoin->counts = more &&
		!loop_timer_at(rejoin->loop, now_us + CENSUS_WAIT_US,
			       (struct loop_ref){ .handler = rejoin->handler, .part = PART_COUNT });
}

static void begin_to_count(struct rejoin *rejoin, size_t i, enum reason reason)
{
	struct tried *link = &rejoin->links[i];
	uint64_t now_us = loop_now_us(rejoin->loop);

	link->wanted = false;
	if (link->reason)
		return;
	link->reason = reason;
	link->count_at_us = now_us;
	link->until_us = now_us + COUNT_MOST_US;
	set_resting(rejoin, i, link->until_us);
	if (!rejoin->counts)
		look_at_counts(rejoin, now_us);
}

/* When it is opened, answers again, or is begun anew, sessions have some time to join it, and to be looked at since. */
static void wait_for_joins(struct tried *link, uint64_t us, uint64_t now_us)
{
	link->backoff.delay_us = us;
	link->backoff.done_at_us = now_us;
}

void rejoin_now(struct rejoin *rejoin, size_t link)
{
	wait_for_joins(&rejoin->links[link], AGAIN_FIRST_US, loop_now_us(rejoin->loop));
	begin_to_count(rejoin, link, REASON_ASKED);
}

static void look(struct rejoin *rejoin, size_t i, uint64_t now_us)
{
	const struct view *view = rejoin->options.view(rejoin->options.context);
	struct census census = census_seen(rejoin->options.workers, rejoin->options.n_workers, i);
	struct tried *link = &rejoin->links[i];

	link->wanted = false;
	if (shared_is_left(rejoin->options.shared, view, i))
		wait_for_joins(link, AGAIN_FIRST_US, now_us);
	else if (shared_is_silent(rejoin->options.shared, i))
		wait_for_joins(link, JOINED_US, now_us);
	else if (now_us < rejoin->settled_at_us || !census_wants_anew(&census) || !view->links[i].up ||
		 backoff_at_us(&link->backoff, now_us) > now_us)
		return;
	else if (link_health_works(rejoin->options.health, i, LOOK_US))
		begin_to_count(rejoin, i, REASON_LACKED);
	else
		link->wanted = true;
}

static void on_timer(void *context, struct loop_ref ref, uint64_t now_us)
{
	struct rejoin *rejoin = context;

	if (ref.part == PART_COUNT) {
		look_at_counts(rejoin, now_us);
		return;
	}
	/* it may be another one each time */
	for (size_t i = 0; i < rejoin->options.view(rejoin->options.context)->n_links; i++)
		look(rejoin, i, now_us);
	if (!rejoin->counts)
		look_at_counts(rejoin, now_us);
	while (loop_timer_at(rejoin->loop, now_us + LOOK_US, ref))
		;   /* never without: nobody else looks */
}

void rejoin_answered(struct rejoin *rejoin, size_t link)
{
	if (rejoin->links[link].wanted)   /* sessions may have got through meanwhile, by themselves: that is counted */
		begin_to_count(rejoin, link, REASON_LACKED);
}

void rejoin_link_changed(struct rejoin *rejoin, size_t link)
{
	const struct view *view = rejoin->options.view(rejoin->options.context);
	struct tried *changed = &rejoin->links[link];

	if (view->links[link].up)   /* as it was: sessions may have lost it */
		rejoin->settled_at_us = loop_now_us(rejoin->loop) + SETTLE_US;
	for (size_t i = 0; i < CONF_LINKS; i++)
		census_forget(&rejoin->links[i].count);   /* sessions may have lost this one since */
	if (changed->reason)
		set_resting(rejoin, link, 0);
	*changed = (struct tried){ .backoff = { .first_us = AGAIN_FIRST_US, .most_us = AGAIN_MOST_US } };
	wait_for_joins(changed, JOINED_US, loop_now_us(rejoin->loop));
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
	return loop_timer_at(loop, loop_now_us(loop) + LOOK_US,
			     (struct loop_ref){ .handler = rejoin->handler, .part = PART_LOOK });
}

void rejoin_freep(struct rejoin **rejoin)
{
	free(*rejoin);
	*rejoin = NULL;
}
