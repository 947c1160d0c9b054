/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/links/figures.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include "base/util.h"
#include "policy/choose.h"
#include "role/describe.h"

#define IDLE_LOOKS 3u                 /* nothing moved: the place is another session's */

/* What the session's subflows over a link had carried. */
struct carried {
	uint64_t sent_bytes, retransmitted_bytes, acked_bytes, received_bytes;
};

struct followed {
	struct slab_name session;
	bool taken, in_pieces;
	uint8_t n_idle;
	struct carried links[CONF_LINKS];
};

struct figures {
	struct health_seen seen[CONF_LINKS];   /* of the look under way; what only grows, since the start */
	struct followed followed[FIGURES_SESSIONS];
};

static struct followed *find(struct figures *figures, const struct figures_session *session)
{
	for (size_t i = 0; i < FIGURES_SESSIONS; i++) {
		struct followed *followed = &figures->followed[i];

		if (followed->taken && followed->in_pieces == session->in_pieces &&
		    followed->session.index == session->name.index &&
		    followed->session.generation == session->name.generation)
			return followed;
	}
	return NULL;
}

static struct followed *follow(struct figures *figures, const struct figures_session *session)
{
	for (size_t i = 0; i < FIGURES_SESSIONS; i++)
		if (!figures->followed[i].taken) {
			figures->followed[i] = (struct followed){ .session = session->name,
								  .in_pieces = session->in_pieces, .taken = true };
			return &figures->followed[i];
		}
	return NULL;
}

/* A subflow that has gone, or begun anew, takes its share out of the sum. */
static uint64_t growth(uint64_t before, uint64_t now)
{
	return now > before ? now - before : 0;
}

/* The subflow that carries most tells the link's round trip: what a sender measures, or, where it receives, the
 * receiver. */
static void take_rtt(struct health_seen *seen, const struct subflow_info *s, uint64_t sent_bytes,
		     uint64_t received_bytes)
{
	uint64_t carried_bytes = sent_bytes + received_bytes;

	if (!carried_bytes)
		return;
	if (s->min_rtt_us && s->min_rtt_us != UINT32_MAX && (!seen->min_rtt_us || s->min_rtt_us < seen->min_rtt_us))
		seen->min_rtt_us = s->min_rtt_us;
	if (carried_bytes <= seen->carried_bytes)
		return;
	seen->carried_bytes = carried_bytes;
	seen->rtt_us = received_bytes > sent_bytes && s->receiver_rtt_us ? s->receiver_rtt_us : s->rtt_us;
}

static void take_subflow(struct health_seen *seen, struct carried *now, const struct subflow_info *s)
{
	now->sent_bytes += s->bytes_sent;
	now->retransmitted_bytes += s->bytes_retransmitted;
	now->acked_bytes += s->bytes_acked;
	now->received_bytes += s->bytes_received;
	seen->n_unanswered += s->tcp_state == TCP_ESTABLISHED && s->n_unanswered >= HEALTH_UNANSWERED;
}

static void take_growth(struct health_seen *seen, const struct carried *before, const struct carried *now)
{
	seen->sent_bytes += growth(before->sent_bytes, now->sent_bytes);
	seen->retransmitted_bytes += growth(before->retransmitted_bytes, now->retransmitted_bytes);
	seen->acked_bytes += growth(before->acked_bytes, now->acked_bytes);
	seen->received_bytes += growth(before->received_bytes, now->received_bytes);
}

/* What is new is of this look alone; of one that was counted before, and isn't followed, nobody knows since when. */
static void fill_before(const struct followed *followed, bool counted, const struct carried *now,
			struct carried *before)
{
	if (followed)
		memcpy(before, followed->links, sizeof(followed->links));
	else if (counted)
		memcpy(before, now, sizeof(followed->links));
}

static void remember(struct figures *figures, struct followed *followed, const struct figures_session *session,
		     const struct carried *now)
{
	if (!followed && session->moved)
		followed = follow(figures, session);
	if (!followed)
		return;
	memcpy(followed->links, now, sizeof(followed->links));
	if (session->moved)
		followed->n_idle = 0;
}

