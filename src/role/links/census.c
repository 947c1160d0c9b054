/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/links/census.h"

#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "role/describe.h"
#include "role/gateway/leave.h"
#include "role/links/stranded.h"

#define BATCH 64                      /* sessions between two turns of the loop */
#define LEAVE_FIRST_US (100 * US_PER_MS)   /* between two counts, where somebody would end with the link */
#define LEAVE_MOST_US (5 * US_PER_S)
#define ASK_AGAIN_US (1 * US_PER_S)   /* a worker had no memory for it, or hangs */

static_assert(sizeof(struct census) % sizeof(uint64_t) == 0, "whole numbers");

struct census_taker {
	struct worker *worker;
	uint8_t handler;
	uint32_t at;                        /* of the count under way */
	uint64_t wanted, begun;             /* numbers of calls: the latest, and that of the count under way; 0: none */
	struct census look[CONF_LINKS];     /* of the look under way */
	struct census count[CONF_LINKS];    /* of the count */
};

/* What a worker is asked. */
struct question {
	struct worker *worker;
	uint64_t number;
};

/* The gateway's begin subflows, while neither end has ended its stream. */
static bool takes_joins(const struct session_view *session)
{
	return !session->held && !session->up_ended && !session->down_ended;
}

/* Addresses of the session's family: of what it was connected to. */
static uint32_t reachable(const struct view *view, const struct mptcp_connection_info *info)
{
	uint32_t links = 0;

	for (size_t i = 0; i < view->n_links && info->n_subflows; i++) {
		const struct address *own = address_is_v4(&info->subflows[0].remote) ? &view->links[i].v4 :
					    &view->links[i].v6;

		links |= (uint32_t)(view->links[i].up && !address_is_unspecified(own)) << i;
	}
	return links;
}

static struct census_session session_of(const struct view *view, const struct session_view *session,
					const struct mptcp_connection_info *info, bool known)
{
	struct census_session found = { .known = known, .joins = takes_joins(session),
					.reachable = reachable(view, info) };

	for (size_t i = 0; i < info->n_subflows; i++) {
		const struct subflow_info *s = &info->subflows[i];
		uint8_t link = describe_link_of(view, s);
		uint32_t bit = link == CHOOSE_NO_LINK ? 0 : 1u << link;

		found.named |= bit;
		if (s->tcp_state == TCP_ESTABLISHED)
			found.stands |= bit;
		/* its next ones come later and later */
		if ((s->tcp_state == TCP_ESTABLISHED || s->tcp_state == TCP_SYN_SENT) &&
		    s->n_unanswered < HEALTH_UNANSWERED)
			found.works |= bit;
	}
	return found;
}

/* Of a link that is to have nothing of sessions, who lacks it is nobody. */
static uint32_t wanted_links(const struct worker *worker)
{
	uint32_t links = 0;

	for (size_t i = 0; i < worker->view->n_links; i++)
		links |= (uint32_t)(!shared_is_left(worker->shared, worker->view, i) &&
				    !shared_is_silent(worker->shared, i)) << i;
	return links;
}

static void add(const struct census_taker *taker, struct census *census, const struct session_view *session,
		const struct mptcp_connection_info *info, bool known)
{
	const struct worker *worker = taker->worker;
	struct census_session found;

	if (session->near_mptcp || !session->far_mptcp)   /* a converter's, or plain TCP */
		return;
	found = session_of(worker->view, session, info, known);
	census_add(census, worker->view->n_links, &found, wanted_links(worker));
}

static void publish(struct census *to, struct census *from)
{
	uint64_t *out = (uint64_t *)to;
	const uint64_t *in = (const uint64_t *)from;
	size_t n = CONF_LINKS * sizeof(*from) / sizeof(*in);

	for (size_t i = 0; i < n; i++)
		__atomic_store_n(&out[i], in[i], __ATOMIC_RELAXED);
	memset(from, 0, CONF_LINKS * sizeof(*from));
}

void census_take(struct census_taker *taker, const struct session_view *session,
		 const struct mptcp_connection_info *info, bool known)
{
	add(taker, taker->look, session, info, known);
}

void census_publish(struct census_taker *taker)
{
	publish(taker->worker->census, taker->look);
}

static void visit(void *context, const struct session_view *session)
{
	struct census_taker *taker = context;
	struct mptcp_connection_info info;

	if (!stranded_has_ended(session) && !describe_read(session, &info))
		add(taker, taker->count, session, &info, stranded_knows(taker->worker->stranded, session->ref));
}

static void go_on(struct census_taker *taker)
{
	struct loop_ref ref = { .handler = taker->handler };
	struct worker *worker = taker->worker;

	while (taker->begun) {
		if (relay_each(worker->relay, &taker->at, BATCH, visit, taker)) {
			if (!loop_timer_at(worker->loop, loop_now_us(worker->loop), ref))
				return;
			continue;   /* without memory for a timer it is done at once */
		}
		leave_count(worker->gateway, taker->count);
		publish(worker->counted, taker->count);
		__atomic_store_n(&worker->n_counted, taker->begun, __ATOMIC_RELEASE);
		taker->begun = taker->wanted > taker->begun ? taker->wanted : 0;
		taker->at = 0;
	}
}

