/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/links/loss_watch.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/counter.h"
#include "net/mptcp_info.h"
#include "net/socket.h"
#include "policy/choose.h"
#include "policy/congestion.h"
#include "policy/spoilt.h"
#include "role/describe.h"
#include "role/links/limited.h"

#define AUTO "auto"
#define CUBIC "cubic"
#define BBR "bbr"
#define LOOK_US (250 * US_PER_MS)     /* at those that are followed */
#define LOOKS_AT_ALL 2u               /* and so often at every session */
#define BATCH 64                      /* sessions between two turns of the loop */
#define BULK_BYTES (32u << 10)        /* sent since the last look at all: less is no bulk */
#define IDLE_LOOKS 10                 /* of these without bulk: another session may have the place */
#define NO_FOLLOWED 0

static_assert(LOSS_WATCH_SESSIONS <= UINT8_MAX, "a place is a byte");

enum { PART_LOOK, PART_GO_ON };

struct followed {
	struct slab_name session;
	bool taken, bulk;
	uint8_t n_idle;
	struct congestion congestion;
	struct spoilt spoilt;
};

/* By the session's place in the slab. */
struct account {
	uint64_t sent_bytes;              /* at the last look */
	uint16_t generation;
	uint8_t followed;                 /* its place there, from 1; NO_FOLLOWED, as in memory that nobody has
					   * touched yet: it isn't */
};

struct loss_watch {
	struct worker *worker;
	uint8_t handler;
	bool has_bbr;
	uint32_t at;
	uint8_t n_looks;                  /* since all sessions were looked at */
	struct followed followed[LOSS_WATCH_SESSIONS];
	struct account accounts[];
};

bool loss_watch_is_auto(const struct conf *conf)
{
	return !strcmp(conf->relay.congestion, AUTO);
}

const char *loss_watch_least(const struct conf *conf)
{
	return loss_watch_is_auto(conf) ? CUBIC : conf->relay.congestion;
}

static const char *first(const struct conf *conf, bool loses)
{
	return loses && loss_watch_is_auto(conf) ? BBR : loss_watch_least(conf);
}

const char *loss_watch_first(const struct worker *worker)
{
	return first(worker->view->conf, shared_any_loses(worker->shared, worker->view, loop_now_us(worker->loop)));
}

const char *loss_watch_first_over(const struct worker *worker, uint8_t link)
{
	return first(worker->view->conf, shared_loses(worker->shared, link, loop_now_us(worker->loop)));
}

const char *loss_watch_lossy(const struct worker *worker)
{
	return loss_watch_decides(worker) ? BBR : loss_watch_least(worker->view->conf);
}

void loss_watch_begin(const struct worker *worker, int fd, const struct address *peer)
{
	if (loss_watch_decides(worker) && shared_is_loser(worker->shared, peer, loop_now_us(worker->loop)))
		net_change_congestion(fd, BBR);
}

bool loss_watch_decides(const struct worker *worker)
{
	return worker->loss_watch->has_bbr && loss_watch_is_auto(worker->view->conf);
}

bool loss_watch_has_bbr(int fd)
{
	char name[NET_CONGESTION_BYTES];

	return net_congestion(fd, name) && !strcmp(name, BBR);
}

const char *loss_watch_name(bool bbr)
{
	return bbr ? BBR : CUBIC;
}

int loss_watch_probe(void)
{
	return net_probe_congestion(BBR);
}

/* Of the leg that is Multipath TCP: the converter sends down it, the gateway up. */
static uint64_t sent_bytes(const struct session_view *session)
{
	return session->near_mptcp ? session->down_bytes : session->up_bytes;
}

/* The leg takes no more, so it is what the session waits for: where it creeps, little may be all that passes in a
 * second. */
static bool is_refused(const struct session_view *session)
{
	return session->near_mptcp ? session->down_waiting_bytes : session->up_waiting_bytes;
}

static void leave(struct loss_watch *watch, struct account *account)
{
	if (account->followed != NO_FOLLOWED)
		watch->followed[account->followed - 1].taken = false;
	account->followed = NO_FOLLOWED;
}

/* A free one, or that of who has been idle longest. What such a session has shown is kept as long as nobody else wants
 * the place: else bulk that pauses for five seconds would be judged anew each time. */
