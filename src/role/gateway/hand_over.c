/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From attempts to the relay: the far leg is there, and its answer is read, or awaited. */
#include "base/counter.h"
#include "net/mptcp_info.h"
#include "net/socket.h"
#include "role/gateway/evidence.h"
#include "role/gateway/gateway.h"
#include "role/gateway/leave.h"
#include "role/gateway/setup.h"

static uint64_t tag_of(const struct gateway *gateway, const struct setup *setup)
{
	struct slab_name name = slab_name_of(&gateway->setups, setup);

	return (uint64_t)name.index << 16 | name.generation;
}

static struct setup *setup_of_tag(const struct gateway *gateway, uint64_t tag)
{
	return slab_get(&gateway->setups, (struct slab_name){ (uint32_t)(tag >> 16), (uint16_t)tag });
}

static void log_hand_over(const struct gateway *gateway, const struct setup *setup, const struct attempt *attempt,
			  bool held)
{
	const struct view *view = gateway->worker->view;
	char source[ADDRESS_TEXT_BYTES], destination[ADDRESS_TEXT_BYTES];

	if (!log_wants(LOG_LEVEL_DEBUG))
		return;
	log_debug("%s to %s: over %s, %s, data in the first packet %s, %s", address_format(&setup->source, source),
		  address_format(&setup->destination, destination),
		  attempt->link < view->n_links ? view->links[attempt->link].name : "no link of ours",
		  setup->state == SETUP_CAUGHT ? "its destination having accepted" : held ? "at once" :
		  setup->waits ? "having answered" : "after another attempt",
		  !attempt->syn_data ? "not sent" : mptcp_info_beginning(attempt->fd).syn_data_acked ? "taken" : "lost",
		  mptcp_info_fell_back(attempt->fd) ? "plain TCP" : "Multipath TCP");
}

void setup_hand_over(struct gateway *gateway, struct setup *setup, struct attempt *attempt, bool held,
		     struct bytes down_first)
{
	struct worker *worker = gateway->worker;
	struct relay_legs legs = {
		.near_fd = setup->near_fd, .far_fd = attempt->fd, .near_watched = setup->state != SETUP_CAUGHT,
		.far_watched = true,
		.far_mptcp = attempt->mptcp,
		.far_joins = attempt->mptcp && view_has_several_links(worker->view), .held = held,
		.up_waits = held && attempt->doubtful, .up_kept = setup->has_ticket,
		.far_multipath = attempt->mptcp && !attempt->plain, .tag = held ? tag_of(gateway, setup) : 0,
		.owner = SUBSCRIBERS_NONE,
		.up_first = { attempt->opening + attempt->n_sent, attempt->n_opening - attempt->n_sent },
		.down_first = down_first, .source = setup->source, .destination = setup->destination,
		.inbound = setup->inbound, .routed = setup->routed, .in_pieces = attempt->striped,
		.link = attempt->link, .opened_at_us = setup->accepted_at_us,
	};
	struct net_marking marking = treatment_marking(&setup->treatment);
	struct slab_name session;

	log_hand_over(gateway, setup, attempt, held);
	net_mark(setup->near_fd, &setup->source, false, &marking);
	attempt->fd = -1;
	net_tune_leg(legs.far_fd, true);
	for (size_t i = 0; held && i < SETUP_ATTEMPTS; i++)
		if (&setup->attempts[i] != attempt)
			attempt_drop(&setup->attempts[i]);
	if (relay_open(worker->relay, &legs, &session) || !held) {
		setup_free(gateway, setup);   /* what relay_open() could not take, it has closed */
		return;
	}
	setup->session = session;
	setup->answering = attempt;
	setup_set_state(setup, SETUP_HELD);
	if (setup_set_deadline(gateway, setup, setup_limit_us(gateway) + SETUP_ANSWER_SLACK_US)) {
		relay_abort(worker->relay, session);
		setup_free(gateway, setup);
	}
}

void gateway_on_held(struct gateway *gateway, struct slab_name session, uint64_t tag, int far_fd)
{
	struct setup *setup = setup_of_tag(gateway, tag);
	struct signalling_step step;
	struct bytes left;
	int r;

	if (!setup)
		return;
	setup->answering->fd = far_fd;   /* lent for the reading */
	r = attempt_read(gateway, setup, setup->answering, &step, &left);
	setup->answering->fd = -1;
	if (r == NET_E_AGAIN)
		return;
	if (!r && step.verdict == SIGNALLING_DONE && evidence_is_sound(gateway, setup->answering, far_fd)) {
		counter_add(&gateway->worker->counters.n_outcomes[OUTCOME_CONNECTED], 1);
		relay_release(gateway->worker->relay, session, left,
			      left.at + left.n == gateway->worker->scratch + WORKER_SCRATCH_BYTES);
	} else {
		if (r == NET_E_RESET)
			evidence_of_reset(gateway, setup, setup->answering);
		if ((r == NET_E_RESET || (!r && step.verdict == SIGNALLING_DONE)) &&
		    leave_broken(gateway, setup, far_fd))
			return;
		if (!r && step.verdict != SIGNALLING_DONE)
			setup_refuse(gateway, setup, &step.result);
		else
			setup_unlearn(gateway, setup);
		relay_abort(gateway->worker->relay, session);
	}
	setup_free(gateway, setup);
}

void gateway_on_held_end(struct gateway *gateway, uint64_t tag)
{
	struct setup *setup = setup_of_tag(gateway, tag);

	if (setup)
		setup_free(gateway, setup);
}
