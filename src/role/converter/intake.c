/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/converter/intake.h"

#include <sys/socket.h>
#include "base/clock.h"
#include "base/counter.h"
#include "net/socket.h"
#include "role/converter/early.h"
#include "role/converter/lookup.h"
#include "role/outcome.h"
#include "role/links/limited.h"
#include "role/links/loss_watch.h"
#include "role/converter/take_over.h"
#include "role/mappings/mapping_calls.h"

#define LINGER_US (2 * US_PER_S)      /* for the peer to take a refusal and close */
#define DISCARD_READS 32              /* of WORKER_SCRATCH_BYTES each, a turn: a peer that keeps sending must not
				       * hold up the others */

static void ending_append(struct converter *converter, struct intake *intake)
{
	intake->ending_before = converter->ending_last;
	*(intake->ending_before ? &intake->ending_before->ending_next : &converter->ending_first) = intake;
	converter->ending_last = intake;
}

static void ending_remove(struct converter *converter, struct intake *intake)
{
	*(intake->ending_before ? &intake->ending_before->ending_next : &converter->ending_first) = intake->ending_next;
	*(intake->ending_next ? &intake->ending_next->ending_before : &converter->ending_last) = intake->ending_before;
}

/* ENDING and WAITING are left only with the intake's end: intake_free() takes back what is noted here. */
void intake_set_state(struct converter *converter, struct intake *intake, enum intake_state next)
{
	intake->state = next;
	converter->n_waiting += next == INTAKE_WAITING;
	if (next == INTAKE_ENDING)
		ending_append(converter, intake);
}

struct loop_ref intake_ref(const struct converter *converter, const struct intake *intake, enum intake_part part)
{
	struct slab_name name = slab_name_of(&converter->intakes, intake);

	return (struct loop_ref){ .index = name.index, .generation = name.generation, .handler = converter->handler,
				  .part = (uint8_t)part };
}

int intake_set_deadline(struct converter *converter, struct intake *intake, uint64_t after_us)
{
	intake->deadline_us = loop_now_us(converter->worker->loop) + after_us;
	return loop_timer_at(converter->worker->loop, intake->deadline_us,
			     intake_ref(converter, intake, INTAKE_DEADLINE));
}

void intake_prepare_leg(const struct converter *converter, const struct intake *intake)
{
	struct net_marking marking = treatment_marking(&intake->treatment);

	net_mark(intake->near_fd, &intake->client, true, &marking);
	loss_watch_begin(converter->worker, intake->near_fd, &intake->client);
}

void intake_leave_half_open(struct converter *converter, struct intake *intake)
{
	if (intake->half_open)
		shared_release(&converter->worker->shared->n_half_open);
	intake->half_open = false;
}

void intake_leave_session(struct converter *converter, struct intake *intake)
{
	if (intake->session)
		shared_release(&converter->worker->shared->n_sessions);
	subscribers_leave(converter->worker->shared->subscribers, intake->owner);
	intake->session = false;
	intake->owner = SUBSCRIBERS_NONE;
}

void intake_free(struct converter *converter, struct intake *intake)
{
	converter->n_waiting -= intake->state == INTAKE_WAITING;
	if (intake->state == INTAKE_WAITING && (intake->takes_inbound || intake->hears_limits || intake->hears_harm))
		subscribers_drop_watch(converter->worker->shared->subscribers, intake->ticket.number,
				       take_over_name_intake(converter, intake));
	if (intake->state == INTAKE_ENDING)
		ending_remove(converter, intake);
	intake_leave_half_open(converter, intake);
	if (intake->held)
		intercepted_forget(converter, intake);
	if (intake->has_port)
		fair_leave(converter, FAIR_PORT, &intake->port_share);
	inbox_free(&intake->inbox);
	inbox_free(&intake->asked);
	inbox_free(&intake->unsaid);
	lookup_freep(&intake->lookup);
	slab_give(&converter->intakes, intake);
}

void intake_abandon(struct converter *converter, struct intake *intake)
{
	intake_leave_session(converter, intake);
	if (intake->far_fd >= 0)
		net_close_reset(intake->far_fd);
	if (intake->near_fd >= 0)
		net_close_reset(intake->near_fd);
	intake_free(converter, intake);
}

void intake_end(struct converter *converter, struct intake *intake)
{
	net_close_orderly(intake->near_fd);
	intake_free(converter, intake);
}

/* More has come than one turn may take. Who was turned away may have sent much before it knew: it is looked at
 * again, after others. Who was let stay was to keep quiet. */
static void discard_later(struct converter *converter, struct intake *intake)
{
	if (intake->state == INTAKE_WAITING ||
	    loop_rewatch(converter->worker->loop, intake->near_fd, INTAKE_EVENTS,
			 intake_ref(converter, intake, INTAKE_NEAR)))
		intake_abandon(converter, intake);
}

