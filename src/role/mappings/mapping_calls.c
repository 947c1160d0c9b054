/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/mappings/mapping_calls.h"

#include <stdlib.h>
#include <string.h>
#include "base/counter.h"
#include "net/socket.h"
#include "role/converter/take_over.h"
#include "role/mappings/mapper.h"

#define READS 8                           /* in a turn */
#define ASKED_MOST 8                      /* requests of one watch under way; whoever sends more at once has some of
					   * them dropped */

/* One request, on its way there and back. */
struct call {
	struct worker *worker;
	uint64_t watch;
	uint32_t subscriber;
	uint16_t id;
	struct address host;              /* on the way back: the external address */
	size_t n;
	uint8_t message[PCP_MESSAGE_BYTES];
};

bool mapping_calls_offered(const struct converter *converter, const struct intake *intake)
{
	return intake->ticket.admitted && converter->worker->shared->mapper;
}

static void say(struct converter *converter, struct intake *watch, const struct call *call)
{
	uint8_t out[SIGNALLING_MESSAGE_BYTES];
	struct signalling_host_message message = { .id = call->id, .host = call->host,
						   .message = { call->message, call->n } };

	counter_add(&converter->worker->counters.n_mapping_answers,
		    intake_tell(converter, watch, (struct bytes){ out, watch->scheme->host_put(&message, out) }));
}

/* The watch's name has its generation: one that is gone isn't found. */
static void on_answer(void *arg)
{
	struct call *call = arg;
	struct converter *converter = call->worker->converter;
	struct intake *watch = take_over_intake(converter, call->watch);

	if (watch && watch->state == INTAKE_WAITING) {
		watch->n_asked--;
		if (call->n)
			say(converter, watch, call);
	}
	free(call);
}

/* Main thread. */
static void on_request(void *arg)
{
	struct call *call = arg;
	uint8_t out[PCP_MESSAGE_BYTES];
	struct address external = { .port = 0 };
	size_t n = mapper_answer(call->worker->shared->mapper, call->subscriber, &call->host,
				 (struct bytes){ call->message, call->n }, out, &external);

	call->n = n <= SIGNALLING_HOST_MESSAGE_BYTES ? n : 0;
	memcpy(call->message, out, call->n);
	call->host = external;
	if (call->worker->halted || loop_post(call->worker->loop, on_answer, call))
		free(call);
}

static void post(struct converter *converter, struct intake *intake, const struct signalling_host_message *message)
{
	struct call *call = intake->n_asked < ASKED_MOST ? malloc(sizeof(*call)) : NULL;

	counter_add(&converter->worker->counters.n_mapping_requests, 1);
	if (!call)
		return;
	*call = (struct call){ .worker = converter->worker, .watch = take_over_name_intake(converter, intake),
			       .subscriber = intake->ticket.number,
			       .id = message->id, .host = message->host, .n = message->message.n };
	memcpy(call->message, message->message.at, message->message.n);
	if (loop_post(converter->worker->shared->main_loop, on_request, call))
		free(call);
	else
		intake->n_asked++;
}

/* False: it is no such message, or there is no memory. */
static bool take(struct converter *converter, struct intake *intake, struct bytes all)
{
	struct signalling_host_message message;
	struct signalling_step step;

	for (; all.n; all = (struct bytes){ all.at + step.n_consumed, all.n - step.n_consumed }) {
		step = intake->scheme->host_get(all.at, all.n, &message);
		if (step.verdict == SIGNALLING_NEED_MORE)
			break;
		if (step.verdict != SIGNALLING_DONE)
			return false;
		post(converter, intake, &message);
	}
	return !inbox_keep(&intake->asked, all);
}

void mapping_calls_read(struct converter *converter, struct intake *intake)
{
	struct worker *worker = converter->worker;
	bool ended = false;
	struct bytes all;

	for (size_t i = 0; i < READS; i++) {
		int r = inbox_receive(&intake->asked, intake->near_fd, worker->scratch, WORKER_SCRATCH_BYTES, &all,
				      &ended);

		if (r == NET_E_AGAIN)
			return;
		if (r || ended || !take(converter, intake, all)) {
			intake_end(converter, intake);
			return;
		}
	}
	if (loop_rewatch(worker->loop, intake->near_fd, INTAKE_EVENTS, intake_ref(converter, intake, INTAKE_NEAR)))
		intake_abandon(converter, intake);
}
