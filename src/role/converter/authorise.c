/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/converter/authorise.h"

#include <sodium.h>
#include <string.h>
#include <time.h>
#include "base/counter.h"
#include "net/own_address.h"
#include "policy/admit.h"
#include "signalling/ticket.h"

static int admit_once(struct worker *worker, const struct ticket *ticket, struct ticket_use *use)
{
	struct shared *shared = worker->shared;
	int r;

	pthread_mutex_lock(&shared->lock);
	r = replay_admit(shared->replay, ticket->nonce, sizeof(ticket->nonce), ticket->time_s, (uint32_t)time(NULL),
			 &use->holder);
	pthread_mutex_unlock(&shared->lock);
	use->used_before = r == REPLAY_E_SEEN;
	use->admitted = !r;
	memcpy(use->nonce, ticket->nonce, sizeof(use->nonce));
	return r;
}

/* What admit_once() would say. */
static int look_once(struct worker *worker, const struct ticket *ticket)
{
	struct shared *shared = worker->shared;
	int r;

	pthread_mutex_lock(&shared->lock);
	r = replay_look(shared->replay, ticket->nonce, sizeof(ticket->nonce), ticket->time_s, (uint32_t)time(NULL));
	pthread_mutex_unlock(&shared->lock);
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

/* A proof: whose it is, and what came of his limits. */
struct proof {
	const char *name;        /* his; borrowed from the view */
	uint32_t number;         /* SUBSCRIBERS_NONE: it is no proof; why says in words what there is to log, or NULL */
	const char *why;
	enum subscribers_verdict verdict;   /* else he is counted in, where it is for a session */
	uint8_t retry_after_s;
};

static struct proof no_proof(uint64_t *counter, const char *words)
{
	counter_add(counter, 1);
	return (struct proof){ .why = words };
}

static enum subscribers_verdict look_at_limits(struct worker *worker, uint32_t number, enum authorise_what what,
					       uint8_t *retry_after_s)
{
	struct subscribers *subscribers = worker->shared->subscribers;

	switch (what) {
	case AUTHORISE_SESSION:
		return subscribers_enter(subscribers, number, loop_now_us(worker->loop), retry_after_s);
	case AUTHORISE_QUESTION:
		return subscribers_ask(subscribers, number, retry_after_s);
	case AUTHORISE_LEG:
		break;
	}
	return SUBSCRIBERS_MAY;
}

/* A ticket that was proven and may be used now. Limits come first: who is refused for them may try as often as he
 * likes and takes no place in the memory of tickets, which is everybody's. */
static int use_up(struct worker *worker, const struct ticket *ticket, enum authorise_what what, struct ticket_use *use,
		  struct proof *proof)
{
	struct subscribers *subscribers = worker->shared->subscribers;
	int r = look_once(worker, ticket);

	if (r == REPLAY_E_SEEN) {   /* who came with it before? */
		r = admit_once(worker, ticket, use);
		return r ? r : REPLAY_E_STALE;
	}
	if (r)
		return r;
	proof->verdict = look_at_limits(worker, proof->number, what, &proof->retry_after_s);
	if (proof->verdict != SUBSCRIBERS_MAY)
		return 0;
	r = admit_once(worker, ticket, use);
	if (r && what == AUTHORISE_SESSION)   /* another worker was faster with the same ticket */
		subscribers_leave(subscribers, proof->number);
	return r;
}

static struct proof prove(struct worker *worker, const struct signalling_request *request, enum authorise_what what,
			  struct ticket_use *use)
{
	const struct view *view = worker->view;
	struct role_counters *counters = &worker->counters;
	const struct conf_subscriber *subscriber;
	struct proof proof = { 0 };
	struct ticket ticket;

	if (ticket_get(&ticket, request->credential, request->n_credential))
		return no_proof(&counters->n_tickets_malformed, "its cookie is no ticket");
	proof.number = roster_find(view->holder->roster, view->conf, ticket.fingerprint, &subscriber);
	if (!subscriber)
		return no_proof(&counters->n_tickets_unknown, "no subscriber has its key");
	if (ticket_verify(request->credential, request->n_credential, subscriber->key, &request->destination))
		return no_proof(&counters->n_tickets_forged, "its ticket is forged");
	proof.name = use->subscriber = subscriber->name;
	use->key = subscriber->key;
	use->refused = use->plain && what == AUTHORISE_SESSION;
	if (use->refused)
		return no_proof(&counters->n_plain_refused, NULL);
	switch (use_up(worker, &ticket, what, use, &proof)) {
	case 0:
		use->number = proof.number;
		use->source = &subscriber->source;
		return proof;
	case REPLAY_E_STALE:
		return no_proof(&counters->n_tickets_stale,
				"its clock differs from ours by more than converter.ticket_window_s");
	case REPLAY_E_SEEN:   /* ordinary: the slower one of two attempts */
		return no_proof(&counters->n_tickets_replayed, NULL);
	default:
		return no_proof(&counters->n_tickets_not_remembered, "converter.ticket_memory is full");
	}
}

bool authorise_anonymous(const struct worker *worker, const struct address *client)
{
	const struct conf_converter *conf = &worker->view->conf->converter;

	return admit_in_prefixes(conf->allow, conf->n_allow, client);
}

/* In constant time, whoever it is, and if it is nobody. */
static bool is_right(const struct conf_subscriber *subscriber, const struct signalling_request *request)
{
	const char *password = subscriber ? subscriber->password : "", *name = subscriber ? subscriber->name : "";
	uint8_t right[crypto_generichash_BYTES], shown[crypto_generichash_BYTES];

	crypto_generichash(right, sizeof(right), (const uint8_t *)password, strlen(password), NULL, 0);
	crypto_generichash(shown, sizeof(shown), request->password, request->n_password, NULL, 0);
	return !sodium_memcmp(right, shown, sizeof(right)) && request->n_password && strlen(name) == request->n_user &&
	       !memcmp(name, request->user, request->n_user);
}

bool authorise_login(struct worker *worker, const struct address *client, const struct signalling_request *request,
		     struct ticket_use *use)
{
	const struct conf_subscriber *subscriber;

	roster_fingerprint(request->user, request->n_user, use->login);
	roster_find_login(worker->view->holder->roster, worker->view->conf, use->login, &subscriber);
	use->logged_in = is_right(subscriber, request);
	counter_add(&worker->counters.n_logins_wrong, !use->logged_in);
	if (use->logged_in || authorise_anonymous(worker, client))
		return true;
	log_denied(worker, client,
		   subscriber ? "its password is wrong" : "no subscriber with a password has its user name");
	return false;
}

/* Whose login it is in the present configuration. False where he has gone. */
static bool find_login(const struct worker *worker, struct ticket_use *use)
{
	const struct conf_subscriber *subscriber;

	use->number = roster_find_login(worker->view->holder->roster, worker->view->conf, use->login, &subscriber);
	use->subscriber = subscriber ? subscriber->name : NULL;
	use->source = subscriber ? &subscriber->source : NULL;
	return subscriber;
}

static struct proof prove_login(struct worker *worker, enum authorise_what what, struct ticket_use *use)
{
	struct proof proof = { 0 };

	if (!find_login(worker, use))
		return (struct proof){ .why = "its subscriber has gone since it logged in" };
	proof.name = use->subscriber;
	proof.number = use->number;
	proof.verdict = look_at_limits(worker, proof.number, what, &proof.retry_after_s);
	return proof;
}

bool authorise_again(const struct worker *worker, struct ticket_use *use)
{
	return !use->subscriber || find_login(worker, use);
}

static enum signalling_outcome deny_without_ticket(struct worker *worker, const struct address *client)
{
	counter_add(&worker->counters.n_tickets_missing, 1);
	log_denied(worker, client, "it shows no ticket and is in no prefix of converter.allow");
	return worker->view->conf->n_subscribers ? OUTCOME_MISSING_CREDENTIAL : OUTCOME_NOT_AUTHORISED;
}

static struct signalling_result over_limit(struct worker *worker, const struct proof *proof)
{
	char left_out[64];

	counter_add(&worker->counters.n_over_subscriber, 1);
	if (worker_may_log(worker, WORKER_LOG_SUBSCRIBER, left_out, sizeof(left_out)))
		log_warning("subscriber %s is at its limit (%s): its new sessions are refused, those that run go on%s",
			    proof->name, subscribers_verdict_name(proof->verdict), left_out);
	return (struct signalling_result){ .outcome = OUTCOME_OVER_LIMIT, .retry_after_s = proof->retry_after_s };
}

static struct signalling_result outcome_of(enum signalling_outcome outcome)
{
	return (struct signalling_result){ .outcome = outcome };
}

struct signalling_result authorise_client(struct worker *worker, const struct address *client,
					  const struct signalling_request *request, enum authorise_what what,
					  struct ticket_use *use, uint32_t *owner)
{
	bool by_prefix = authorise_anonymous(worker, client);
	struct proof proof;

	*owner = SUBSCRIBERS_NONE;
	if (!request->n_credential && !use->logged_in)
		return outcome_of(by_prefix ? OUTCOME_CONNECTED : deny_without_ticket(worker, client));
	proof = use->logged_in ? prove_login(worker, what, use) : prove(worker, request, what, use);
	if (use->refused || use->used_before)   /* two attempts of one connection: one of them alone is to be served */
		return outcome_of(OUTCOME_NOT_AUTHORISED);
	if (!proof.number && by_prefix)   /* let in without a key, it is let in with somebody else's cookie, too */
		return outcome_of(OUTCOME_CONNECTED);
	if (!proof.number) {
		if (proof.why)
			log_denied(worker, client, proof.why);
		return outcome_of(OUTCOME_NOT_AUTHORISED);
	}
	if (proof.verdict != SUBSCRIBERS_MAY)
		return over_limit(worker, &proof);
	if (what == AUTHORISE_SESSION)
		*owner = proof.number;
	return outcome_of(OUTCOME_CONNECTED);
}

struct signalling_result authorise_intercepted(struct worker *worker, const struct address *client,
					       struct ticket_use *use, uint32_t *owner)
{
	const struct view *view = worker->view;
	const struct conf_subscriber *subscriber = NULL;
	struct proof proof = { .number = roster_find_client(view->holder->roster, view->conf, client, &subscriber) };

	*owner = SUBSCRIBERS_NONE;
	if (!subscriber && admit_in_prefixes(view->conf->converter.allow, view->conf->converter.n_allow, client))
		return outcome_of(OUTCOME_CONNECTED);
	if (!subscriber)   /* the configuration has just changed */
		return outcome_of(OUTCOME_NOT_AUTHORISED);
	proof.name = use->subscriber = subscriber->name;
	use->number = proof.number;
	use->source = &subscriber->source;
	proof.verdict = subscribers_enter(worker->shared->subscribers, proof.number, loop_now_us(worker->loop),
					  &proof.retry_after_s);
	if (proof.verdict != SUBSCRIBERS_MAY)
		return over_limit(worker, &proof);
	*owner = proof.number;
	return outcome_of(OUTCOME_CONNECTED);
}

enum signalling_outcome authorise_destination(struct worker *worker, const struct address *own,
					      const struct address *destination)
{
	const struct conf_converter *conf = &worker->view->conf->converter;
	bool named = admit_in_prefixes(conf->allow_destination, conf->n_allow_destination, destination);

	if (admit_destination(conf->allow_destination, conf->n_allow_destination, destination) &&
	    (named || (!address_equal_ip(own, destination) &&
		       !own_address_probe_is_own(&worker->own_addresses, destination))))
		return OUTCOME_CONNECTED;
	counter_add(&worker->counters.n_destination_denied, 1);
	return OUTCOME_BYPASSED;
}
