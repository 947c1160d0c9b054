/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/converter/early.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include "base/counter.h"
#include "net/socket.h"
#include "role/converter/intake.h"
#include "role/converter/take_over.h"
#include "role/gateway/hold.h"
#include "role/gateway/setup.h"

/* A nonce's first bytes are random, which is what the converter tells them apart by (policy/replay.h); the last ones
 * say whose it is. */
#define RANDOM_BYTES 8

/* What goes from one thread to another. */
struct note {
	struct worker *to;
	uint64_t watch;            /* at the converter */
	uint32_t subscriber;       /* at the converter: who alone may hear it */
	uint8_t nonce[SIGNALLING_NONCE_BYTES];
	struct signalling_result result;
};

static void tell(const struct note *note)
{
	struct converter *converter = note->to->converter;
	struct intake *watch = intake_watch(converter, note->watch, note->subscriber);
	uint8_t out[SIGNALLING_MESSAGE_BYTES];

	if (watch)
		counter_add(&converter->worker->counters.n_early_told,
			    intake_tell(converter, watch, (struct bytes){
				out, watch->scheme->server_early(note->nonce, &note->result, out) }));
}

static void on_tell(void *arg)
{
	tell(arg);
	free(arg);
}

void early_tell(struct converter *converter, const struct intake *intake, const struct signalling_result *result)
{
	unsigned int number = take_over_worker(intake->watch);
	struct note note = { .watch = intake->watch, .subscriber = intake->ticket.number, .result = *result };

	if (!intake->watch || !intake->ticket.admitted || number >= converter->worker->n_peers ||
	    (!intake->raced && net_handshake_ended(intake->near_fd)))
		return;
	note.to = converter->worker->peers[number];
	memcpy(note.nonce, intake->ticket.nonce, sizeof(note.nonce));
	if (note.to == converter->worker)
		tell(&note);
	else
		worker_post(note.to, on_tell, &note, sizeof(note));
}

void early_make_nonce(const struct gateway *gateway, const struct setup *setup, uint8_t nonce[SIGNALLING_NONCE_BYTES])
{
	struct cursor_out out = cursor_into(nonce + RANDOM_BYTES, SIGNALLING_NONCE_BYTES - RANDOM_BYTES);
	uint32_t index = slab_name_of(&gateway->setups, setup).index;

	randombytes_buf(nonce, RANDOM_BYTES);
	cursor_put_u32be(&out, gateway->worker->number << 24 | index);   /* there are 256 workers at most, and a
									  * million of setups */
}

static uint32_t place_in(const uint8_t nonce[SIGNALLING_NONCE_BYTES])
{
	struct cursor c = cursor_of(nonce + RANDOM_BYTES, SIGNALLING_NONCE_BYTES - RANDOM_BYTES);

	return cursor_get_u32be(&c);
}

static void on_hear(void *arg)
{
	struct note *note = arg;
	struct gateway *gateway = note->to->gateway;
	struct setup *setup = slab_at(&gateway->setups, place_in(note->nonce) & 0xffffff);

	if (setup && setup->asks_early && !memcmp(setup->nonce, note->nonce, sizeof(note->nonce)))
		hold_hear_early(gateway, setup, &note->result);
	free(note);
}

void early_hear(struct worker *const *workers, size_t n_workers, const uint8_t nonce[SIGNALLING_NONCE_BYTES],
		const struct signalling_result *result)
{
	unsigned int number = place_in(nonce) >> 24;
	struct note note = { .result = *result };

	if (number >= n_workers)
		return;
	note.to = workers[number];
	memcpy(note.nonce, nonce, sizeof(note.nonce));
	worker_post(note.to, on_hear, &note, sizeof(note));
}
