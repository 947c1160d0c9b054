/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/watch.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/util.h"
#include "net/socket.h"
#include "role/inbox.h"
#include "signalling/scheme.h"
#include "signalling/ticket.h"

#define ANSWER_LIMIT_US (3 * US_PER_S)
#define RETRY_FIRST_US (100 * US_PER_MS)
#define RETRY_MOST_US (2 * US_PER_S)
#define STOOD_LONG_US (5 * US_PER_S)
#define KEEPALIVE_S 120
#define CLOSED_US (1 * US_PER_S)
#define CLOSED_MOST 4    /* times within that: workers of a converter take a new configuration one after the other, and we may come to each that hasn't yet */
#define PROBE_EVENTS (EPOLLIN | EPOLLRDHUP | EPOLLET)
#define READS 64   /* in a turn */

/* One connection: ASKING until the answer is there, then STANDING. */
struct probe {
	int fd;                  /* -1: none */
	bool standing;
	uint16_t generation;
	uint8_t link;
	uint64_t begun_at_us, begun_standing_at_us;
	bool wants_source;       /* the converter is to be told hosts' addresses */
	bool offers;             /* it was told that we take sessions from its side */
	bool hears_limits;       /* and that we want to know when the links limit what it sends */
	bool declined;           /* and does not know what one of these is */
	uint64_t name;           /* the converter's, where it offers to tell outcomes here; 0: it doesn't */
	bool serves_hosts;       /* and that it offers that */
	struct conversation conversation;
	struct inbox inbox;
};

/* A converter of an older kind doesn't take all that we may say with our question. */
enum watch_asking { ASK_ALL, ASK_WITHOUT_LIMITS, ASK_PLAIN };

struct watch {
	struct loop *loop;
	struct watch_options options;
	uint8_t handler;
	struct probe probe;
	bool left;
	bool reachable, told;
	char why[64];            /* as it was told */
	enum watch_asking asking;
	uint64_t retry_us;
	uint64_t closed_until_us;   /* how often the converter has closed the connection in order is counted */
	uint32_t n_closed;
	uint32_t tried;
};

enum { PART_PROBE, PART_LIMIT, PART_RETRY };

static struct loop_ref ref_of(const struct watch *watch, uint8_t part)
{
	return (struct loop_ref){ .handler = watch->handler, .generation = watch->probe.generation, .part = part };
}

/* Again, too, where the reason is another one. */
static void tell(struct watch *watch, bool reachable, const char *why)
{
	if (watch->told && watch->reachable == reachable && !strcmp(watch->why, why))
		return;
	watch->told = true;
	watch->reachable = reachable;
	snprintf(watch->why, sizeof(watch->why), "%s", why);
	watch->options.on_change(watch->options.context, reachable, why);
}

static void drop(struct watch *watch)
{
	if (watch->probe.fd >= 0)
		net_close_reset(watch->probe.fd);
	inbox_free(&watch->probe.inbox);
	__atomic_store_n(&watch->options.shared->watch, 0, __ATOMIC_RELAXED);
	watch->probe = (struct probe){ .fd = -1, .generation = (uint16_t)(watch->probe.generation + 1) };
}

static size_t opening(struct watch *watch, const struct conf *all, uint8_t *out)
{
	const struct conf_gateway *conf = &all->gateway;
	struct signalling_request request = { .probe = 1 };
	struct ticket ticket = { .time_s = (uint32_t)time(NULL) };

	if (conf->has_key) {
		randombytes_buf(ticket.nonce, sizeof(ticket.nonce));
		ticket_put(&ticket, conf->key, &request.destination, request.credential);
		request.n_credential = TICKET_BYTES;
		request.takes_inbound = watch->probe.offers = conf->inbound && watch->asking < ASK_PLAIN;
		request.hears_limits = watch->probe.hears_limits = conf_has_costs(all) && watch->asking < ASK_WITHOUT_LIMITS;
	}
	return scheme_convert.client_begin(&watch->probe.conversation, &request, out).n_out;
}

/* Over the best link not tried since the last success; when all were, from the start. */
static int begin(struct watch *watch)
{
	const struct view *view = watch->options.view(watch->options.context);
	uint64_t now_us = loop_now_us(watch->loop);
	uint8_t bytes[SIGNALLING_MESSAGE_BYTES];
	struct net_connect_options options = { .mptcp = true, .first = bytes };
	struct choice choice;
	size_t n_sent = 0;
	int r;

	if (shared_choose_link(watch->options.shared, view, watch->tried, now_us, &choice)) {
		watch->tried = 0;
		if (shared_choose_link(watch->options.shared, view, 0, now_us, &choice))
			return NET_E_UNREACHABLE;
	}
	watch->tried |= choice.link == CHOOSE_NO_LINK ? 0 : 1u << choice.link;
	options.source = choice.source;
	options.n_first = opening(watch, view->conf, bytes);
	watch->probe.begun_at_us = now_us;
	watch->probe.link = choice.link;
	r = net_connect_begin(&choice.converter, &options, &watch->probe.fd, &n_sent);
	if (!r && n_sent < options.n_first)
		r = NET_E_UNREACHABLE;   /* a SYN takes these few bytes everywhere, or the path is no path */
	if (!r)
		r = loop_watch(watch->loop, watch->probe.fd, PROBE_EVENTS, ref_of(watch, PART_PROBE));
	return r ? r : loop_timer_at(watch->loop, now_us + ANSWER_LIMIT_US, ref_of(watch, PART_LIMIT));
}

