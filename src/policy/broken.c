/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/broken.h"

#define UNHEARD 2    /* looks with which more was acknowledged by TCP, and nothing by DATA_ACK */
#define REPEATED 4   /* looks in a row before which something came, and nothing new */

/* What is under way may be what is missing: such a look says nothing either way. */
static void listen_for_ack(struct broken *broken, const struct broken_facts *facts)
{
	bool stands = broken->looked && broken->acked == facts->acked && facts->unacked_bytes;

	broken->acked = facts->acked;
	if (!stands) {
		broken->n_delivered = UINT64_MAX;
		broken->n_unheard = 0;
	}
	if (!facts->unacked_bytes || facts->under_way)
		return;
	broken->n_unheard += stands && facts->n_delivered > broken->n_delivered;
	broken->n_delivered = facts->n_delivered;
}

static void watch_for_new(struct broken *broken, const struct broken_facts *facts)
{
	bool waits_for_end = facts->sent_end && !facts->unacked_bytes && !facts->got_end;
	bool repeats = broken->looked && waits_for_end && !facts->queued_bytes && broken->received == facts->received &&
		       facts->n_arrived > broken->n_arrived;

	broken->received = facts->received;
	broken->n_arrived = facts->n_arrived;
	broken->n_repeated = repeats ? broken->n_repeated + 1 : 0;
}

bool broken_look(struct broken *broken, const struct broken_facts *facts)
{
	listen_for_ack(broken, facts);
	watch_for_new(broken, facts);
	broken->looked = true;
	return broken->n_unheard >= UNHEARD || broken->n_repeated >= REPEATED;
}
