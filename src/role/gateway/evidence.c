/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/gateway/evidence.h"

#include <netinet/tcp.h>
#include "base/clock.h"
#include "base/counter.h"
#include "net/mptcp_info.h"
#include "net/socket.h"


/* As a converter of Braid's does with plain TCP that it wasn't told of: our end of it was Multipath TCP all the
 * same. Where data in the SYN or its answer were lost, that is why, as where we hadn't even seen that it was
 * connected. Others end a connection for reasons of their own. */
void evidence_of_reset(struct gateway *gateway, const struct setup *setup, const struct attempt *attempt)
{
	struct shared *shared = gateway->worker->shared;
	uint64_t now_us = loop_now_us(gateway->worker->loop);

	if (!attempt->connected && attempt->syn_data)
		shared_note_syn_data(shared, attempt->link, false, attempt->begun_at_us, now_us);
	else if (setup->has_ticket && attempt->connected && attempt->mptcp && !attempt->plain && !attempt->doubtful)
		shared_note_multipath(shared, attempt->link, false, now_us);
}

/* What is told on the watch is to come by a link that loses less, where there is one. */
static void note_loss(struct gateway *gateway, const struct setup *setup, uint8_t link, bool news)
{
	struct worker *worker = gateway->worker;
	struct choice choices[RACE_MOST];

	if (!news || worker->view->conf->gateway.syn_race == RACE_OFF ||
	    __atomic_load_n(&setup->upstream->watch_link, __ATOMIC_RELAXED) != link)
		return;
	if (shared_choose_race(worker->shared, worker->view, &setup->upstream->at, RACE_AUTO, 0,
			       loop_now_us(worker->loop), choices) == 1 && choices[0].link != link)
		shared_suspect(worker->shared);
}

void evidence_of_lost_syn(struct gateway *gateway, const struct setup *setup, uint8_t link, uint64_t now_us)
{
	note_loss(gateway, setup, link, shared_note_lost_syn(gateway->worker->shared, link, now_us));
}

/* A SYN that had to be sent again had its data lost, and the connection is plain TCP at one end or both, whatever
 * this end knows of it yet. */
static void note_syn_data(struct worker *worker, struct attempt *attempt, bool acked, bool repeated, uint64_t now_us)
{
	attempt->doubtful = !acked || repeated;
	counter_add(&worker->counters.n_syn_data_lost, !acked);
	shared_note_syn_data(worker->shared, attempt->link, acked, attempt->begun_at_us, now_us);
}

/* Linux makes plain TCP of a connection whose SYN data was not acknowledged: that says nothing of Multipath TCP on
 * the link (doc/assumptions.md). */
void evidence_of_handshake(struct gateway *gateway, const struct setup *setup, struct attempt *attempt)
{
	struct worker *worker = gateway->worker;
	uint64_t now_us = loop_now_us(worker->loop), waited_us = now_us - attempt->begun_at_us;
	struct mptcp_beginning beginning = mptcp_info_beginning(attempt->fd);
	bool gone = !beginning.tcp_state || beginning.tcp_state == TCP_CLOSE,
	     repeated = waited_us > SHARED_SYN_REPEATED_US;
	bool acked = attempt->syn_data && beginning.syn_data_acked;

	if (attempt->striped) {   /* it says nothing of a link */
		attempt->plain = true;
		return;
	}
	if (repeated && race_is_overdue(waited_us, shared_rtt_us(worker->shared, attempt->link)))
		evidence_of_lost_syn(gateway, setup, attempt->link, now_us);
	shared_note_answer(worker->shared, attempt->link, waited_us, now_us);
	if (attempt->syn_data && (repeated || !gone))
		note_syn_data(worker, attempt, acked, repeated, now_us);
	if (gone)   /* reset since, as those are that lose a race, or that the converter had as plain TCP: nothing
		     * more is told */
		return;
	attempt->plain = beginning.fell_back;
	if (attempt->plain && attempt->mptcp) {
		counter_add(&worker->counters.n_fell_back, 1);
		if (acked == attempt->syn_data)
			shared_note_fallback(worker->shared, attempt->link, now_us);
	}
}

/* A link that was asked before the winner's, and has not even answered the SYN, is spared for a while. */
void evidence_of_winner(struct gateway *gateway, const struct setup *setup, const struct attempt *winner)
{
	uint64_t now_us = loop_now_us(gateway->worker->loop);

	for (size_t i = 0; i < SETUP_ATTEMPTS; i++) {
		const struct attempt *other = &setup->attempts[i];

		if (other->fd < 0 || other->connected || other->striped || other->link == winner->link ||
		    net_connect_result(other->fd) != NET_E_AGAIN)
			continue;   /* its event may be in this turn's batch */
		note_loss(gateway, setup, other->link,
			  shared_note_overtaken(gateway->worker->shared, other->link, now_us - other->begun_at_us,
						winner->link, now_us));
		if (other->begun_at_us < winner->begun_at_us)
			shared_note_unanswered(gateway->worker->shared, other->link, now_us);
	}
}

bool evidence_is_sound(struct gateway *gateway, const struct attempt *attempt, int fd)
{
	bool whole;

	if (attempt->plain || attempt->ended)
		return true;
	whole = !mptcp_info_fell_back(fd);
	shared_note_multipath(gateway->worker->shared, attempt->link, whole, loop_now_us(gateway->worker->loop));
	if (whole)
		return true;
	counter_add(&gateway->worker->counters.n_fell_back_late, 1);
	return false;
}