static void retry_later(struct watch *watch)
{
	drop(watch);
	loop_timer_at(watch->loop, loop_now_us(watch->loop) + watch->retry_us, ref_of(watch, PART_RETRY));
	watch->retry_us = watch->retry_us * 2 < RETRY_MOST_US ? watch->retry_us * 2 : RETRY_MOST_US;
}

static void ask(struct watch *watch)
{
	drop(watch);
	if (watch->left)
		return;
	if (begin(watch)) {
		tell(watch, false, "no link leads to it");
		retry_later(watch);
	}
}

/* The connection fell, or never stood. A converter that stood for a while is asked again soon, one that turns us away ever more rarely; until it has
 * answered, hosts' connections go the ordinary way. */
static void lost(struct watch *watch, const char *why)
{
	if (watch->probe.standing && loop_now_us(watch->loop) - watch->probe.begun_standing_at_us > STOOD_LONG_US)
		watch->retry_us = RETRY_FIRST_US;
	watch->asking = ASK_ALL;   /* it may come back as a newer one */
	tell(watch, false, why);
	retry_later(watch);
}

/* A converter that ends the connection in order has a new configuration, and wants to be asked again whether we may stay (one that itself ends, resets
 * it). Until it has answered, hosts' connections go on; unless it does so all the time. */
static void closed(struct watch *watch)
{
	uint64_t now_us = loop_now_us(watch->loop);

	if (now_us >= watch->closed_until_us) {
		watch->closed_until_us = now_us + CLOSED_US;
		watch->n_closed = 0;
	}
	if (++watch->n_closed > CLOSED_MOST || (!watch->reachable && !watch->probe.standing))
		lost(watch, "it has closed the connection");
	else
		ask(watch);
}

/* The answer is there, and the connection still open. What it wants is known before anybody is served, and until it says otherwise. */
static void stand(struct watch *watch)
{
	watch->probe.standing = true;
	watch->probe.begun_standing_at_us = loop_now_us(watch->loop);
	watch->tried = 0;
	__atomic_store_n(&watch->options.shared->watch, watch->probe.name, __ATOMIC_RELAXED);
	__atomic_store_n(&watch->options.shared->wants_source, watch->probe.wants_source, __ATOMIC_RELAXED);
	net_tune_leg(watch->probe.fd, true);
	net_keep_alive(watch->probe.fd, KEEPALIVE_S);
	shared_note_answer(watch->options.shared, watch->probe.link, loop_now_us(watch->loop) - watch->probe.begun_at_us);
	watch->told = false;   /* where another one answered before, this one may be new, or have begun anew */
	tell(watch, true, "");
}

/* One message: an outcome, a session, that the links limit what is sent, or an answer to a host. */
static struct signalling_step take_one(struct watch *watch, struct bytes all)
{
	const struct watch_options *options = &watch->options;
	uint8_t nonce[SIGNALLING_NONCE_BYTES];
	struct signalling_inbound inbound;
	struct signalling_host_message message;
	struct signalling_step step = scheme_convert.client_early(all.at, all.n, nonce);

	if (step.verdict == SIGNALLING_DONE)
		options->on_early(options->context, nonce, &step.result);
	if (step.verdict == SIGNALLING_REFUSED && watch->probe.offers) {
		step = scheme_convert.client_inbound(all.at, all.n, &inbound);
		if (step.verdict == SIGNALLING_DONE)
			options->on_inbound(options->context, &inbound);
	}
	if (step.verdict == SIGNALLING_REFUSED && watch->probe.hears_limits) {
		step = scheme_convert.client_limited(all.at, all.n);
		if (step.verdict == SIGNALLING_DONE)
			options->on_limited(options->context);
	}
	if (step.verdict == SIGNALLING_REFUSED && watch->probe.serves_hosts) {
		step = scheme_convert.host_get(all.at, all.n, &message);
		if (step.verdict == SIGNALLING_DONE)
			options->on_answer(options->context, &message);
	}
	return step;
}

/* Outcomes of other connections, sessions from the converter's side, that the links limit what it sends, answers to hosts' requests, and nothing else. */
static const char *take_early(struct watch *watch, struct bytes all)
{
	struct signalling_step step;

	for (; (watch->probe.name || watch->probe.serves_hosts) && all.n; all = (struct bytes){ all.at + step.n_consumed, all.n - step.n_consumed }) {
		step = take_one(watch, all);
		if (step.verdict == SIGNALLING_NEED_MORE)
			return inbox_keep(&watch->probe.inbox, all) ? "out of memory" : NULL;
		if (step.verdict != SIGNALLING_DONE)
			break;
	}
	inbox_free(&watch->probe.inbox);
	return all.n ? "it says more than it was asked" : NULL;
}

