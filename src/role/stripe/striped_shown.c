/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What legs show of the links: their losses decide about congestion control (decision 0046), that they hold a session
 * back opens costlier links (decision 0056), and their figures are the links' (doc/links.md). */
#include <assert.h>
#include "base/clock.h"
#include "base/counter.h"
#include "net/mptcp_info.h"
#include "net/socket.h"
#include "role/links/figures.h"
#include "role/links/limited.h"
#include "role/links/loss_watch.h"
#include "role/stripe/striped.h"

#define LIMITED_EVERY_US (100 * US_PER_MS)   /* as of other sessions (relay/limits.c) */

static_assert((int)STRIPE_LEGS <= (int)MPTCP_INFO_SUBFLOWS, "a leg stands for a subflow");

/* Legs, as if they were subflows; whose is whose. */
struct shown {
	struct mptcp_connection_info info;
	uint8_t legs[STRIPE_LEGS];
};

/* Those that carry something, or all that there are, those that are being connected, too. */
static void read_legs(const struct striped *s, bool all, struct shown *shown)
{
	struct mptcp_connection_info one;

	shown->info = (struct mptcp_connection_info){ 0 };
	for (uint8_t i = 0; i < STRIPE_LEGS; i++) {
		bool wanted = all ? s->legs[i].fd >= 0 : s->out.legs[i].open;

		if (!wanted || mptcp_info_read(s->legs[i].fd, &one) < 0)
			continue;
		shown->legs[shown->info.n_subflows] = i;
		shown->info.subflows[shown->info.n_subflows++] = one.subflows[0];
	}
}

void striped_leg_note_congestion(struct striped *s, uint8_t leg)
{
	s->out.legs[leg].has_bbr = loss_watch_has_bbr(s->legs[leg].fd);
}

static void change(struct stripes *stripes, struct striped *s, uint8_t leg, bool bbr)
{
	if (s->out.legs[leg].has_bbr == bbr || net_change_congestion(s->legs[leg].fd, loss_watch_name(bbr)))
		return;
	if (s->legs[leg].overshoot.bound_bytes_per_s)
		net_bound_rate(s->legs[leg].fd, 0);
	s->legs[leg].overshoot = (struct overshoot){ 0 };
	s->out.legs[leg].has_bbr = bbr;
	counter_add(bbr ? &stripes->worker->counters.n_to_bbr : &stripes->worker->counters.n_to_cubic, 1);
}

void striped_leg_bound(struct stripes *stripes, struct striped *s, uint8_t leg, const struct net_sent *sent)
{
	struct overshoot *overshoot = &s->legs[leg].overshoot;
	bool bound = overshoot->bound_bytes_per_s;
	struct overshoot_facts facts = {
		.now_us = loop_now_us(stripes->worker->loop), .rtt_us = sent->rtt_us, .min_rtt_us = sent->min_rtt_us,
		.sent_bytes = sent->sent_bytes, .retransmitted_bytes = sent->retransmitted_bytes,
		.delivered_bytes = s->out.legs[leg].delivered_bytes,
	};

	if (!s->out.wide || !s->out.legs[leg].has_bbr || !overshoot_look(overshoot, &facts))
		return;
	if (!net_bound_rate(s->legs[leg].fd, overshoot->bound_bytes_per_s))
		counter_add(&stripes->worker->counters.n_overshoots, !bound);
}

static void pace(struct stripes *stripes, struct striped *s, uint8_t leg)
{
	if (net_pace(s->legs[leg].fd, loss_watch_name(false)))
		striped_leg_note_congestion(s, leg);
	else
		counter_add(&stripes->worker->counters.n_paced, 1);
}

/* Each leg is a connection of its own: those that lose have bbr, beside others that had better not (decision 0045). */
static void apply(struct stripes *stripes, struct striped *s, const struct shown *shown,
		  const struct congestion_verdict *verdict)
{
	bool bbr = s->congestion.bbr;

	for (size_t i = 0; i < shown->info.n_subflows; i++) {
		bool clean = bbr ? verdict->clean >> i & 1 : verdict->change;

		if (clean || (bbr && (verdict->lossy | verdict->tried) >> i & 1))
			change(stripes, s, shown->legs[i], !clean);
		if (verdict->bursty >> i & 1 && !s->out.legs[shown->legs[i]].has_bbr)
			pace(stripes, s, shown->legs[i]);
	}
}

