/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/links/stranded.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/counter.h"
#include "net/mptcp_info.h"
#include "net/socket.h"
#include "policy/broken.h"
#include "role/describe.h"
#include "role/links/census.h"
#include "role/links/figures.h"
#include "role/stripe/stripes.h"

#define LOOK_US (2 * US_PER_S)        /* a link that comes back meanwhile may bring a subflow */
#define BATCH 64                      /* sessions between two turns of the loop */
#define CUT_OFF 2                     /* looks in a row without a subflow */
#define CUT_OFF_GATEWAY 3             /* where a link may be begun anew for it meanwhile (role/links/rejoin.h) */

enum { PART_LOOK, PART_GO_ON };

/* What was found at the last look, by the session's place. */
struct finding {
	uint16_t generation;
	uint8_t n_cut_off;            /* looks in a row */
	bool looked;                  /* at a session with that generation: zero is the first one's */
	bool kept_alive;              /* its far leg's peer is looked for; the near leg has that from its listener */
	uint32_t moved_bytes;         /* both ways, the last digits */
	struct broken broken;
};

struct stranded {
	struct worker *worker;
	uint8_t handler;
	uint32_t at;
	struct figures *figures;
	struct finding findings[];
};

bool stranded_has_ended(const struct session_view *session)
{
	return session->near_mptcp ? session->up_ended && session->down_done : session->down_ended && session->up_done;
}

/* A subflow that is left, or about to come. */
static bool has_subflow(const struct mptcp_connection_info *info)
{
	for (size_t i = 0; i < info->n_subflows; i++) {
		uint8_t state = info->subflows[i].tcp_state;

		if (state == TCP_ESTABLISHED || state == TCP_SYN_SENT || state == TCP_SYN_RECV)
			return true;
	}
	return false;
}

/* A connection that its peer has ended in order has no subflow either, and may still hold bytes for us, the other
 * leg being slow; or an end, of which no event has told. One that was reset has none, too, and its event may come
 * after this look, which has taken the error off the socket. */
static bool is_cut_off(struct stranded *stranded, const struct session_view *session)
{
	int r = net_look(session_multipath_fd(session));

	if (r == NET_E_AGAIN)
		return true;
	if (r)
		relay_fail(stranded->worker->relay, session->ref);
	else
		relay_wake(stranded->worker->relay, session->ref);
	return false;
}

/* What TCP counts as acknowledged has the SYNs of links that join, too, so what was delivered is taken from what was
 * sent. */
static bool is_broken(struct broken *broken, const struct session_view *session,
		      const struct mptcp_connection_info *info)
{
	struct broken_facts facts = {
		.acked = info->acked, .unacked_bytes = info->unacked_bytes, .received = info->received,
		.sent_end = session->near_mptcp ? session->down_done : session->up_done,
		.got_end = session->near_mptcp ? session->up_ended : session->down_ended,
	};

	for (size_t i = 0; i < info->n_subflows; i++) {
		const struct subflow_info *subflow = &info->subflows[i];

		facts.under_way = facts.under_way || subflow->unacked_packets || subflow->unsent_bytes;
		facts.n_delivered += subflow->bytes_sent - subflow->bytes_retransmitted;
		facts.n_arrived += subflow->bytes_received;
	}
	if (facts.sent_end && !facts.got_end &&
	    net_receive_queue_bytes(session_multipath_fd(session), &facts.queued_bytes))
		return false;
	return broken_look(broken, &facts);
}

/* Something on the way alters what it carries, or takes options away where it let them pass before. What this end
 * has read since may be wrong, and the other end waits for acknowledgements that never come. */
static void break_off(struct stranded *stranded, const struct session_view *session)
{
	char left_out[64];

	if (worker_may_log(stranded->worker, WORKER_LOG_LINK, left_out, sizeof(left_out)))
		log_info("a session is reset: its Multipath TCP broke under way, as where something on its way alters "
			 "what passes%s", left_out);
	relay_break(stranded->worker->relay, session->ref);
}

bool stranded_knows(const struct stranded *stranded, struct slab_name session)
{
	const struct finding *finding = &stranded->findings[session.index];

	return finding->looked && finding->generation == session.generation;
}

