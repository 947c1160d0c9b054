/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A gateway claims a remote host's connection that waits, with whichever worker its own connection has come to: the
 * claim goes to the worker that has what it names, and comes back. */
#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/counter.h"
#include "base/cursor.h"
#include "net/socket.h"
#include "role/converter/take_over.h"
#include "role/inbound/inbound_parts.h"

#define ANSWER_US (10 * US_PER_S)     /* of the worker that has what is claimed */

static_assert(SIGNALLING_CLAIM_BYTES == 8 + INBOUND_SECRET_BYTES, "a claim: where it waits, and what nobody can guess");

/* Laid out as: worker (8 bits), zero (8), generation (16), index (32); then the secret. */
void inbound_put_claim(const struct inbound *inbound, const struct waiting *waiting,
		       uint8_t claim[SIGNALLING_CLAIM_BYTES])
{
	struct cursor_out out = cursor_into(claim, SIGNALLING_CLAIM_BYTES);
	struct slab_name name = slab_name_of(&inbound->waiting, waiting);

	cursor_put_u64be(&out, (uint64_t)inbound->worker->number << 56 | (uint64_t)name.generation << 32 | name.index);
	cursor_put_bytes(&out, waiting->secret, INBOUND_SECRET_BYTES);
}

static uint64_t place_in(const uint8_t claim[SIGNALLING_CLAIM_BYTES])
{
	struct cursor c = cursor_of(claim, SIGNALLING_CLAIM_BYTES);

	return cursor_get_u64be(&c);
}

struct waiting *inbound_by_place(const struct inbound *inbound, const uint8_t claim[SIGNALLING_CLAIM_BYTES])
{
	uint64_t place = place_in(claim);

	return slab_get(&inbound->waiting, (struct slab_name){ (uint32_t)place, (uint16_t)(place >> 32) });
}

/* The name is the peer's word. */
static struct waiting *find(const struct inbound *inbound, const struct claim *claim)
{
	struct waiting *waiting = inbound_by_place(inbound, claim->claim);
	uint8_t right[SIGNALLING_CLAIM_BYTES];

	if (!waiting)
		return NULL;
	inbound_put_claim(inbound, waiting, right);
	if (sodium_memcmp(right, claim->claim, sizeof(right)) || waiting->subscriber != claim->subscriber ||
	    !address_equal(&waiting->remote, &claim->remote) || claim->n_first > waiting->n_first)
		return NULL;
	return waiting;
}

/* The host has them. They are still there: they were only looked at. */
static bool drop_first(int fd, uint16_t n)
{
	uint8_t first[SIGNALLING_FIRST_BYTES];
	int error = 0;

	return !n || net_receive(fd, first, n, &error) == n;
}

/* It was accepted already. */
static void hand_over(struct inbound *inbound, struct waiting *waiting, struct claim *claim)
{
	loop_unwatch(inbound->worker->loop, waiting->fd);
	claim->fd = inbound_release(inbound, waiting);
	claim->good = drop_first(claim->fd, claim->n_first);
	if (claim->failure.outcome != OUTCOME_CONNECTED || !claim->good) {
		net_close_reset(claim->fd);
		claim->fd = -1;
	}
	inbound_answer(claim);
}

/* Its first packet waits, and is answered, or let come. */
static void call(struct inbound *inbound, struct waiting *waiting, struct claim *claim)
{
	if (claim->failure.outcome != OUTCOME_CONNECTED) {
		inbound_hold_answer(inbound, waiting->packet, &claim->failure, !address_is_v4(&waiting->remote));
		inbound_release(inbound, waiting);
		claim->good = true;
		inbound_answer(claim);
		return;
	}
	inbound_let_come(inbound, waiting, claim);
}

/* The gateway can't have the host, or doesn't take it: another one may, which hears of it now or has heard already.
 * Not where the host itself has refused. */
static bool is_anothers(struct inbound *inbound, struct waiting *waiting, const struct claim *claim)
{
	if (claim->final || claim->failure.outcome == OUTCOME_CONNECTED || claim->failure.outcome == OUTCOME_REFUSED)
		return false;
	waiting->n_declined++;
	return inbound_tell(inbound, waiting) || waiting->n_declined < waiting->n_tried;
}