void figures_take(struct figures *figures, const struct worker *worker, const struct figures_session *session,
		  const struct mptcp_connection_info *info)
{
	struct followed *followed = session->counted ? find(figures, session) : NULL;
	struct carried now[CONF_LINKS] = { 0 }, before[CONF_LINKS] = { 0 };
	uint8_t links[MPTCP_INFO_SUBFLOWS];

	for (size_t i = 0; i < info->n_subflows; i++) {
		links[i] = describe_link_of(worker->view, &info->subflows[i]);
		if (links[i] != CHOOSE_NO_LINK)
			take_subflow(&figures->seen[links[i]], &now[links[i]], &info->subflows[i]);
	}
	fill_before(followed, session->counted, now, before);
	for (size_t i = 0; i < worker->view->n_links; i++)
		take_growth(&figures->seen[i], &before[i], &now[i]);
	for (size_t i = 0; i < info->n_subflows; i++)
		if (links[i] != CHOOSE_NO_LINK)
			take_rtt(&figures->seen[links[i]], &info->subflows[i],
				 growth(before[links[i]].sent_bytes, now[links[i]].sent_bytes),
				 growth(before[links[i]].received_bytes, now[links[i]].received_bytes));
	remember(figures, followed, session, now);
}

/* Those whose session has ended are free, too: nothing moves there. */
static void sweep(struct figures *figures)
{
	for (size_t i = 0; i < FIGURES_SESSIONS; i++)
		if (figures->followed[i].taken && ++figures->followed[i].n_idle > IDLE_LOOKS)
			figures->followed[i].taken = false;
}

static void publish(struct health_seen *to, const struct health_seen *from)
{
	uint64_t *out = (uint64_t *)to;
	const uint64_t *in = (const uint64_t *)from;

	static_assert(sizeof(*to) % sizeof(*out) == 0 && offsetof(struct health_seen, n_looks) == 0,
		      "whole numbers, the number of looks first");
	for (size_t i = 1; i < sizeof(*to) / sizeof(*out); i++)
		__atomic_store_n(&out[i], in[i], __ATOMIC_RELAXED);
	__atomic_store_n(&out[0], in[0], __ATOMIC_RELEASE);
}

void figures_publish(struct figures *figures, struct worker *worker)
{
	for (size_t i = 0; i < CONF_LINKS; i++) {
		struct health_seen *seen = &figures->seen[i];

		seen->n_looks++;
		publish(&worker->seen[i], seen);
		seen->n_unanswered = seen->rtt_us = seen->min_rtt_us = seen->carried_bytes = 0;
	}
	sweep(figures);
}

static struct health_seen load(const struct health_seen *from)
{
	const uint64_t *in = (const uint64_t *)from;
	struct health_seen seen;
	uint64_t *out = (uint64_t *)&seen;

	for (size_t i = 0; i < sizeof(seen) / sizeof(*out); i++)
		out[i] = __atomic_load_n(&in[i], __ATOMIC_ACQUIRE);
	return seen;
}

struct health_seen figures_sum(struct worker *const *workers, size_t n_workers, size_t link)
{
	struct health_seen sum = { .n_looks = UINT64_MAX };

	for (size_t i = 0; i < n_workers; i++) {
		struct health_seen seen = load(&workers[i]->seen[link]);

		if (seen.carried_bytes > sum.carried_bytes) {
			sum.carried_bytes = seen.carried_bytes;
			sum.rtt_us = seen.rtt_us;
		}
		if (seen.min_rtt_us && (!sum.min_rtt_us || seen.min_rtt_us < sum.min_rtt_us))
			sum.min_rtt_us = seen.min_rtt_us;
		sum.n_looks = seen.n_looks < sum.n_looks ? seen.n_looks : sum.n_looks;
		sum.n_unanswered += seen.n_unanswered;
		sum.sent_bytes += seen.sent_bytes;
		sum.retransmitted_bytes += seen.retransmitted_bytes;
		sum.acked_bytes += seen.acked_bytes;
		sum.received_bytes += seen.received_bytes;
	}
	return sum;
}

int figures_new(struct figures **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void figures_freep(struct figures **figures)
{
	free(*figures);
	*figures = NULL;
}
