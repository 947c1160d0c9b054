/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/links/overflow.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/util.h"
#include "policy/overflow.h"
#include "role/links/census.h"
#include "role/links/limited.h"
#include "role/log.h"

#define REASON_BYTES 160
#define COUNTERS_US US_PER_S               /* they are read at least so often, and with each look when something was
					    * limited within that */

static_assert(OVERFLOW_LINKS >= CONF_LINKS && (int)OVERFLOW_UP == (int)RELAY_UP &&
	      (int)OVERFLOW_DOWN == (int)RELAY_DOWN, "policy and relay agree");

struct overflow_control {
	struct loop *loop;
	struct overflow_options options;
	uint8_t handler;
	uint64_t look_at_us;                 /* a timer that was set before isn't ours any more */
	uint32_t costs[CONF_LINKS];          /* that the policy has been told */
	struct overflow policy;
	uint64_t n_bytes[CONF_LINKS][OVERFLOW_WAYS];
	uint64_t read_at_us;                 /* these were */
	uint32_t left;                       /* a bit each: links whose endpoint is out */
	struct census_leaving leaving;       /* those that are to be */
	char reasons[CONF_LINKS][REASON_BYTES];
};

/* Up is what the interface sends. */
static void read_counters(struct overflow_control *control)
{
	struct path_link_status links[PATH_LINKS];
	size_t n = path_status(control->options.path, links, PATH_LINKS);

	control->read_at_us = loop_now_us(control->loop);
	for (size_t i = 0; i < size_min(n, CONF_LINKS); i++) {
		control->n_bytes[i][OVERFLOW_UP] = links[i].tx_bytes;
		control->n_bytes[i][OVERFLOW_DOWN] = links[i].rx_bytes;
	}
}

static void fill_links(const struct overflow_control *control, const struct view *view, struct overflow_link *links)
{
	for (size_t i = 0; i < view->n_links; i++) {
		links[i] = (struct overflow_link){
			.works = view->links[i].up && !shared_is_silent(control->options.shared, i),
			.cost = view->conf->links[i].cost, .out = shared_is_out(control->options.shared, view, i)
		};
		memcpy(links[i].n_bytes, control->n_bytes[i], sizeof(links[i].n_bytes));
	}
}

static double mbit_of(uint64_t bps)
{
	return (double)bps / 1e6;
}

/* The evidence, in words that go behind "link lte (cost 10) is opened: ". */
static void explain(const struct overflow_verdict *verdict, char *out, size_t n_out)
{
	const char *way = verdict->way == OVERFLOW_DOWN ? "downloads" : "uploads";
	double for_s = (double)verdict->for_us / (double)US_PER_S;

	switch (verdict->why) {
	case OVERFLOW_FULL:
		snprintf(out, n_out, "%s were held back by the cheaper links for %.1f s, which carried %.1f Mbit/s",
			 way, for_s, mbit_of(verdict->carried_bps));
		return;
	case OVERFLOW_NONE_CHEAPER:
		snprintf(out, n_out, "no cheaper link is up");
		return;
	case OVERFLOW_FITS:
		snprintf(out, n_out, "%s of %.1f Mbit/s for %.1f s, and the cheaper links have carried %.1f", way,
			 mbit_of(verdict->carried_bps), for_s, mbit_of(verdict->room_bps));
		return;
	case OVERFLOW_TRY:
		snprintf(out, n_out, "nothing was held back for %.0f s: whether the cheaper links carry all by now is "
				     "tried", for_s);
		return;
	case OVERFLOW_CHEAPER_BACK:
		snprintf(out, n_out, "a cheaper link is up again, and nothing was held back for %.1f s", for_s);
		return;
	}
}

static void tell(struct overflow_control *control, const struct view *view, const struct overflow_verdict *verdict)
{
	char reason[REASON_BYTES];

	explain(verdict, reason, sizeof(reason));
	for (size_t i = 0; i < view->n_links; i++) {
		if (view->conf->links[i].cost != verdict->cost || view->links[i].backup)
			continue;
		memcpy(control->reasons[i], reason, sizeof(reason));
		log_info("link %s (cost %u) is %s: %s", view->links[i].name, verdict->cost,
			 verdict->opened ? "opened" : "closed", reason);
	}
}