/* Takes what has come. NULL: fine so far; else why the connection is lost. *answered: the answer is complete. */
static const char *take(struct watch *watch, struct bytes all, bool *answered)
{
	uint8_t out[SIGNALLING_MESSAGE_BYTES];
	struct signalling_step step;

	if (watch->probe.standing || *answered)
		return take_early(watch, all);
	step = scheme_convert.client_feed(&watch->probe.conversation, all.at, all.n, out);
	if (step.verdict == SIGNALLING_NEED_MORE)
		return inbox_keep(&watch->probe.inbox, all) ? "out of memory" : NULL;
	*answered = step.verdict == SIGNALLING_DONE;
	watch->probe.declined = (watch->probe.offers || watch->probe.hears_limits) && step.verdict == SIGNALLING_REFUSED && step.result.outcome == OUTCOME_UNSUPPORTED_MESSAGE;
	watch->probe.name = step.watch;
	watch->probe.wants_source = step.wants_source;
	watch->probe.serves_hosts = step.maps;
	if (*answered)   /* what was waited for may have come with it */
		return take_early(watch, (struct bytes){ all.at + step.n_consumed, all.n - step.n_consumed });
	inbox_free(&watch->probe.inbox);
	return signalling_outcome_name(step.result.outcome);
}

/* Reads until there is no more: an end may have come with the answer. What a converter sends without a pause waits for others' turns. */
static void on_readable(struct watch *watch)
{
	uint8_t scratch[SIGNALLING_MESSAGE_BYTES + 1];
	const char *why = NULL;
	bool answered = false, ended = false;
	struct bytes all;
	int r = 0;

	for (size_t n = 0; !why && !r && !ended; n++) {
		if (n == READS) {
			r = loop_rewatch(watch->loop, watch->probe.fd, PROBE_EVENTS, ref_of(watch, PART_PROBE));
			break;
		}
		r = inbox_receive(&watch->probe.inbox, watch->probe.fd, scratch, sizeof(scratch), &all, &ended);
		if (!r && !ended)
			why = take(watch, all, &answered);
	}
	if (!why && r && r != NET_E_AGAIN)
		why = net_error_text(r);
	if (why && watch->probe.declined) {
		watch->asking = watch->probe.hears_limits ? ASK_WITHOUT_LIMITS : ASK_PLAIN;
		ask(watch);
	} else if (why) {
		lost(watch, why);
	} else if (ended) {
		closed(watch);
	} else if (answered) {
		stand(watch);
	}
}

static void on_event(void *context, struct loop_ref ref, uint32_t events)
{
	struct watch *watch = context;

	if (ref.generation == watch->probe.generation && watch->probe.fd >= 0)
		on_readable(watch);
}

static void on_timer(void *context, struct loop_ref ref, uint64_t now_us)
{
	struct watch *watch = context;

	if (ref.generation != watch->probe.generation)
		return;
	if (ref.part == PART_RETRY)
		ask(watch);
	else if (ref.part == PART_LIMIT && !watch->probe.standing)
		lost(watch, "it doesn't answer");
}

int watch_new(struct loop *loop, const struct watch_options *options, struct watch **out)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	struct loop_handler handler = { .on_event = on_event, .on_timer = on_timer, .context = watch };

	if (!watch)
		return -ENOMEM;
	watch->loop = loop;
	watch->options = *options;
	watch->probe.fd = -1;
	watch->retry_us = RETRY_FIRST_US;
	watch->handler = loop_handler_add(loop, &handler);
	*out = watch;
	ask(watch);
	return 0;
}

void watch_freep(struct watch **watch)
{
	if (!*watch)
		return;
	drop(*watch);
	free(*watch);
	*watch = NULL;
}

void watch_suspect(struct watch *watch)
{
	if (watch->probe.standing || watch->probe.fd < 0)
		ask(watch);
}

void watch_ask_again(struct watch *watch)
{
	watch->retry_us = RETRY_FIRST_US;
	ask(watch);
}

void watch_leave(struct watch *watch)
{
	watch->left = true;
	if (watch->probe.standing) {   /* what was said last is to arrive */
		net_close_orderly(watch->probe.fd);
		watch->probe.fd = -1;
	}
	drop(watch);
}

bool watch_serves_hosts(const struct watch *watch)
{
	return watch->probe.standing && watch->probe.serves_hosts;
}

/* A connection that has taken half of a message is of no more use. */
bool watch_ask(struct watch *watch, const struct signalling_host_message *message)
{
	uint8_t out[SIGNALLING_MESSAGE_BYTES];
	size_t n = watch_serves_hosts(watch) ? scheme_convert.host_put(message, out) : 0;
	int error = 0;
	ssize_t n_sent = n ? net_send(watch->probe.fd, out, n, &error) : -1;

	if (n_sent >= 0 && (size_t)n_sent < n)
		ask(watch);
	return n && n_sent == (ssize_t)n;
}
