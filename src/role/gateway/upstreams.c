/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/util.h"
#include "role/gateway/upstreams_list.h"
#include "role/gateway/upstreams_parts.h"
#include "role/log.h"

enum { PART_DECIDE, PART_EXPIRE };   /* of index 0, which no watch has */

static size_t index_of(const struct upstreams *all, const struct upstreams_member *member)
{
	size_t i = 0;

	while (i < all->n && all->members[i] != member)
		i++;
	return i;
}

static struct upstreams_member *used(const struct upstreams *all)
{
	return all->policy.in_use < all->n ? all->members[all->policy.in_use] : NULL;
}

/* The one in use; where none answers, the most preferred: so the only one is asked for all that there is from the
 * beginning. */
static struct upstreams_member *first(const struct upstreams *all)
{
	return used(all) ? used(all) : all->n ? all->members[0] : NULL;
}

static bool timer_at(struct upstreams *all, uint64_t at_us, uint8_t part)
{
	return at_us == CLOCK_NEVER_US ||
	       !loop_timer_at(all->loop, at_us, (struct loop_ref){ .handler = all->handler, .part = part });
}

const char *upstreams_because(const struct upstreams *all)
{
	static const char *const why[] = {
		[CONVERTERS_WHY_NONE] = "none answers",
		[CONVERTERS_WHY_BEST] = "it is the first in the list that answers",
		[CONVERTERS_WHY_LOST] = "the one before it has gone",
		[CONVERTERS_WHY_SILENT] = "the one before it has fallen silent",
	};

	static_assert(ARRAY_SIZE(why) == CONVERTERS_N_WHY, "name every reason");
	return why[all->policy.why];
}

static void log_choice(const struct upstreams *all)
{
	const struct upstreams_member *member = used(all);
	char text[ADDRESS_TEXT_BYTES];

	if (member && all->n > 1)
		log_info("new connections go to converter %s (%s): %s", member->upstream->name,
			 address_format(&member->upstream->at.converter[0], text), upstreams_because(all));
}

/* Those that answer and aren't in use, a bit each. */
static uint32_t others(const struct upstreams *all)
{
	uint32_t set = 0;

	for (size_t i = 0; i < all->n; i++)
		if (i != all->policy.in_use && all->policy.each[i].answers)
			set |= 1u << i;
	return set;
}

static void tell(struct upstreams *all, uint64_t again_at_us)
{
	const struct upstreams_member *member = first(all);
	uint32_t set = others(all);
	bool anew = all->anew || !used(all), differs = !all->told || set != all->told_others;

	/* one is about to be chosen, or may be the next moment */
	if (!used(all) && (again_at_us != CLOCK_NEVER_US || (all->n && !all->policy.each[0].known)))
		return;
	all->anew = false;
	all->told = true;
	all->told_others = set;
	if (anew)
		all->options.on_change(all->options.context, used(all),
				       used(all) ? "" : member ? member->why : "no converter is known");
	else if (differs)
		all->options.on_others(all->options.context);
}

/* What was seen last may mean another choice; anew: it was of the one in use. Watches that are told of it may have
 * something to say at once. */
static void settle(struct upstreams *all, bool anew)
{
	uint64_t again_at_us = CLOCK_NEVER_US;

	all->unsettled = true;
	all->anew |= anew;
	if (all->settling)
		return;
	all->settling = true;
	while (all->unsettled) {
		bool chosen;

		if (used(all))
			converters_heard(&all->policy,
					 __atomic_load_n(&used(all)->upstream->heard_at_us, __ATOMIC_RELAXED));
		chosen = converters_decide(&all->policy, loop_now_us(all->loop), &again_at_us);

		all->unsettled = false;
		all->anew |= chosen;
		if (chosen)
			log_choice(all);
		for (size_t i = 0; i < all->n; i++)
			watch_set_used(all->members[i]->watch, all->members[i] == first(all));
	}
	all->settling = false;
	all->decide_at_us = again_at_us;
	timer_at(all, again_at_us, PART_DECIDE);
	tell(all, again_at_us);
}

static struct view *on_view(void *context)
{
	const struct upstreams_options *options = &((struct upstreams_member *)context)->all->options;

	return options->view(options->context);
}

static void on_answered(void *context, uint64_t took_us, bool anew)
{
	struct upstreams_member *member = context;
	struct upstreams *all = member->all;
	size_t i = index_of(all, member);

	converters_answered(&all->policy, i, took_us, loop_now_us(all->loop));
	settle(all, anew && i == all->policy.in_use);
}

static void on_lost(void *context, const char *why)
{
	struct upstreams_member *member = context;
	struct upstreams *all = member->all;
	size_t i = index_of(all, member);

	snprintf(member->why, sizeof(member->why), "%s", why);
	converters_lost(&all->policy, i, loop_now_us(all->loop));
	settle(all, i == all->policy.in_use);
}

static void on_early(void *context, const uint8_t nonce[SIGNALLING_NONCE_BYTES], const struct signalling_result *result)
{
	const struct upstreams_options *options = &((struct upstreams_member *)context)->all->options;

	options->on_early(options->context, nonce, result);
}

static void on_inbound(void *context, const struct signalling_inbound *inbound)
{
	const struct upstreams_options *options = &((struct upstreams_member *)context)->all->options;

	options->on_inbound(options->context, inbound);
}

static void on_limited(void *context, enum signalling_limited what)
{
	const struct upstreams_options *options = &((struct upstreams_member *)context)->all->options;

	options->on_limited(options->context, what);
}