static void discard(struct converter *converter, struct intake *intake)
{
	int error = 0;

	for (size_t i = 0; i < DISCARD_READS; i++) {
		ssize_t n = net_receive(intake->near_fd, converter->worker->scratch, WORKER_SCRATCH_BYTES, &error);

		if (n > 0)
			continue;
		if (!n || error != NET_E_AGAIN)
			intake_end(converter, intake);
		return;
	}
	discard_later(converter, intake);
}

bool intake_tell(struct converter *converter, struct intake *watch, struct bytes message)
{
	int error = 0;
	ssize_t n_sent = net_send(watch->near_fd, message.at, message.n, &error);

	if (n_sent >= 0 && n_sent < (ssize_t)message.n)
		intake_end(converter, watch);
	return n_sent == (ssize_t)message.n;
}

struct intake *intake_watch(const struct converter *converter, uint64_t name, uint32_t subscriber)
{
	struct intake *watch = take_over_intake(converter, name);

	return watch && watch->state == INTAKE_WAITING && !watch->owes && watch->ticket.admitted &&
	       watch->ticket.number == subscriber ? watch : NULL;
}

/* Everything of it: a fresh connection takes these few bytes, or is no connection any more. */
static int send_all(const struct intake *intake, const struct inbox *what)
{
	int error = 0;

	return what->n_kept && net_send(intake->near_fd, what->kept, what->n_kept, &error) != (ssize_t)what->n_kept ?
	       NET_E_RESET : 0;
}

int intake_go_on(struct intake *intake)
{
	if (!intake->unsaid.n_kept || !net_handshake_ended(intake->near_fd))
		return 0;
	if (send_all(intake, &intake->unsaid))
		return NET_E_RESET;
	inbox_free(&intake->unsaid);
	return 0;
}

static int send_answer(const struct intake *intake)
{
	if (intake->resets || send_all(intake, &intake->inbox))
		return NET_E_RESET;
	return intake->state == INTAKE_ENDING && shutdown(intake->near_fd, SHUT_WR) ? NET_E_RESET : 0;
}

/* Not before its answer has gone out: until then nothing else can be said on it, and what is meant for it would be
 * lost. */
static void be_watch(const struct converter *converter, const struct intake *intake)
{
	if (intake->state == INTAKE_WAITING && intake->takes_inbound)
		subscribers_add_watch(converter->worker->shared->subscribers, intake->ticket.number,
				      take_over_name_intake(converter, intake));
	if (intake->state == INTAKE_WAITING && (intake->hears_limits || intake->hears_harm))
		limited_watch(converter, intake);
}

void intake_say(struct converter *converter, struct intake *intake)
{
	if (intake->owes) {
		if (!net_handshake_ended(intake->near_fd))
			return;
		if (send_answer(intake)) {
			intake_abandon(converter, intake);
			return;
		}
		inbox_free(&intake->inbox);
		intake->owes = false;
		be_watch(converter, intake);
	}
	if (intake->state == INTAKE_WAITING && mapping_calls_offered(converter, intake))
		mapping_calls_read(converter, intake);
	else
		discard(converter, intake);
}

int intake_owe(struct intake *intake, struct bytes answer)
{
	int r = inbox_add(&intake->unsaid, answer);

	if (r)
		return r;
	inbox_free(&intake->inbox);
	intake->inbox = intake->unsaid;
	intake->unsaid = (struct inbox){ 0 };
	intake->owes = true;
	return 0;
}

void intake_finish(struct converter *converter, struct intake *intake, const uint8_t *answer, size_t n_answer)
{
	intake_leave_session(converter, intake);
	intake_leave_half_open(converter, intake);
	if (intake->far_fd >= 0)
		net_close_reset(intake->far_fd);
	intake->far_fd = -1;
	if (intake_owe(intake, (struct bytes){ answer, n_answer }) ||
	    intake_set_deadline(converter, intake, LINGER_US)) {
		intake_abandon(converter, intake);
		return;
	}
	intake_set_state(converter, intake, INTAKE_ENDING);
	intake_say(converter, intake);
}

void intake_refuse(struct converter *converter, struct intake *intake, const struct signalling_result *result)
{
	uint8_t out[SIGNALLING_MESSAGE_BYTES];
	size_t n_out;

	if (intake->held) {
		counter_add(&converter->worker->counters.n_outcomes[result->outcome], 1);
		intercepted_answer(converter, intake, result);
		return;
	}
	n_out = intake->scheme->server_answer(&intake->conversation, result, out);
	intake->resets = !n_out && (intake->scheme->mute || signalling_tells_by_reset(result->outcome));
	intake->said = *result;
	early_tell(converter, intake, result);
	counter_add(&converter->worker->counters.n_outcomes[result->outcome], 1);
	intake_finish(converter, intake, out, n_out);
}

void intake_refuse_error(struct converter *converter, struct intake *intake, int error)
{
	struct signalling_result result = outcome_of_error(error, !address_is_v4(&intake->destination));

	intake_refuse(converter, intake, &result);
}
