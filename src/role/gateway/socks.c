/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/gateway/socks.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include "base/clock.h"
#include "base/counter.h"
#include "net/own_address.h"
#include "net/resolver.h"
#include "net/socket.h"
#include "policy/admit.h"
#include "role/gateway/direct.h"
#include "role/gateway/look.h"
#include "role/gateway/opening.h"
#include "role/gateway/setup.h"
#include "role/outcome.h"

#define TELL_US (10 * US_PER_S)       /* for a program to say where it wants to go */

struct socks {
	struct conversation conversation;
	bool telling;                 /* counted in gateway.n_telling */
	bool naming;                  /* a name is being looked up */
	bool told;                    /* the program knows that it is connected */
	size_t n, next;
	struct address all[RESOLVER_ADDRESSES];   /* that it may be, with the port */
};

static const struct scheme *const scheme = &scheme_socks5;

static const struct conf_host *conf_of(const struct gateway *gateway)
{
	return &gateway->worker->view->conf->host;
}

static void leave_telling(struct gateway *gateway, struct socks *socks)
{
	gateway->n_telling -= socks->telling;
	socks->telling = false;
}

void socks_free(struct gateway *gateway, struct setup *setup)
{
	if (setup->socks)
		leave_telling(gateway, setup->socks);
	free(setup->socks);
	setup->socks = NULL;
}

/* Who says nothing takes a place of limits.max_half_open all the same: half of them are left to those who have said
 * something, and to hosts. */
static bool may_tell(const struct gateway *gateway)
{
	return gateway->n_telling <
	       gateway->worker->view->conf->limits.max_half_open / 2 / gateway->worker->n_peers + 1;
}

bool socks_waits(const struct setup *setup)
{
	return setup->socks && !setup->socks->told;
}

/* All of it, or the program is gone: it has been said next to nothing so far. */
static int say(const struct setup *setup, const uint8_t *bytes, size_t n_bytes)
{
	int error = 0;

	return n_bytes && net_send(setup->near_fd, bytes, n_bytes, &error) != (ssize_t)n_bytes ? NET_E_RESET : 0;
}

/* In order: what was said last is to arrive. */
static void end(struct gateway *gateway, struct setup *setup)
{
	net_close_orderly(setup->near_fd);
	setup->near_fd = -1;
	setup_abandon(gateway, setup);
}

int socks_say_connected(struct gateway *gateway, struct setup *setup)
{
	static const struct signalling_result connected = { .outcome = OUTCOME_CONNECTED, .window_scale = 0xff };
	uint8_t out[SIGNALLING_MESSAGE_BYTES];

	if (setup->socks->told)
		return 0;
	setup->socks->told = true;
	return say(setup, out, scheme->server_answer(&setup->socks->conversation, &connected, out));
}

static void tell_refused(struct gateway *gateway, struct setup *setup, const struct signalling_result *result)
{
	uint8_t out[SIGNALLING_MESSAGE_BYTES];

	if (say(setup, out, scheme->server_answer(&setup->socks->conversation, result, out)))
		setup_abandon(gateway, setup);
	else
		end(gateway, setup);
}

/* What was begun for one address isn't for the next one. */
static void drop_attempts(struct setup *setup)
{
	attempt_drop_all(setup);
	opening_free(setup);
	setup->tried = 0;
	setup->begun_again = setup->told = setup->early = setup->asks_early = setup->left = setup->left_since = false;
	setup->n_instead = 0;
	setup->answering = NULL;
}

void socks_go_direct(struct gateway *gateway, struct setup *setup)
{
	drop_attempts(setup);
	direct_begin(gateway, setup);
}

static struct treatment treatment_of(const struct gateway *gateway, const struct setup *setup)
{
	struct rule_facts facts = { .source = setup->source, .destination = setup->destination,
				    .list_holds = look_list_holds, .context = (void *)gateway };

	return treatment_of_facts(gateway->worker->view->conf, &facts);
}

/* A converter would refuse it; and from here it is reached as it is without Braid. */
static bool is_near(const struct gateway *gateway, const struct setup *setup)
{
	return !conf_of(gateway)->choice.special && admit_is_special(&setup->destination);
}

/* Whoever isn't of this machine is not to come by us to what this machine keeps to itself. */
static bool is_forbidden(const struct setup *setup)
{
	return (admit_is_no_peer(&setup->destination) || net_is_own_address(&setup->destination)) &&
	       !net_is_own_address(&setup->source);
}