static struct followed *find_place(struct loss_watch *watch)
{
	struct followed *idlest = NULL;

	for (size_t i = 0; i < LOSS_WATCH_SESSIONS; i++) {
		struct followed *followed = &watch->followed[i];

		if (!followed->taken)
			return followed;
		if (followed->n_idle >= IDLE_LOOKS && (!idlest || followed->n_idle > idlest->n_idle))
			idlest = followed;
	}
	if (idlest)
		leave(watch, &watch->accounts[idlest->session.index]);
	return idlest;
}

/* Gives it a place, if there is one. */
static void follow(struct loss_watch *watch, struct account *account, const struct session_view *session)
{
	struct followed *followed = find_place(watch);

	if (!followed)
		return;
	*followed = (struct followed){ .session = session->ref, .taken = true,
				       .congestion.bbr = loss_watch_has_bbr(session_multipath_fd(session)) };
	account->followed = (uint8_t)(followed - watch->followed + 1);
}

/* What it shows is true of the gateway's links, whichever session comes next. */
static void note_links(struct loss_watch *watch, const struct mptcp_connection_info *info,
		       struct congestion_verdict verdict, bool bbr)
{
	struct worker *worker = watch->worker;

	for (size_t i = 0; i < info->n_subflows; i++) {
		uint8_t link = describe_link_of(worker->view, &info->subflows[i]);

		/* the next one may begin over any of them */
		if (link == CHOOSE_NO_LINK && (verdict.failed || (bbr && verdict.lossy)))
			shared_note_loser(worker->shared, &info->subflows[i].remote, bbr, loop_now_us(worker->loop));
		else if (verdict.failed || (bbr && verdict.lossy & 1u << i))
			shared_note_losing(worker->shared, link, bbr, loop_now_us(worker->loop));
	}
}

static void apply(struct loss_watch *watch, struct followed *followed, int fd, struct congestion_verdict verdict)
{
	bool bbr = followed->congestion.bbr;

	if (!verdict.change)
		return;
	if (net_change_congestion(fd, loss_watch_name(bbr))) {
		followed->congestion.bbr = !bbr;   /* some of its subflows may have died just then: the next look is
						    * another try */
		return;
	}
	counter_add(bbr ? &watch->worker->counters.n_to_bbr : &watch->worker->counters.n_to_cubic, 1);
}

/* All its subflows. Where that fails, as some have just died, others may have bbr: then it is one with bbr. */
static void pace(struct loss_watch *watch, struct followed *followed, int fd)
{
	if (net_pace(fd, CUBIC))
		followed->congestion.bbr = loss_watch_has_bbr(fd);
	else
		counter_add(&watch->worker->counters.n_paced, 1);
}

static void look_at_losses(struct loss_watch *watch, struct followed *followed, int fd,
			   const struct mptcp_connection_info *info, const struct leg_facts *facts)
{
	struct congestion_verdict verdict = congestion_look(&followed->congestion, facts);

	apply(watch, followed, fd, verdict);
	if (verdict.bursty)
		pace(watch, followed, fd);
	note_links(watch, info, verdict, followed->congestion.bbr);
}

static void look_at_harm(struct loss_watch *watch, struct followed *followed, const struct session_view *session,
			 const struct leg_facts *facts)
{
	if (!spoilt_look(&followed->spoilt, facts).spoilt)
		return;
	counter_add(&watch->worker->counters.n_spoilt, 1);
	limited_note(watch->worker, session->owner, session->near_mptcp ? RELAY_DOWN : RELAY_UP, true);
}

void loss_watch_fill(const struct mptcp_connection_info *info, struct leg_subflow subflows[MPTCP_INFO_SUBFLOWS])
{
	for (size_t i = 0; i < info->n_subflows; i++) {
		const struct subflow_info *s = &info->subflows[i];

		subflows[i] = (struct leg_subflow){
			.local = s->local, .remote = s->remote, .rtt_us = s->rtt_us, .min_rtt_us = s->min_rtt_us,
			.sent_bytes = s->bytes_sent, .retransmitted_bytes = s->bytes_retransmitted,
			.busy_us = s->busy_us,
		};
	}
}

