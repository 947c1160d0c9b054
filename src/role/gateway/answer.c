/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an attempt is answered, and what that tells of the converter. */
#include "net/socket.h"
#include "role/gateway/setup.h"

#define UNSPOKEN_MOST 8   /* destinations, one after the other, that nobody can connect to */

bool attempt_tells_by_reset(const struct setup *setup)
{
	return setup->scheme->client_end && __atomic_load_n(&setup->upstream->spoken, __ATOMIC_RELAXED);
}

/* Whoever ends all that comes may not let us in, or be somebody else: hosts had better go the ordinary way. */
static void note_end(struct shared *shared, struct upstream *upstream)
{
	if (__atomic_load_n(&upstream->spoken, __ATOMIC_RELAXED) ||
	    __atomic_add_fetch(&upstream->n_unspoken, 1, __ATOMIC_RELAXED) < UNSPOKEN_MOST)
		return;
	__atomic_store_n(&upstream->n_unspoken, 0, __ATOMIC_RELAXED);
	shared_note_doubt(shared, upstream, UPSTREAM_DOUBT_STRANGE);
}

/* An end in the place of an answer: with some schemes that is one. */
static int read_end(const struct gateway *gateway, const struct setup *setup, struct attempt *attempt, bool reset,
		    struct signalling_step *step, struct bytes *left)
{
	if (!setup->scheme->client_end || attempt->inbox.n_kept) {
		attempt->left_unanswered = !reset;
		return NET_E_RESET;
	}
	*step = (struct signalling_step){ .verdict = SIGNALLING_REFUSED,
					  .result = setup->scheme->client_end(reset && attempt_tells_by_reset(setup)) };
	*left = (struct bytes){ 0 };
	attempt->ended = true;
	note_end(gateway->worker->shared, setup->upstream);
	return 0;
}

/* Whether the server speaks the scheme at all; where the watch can't ask it. */
static void note_language(struct gateway *gateway, const struct setup *setup, const struct signalling_step *step)
{
	struct upstream *upstream = setup->upstream;

	if (setup->scheme->server_offer)
		return;
	if (step->verdict == SIGNALLING_DONE) {
		__atomic_store_n(&upstream->spoken, true, __ATOMIC_RELAXED);
		__atomic_store_n(&upstream->n_unspoken, 0, __ATOMIC_RELAXED);
	} else if (step->result.outcome == OUTCOME_MALFORMED || step->result.outcome == OUTCOME_BAD_VERSION) {
		shared_note_doubt(gateway->worker->shared, upstream, UPSTREAM_DOUBT_STRANGE);
	}
}

/* All of it: a connection that has just been answered takes these few bytes, or is no connection any more. */
static int say(const struct attempt *attempt, const uint8_t *bytes, size_t n)
{
	int error = 0;

	return n && net_send(attempt->fd, bytes, n, &error) != (ssize_t)n ? NET_E_RESET : 0;
}

int attempt_read(struct gateway *gateway, const struct setup *setup, struct attempt *attempt,
		 struct signalling_step *step, struct bytes *left)
{
	uint8_t out[SIGNALLING_MESSAGE_BYTES];
	struct bytes all;
	bool ended = false;
	int r;

	for (;;) {
		r = inbox_receive(&attempt->inbox, attempt->fd, gateway->worker->scratch, WORKER_SCRATCH_BYTES, &all,
				  &ended);
		if (r == NET_E_RESET)
			return read_end(gateway, setup, attempt, true, step, left);
		if (r)
			return r;
		if (ended)
			return read_end(gateway, setup, attempt, false, step, left);
		*step = setup->scheme->client_feed(&attempt->conversation, all.at, all.n, out);
		*left = (struct bytes){ all.at + step->n_consumed, all.n - step->n_consumed };
		r = say(attempt, out, step->n_out);
		if (!r && step->verdict != SIGNALLING_NEED_MORE)
			note_language(gateway, setup, step);
		if (r || step->verdict != SIGNALLING_NEED_MORE)
			return r;
		r = inbox_keep(&attempt->inbox, *left);
		if (r)
			return r;
	}
}