/* For the next session's legs over the same link: the converter knows it by its address. */
static void remember(struct stripes *stripes, const struct striped *s, const struct shown *shown,
		     const struct congestion_verdict *verdict)
{
	struct shared *shared = stripes->worker->shared;
	uint64_t now_us = loop_now_us(stripes->worker->loop);
	bool bbr = s->congestion.bbr;

	for (size_t i = 0; i < shown->info.n_subflows; i++) {
		if (!verdict->failed && !(bbr && verdict->lossy >> i & 1))
			continue;
		if (s->client)
			shared_note_losing(shared, shown->legs[i], bbr, now_us);
		else
			shared_note_loser(shared, &shown->info.subflows[i].remote, bbr, now_us);
	}
}

/* From the beginning, or begun anew since: it is to be taken back, too, where nothing is lost any more. */
static bool any_has_bbr(const struct striped *s, const struct shown *shown)
{
	for (size_t i = 0; i < shown->info.n_subflows; i++)
		if (s->out.legs[shown->legs[i]].has_bbr)
			return true;
	return false;
}

void striped_look_at_losses(struct stripes *stripes, struct striped *s)
{
	struct leg_subflow subflows[MPTCP_INFO_SUBFLOWS];
	struct leg_facts facts = { .now_us = loop_now_us(stripes->worker->loop), .subflows = subflows };
	struct congestion_verdict verdict;
	struct shown shown;

	if (s->lossy)
		return;
	/* one that is held up is judged: bbr may be why */
	if (!loss_watch_decides(stripes->worker) || stripe_rests(&s->out)) {
		congestion_rest(&s->congestion);
		return;
	}
	if (!s->out.bulk || facts.now_us < s->congestion.look_at_us)
		return;
	read_legs(s, false, &shown);
	s->congestion.bbr = s->congestion.bbr || any_has_bbr(s, &shown);
	loss_watch_fill(&shown.info, subflows);
	facts.n_subflows = shown.info.n_subflows;
	verdict = congestion_look(&s->congestion, &facts);
	apply(stripes, s, &shown, &verdict);
	remember(stripes, s, &shown, &verdict);
}

void striped_tell_limited(struct stripes *stripes, struct striped *s)
{
	struct worker *worker = stripes->worker;
	uint64_t now_us = loop_now_us(worker->loop);

	if (!__atomic_load_n(&worker->shared->wants_limits, __ATOMIC_RELAXED) ||
	    stripe_held_back_us(&s->out, now_us) < LIMITED_EVERY_US || now_us < s->limited_at_us + LIMITED_EVERY_US)
		return;
	s->limited_at_us = now_us;
	limited_note(worker, s->subscriber, s->client ? RELAY_UP : RELAY_DOWN, false);
}

static void show(struct stripes *stripes, struct striped *s, struct figures *figures)
{
	uint64_t n_moved_bytes = s->out.acked + s->in.in_order;
	struct figures_session session = {
		.name = slab_name_of(&stripes->sessions, s), .in_pieces = true, .counted = s->shown,
		.moved = !s->shown || n_moved_bytes != s->n_shown_bytes,
	};
	struct shown shown;

	if (!session.moved && !stripe_is_busy(&s->out))
		return;
	read_legs(s, false, &shown);
	figures_take(figures, stripes->worker, &session, &shown.info);
	s->shown = true;
	s->n_shown_bytes = n_moved_bytes;
}

/* Of links of low rate an answer takes so long that nobody can tell by it whether they are silent. */
void stripes_show(struct stripes *stripes, struct figures *figures)
{
	for (uint32_t i = 0; i < stripes->sessions.n_touched; i++) {
		struct striped *s = slab_at(&stripes->sessions, i);

		if (s && s->client && s->out.wide)
			show(stripes, s, figures);
	}
}

static void tell(const struct striped *s, void (*fn)(void *context, const struct stripes_legs *legs), void *context)
{
	struct shown shown;
	int fds[STRIPE_LEGS];

	read_legs(s, true, &shown);
	for (size_t i = 0; i < shown.info.n_subflows; i++)
		fds[i] = s->legs[shown.legs[i]].fd;
	fn(context, &(struct stripes_legs){ .end = s->session_end, .client = s->client, .info = &shown.info,
					    .fds = fds });
}

bool stripes_each(struct stripes *stripes, uint32_t *from, uint32_t n_most,
		  void (*fn)(void *context, const struct stripes_legs *legs), void *context)
{
	uint32_t end = *from + n_most < stripes->sessions.n_touched ? *from + n_most : stripes->sessions.n_touched;

	for (; *from < end; ++*from) {
		const struct striped *s = slab_at(&stripes->sessions, *from);

		if (s)
			tell(s, fn, context);
	}
	return end < stripes->sessions.n_touched;
}
