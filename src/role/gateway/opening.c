/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/gateway/opening.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "net/socket.h"
#include "role/converter/early.h"
#include "role/gateway/setup.h"
#include "role/schemes.h"
#include "signalling/ticket.h"

static_assert(OPENING_SYN_BYTES > SIGNALLING_MESSAGE_BYTES, "a message must fit the opening");

/* Toward an IPv6 destination, to a converter that has asked for it. */
static bool tells_source(const struct setup *setup)
{
	return __atomic_load_n(&setup->upstream->wants_source, __ATOMIC_RELAXED) && !address_is_v4(&setup->destination);
}

/* A ticket for this destination: who we are, in the first packet. A host whose SYN waits is the sooner let come for
 * an early answer. */
static void put_ticket(const struct gateway *gateway, struct setup *setup, struct signalling_request *request)
{
	const struct upstream *upstream = setup->upstream;
	struct ticket ticket = { .time_s = (uint32_t)time(NULL) };

	setup->has_ticket = upstream->at.has_key && setup->scheme->tickets &&
		__atomic_load_n(&upstream->kin, __ATOMIC_RELAXED);
	request->raced = setup->raced = attempt_may_race(gateway, setup);
	if (!setup->has_ticket)
		request->dscp = request->plain = 0;   /* it would not know what that is */
	if (!upstream->at.has_key || !setup->scheme->tickets)
		return;
	early_make_nonce(gateway, setup, ticket.nonce);
	memcpy(setup->nonce, ticket.nonce, sizeof(setup->nonce));
	request->watch = setup->has_ticket && setup->state == SETUP_ASKING ?
		__atomic_load_n(&upstream->watch, __ATOMIC_RELAXED) : 0;
	setup->asks_early = request->watch;
	if (setup->has_ticket && tells_source(setup))
		request->source = setup->source;
	ticket_put(&ticket, upstream->at.key, &request->destination, request->credential);
	request->n_credential = TICKET_BYTES;
}

/* The first message, into room for SIGNALLING_MESSAGE_BYTES. Returns its length. */
static size_t begin_message(struct gateway *gateway, struct setup *setup, uint8_t *out)
{
	const struct conf_gateway *conf = &gateway->worker->view->conf->gateway;
	struct signalling_step step;

	/* What waits at the converter was told by Convert, and is claimed by it. */
	setup->scheme = setup->inbound ? &scheme_convert : scheme_of_conf(conf->signalling);
	setup->request = (struct signalling_request){
		.destination = setup->destination, .dscp = setup->treatment.dscp,
		.plain = setup->treatment.link != CHOOSE_NO_LINK,
	};
	setup->request.has_claim = setup->inbound;
	memcpy(setup->request.claim, setup->claim, sizeof(setup->claim));
	setup->request.n_first = setup->n_first;
	setup->request.failure = setup->failure;
	put_ticket(gateway, setup, &setup->request);
	if (!setup->scheme->tickets)
		schemes_put_login(conf, &setup->upstream->at, __atomic_load_n(&setup->upstream->kin, __ATOMIC_RELAXED),
				  &setup->request);
	step = setup->scheme->client_begin(&setup->begun, &setup->request, out);
	setup->waits = step.waits;
	return step.n_out;
}

int opening_build(struct gateway *gateway, struct setup *setup)
{
	uint8_t *scratch = gateway->worker->scratch;
	size_t n_message = begin_message(gateway, setup, scratch);
	ssize_t n;
	int error = NET_E_AGAIN;

	n = setup->near_fd < 0 || setup->waits || setup->state == SETUP_ASKING ? 0 :
	    net_receive(setup->near_fd, scratch + n_message, OPENING_SYN_BYTES - n_message, &error);
	if (n < 0 && error != NET_E_AGAIN && error != NET_E_DESCRIPTORS)
		return error;
	setup->n_message = n_message;
	setup->n_opening = n_message + (n > 0 ? (size_t)n : 0);
	setup->opening = malloc(setup->n_opening);
	if (!setup->opening)
		return -ENOMEM;
	memcpy(setup->opening, scratch, setup->n_opening);
	return 0;
}

/* The message, and behind it what is there of the payload. NULL without memory. */
static uint8_t *compose(const struct setup *setup, const uint8_t *message, size_t n_message, size_t *n)
{
	size_t n_payload = setup->n_opening - setup->n_message;
	uint8_t *bytes = malloc(n_message + n_payload);

	if (!bytes)
		return NULL;
	memcpy(bytes, message, n_message);
	memcpy(bytes + n_message, setup->opening + setup->n_message, n_payload);
	*n = n_message + n_payload;
	return bytes;
}

static int replace_message(struct setup *setup, const uint8_t *message, size_t n_message)
{
	size_t n_opening;
	uint8_t *opening = compose(setup, message, n_message, &n_opening);

	if (!opening)
		return -ENOMEM;
	opening_free(setup);
	setup->opening = opening;
	setup->n_opening = n_opening;
	setup->n_message = n_message;
	return 0;
}

int opening_build_anew(struct gateway *gateway, struct setup *setup)
{
	uint8_t message[SIGNALLING_MESSAGE_BYTES];
	size_t n_message = begin_message(gateway, setup, message);

	return setup->waits && setup->n_opening > setup->n_message ? -EINVAL :
	       replace_message(setup, message, n_message);
}

int opening_say_instead(struct setup *setup)
{
	uint8_t message[SIGNALLING_MESSAGE_BYTES];

	setup->request.instead = (uint8_t)(setup->request.instead + 1);
	setup->left_since = false;
	setup->request.plain = setup->treatment.link != CHOOSE_NO_LINK;
	return replace_message(setup, message,
			       setup->scheme->client_begin(&setup->begun, &setup->request, message).n_out);
}

int opening_declare_plain(struct gateway *gateway, struct setup *setup)
{
	uint8_t message[SIGNALLING_MESSAGE_BYTES];
	size_t n_message;

	if (setup->declared)
		return 0;
	setup->request.plain = 1;
	n_message = setup->scheme->client_begin(&setup->begun, &setup->request, message).n_out;
	setup->declared = compose(setup, message, n_message, &setup->n_declared);
	return setup->declared ? 0 : -ENOMEM;
}

int opening_add(struct setup *setup, struct bytes more)
{
	uint8_t *longer = more.n ? realloc(setup->opening, setup->n_opening + more.n) : setup->opening;

	if (!longer)
		return -ENOMEM;
	if (more.n)
		memcpy(longer + setup->n_opening, more.at, more.n);
	setup->opening = longer;
	setup->n_opening += more.n;
	free(setup->declared);   /* it is composed anew */
	setup->declared = NULL;
	return 0;
}

void opening_free(struct setup *setup)
{
	free(setup->opening);
	free(setup->declared);
	setup->opening = setup->declared = NULL;
}