/* At the worker that has it. A claim works once: what was claimed can't be claimed again, whatever becomes of it. */
static void settle(struct claim *claim)
{
	struct inbound *inbound = claim->to->inbound;
	struct waiting *waiting = find(inbound, claim);
	bool right = waiting && !waiting->claim;

	counter_add(&claim->to->counters.n_claims_wrong, !right);
	if (right && is_anothers(inbound, waiting, claim)) {
		claim->good = true;
		inbound_answer(claim);
		return;
	}
	counter_add(&claim->to->counters.n_inbound_refused, right && claim->failure.outcome != OUTCOME_CONNECTED);
	if (!right)
		inbound_answer(claim);
	else if (waiting->fd >= 0)
		hand_over(inbound, waiting, claim);
	else
		call(inbound, waiting, claim);
}

static void count_first(const struct converter *converter, const struct intake *intake, uint16_t n)
{
	const struct worker *worker = converter->worker;
	struct relay_account *account = subscribers_account(worker->shared->subscribers, intake->owner, worker->number);

	if (account)
		counter_add(&account->n_bytes[RELAY_DOWN], n);
}

static void take(struct converter *converter, struct intake *intake, int fd, uint16_t n_first)
{
	intake->far_fd = fd;
	intake->inbound = true;
	if (loop_watch(converter->worker->loop, fd, EPOLLET, intake_ref(converter, intake, INTAKE_FAR))) {
		intake_abandon(converter, intake);
		return;
	}
	counter_add(&converter->worker->counters.n_inbound_claimed, 1);
	count_first(converter, intake, n_first);
	converter_serve(converter, intake);
}

/* Back at the worker of the one who claims. */
static void conclude(const struct claim *claim)
{
	static const struct signalling_result gone = { .outcome = OUTCOME_REFUSED };
	struct converter *converter = claim->from->converter;
	struct intake *intake = take_over_intake(converter, claim->intake);

	if (!intake || intake->state != INTAKE_CONNECTING) {
		if (claim->fd >= 0)
			net_close_reset(claim->fd);
	} else if (claim->fd >= 0) {
		take(converter, intake, claim->fd, claim->n_first);
	} else {
		intake_refuse(converter, intake, claim->good ? &claim->failure : &gone);
	}
}

static void on_answer(void *arg)
{
	conclude(arg);
	free(arg);
}

void inbound_answer(struct claim *claim)
{
	if (claim->from == claim->to) {
		on_answer(claim);
		return;
	}
	if (!claim->from->halted && !loop_post(claim->from->loop, on_answer, claim))
		return;
	if (claim->fd >= 0)
		net_close_reset(claim->fd);
	free(claim);
}

static void on_claim(void *arg)
{
	settle(arg);
}

/* To the worker that has what it names; at once where that is this one. False: it can't be. */
static bool send_claim(const struct claim *claim)
{
	struct claim *copy;

	if (claim->to != claim->from)
		return worker_post(claim->to, on_claim, claim, sizeof(*claim));
	copy = malloc(sizeof(*copy));
	if (!copy)
		return false;
	*copy = *claim;
	settle(copy);
	return true;
}

void inbound_claim(struct converter *converter, struct intake *intake, const struct signalling_request *request,
		   const struct signalling_result *result)
{
	bool may = result->outcome == OUTCOME_CONNECTED;
	unsigned int number = (unsigned int)(place_in(request->claim) >> 56);
	struct worker *worker = converter->worker;
	struct claim claim = {
		.from = worker, .to = number < worker->n_peers ? worker->peers[number] : worker,
		.intake = take_over_name_intake(converter, intake),
		.subscriber = intake->ticket.number, .remote = request->destination, .n_first = request->n_first,
		.failure = may ? request->failure : *result, .final = !may, .fd = -1,
	};

	memcpy(claim.claim, request->claim, sizeof(claim.claim));
	intake_set_state(converter, intake, INTAKE_CONNECTING);
	if (intake_set_deadline(converter, intake, ANSWER_US) || !send_claim(&claim))
		intake_abandon(converter, intake);
}