static void on_timer(void *context, struct loop_ref ref, uint64_t now_us)
{
	go_on(context);
}

static void answer(void *note)
{
	struct question *question = note;
	struct census_taker *taker = question->worker->census_taker;

	taker->wanted = question->number;
	if (!taker->begun) {
		taker->begun = taker->wanted;
		taker->at = 0;
		go_on(taker);
	}
	free(question);
}

static void ask(struct census_call *call, struct worker *const *workers, size_t n_workers, uint64_t now_us)
{
	call->number = 0;   /* an older question's answers don't count any more */
	if (!shared_stay(workers[0]->shared))   /* one that is on its way, nobody would count */
		return;
	for (size_t i = 0; i < n_workers; i++) {
		struct question question = { .worker = workers[i], .number = ++workers[i]->n_asked };

		call->number = question.number;   /* the same for all: none is ever asked without the others */
		worker_post(workers[i], answer, &question, sizeof(question));
	}
	call->asked_at_us = now_us;
}

bool census_is_done(struct census_call *call, struct worker *const *workers, size_t n_workers, uint64_t now_us)
{
	/* sessions may have moved meanwhile */
	if (!call->number || now_us - call->asked_at_us >= ASK_AGAIN_US ||
	    now_us - call->stayed_at_us >= SHARED_STAY_US)
		ask(call, workers, n_workers, now_us);
	if (!call->number)
		return false;
	shared_stay(workers[0]->shared);
	call->stayed_at_us = now_us;
	for (size_t i = 0; i < n_workers; i++)
		if (__atomic_load_n(&workers[i]->n_counted, __ATOMIC_ACQUIRE) < call->number)
			return false;
	call->number = 0;
	return true;
}

void census_forget(struct census_call *call)
{
	call->number = 0;
}

static struct census load(const struct census *from)
{
	const uint64_t *in = (const uint64_t *)from;
	struct census census;
	uint64_t *out = (uint64_t *)&census;

	for (size_t i = 0; i < sizeof(census) / sizeof(*out); i++)
		out[i] = __atomic_load_n(&in[i], __ATOMIC_RELAXED);
	return census;
}

static void sum_up(struct census *sum, struct census part)
{
	sum->n_lacking += part.n_lacking;
	sum->n_with += part.n_with;
	sum->n_alone += part.n_alone;
	sum->n_last += part.n_last;
	sum->n_bound += part.n_bound;
}

struct census census_seen(struct worker *const *workers, size_t n_workers, size_t link)
{
	struct census sum = { 0 };

	for (size_t i = 0; i < n_workers; i++)
		sum_up(&sum, load(&workers[i]->census[link]));
	return sum;
}

struct census census_counted(struct worker *const *workers, size_t n_workers, size_t link)
{
	struct census sum = { 0 };

	for (size_t i = 0; i < n_workers; i++)
		sum_up(&sum, load(&workers[i]->counted[link]));
	return sum;
}

void census_leave_anew(struct census_leaving *leaving)
{
	*leaving = (struct census_leaving){ .backoff = { .first_us = LEAVE_FIRST_US, .most_us = LEAVE_MOST_US } };
}

uint32_t census_leave(struct census_leaving *leaving, struct worker *const *workers, size_t n_workers, uint32_t wanted,
		      uint64_t now_us)
{
	bool is_time = wanted && backoff_at_us(&leaving->backoff, now_us) <= now_us;

	if (!wanted)
		census_forget(&leaving->count);
	/* not even one that is being set up */
	if (!__atomic_load_n(&workers[0]->shared->n_sessions, __ATOMIC_RELAXED)) {
		leaving->waits = false;
		return wanted;
	}
	leaving->waits = is_time && !census_is_done(&leaving->count, workers, n_workers, now_us);
	if (!is_time || leaving->waits)
		return 0;
	backoff_done(&leaving->backoff, now_us);
	for (size_t i = 0; i < CONF_LINKS; i++) {
		struct census census = census_counted(workers, n_workers, i);

		if (!(wanted >> i & 1) || !census_may_leave(&census))
			continue;
		census_leave_anew(leaving);
		return 1u << i;
	}
	return 0;
}

int census_taker_new(struct worker *worker, struct census_taker **out)
{
	struct loop_handler handler = { .on_timer = on_timer };
	struct census_taker *taker = calloc(1, sizeof(*taker));

	if (!taker)
		return -ENOMEM;
	taker->worker = worker;
	handler.context = taker;
	taker->handler = loop_handler_add(worker->loop, &handler);
	*out = taker;
	return 0;
}

void census_taker_freep(struct census_taker **taker)
{
	free(*taker);
	*taker = NULL;
}