static void visit(void *context, const struct session_view *session)
{
	struct stranded *stranded = context;
	struct worker *worker = stranded->worker;
	struct finding *finding = &stranded->findings[session->ref.index];
	bool known = stranded_knows(stranded, session->ref);
	/* by another worker, which it has come from */
	bool counted = known || session->opened_at_us + LOOK_US < loop_now_us(worker->loop);
	struct finding now = { .generation = session->ref.generation, .looked = true, .kept_alive = known };
	struct mptcp_connection_info info;
	int r = stranded_has_ended(session) ? -ENODATA : describe_read(session, &info);
	uint32_t moved_bytes = (uint32_t)(session->up_bytes + session->down_bytes);
	struct figures_session shown = { .name = session->ref, .counted = counted,
					 .moved = !known || finding->moved_bytes != moved_bytes };
	bool is_told = !r;
	char left_out[64];

	if (known)
		now.broken = finding->broken;
	if (session->whole && (r == MPTCP_INFO_E_PLAIN || (is_told && is_broken(&now.broken, session, &info)))) {
		break_off(stranded, session);
		return;
	}
	/* what it may have had to say again, nobody asks for any more */
	if (known && !session->held && (is_told ? !info.unacked_bytes : r == MPTCP_INFO_E_PLAIN))
		relay_keep_no_more(worker->relay, session->ref);
	if (known && !finding->kept_alive)   /* most sessions are over by now: they are spared the system calls */
		net_keep_alive(session->far_fd, worker->view->conf->limits.keepalive_s);
	if (is_told)
		census_take(worker->census_taker, session, &info, known);
	if (r >= 0 && !session->in_pieces)   /* whose legs role/stripe shows */
		figures_take(stranded->figures, worker, &shown, &info);
	now.moved_bytes = moved_bytes;
	if (is_told && !has_subflow(&info) && is_cut_off(stranded, session))
		now.n_cut_off = known ? finding->n_cut_off + 1 : 1;
	*finding = now;
	if (now.n_cut_off < (session->near_mptcp ? CUT_OFF : CUT_OFF_GATEWAY))
		return;
	counter_add(&worker->counters.n_stranded, 1);
	if (worker_may_log(worker, WORKER_LOG_LINK, left_out, sizeof(left_out)))
		log_info("a session had nothing but a link that is gone, and is reset%s", left_out);
	relay_fail(worker->relay, session->ref);
}

static void on_timer(void *context, struct loop_ref ref, uint64_t now_us)
{
	struct stranded *stranded = context;
	bool more;

	if (ref.part == PART_LOOK)
		stranded->at = 0;
	more = relay_each(stranded->worker->relay, &stranded->at, BATCH, visit, stranded);
	if (!more) {
		census_publish(stranded->worker->census_taker);
		stripes_show(stranded->worker->stripes, stranded->figures);
		figures_publish(stranded->figures, stranded->worker);
	}
	ref.part = more ? PART_GO_ON : PART_LOOK;
	while (loop_timer_at(stranded->worker->loop, more ? now_us : now_us + LOOK_US, ref))
		;   /* never without: nobody else finds them */
}

int stranded_new(struct worker *worker, struct stranded **out)
{
	struct loop_handler handler = { .on_timer = on_timer };
	size_t n_findings = worker->view->conf->limits.max_sessions;
	struct stranded *stranded = calloc(1, sizeof(*stranded) + n_findings * sizeof(stranded->findings[0]));

	if (!stranded || figures_new(&stranded->figures)) {
		free(stranded);
		return -ENOMEM;
	}
	stranded->worker = worker;
	handler.context = stranded;
	stranded->handler = loop_handler_add(worker->loop, &handler);
	*out = stranded;
	return loop_timer_at(worker->loop, loop_now_us(worker->loop) + LOOK_US,
			     (struct loop_ref){ .handler = stranded->handler, .part = PART_LOOK });
}

void stranded_freep(struct stranded **stranded)
{
	if (*stranded)
		figures_freep(&(*stranded)->figures);
	free(*stranded);
	*stranded = NULL;
}