static void go(struct gateway *gateway, struct setup *setup)
{
	const struct view *view = gateway->worker->view;
	static const struct signalling_result prohibited = { .outcome = OUTCOME_NOT_AUTHORISED };

	leave_telling(gateway, setup->socks);
	setup->treatment = treatment_of(gateway, setup);
	setup->accepted_at_us = loop_now_us(gateway->worker->loop);
	if (setup->treatment.action == RULE_REJECT || is_forbidden(setup))
		tell_refused(gateway, setup, &prohibited);
	else if (setup->treatment.action == RULE_BYPASS || is_near(gateway, setup) || !view->converter_reachable ||
		 !view->accepting)
		socks_go_direct(gateway, setup);
	else if (setup->treatment.accept != CONF_ACCEPT_EARLY)
		hold_ask(gateway, setup);
	else if (socks_say_connected(gateway, setup))
		setup_abandon(gateway, setup);
	else
		setup_arrive(gateway, setup);
}

static void go_next(struct gateway *gateway, struct setup *setup)
{
	drop_attempts(setup);
	setup->destination = setup->socks->all[setup->socks->next++];
	go(gateway, setup);
}

void socks_refuse(struct gateway *gateway, struct setup *setup, const struct signalling_result *result)
{
	if (!socks_waits(setup))
		setup_abandon(gateway, setup);
	else if (setup->socks->next < setup->socks->n)
		go_next(gateway, setup);
	else
		tell_refused(gateway, setup, result);
}

static void on_answer(void *context, struct loop_ref asker, int r, const struct address *all, size_t n)
{
	static const struct signalling_result failed = { .outcome = OUTCOME_NETWORK_FAILURE };
	struct signalling_result unknown = outcome_of_error(NET_E_UNREACHABLE, false);
	struct gateway *gateway = context;
	struct setup *setup = slab_get(&gateway->setups, (struct slab_name){ asker.index, asker.generation });

	if (!setup || setup->state != SETUP_TELLING || !setup->socks->naming)
		return;
	setup->socks->naming = false;
	for (size_t i = 0; !r && i < n; i++) {
		setup->socks->all[i] = all[i];
		setup->socks->all[i].port = setup->destination.port;
		setup->socks->n = i + 1;
	}
	counter_add(&gateway->worker->counters.n_names_unknown, r == RESOLVER_E_NAME);
	socks_refuse(gateway, setup, r == RESOLVER_E_NAME ? &unknown : &failed);
}

/* At the first name. */
static int ask(struct gateway *gateway, const struct setup *setup, struct bytes name)
{
	int r = gateway->resolver ? 0 : resolver_new(gateway->worker->loop, on_answer, gateway, &gateway->resolver);

	return r ? r : resolver_ask(gateway->resolver, name, setup_ref(gateway, setup, SETUP_NEAR));
}

static void look_up(struct gateway *gateway, struct setup *setup, struct bytes name)
{
	struct signalling_result result = { .outcome = OUTCOME_NETWORK_FAILURE };
	int r = setup_set_deadline(gateway, setup, RESOLVER_PATIENCE_US);

	counter_add(&gateway->worker->counters.n_names_asked, 1);
	setup->socks->naming = true;
	if (!r)
		r = ask(gateway, setup, name);
	if (!r)
		return;
	if (r == RESOLVER_E_NAME)
		result = outcome_of_error(NET_E_UNREACHABLE, false);
	tell_refused(gateway, setup, &result);
}

/* Names are looked up here: rules are about addresses, and what goes its ordinary way needs one. */
static void begin(struct gateway *gateway, struct setup *setup, const struct signalling_request *request)
{
	static const struct signalling_result unsupported = { .outcome = OUTCOME_UNSUPPORTED_MESSAGE };

	counter_add(&gateway->worker->counters.n_socks, 1);
	setup->destination = request->destination;
	if (request->listens) {
		tell_refused(gateway, setup, &unsupported);
	} else if (request->name.n) {
		look_up(gateway, setup, request->name);
	} else {
		setup->socks->all[setup->socks->n++] = request->destination;
		go_next(gateway, setup);
	}
}

static bool same_text(const char *wanted, const uint8_t *text, size_t n_text)
{
	return strlen(wanted) == n_text && !sodium_memcmp(wanted, text, n_text);
}

/* Without a user in the configuration it is as good as any that a program thinks it needs. */
static bool admits(const struct gateway *gateway, const struct signalling_request *request)
{
	const struct conf_host *conf = conf_of(gateway);

	return !conf->socks_user[0] ||
	       (same_text(conf->socks_user, request->user, request->n_user) &&
		same_text(conf->socks_password, request->password, request->n_password));
}