static void apply(struct overflow_control *control, const struct view *view, uint32_t open)
{
	const struct overflow_options *options = &control->options;
	uint32_t closed = 0, left = 0;

	for (size_t i = 0; i < view->n_links; i++) {
		struct link_memory *memory = &options->shared->links[i];
		bool is_closed = !(open >> i & 1) && !view->links[i].backup;

		__atomic_store_n(&memory->closed, is_closed, __ATOMIC_RELAXED);
		closed |= (uint32_t)is_closed << i;
		left |= (uint32_t)shared_is_left(options->shared, view, i) << i;
	}
	control->left = (control->left & left) |
		census_leave(&control->leaving, options->workers, options->n_workers, left & ~control->left,
			     loop_now_us(control->loop));
	path_set_closed(options->path, closed, control->left);
}

/* After a reload other links may be the cheap ones: what was learnt is of the old ones. */
static void follow_costs(struct overflow_control *control, const struct view *view)
{
	bool same = true;

	for (size_t i = 0; i < view->n_links; i++) {
		same &= control->costs[i] == view->conf->links[i].cost;
		control->costs[i] = view->conf->links[i].cost;
	}
	if (!same)
		control->policy = (struct overflow){ 0 };
}

static void look(struct overflow_control *control)
{
	const struct view *view = control->options.view(control->options.context);
	struct overflow_link links[CONF_LINKS];
	struct overflow_facts facts = { .now_us = loop_now_us(control->loop), .links = links, .n_links = view->n_links,
					.rtt_us = shared_longest_rtt_us(control->options.shared, view, true),
					.burst_us = view->conf->gateway.overflow_after_ms * US_PER_MS };
	uint64_t limited_us = 0;
	struct overflow_verdict verdict;

	follow_costs(control, view);
	for (unsigned int way = 0; way < OVERFLOW_WAYS; way++) {
		facts.limited_at_us[way] = limited_at_us(control->options.shared, (enum relay_way)way);
		limited_us = facts.limited_at_us[way] > limited_us ? facts.limited_at_us[way] : limited_us;
	}
	if (control->policy.n_steps || (limited_us && limited_us + COUNTERS_US > facts.now_us) ||
	    facts.now_us - control->read_at_us >= COUNTERS_US)
		read_counters(control);
	fill_links(control, view, links);
	verdict = overflow_look(&control->policy, &facts);
	if (verdict.changed)
		tell(control, view, &verdict);
	apply(control, view, verdict.open);
	if (verdict.tell_again)
		path_tell_closed(control->options.path);
	if (verdict.tell_open_again)
		path_tell_open(control->options.path, verdict.tell_open_again);
}

static void on_timer(void *context, struct loop_ref ref, uint64_t now_us)
{
	struct overflow_control *control = context;

	if (now_us < control->look_at_us)
		return;
	control->look_at_us = CLOCK_NEVER_US;
	overflow_look_now(control);
}

void overflow_look_now(struct overflow_control *control)
{
	struct loop_ref ref = { .handler = control->handler };
	uint64_t next_us;

	look(control);
	next_us = loop_now_us(control->loop) + (control->leaving.waits ? CENSUS_WAIT_US : OVERFLOW_LOOK_US);
	if (!conf_has_costs(control->options.view(control->options.context)->conf) ||
	    control->look_at_us != CLOCK_NEVER_US)
		return;
	__atomic_store_n(&control->options.shared->wants_limits, true, __ATOMIC_RELAXED);
	while (loop_timer_at(control->loop, next_us, ref))
		;   /* a few bytes that have to be there at last */
	control->look_at_us = next_us;
}

const char *overflow_reason(const struct overflow_control *control, size_t link)
{
	return control->reasons[link];
}

int overflow_new(struct loop *loop, const struct overflow_options *options, struct overflow_control **out)
{
	struct overflow_control *control = calloc(1, sizeof(*control));
	struct loop_handler handler = { .on_timer = on_timer, .context = control };

	if (!control)
		return -ENOMEM;
	control->loop = loop;
	control->options = *options;
	control->look_at_us = CLOCK_NEVER_US;
	census_leave_anew(&control->leaving);
	control->handler = loop_handler_add(loop, &handler);
	*out = control;
	overflow_look_now(control);
	return 0;
}

void overflow_freep(struct overflow_control **control)
{
	free(*control);
	*control = NULL;
}
