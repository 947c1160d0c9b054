/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/authorise.h"

#include <string.h>
#include <time.h>
#include "base/counter.h"
#include "net/socket.h"
#include "policy/admit.h"
#include "signalling/ticket.h"

static const struct conf_subscriber *subscriber_of(const struct conf *conf, const struct ticket *ticket)
{
	uint8_t fingerprint[TICKET_FINGERPRINT_BYTES];

	for (size_t i = 0; i < conf->n_subscribers; i++) {
		ticket_fingerprint(conf->subscribers[i].key, fingerprint);
		if (!memcmp(fingerprint, ticket->fingerprint, sizeof(fingerprint)))
			return &conf->subscribers[i];
	}
	return NULL;
}

static int admit_once(struct worker *worker, const struct ticket *ticket, struct ticket_use *use)
{
	struct shared *shared = worker->shared;
	int r;

	pthread_mutex_lock(&shared->lock);
	r = replay_admit(shared->replay, ticket->nonce, sizeof(ticket->nonce), ticket->time_s, (uint32_t)time(NULL), &use->holder);
	pthread_mutex_unlock(&shared->lock);
	use->used_before = r == REPLAY_E_SEEN;
	use->admitted = !r;
	memcpy(use->nonce, ticket->nonce, sizeof(use->nonce));
	return r;
}

uint64_t authorise_holder(struct worker *worker, const struct ticket_use *use)
{
	struct shared *shared = worker->shared;
	uint64_t holder = use->holder;

	pthread_mutex_lock(&shared->lock);
	replay_find(shared->replay, use->nonce, sizeof(use->nonce), &holder);
	pthread_mutex_unlock(&shared->lock);
	return holder;
}

void authorise_pass_on(struct worker *worker, const struct ticket_use *use, uint64_t holder)
{
	struct shared *shared = worker->shared;

	if (!use->admitted)
		return;
	pthread_mutex_lock(&shared->lock);
	replay_pass_on(shared->replay, use->nonce, sizeof(use->nonce), holder);
	pthread_mutex_unlock(&shared->lock);
}

static void log_denied(struct worker *worker, const struct address *client, const char *why)
{
	char left_out[64], text[ADDRESS_TEXT_BYTES];

	if (worker_may_log(worker, WORKER_LOG_DENIED, left_out, sizeof(left_out)))
		log_warning("client %s is not served: %s%s", address_format(client, text), why, left_out);
}

static const struct conf_subscriber *no_proof(uint64_t *counter, const char **why, const char *words)
{
	counter_add(counter, 1);
	*why = words;
	return NULL;
}

/* The subscriber whose ticket it is, or NULL; *why is what there is to log then, or NULL. */
static const struct conf_subscriber *prove(struct worker *worker, const struct signalling_request *request, struct ticket_use *use, const char **why)
{
	struct role_counters *counters = &worker->counters;
	const struct conf_subscriber *subscriber;
	struct ticket ticket;

	if (ticket_get(&ticket, request->credential, request->n_credential))
		return no_proof(&counters->n_tickets_malformed, why, "its cookie is no ticket");
	subscriber = subscriber_of(worker->view->conf, &ticket);
	if (!subscriber)
		return no_proof(&counters->n_tickets_unknown, why, "no subscriber has its key");
	if (ticket_verify(request->credential, request->n_credential, subscriber->key, &request->destination))
		return no_proof(&counters->n_tickets_forged, why, "its ticket is forged");
	switch (admit_once(worker, &ticket, use)) {
	case 0:
		return subscriber;
	case REPLAY_E_STALE:
		return no_proof(&counters->n_tickets_stale, why, "its clock differs from ours by more than converter.ticket_window_s");
	case REPLAY_E_SEEN:   /* ordinary: the slower one of two attempts */
		return no_proof(&counters->n_tickets_replayed, why, NULL);
	default:
		return no_proof(&counters->n_tickets_not_remembered, why, "converter.ticket_memory is full");
	}
}

static enum signalling_outcome deny_without_ticket(struct worker *worker, const struct address *client)
{
	counter_add(&worker->counters.n_tickets_missing, 1);
	log_denied(worker, client, "it shows no ticket and is in no prefix of converter.allow");
	return worker->view->conf->n_subscribers ? OUTCOME_MISSING_CREDENTIAL : OUTCOME_NOT_AUTHORISED;
}

enum signalling_outcome authorise_client(struct worker *worker, const struct address *client,
					 const struct signalling_request *request, struct ticket_use *use, uint32_t *owner)
{
	const struct conf_converter *conf = &worker->view->conf->converter;
	bool by_prefix = admit_in_prefixes(conf->allow, conf->n_allow, client);
	const struct conf_subscriber *subscriber;
	const char *why;

	*owner = SHARED_NO_SUBSCRIBER;
	if (!request->n_credential)
		return by_prefix ? OUTCOME_CONNECTED : deny_without_ticket(worker, client);
	subscriber = prove(worker, request, use, &why);
	if (use->used_before)   /* two attempts of one connection: one of them alone is to be served */
		return OUTCOME_NOT_AUTHORISED;
	if (!subscriber && by_prefix)   /* let in without a key, it is let in with somebody else's cookie, too */
		return OUTCOME_CONNECTED;
	if (!subscriber) {
		if (why)
			log_denied(worker, client, why);
		return OUTCOME_NOT_AUTHORISED;
	}
	*owner = shared_subscriber_enter(worker->shared, subscriber->name, subscriber->max_sessions);
	if (*owner != SHARED_NO_SUBSCRIBER)
		return OUTCOME_CONNECTED;
	counter_add(&worker->counters.n_over_subscriber, 1);
	return OUTCOME_OVER_LIMIT;
}

enum signalling_outcome authorise_destination(struct worker *worker, const struct address *own, const struct address *destination)
{
	const struct conf_converter *conf = &worker->view->conf->converter;
	bool named = admit_in_prefixes(conf->allow_destination, conf->n_allow_destination, destination);

	if (admit_destination(conf->allow_destination, conf->n_allow_destination, destination) &&
	    (named || (!address_equal_ip(own, destination) && !net_is_own_address(destination))))
		return OUTCOME_CONNECTED;
	counter_add(&worker->counters.n_destination_denied, 1);
	return OUTCOME_NOT_AUTHORISED;
}
