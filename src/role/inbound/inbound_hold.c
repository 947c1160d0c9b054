/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stddef.h>
#include <sys/epoll.h>
#include "base/counter.h"
#include "net/queue.h"
#include "net/socket.h"
#include "path/marks.h"
#include "role/inbound/inbound_parts.h"
#include "role/outcome.h"
#include "wire/syn.h"

#define TAKES 16                    /* of the queue in a turn */

static uint32_t mark_now(const struct inbound *inbound, unsigned int mark)
{
	return mark_value(inbound->worker->view->conf->gateway.fwmark, mark);
}

void inbound_hold_answer(struct inbound *inbound, uint32_t packet, const struct signalling_result *result, bool v6)
{
	unsigned int mark = outcome_mark(result, v6);

	if (!packet || !inbound->queue)
		return;
	if (mark)
		net_queue_pass(inbound->queue, packet, mark_now(inbound, mark == MARK_PASS ? MARK_RESET : mark));
	else
		net_queue_drop(inbound->queue, packet);
}

void inbound_hold_let_come(struct inbound *inbound, uint32_t packet)
{
	if (packet && inbound->queue)
		net_queue_pass(inbound->queue, packet, mark_now(inbound, MARK_CATCH + inbound->worker->number));
}

/* A SYN that comes again stands for both: the remote host knows the sequence number of its last one alone. */
static void again(struct inbound *inbound, struct waiting *waiting, uint32_t packet)
{
	if (waiting->claim) {   /* our answer to the first was lost */
		inbound_hold_let_come(inbound, packet);
		return;
	}
	if (waiting->packet)
		net_queue_drop(inbound->queue, waiting->packet);
	waiting->packet = packet;
}

/* What isn't to wait is accepted early, or is this machine's own. */
static void on_packet(void *context, const struct net_queue_packet *packet)
{
	struct inbound *inbound = context;
	const struct forward *forward;
	struct waiting *waiting;
	struct syn syn;

	if (syn_get((struct bytes){ packet->bytes, packet->n_bytes }, &syn)) {
		net_queue_pass(inbound->queue, packet->id, 0);
		return;
	}
	waiting = pairs_find(&inbound->held, &syn.source, &syn.destination);
	forward = forwards_find(inbound->worker->view->forwards, &syn.destination);
	if (waiting)
		again(inbound, waiting, packet->id);
	else if (forward && forward->faithful)
		inbound_await(inbound, forward, -1, packet->id, &syn.source);
	else
		net_queue_pass(inbound->queue, packet->id, 0);
}

static void on_event(void *context, struct loop_ref ref, uint32_t events)
{
	struct inbound *inbound = context;

	for (size_t i = 0; i < TAKES && inbound->queue; i++)
		if (net_queue_take(inbound->queue, on_packet, inbound))
			return;
}

void inbound_hold_init(struct inbound *inbound)
{
	struct loop_handler handler = { .on_event = on_event, .context = inbound };
	struct pairs_fields fields = { offsetof(struct waiting, remote), offsetof(struct waiting, external),
				       offsetof(struct waiting, next) };

	pairs_init(&inbound->held, &inbound->waiting, fields, inbound->buckets, INBOUND_BUCKETS);
	inbound->queue_handler = loop_handler_add(inbound->worker->loop, &handler);
}

/* Packets that wait still are dropped by the kernel: remote hosts send them again. Another queue counts from one
 * again. */
void inbound_hold_close(struct inbound *inbound)
{
	if (!inbound->queue)
		return;
	for (uint32_t i = 0; i < inbound->waiting.n_touched; i++) {
		struct waiting *waiting = slab_at(&inbound->waiting, i);

		if (waiting)
			waiting->packet = 0;
	}
	loop_unwatch(inbound->worker->loop, net_queue_fd(inbound->queue));
	net_queue_closep(&inbound->queue);
}

static int open_queue(struct inbound *inbound)
{
	uint16_t number = (uint16_t)(inbound->worker->view->conf->converter.inbound_queue + inbound->worker->number);
	int r = net_queue_open(number, &inbound->queue);

	if (!r)
		r = loop_watch(inbound->worker->loop, net_queue_fd(inbound->queue), EPOLLIN,
			       (struct loop_ref){ .handler = inbound->queue_handler });
	if (r)
		net_queue_closep(&inbound->queue);
	return r;
}

void inbound_hold_apply(struct inbound *inbound)
{
	const struct view *view = inbound->worker->view;
	int r;

	if (!view->accepting || !forwards_any_faithful(view->forwards)) {
		inbound_hold_close(inbound);
		return;
	}
	r = inbound->queue ? 0 : open_queue(inbound);
	if (r && !inbound->queue_missing)
		log_warning("worker %u cannot open its packet queue (%s): remote hosts that come to it by [forward "
			    "NAME] are accepted early; another program may have it, set converter.inbound_queue to a "
			    "free one", inbound->worker->number, net_error_text(r));
	inbound->queue_missing = r;
}
