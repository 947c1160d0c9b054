/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include "base/counter.h"
#include "net/socket.h"
#include "role/converter/take_over.h"
#include "role/inbound/inbound_parts.h"

/* What is told to the worker that has the subscriber's watch. */
struct note {
	struct worker *to, *from;
	uint64_t watch;
	uint32_t subscriber;
	struct signalling_inbound inbound;
	uint8_t first[SIGNALLING_FIRST_BYTES];
};

static bool say(const struct note *note)
{
	struct converter *converter = note->to->converter;
	struct intake *watch = intake_watch(converter, note->watch, note->subscriber);
	struct signalling_inbound inbound = note->inbound;
	uint8_t out[SIGNALLING_MESSAGE_BYTES];
	bool told;

	inbound.first.at = note->first;
	told = watch && watch->takes_inbound &&
	       intake_tell(converter, watch, (struct bytes){ out, watch->scheme->server_inbound(&inbound, out) });

	counter_add(&note->to->counters.n_inbound_told, told);
	return told;
}

/* The watch had gone, as it does when the configuration is read again: the gateway is about to come with another
 * one. Or it took nothing, and may do so later. */
static void on_unsaid(void *arg)
{
	struct note *note = arg;
	struct inbound *inbound = note->from->inbound;
	struct waiting *waiting = inbound_by_place(inbound, note->inbound.claim);

	for (uint8_t i = 0; waiting && i < waiting->n_tried; i++)
		if (waiting->tried[i] == note->watch)
			waiting->tried[i] = waiting->tried[--waiting->n_tried];
	if (waiting && !waiting->claim && waiting->n_declined >= waiting->n_tried)   /* whoever was told has declined */
		inbound_untold(inbound, waiting);
	free(note);
}

static void on_say(void *arg)
{
	struct note *note = arg;

	if (say(note) || note->from->halted || loop_post(note->from->loop, on_unsaid, note))
		free(note);
}

/* They stay where they are: whoever claims may not have given them to the host. */
static size_t look_at_first(const struct waiting *waiting, uint8_t first[SIGNALLING_FIRST_BYTES])
{
	int error = 0;
	ssize_t n = waiting->fd < 0 ? 0 : net_peek(waiting->fd, first, SIGNALLING_FIRST_BYTES, &error);

	return n > 0 ? (size_t)n : 0;
}

/* What gets lost on the way to another worker is like a gateway that doesn't come. */
static bool tell_on(const struct inbound *inbound, struct waiting *waiting, uint64_t watch)
{
	struct note note = {
		.to = inbound->worker->peers[take_over_worker(watch)], .from = inbound->worker, .watch = watch,
		.subscriber = waiting->subscriber,
		.inbound = { .remote = waiting->remote, .host = waiting->host },
	};

	inbound_put_claim(inbound, waiting, note.inbound.claim);
	note.inbound.again = waiting->n_tried;   /* what a host may have by now is no other connection's */
	note.inbound.first.n = note.inbound.again ? 0 : look_at_first(waiting, note.first);
	if (note.inbound.first.n > waiting->n_first)
		waiting->n_first = (uint16_t)note.inbound.first.n;
	if (note.to == inbound->worker)
		return say(&note);
	return worker_post(note.to, on_say, &note, sizeof(note));
}

static bool was_tried(const struct waiting *waiting, uint64_t watch)
{
	for (uint8_t i = 0; i < waiting->n_tried; i++)
		if (waiting->tried[i] == watch)
			return true;
	return false;
}

bool inbound_tell(struct inbound *inbound, struct waiting *waiting)
{
	uint64_t watches[SUBSCRIBERS_WATCHES];
	size_t n = subscribers_watches(inbound->worker->shared->subscribers, waiting->subscriber, watches);

	for (size_t i = 0; i < n && waiting->n_tried < SUBSCRIBERS_WATCHES; i++) {
		if (was_tried(waiting, watches[i]) || !tell_on(inbound, waiting, watches[i]))
			continue;
		waiting->tried[waiting->n_tried++] = watches[i];
		waiting->told = true;
		return true;
	}
	return false;
}