static void look(struct loss_watch *watch, struct followed *followed, const struct session_view *session)
{
	uint64_t now_us = loop_now_us(watch->worker->loop);
	bool refused = is_refused(session), losses, harm;
	struct mptcp_connection_info info;
	struct leg_subflow subflows[MPTCP_INFO_SUBFLOWS];
	struct leg_facts facts = { .now_us = now_us, .subflows = subflows };

	if (!refused)
		spoilt_moved(&followed->spoilt);
	losses = (followed->bulk || refused) && loss_watch_decides(watch->worker) &&
		 now_us >= followed->congestion.look_at_us;
	harm = refused && spoilt_due(&followed->spoilt, now_us);
	if ((!losses && !harm) || mptcp_info_read(session_multipath_fd(session), &info) < 0)
		return;
	loss_watch_fill(&info, subflows);
	facts.n_subflows = info.n_subflows;
	facts.arrived = info.acked;
	if (losses)
		look_at_losses(watch, followed, session_multipath_fd(session), &info, &facts);
	if (harm)
		look_at_harm(watch, followed, session, &facts);
}

static void visit(void *context, const struct session_view *session)
{
	struct loss_watch *watch = context;
	struct account *account = &watch->accounts[session->ref.index];
	uint64_t sent = sent_bytes(session);
	struct followed *followed;
	bool bulk, active;

	if (account->generation != session->ref.generation) {
		leave(watch, account);
		account->generation = session->ref.generation;
		account->sent_bytes = 0;
	}
	bulk = sent - account->sent_bytes >= BULK_BYTES;
	account->sent_bytes = sent;
	if (!session->near_mptcp && !session->far_mptcp)
		return;
	active = bulk || is_refused(session);
	if (active && account->followed == NO_FOLLOWED)
		follow(watch, account, session);
	if (account->followed == NO_FOLLOWED)
		return;
	followed = &watch->followed[account->followed - 1];
	followed->bulk = bulk;
	followed->n_idle = active ? 0 : followed->n_idle + (followed->n_idle < UINT8_MAX);
	if (!active)
		congestion_rest(&followed->congestion);
}

/* Those whose session has ended are free. */
static void look_at_followed(struct loss_watch *watch)
{
	for (size_t i = 0; i < LOSS_WATCH_SESSIONS; i++) {
		struct followed *followed = &watch->followed[i];
		struct session_view session;

		if (!followed->taken)
			continue;
		if (relay_find(watch->worker->relay, followed->session, &session))
			look(watch, followed, &session);
		else
			leave(watch, &watch->accounts[followed->session.index]);
	}
}

static void on_timer(void *context, struct loop_ref ref, uint64_t now_us)
{
	struct loss_watch *watch = context;
	bool more = false;

	if (ref.part == PART_LOOK) {
		watch->at = 0;
		watch->n_looks = (uint8_t)((watch->n_looks + 1) % LOOKS_AT_ALL);
		look_at_followed(watch);
	}
	if (!watch->n_looks)
		more = relay_each(watch->worker->relay, &watch->at, BATCH, visit, watch);
	ref.part = more ? PART_GO_ON : PART_LOOK;
	while (loop_timer_at(watch->worker->loop, more ? now_us : now_us + LOOK_US, ref))
		;   /* never without: nobody else looks */
}

int loss_watch_new(struct worker *worker, struct loss_watch **out)
{
	struct loop_handler handler = { .on_timer = on_timer };
	uint32_t n = worker->view->conf->limits.max_sessions;
	struct loss_watch *watch = calloc(1, sizeof(*watch) + n * sizeof(watch->accounts[0]));

	if (!watch)
		return -ENOMEM;
	watch->worker = worker;
	watch->has_bbr = !loss_watch_probe();
	handler.context = watch;
	watch->handler = loop_handler_add(worker->loop, &handler);
	*out = watch;
	return loop_timer_at(worker->loop, loop_now_us(worker->loop) + LOOK_US,
			     (struct loop_ref){ .handler = watch->handler, .part = PART_LOOK });
}

void loss_watch_freep(struct loss_watch **watch)
{
	free(*watch);
	*watch = NULL;
}