/* What one that is in use no longer still says is of no more use: hosts ask again. */
static void on_answer(void *context, const struct signalling_host_message *message)
{
	struct upstreams_member *member = context;
	const struct upstreams_options *options = &member->all->options;

	if (member == first(member->all))
		options->on_answer(options->context, message);
}

int upstreams_member_new(struct upstreams *all, struct upstream *upstream, size_t source, struct upstreams_member **out)
{
	struct upstreams_member *member = calloc(1, sizeof(*member));
	struct watch_options options = {
		.shared = all->options.shared, .upstream = upstream, .handler = all->handler,
		.index = ++all->next_index, .view = on_view, .on_answered = on_answered,
		.on_lost = on_lost, .on_early = on_early, .on_inbound = on_inbound, .on_limited = on_limited,
		.on_answer = on_answer, .context = member,
	};

	if (!member || watch_new(all->loop, &options, &member->watch)) {
		free(member);
		return -ENOMEM;
	}
	member->all = all;
	member->upstream = upstream_ref(upstream);
	member->index = options.index;
	member->source = source;
	snprintf(member->why, sizeof(member->why), "it has not answered yet");
	*out = member;
	return 0;
}

void upstreams_member_freep(struct upstreams_member **member)
{
	if (!*member)
		return;
	watch_freep(&(*member)->watch);
	upstream_unref((*member)->upstream);
	free(*member);
	*member = NULL;
}

static struct upstreams_member *member_of(const struct upstreams *all, uint32_t index)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->members[i]->index == index)
			return all->members[i];
	return NULL;
}

static void on_event(void *context, struct loop_ref ref, uint32_t events)
{
	struct upstreams_member *member = member_of(context, ref.index);

	if (member)
		watch_on_event(member->watch, ref, events);
}

int upstreams_apply(struct upstreams *all, const struct conf *conf)
{
	int r = all->left ? 0 : upstreams_list(all, conf);

	all->expire_at_us = provisions_next_us(&all->provisions);
	if (!timer_at(all, all->expire_at_us, PART_EXPIRE) && !r)
		r = -ENOMEM;
	settle(all, false);
	return r;
}

static void on_own_timer(struct upstreams *all, uint8_t part, uint64_t now_us)
{
	if (part == PART_DECIDE && now_us >= all->decide_at_us)
		settle(all, false);
	if (part == PART_EXPIRE && now_us >= all->expire_at_us && provisions_expire(&all->provisions, now_us))
		upstreams_apply(all, all->options.view(all->options.context)->conf);
}

static void on_timer(void *context, struct loop_ref ref, uint64_t now_us)
{
	struct upstreams *all = context;
	struct upstreams_member *member = member_of(all, ref.index);

	if (!ref.index)
		on_own_timer(all, ref.part, now_us);
	else if (member)
		watch_on_timer(member->watch, ref, now_us);
}

int upstreams_new(struct loop *loop, const struct upstreams_options *options, struct upstreams **out)
{
	struct upstreams *all = calloc(1, sizeof(*all));
	struct loop_handler handler = { .on_event = on_event, .on_timer = on_timer, .context = all };

	if (!all)
		return -ENOMEM;
	all->loop = loop;
	all->options = *options;
	all->handler = loop_handler_add(loop, &handler);
	converters_begin(&all->policy, 0, loop_now_us(loop));
	*out = all;
	return 0;
}

void upstreams_freep(struct upstreams **upstreams)
{
	struct upstreams *all = *upstreams;

	if (!all)
		return;
	for (size_t i = 0; i < all->n; i++)
		upstreams_member_freep(&all->members[i]);
	free(all);
	*upstreams = NULL;
}

void upstreams_provision(struct upstreams *all, size_t link, bool v6, const struct provisions_address *addresses,
			 size_t n, uint64_t until_us)
{
	provisions_set(&all->provisions, UPSTREAMS_DHCP(link, v6), addresses, n, until_us);
}

void upstreams_ask_again(struct upstreams *all)
{
	for (size_t i = 0; i < all->n; i++)
		watch_ask_again(all->members[i]->watch);
}

void upstreams_suspect(struct upstreams *all)
{
	struct upstreams_member *member = first(all);

	converters_suspect(&all->policy, loop_now_us(all->loop));
	if (member)
		watch_suspect(member->watch);
	for (size_t i = 0; i < all->n; i++) {
		if (all->members[i] == member)
			continue;
		/* of a connection that was moved there: not to be held against it when it is in use */
		__atomic_store_n(&all->members[i]->upstream->doubt, UPSTREAM_DOUBT_NONE, __ATOMIC_RELAXED);
		watch_check(all->members[i]->watch);
	}
	settle(all, false);
}

void upstreams_leave(struct upstreams *all)
{
	all->left = true;
	for (size_t i = 0; i < all->n; i++)
		watch_leave(all->members[i]->watch);
}

bool upstreams_serve_hosts(const struct upstreams *all)
{
	return used(all) && watch_serves_hosts(used(all)->watch);
}

bool upstreams_ask(struct upstreams *all, const struct signalling_host_message *message)
{
	return used(all) && watch_ask(used(all)->watch, message);
}

void upstreams_put(const struct upstreams *all, struct view *view)
{
	const struct upstreams_member *member = first(all);

	view->upstream = upstream_ref(member ? member->upstream : NULL);
	for (size_t i = 0; i < all->n; i++)
		if (others(all) >> i & 1 && all->members[i] != member)
			view->others[view->n_others++] = upstream_ref(all->members[i]->upstream);
}

const char *upstreams_peer_name(const struct upstreams *all)
{
	return first(all) ? watch_peer_name(first(all)->watch) : "unknown";
}