/* What belongs to the conversation is taken out of the socket, and no more: what follows is the connection's own.
 * But where it ends here, nothing may be left, or the last word would be lost with a reset. */
static int consume(const struct setup *setup, uint8_t *scratch, size_t n)
{
	int error = 0;

	return n && net_receive(setup->near_fd, scratch, n, &error) != (ssize_t)n ? NET_E_RESET : 0;
}

/* True: there may be more to be said at once. request: borrows from what was read last. */
static bool converse(struct gateway *gateway, struct setup *setup, struct bytes in)
{
	uint8_t out[SIGNALLING_MESSAGE_BYTES], taken[WORKER_SCRATCH_BYTES];
	struct signalling_request request;
	struct signalling_step step = scheme->server_feed(&setup->socks->conversation, in.at, in.n, out, &request);
	bool admitted = true;

	if (step.verdict == SIGNALLING_CREDENTIAL) {
		admitted = admits(gateway, &request);
		step.n_out += scheme->server_admit(&setup->socks->conversation, admitted, out + step.n_out);
	}
	if (consume(setup, taken, step.verdict == SIGNALLING_REFUSED || !admitted ? in.n : step.n_consumed) ||
	    say(setup, out, step.n_out)) {
		setup_abandon(gateway, setup);
		return false;
	}
	if (step.verdict == SIGNALLING_DONE)
		begin(gateway, setup, &request);
	else if (step.verdict == SIGNALLING_ANSWERED)
		tell_refused(gateway, setup, &step.result);   /* "connected": it had but a question */
	else if (step.verdict == SIGNALLING_REFUSED || !admitted)
		end(gateway, setup);
	return step.verdict == SIGNALLING_CREDENTIAL && admitted;
}

void socks_on_bytes(struct gateway *gateway, struct setup *setup)
{
	uint8_t *scratch = gateway->worker->scratch;
	int error = 0;
	ssize_t n;

	if (setup->socks->naming)
		return;
	do {
		n = net_peek(setup->near_fd, scratch, WORKER_SCRATCH_BYTES, &error);
		if (n < 0 && error == NET_E_AGAIN)
			return;
		if (n <= 0) {
			setup_abandon(gateway, setup);
			return;
		}
	} while (converse(gateway, setup, (struct bytes){ scratch, (size_t)n }));
}

void socks_on_deadline(struct gateway *gateway, struct setup *setup)
{
	static const struct signalling_result failed = { .outcome = OUTCOME_NETWORK_FAILURE };

	if (setup->socks->naming)
		tell_refused(gateway, setup, &failed);
	else
		setup_abandon(gateway, setup);
}

static void on_connection(void *context, int fd, const struct address *local, const struct address *peer)
{
	struct gateway *gateway = context;
	struct setup *setup = may_tell(gateway) ? setup_take(gateway, peer, local) : NULL;

	if (!setup) {
		net_close_reset(fd);
		return;
	}
	setup->near_fd = fd;
	setup_set_state(setup, SETUP_TELLING);
	setup->treatment = treatment_of_connection(gateway->worker->view->conf);
	setup->socks = calloc(1, sizeof(*setup->socks));
	if (setup->socks) {
		setup->socks->conversation.anonymous = !conf_of(gateway)->socks_user[0];
		setup->socks->telling = true;
		gateway->n_telling++;
	}
	if (!setup->socks || setup_set_deadline(gateway, setup, TELL_US) ||
	    loop_watch(gateway->worker->loop, fd, EPOLLIN | EPOLLRDHUP | EPOLLET,
		       setup_ref(gateway, setup, SETUP_NEAR)))
		setup_abandon(gateway, setup);
}

void socks_init(struct gateway *gateway)
{
	listeners_init(&gateway->socks_listeners, gateway->worker, on_connection, gateway);
}

void socks_fini(struct gateway *gateway)
{
	listeners_close(&gateway->socks_listeners);
	resolver_freep(&gateway->resolver);
}

int socks_apply(struct gateway *gateway, char *reason, size_t n_reason)
{
	const struct view *view = gateway->worker->view;
	struct net_listen_options options = { .keepalive_s = view->conf->limits.keepalive_s };

	if (gateway->resolver)   /* a link that comes may bring name servers of its own */
		resolver_renew(gateway->resolver);
	if (view->accepting && view->conf->host.n_socks)
		return listeners_set(&gateway->socks_listeners, view->conf->host.socks, view->conf->host.n_socks,
				     &options, reason, n_reason);
	listeners_close(&gateway->socks_listeners);
	return 0;
}
