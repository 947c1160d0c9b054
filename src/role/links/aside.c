/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/links/aside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/util.h"
#include "policy/harm.h"
#include "role/links/limited.h"
#include "role/links/link_health.h"
#include "role/links/rejoin.h"
#include "role/log.h"

#define REASON_BYTES 160

static_assert(HARM_LINKS >= CONF_LINKS && (int)HARM_UP == (int)RELAY_UP && (int)HARM_DOWN == (int)RELAY_DOWN,
	      "policy and relay agree");

struct aside {
	struct loop *loop;
	struct aside_options options;
	uint8_t handler;
	struct harm policy;
	char reasons[CONF_LINKS][REASON_BYTES];
};

static void fill_links(const struct aside *aside, const struct view *view, struct harm_link *links)
{
	struct path_link_status status[PATH_LINKS];
	size_t n = path_status(aside->options.path, status, PATH_LINKS);

	for (size_t i = 0; i < view->n_links; i++) {
		const struct link_memory *memory = &aside->options.shared->links[i];
		bool is_closed = __atomic_load_n(&memory->closed, __ATOMIC_RELAXED) ||
				 __atomic_load_n(&memory->used_up, __ATOMIC_RELAXED);

		links[i] = (struct harm_link){
			.usable = view->links[i].up && !shared_is_silent(aside->options.shared, i) &&
				  !view->links[i].backup && !is_closed,
			.rtt_us = link_health_of(aside->options.health, i)->least_rtt_us
		};
		if (i >= n)
			continue;
		links[i].n_bytes[HARM_UP] = status[i].tx_bytes;
		links[i].n_bytes[HARM_DOWN] = status[i].rx_bytes;
	}
}

static double mbit_of(uint64_t bps)
{
	return (double)bps / 1e6;
}

static void tell(struct aside *aside, const struct view *view, const struct harm_verdict *verdict)
{
	char *reason = aside->reasons[verdict->link];

	reason[0] = 0;
	if (!verdict->again_us) {
		log_info("link %s is tried again", view->links[verdict->link].name);
		return;
	}
	snprintf(reason, REASON_BYTES, "it kept better links waiting: %s of %.1f Mbit/s beside %.1f",
		 verdict->way == HARM_DOWN ? "downloads" : "uploads", mbit_of(verdict->its_bps),
		 mbit_of(verdict->best_bps));
	log_info("link %s stands aside: %s; it is tried again in %.0f s", view->links[verdict->link].name, reason,
		 (double)verdict->again_us / (double)US_PER_S);
}

static void publish(struct aside *aside, uint32_t bits)
{
	bool changed = false;

	for (size_t i = 0; i < CONF_LINKS; i++)
		changed |= __atomic_exchange_n(&aside->options.shared->links[i].aside, bits >> i & 1,
					       __ATOMIC_RELAXED) != (bits >> i & 1);
	if (changed)
		aside->options.on_change(aside->options.context);
}

static void look(struct aside *aside, uint64_t now_us)
{
	const struct view *view = aside->options.view(aside->options.context);
	struct harm_link links[CONF_LINKS];
	struct harm_facts facts = { .now_us = now_us, .links = links, .n_links = view->n_links };
	struct harm_verdict verdict;

	fill_links(aside, view, links);
	for (unsigned int way = 0; way < HARM_WAYS; way++)
		facts.spoilt_at_us[way] = limited_spoilt_at_us(aside->options.shared, (enum relay_way)way);
	verdict = harm_look(&aside->policy, &facts);
	if (verdict.changed)
		tell(aside, view, &verdict);
	publish(aside, verdict.aside);
	if (verdict.again_us)   /* what is in its queue, all would wait for: begun anew, as a backup, it has nothing,
				 * and another link sends that again */
		rejoin_now(aside->options.rejoin, verdict.link);
	if (verdict.tell_again)
		path_tell_closed(aside->options.path);
}

static void on_timer(void *context, struct loop_ref ref, uint64_t now_us)
{
	struct aside *aside = context;

	look(aside, now_us);
	while (loop_timer_at(aside->loop, now_us + HARM_LOOK_US, ref))
		;   /* a few bytes that have to be there at last */
}

const char *aside_reason(const struct aside *aside, size_t link)
{
	return aside->reasons[link];
}

int aside_new(struct loop *loop, const struct aside_options *options, struct aside **out)
{
	struct aside *aside = calloc(1, sizeof(*aside));
	struct loop_handler handler = { .on_timer = on_timer, .context = aside };

	if (!aside)
		return -ENOMEM;
	aside->loop = loop;
	aside->options = *options;
	aside->handler = loop_handler_add(loop, &handler);
	*out = aside;
	return loop_timer_at(loop, loop_now_us(loop) + HARM_LOOK_US, (struct loop_ref){ .handler = aside->handler });
}

void aside_freep(struct aside **aside)
{
	free(*aside);
	*aside = NULL;
}
