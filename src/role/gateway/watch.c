/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/gateway/watch_parts.h"

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
#include "net/mptcp_info.h"
#include "net/socket.h"
#include "policy/converters.h"
#include "role/links/profile.h"
#include "role/schemes.h"
#include "signalling/ticket.h"

#define ANSWER_LIMIT_US (3 * US_PER_S)
#define RETRY_FIRST_US (100 * US_PER_MS)
#define RETRY_MOST_US (2 * US_PER_S)
#define RETRY_MOST_UNUSED_US (15 * US_PER_S)
#define STOOD_LONG_US (5 * US_PER_S)
#define KEEPALIVE_S 120
#define CLOSED_US (1 * US_PER_S)
#define CLOSED_MOST 4    /* times within that: workers of a converter take a new configuration one after the other,
			  * and we may come to each that hasn't yet */
#define LOOK_AGAIN_US (5 * US_PER_S)   /* at a converter that doesn't let us stay */
#define DISTRUST_US (60 * US_PER_S)
#define DISTRUST_DOUBLINGS 6
#define PROBE_EVENTS (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)
#define READS 64   /* in a turn */

enum { PART_PROBE, PART_LIMIT, PART_RETRY };

static const char *const peer_names[] = { [PEER_UNKNOWN] = "unknown", [PEER_KIN] = "braid", [PEER_CONVERT] = "convert",
					  [PEER_OTHER] = "other" };

static void store(bool *flag, bool to) { __atomic_store_n(flag, to, __ATOMIC_RELAXED); }

static struct loop_ref ref_of(const struct watch *watch, uint8_t part)
{
	return (struct loop_ref){ .handler = watch->options.handler, .index = watch->options.index,
				  .generation = watch->probe.generation, .part = part };
}

/* Again, too, where the reason is another one. Whoever hears it may have the watch ask anew: nothing is done with
 * the probe afterwards, here and where an answer is told. */
static void tell_lost(struct watch *watch, const char *why)
{
	if (watch->told && !watch->reachable && !strcmp(watch->why, why))
		return;
	watch->told = true;
	watch->reachable = false;
	snprintf(watch->why, sizeof(watch->why), "%s", why);
	watch->options.on_lost(watch->options.context, why);
}

static void drop(struct watch *watch)
{
	if (watch->probe.fd >= 0)
		net_close_reset(watch->probe.fd);
	inbox_free(&watch->probe.inbox);
	__atomic_store_n(&watch->options.upstream->watch, 0, __ATOMIC_RELAXED);
	watch->probe = (struct probe){ .fd = -1, .generation = (uint16_t)(watch->probe.generation + 1) };
}

static size_t opening(struct watch *watch, const struct conf *all, uint8_t *out)
{
	const struct conf_gateway *conf = &all->gateway;
	const struct conf_upstream *at = &watch->options.upstream->at;
	struct signalling_request *request = &watch->probe.asked;
	struct ticket ticket = { .time_s = (uint32_t)time(NULL) };

	watch->probe.scheme = scheme_of_watch(conf->signalling);
	*request = (struct signalling_request){ .probe = 1 };
	if (at->has_key && watch->probe.scheme->tickets) {
		randombytes_buf(ticket.nonce, sizeof(ticket.nonce));
		ticket_put(&ticket, at->key, &request->destination, request->credential);
		request->n_credential = TICKET_BYTES;
		request->takes_inbound = watch->probe.offers = watch->used && conf->inbound &&
			watch->asking < ASK_PLAIN;
		request->hears_limits = watch->used && conf_has_costs(all) && watch->asking < ASK_WITHOUT_LIMITS;
		request->hears_harm = watch->used && all->n_links > 1 && watch->asking < ASK_WITHOUT_LIMITS;
		request->hears_late = watch->used && watch->asking < ASK_WITHOUT_LIMITS;
		watch->probe.hears_limits = request->hears_late;
	}
	if (!watch->probe.scheme->tickets)
		schemes_put_login(conf, at, false, request);
	return watch->probe.scheme->client_begin(&watch->probe.conversation, request, out).n_out;
}

/* The best link not tried since the last success, which is not one that has lost packets lately where another is as
 * good; when all were tried, from the start. */
static int choose(struct watch *watch, const struct view *view, uint64_t now_us, struct choice *out)
{
	const struct shared *shared = watch->options.shared;
	const struct conf_upstream *at = &watch->options.upstream->at;
	struct choice choices[RACE_MOST];

	if (watch->tried && !shared_choose_link_to(shared, view, at->converter, at->n_converter, watch->tried, now_us,
						   out))
		return 0;
	watch->tried = 0;
	if (!shared_choose_race(shared, view, at, RACE_AUTO, 0, now_us, choices))
		return CHOOSE_E_NONE;
	*out = choices[0];
	return 0;
}

static int begin(struct watch *watch)
{
	const struct view *view = watch->options.view(watch->options.context);
	uint64_t now_us = loop_now_us(watch->loop);
	uint8_t bytes[SIGNALLING_MESSAGE_BYTES];
	struct net_connect_options options = { .first = bytes };
	struct choice choice;
	size_t n_sent = 0;
	int r;

	if (choose(watch, view, now_us, &choice))
		return NET_E_UNREACHABLE;
	watch->tried |= choice.link == CHOOSE_NO_LINK ? 0 : 1u << choice.link;
	/* where its SYN is sent again, and would have to be plain TCP; nor are others to be loaded with it */
	options.mptcp = !profile_is_lowrate(view, choice.link);
	options.source = choice.source;
	options.n_first = watch->by_connecting ? 0 : opening(watch, view->conf, bytes);
	watch->probe.begun_at_us = now_us;
	watch->probe.link = choice.link;
	watch->probe.converter = choice.converter;
	r = net_connect_begin(&choice.converter, &options, &watch->probe.fd, &n_sent);
	if (!r && n_sent < options.n_first)
		r = NET_E_UNREACHABLE;   /* a SYN takes these few bytes everywhere, or the path is no path */
	if (!r)
		r = loop_watch(watch->loop, watch->probe.fd, PROBE_EVENTS, ref_of(watch, PART_PROBE));
	return r ? r : loop_timer_at(watch->loop, now_us +
			profile_answer_us(view, choice.link, shared_rtt_us(watch->options.shared, choice.link),
					  ANSWER_LIMIT_US), ref_of(watch, PART_LIMIT));
}

/* One that is used no more may be gone for long. */
static void retry_later(struct watch *watch)
{
	uint64_t most_us = watch->used ? RETRY_MOST_US : RETRY_MOST_UNUSED_US;

	drop(watch);
	loop_timer_at(watch->loop, loop_now_us(watch->loop) + watch->retry_us, ref_of(watch, PART_RETRY));
	watch->retry_us = watch->retry_us * 2 < most_us ? watch->retry_us * 2 : most_us;
}

static void ask(struct watch *watch)
{
	drop(watch);
	if (watch->left)
		return;
	if (begin(watch)) {
		retry_later(watch);
		tell_lost(watch, "no link leads to it");
	}
}

/* The connection fell, or never stood. A converter that stood for a while is asked again soon, one that turns us
 * away ever more rarely; until it has answered, hosts' connections go the ordinary way. */
static void lost(struct watch *watch, const char *why)
{
	if (watch->probe.standing && loop_now_us(watch->loop) - watch->probe.begun_standing_at_us > STOOD_LONG_US)
		watch->retry_us = RETRY_FIRST_US;
	watch->asking = ASK_ALL;   /* it may come back as a newer one */
	watch->by_connecting = false;
	watch->peer = PEER_UNKNOWN;
	store(&watch->options.upstream->spoken, false);
	retry_later(watch);
	tell_lost(watch, why);
}

/* It has answered, and doesn't let us stay: it is there. Who finds that it isn't any more, says so
 * (watch_suspect()). */
static void rest(struct watch *watch)
{
	net_close_orderly(watch->probe.fd);
	watch->probe.fd = -1;
	drop(watch);
	loop_timer_at(watch->loop, loop_now_us(watch->loop) + LOOK_AGAIN_US, ref_of(watch, PART_RETRY));
}

/* A converter that ends the connection in order has a new configuration, and wants to be asked again whether we may
 * stay (one that itself ends, resets it). Until it has answered, hosts' connections go on; unless it does so all the
 * time. */
static void closed(struct watch *watch)
{
	uint64_t now_us = loop_now_us(watch->loop);

	/* it lets nobody stay */
	if (watch->probe.standing && !watch->probe.kin && now_us - watch->probe.begun_standing_at_us < CLOSED_US) {
		rest(watch);
		return;
	}
	if (now_us >= watch->closed_until_us) {
		watch->closed_until_us = now_us + CLOSED_US;
		watch->n_closed = 0;
	}
	if (++watch->n_closed > CLOSED_MOST || (!watch->reachable && !watch->probe.standing))
		lost(watch, "it has closed the connection");
	else
		ask(watch);
}

/* The kernel knows it better than whoever was late to read the answer, which took took_us. */
static uint64_t round_trip_us(const struct probe *probe, uint64_t took_us)
{
	struct mptcp_connection_info info;
	uint64_t rtt_us = !mptcp_info_read(probe->fd, &info) && info.n_subflows ? info.subflows[0].rtt_us : 0;

	return rtt_us && rtt_us < took_us ? rtt_us : took_us;
}

/* The answer is there, and the connection still open. What it wants is known before anybody is served, and until it
 * says otherwise. */
static void stand(struct watch *watch)
{
	enum peer peer = watch->probe.kin ? PEER_KIN :
			 watch->by_connecting || watch->probe.scheme != &scheme_convert ? PEER_OTHER : PEER_CONVERT;
	struct upstream *upstream = watch->options.upstream;
	uint64_t took_us = loop_now_us(watch->loop) - watch->probe.begun_at_us,
		 rtt_us = round_trip_us(&watch->probe, took_us);
	/* where another one answered before, this one may be new, or have begun anew */
	bool anew = peer == PEER_KIN || watch->peer != peer || !watch->told || !watch->reachable;

	watch->probe.standing = true;
	watch->probe.begun_standing_at_us = loop_now_us(watch->loop);
	watch->tried = 0;
	__atomic_store_n(&upstream->watch, watch->probe.name, __ATOMIC_RELAXED);
	__atomic_store_n(&upstream->watch_link, watch->probe.link, __ATOMIC_RELAXED);
	store(&upstream->wants_source, watch->probe.wants_source);
	store(&upstream->kin, watch->probe.kin);
	store(&upstream->takes_wide, watch->probe.takes_wide);
	if (watch->used)   /* another one's round trip says nothing of when this one answers */
		shared_note_answer(watch->options.shared, watch->probe.link, rtt_us, watch->probe.begun_standing_at_us);
	watch->peer = peer;
	watch->knows_convert = !watch->by_connecting;
	watch->told = watch->reachable = true;
	if (watch->by_connecting) {
		rest(watch);
	} else {
		net_tune_leg(watch->probe.fd, true);
		net_keep_alive(watch->probe.fd, KEEPALIVE_S);
	}
	/* Two round trips: nothing can be written before the handshake's third packet (decision 0015). */
	watch->options.on_answered(watch->options.context, 2 * rtt_us < took_us ? 2 * rtt_us : took_us, anew);
}

static bool is_proven(const struct watch *watch, const struct signalling_step *step)
{
	return step->has_proof &&
	       ticket_is_proof(step->proof, watch->probe.asked.credential, watch->options.upstream->at.key,
			       &watch->probe.converter);
}

/* Takes what has come. NULL: fine so far; else why the connection is lost. *answered: the answer is complete. What
 * has come behind it waits until the watch stands. */
static const char *take(struct watch *watch, struct bytes all, bool *answered)
{
	uint8_t out[SIGNALLING_MESSAGE_BYTES];
	struct signalling_step step;
	struct bytes left;
	int error = 0;

	if (watch->probe.standing)
		return watch_take_told(watch, all);
	step = watch->probe.scheme->client_feed(&watch->probe.conversation, all.at, all.n, out);
	left = (struct bytes){ all.at + step.n_consumed, all.n - step.n_consumed };
	if (step.n_out && net_send(watch->probe.fd, out, step.n_out, &error) != (ssize_t)step.n_out)
		return "it takes no more";
	if (step.verdict == SIGNALLING_NEED_MORE)
		return watch_keep(watch, left);
	if (step.verdict == SIGNALLING_DONE && upstream_must_prove(watch->options.upstream) && !is_proven(watch, &step))
		return "DHCP has told of it, and it doesn't prove that it has our key";
	*answered = step.verdict == SIGNALLING_DONE;
	watch->probe.declined = step.verdict == SIGNALLING_REFUSED &&
		step.result.outcome == OUTCOME_UNSUPPORTED_MESSAGE;
	watch->probe.strange = step.result.outcome == OUTCOME_MALFORMED || step.result.outcome == OUTCOME_BAD_VERSION;
	watch->probe.kin = step.kin;
	watch->probe.takes_wide = step.takes_wide;
	watch->probe.name = step.watch;
	watch->probe.wants_source = step.wants_source;
	watch->probe.serves_hosts = step.maps;
	if (*answered)   /* what was waited for may have come with it */
		return watch_keep(watch, left);
	inbox_free(&watch->probe.inbox);
	return signalling_outcome_name(step.result.outcome);
}

/* Whether hosts' connections could go to a server that knows no Convert. */
static bool may_know_none(const struct watch *watch)
{
	return !watch->by_connecting && watch->probe.scheme == &scheme_convert &&
	       !upstream_must_prove(watch->options.upstream) &&
	       watch->options.view(watch->options.context)->conf->gateway.signalling != CONF_SIGNALLING_CONVERT;
}

/* The Info has no answer that we understand. ended: it was cut off. Whoever may mind what is ours alone in it is
 * asked without, and who knows no Convert at all is asked by connecting. False: neither helps. */
static bool ask_otherwise(struct watch *watch, bool ended)
{
	bool minds = !watch->probe.standing && (ended || watch->probe.strange);

	if ((watch->probe.offers || watch->probe.hears_limits) && (minds || watch->probe.declined))
		watch->asking = watch->probe.hears_limits ? ASK_WITHOUT_LIMITS : ASK_PLAIN;
	else if (minds && may_know_none(watch))
		watch->by_connecting = true;
	else
		return false;
	return true;
}

static void on_readable(struct watch *watch);

/* The answer is complete. What has come behind it, a session from the converter's side perhaps, is heard when
 * workers have been told of the converter: it goes to them by the same way. */
static void hear_answer(struct watch *watch, uint8_t scratch[SIGNALLING_MESSAGE_BYTES + 1])
{
	struct bytes behind = { scratch, watch->probe.inbox.n_kept };
	uint16_t generation = watch->probe.generation;
	int error = 0;
	ssize_t n = behind.n ? 1 : net_peek(watch->probe.fd, scratch, 1, &error);
	const char *why = n < 0 && error != NET_E_AGAIN ? net_error_text(error) : NULL;

	if (!n && watch->probe.kin) {   /* Braid ends it so where it has no place for us */
		closed(watch);
		return;
	}
	if (behind.n)
		memcpy(scratch, watch->probe.inbox.kept, behind.n);
	if (!why && (watch_may_say_more(watch) || !behind.n))
		stand(watch);
	if (watch->probe.generation != generation)
		return;
	if (!why)
		why = watch_take_told(watch, behind);
	if (why)
		lost(watch, why);
	else
		on_readable(watch);   /* what came meanwhile is told of once */
}

/* Reads until there is no more, or the answer is there. What a converter sends without a pause waits for others'
 * turns. */
static void on_readable(struct watch *watch)
{
	uint8_t scratch[SIGNALLING_MESSAGE_BYTES + 1];
	const char *why = NULL;
	bool answered = false, ended = false;
	struct bytes all;
	int r = 0;

	for (size_t n = 0; !why && !r && !ended && !answered; n++) {
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
	if (!why && answered)
		hear_answer(watch, scratch);
	else if ((why || ended) && !answered && ask_otherwise(watch, ended || r == NET_E_RESET))
		ask(watch);
	else if (why)
		lost(watch, why);
	else if (ended)
		closed(watch);
}

/* Nothing is said on it: whether the server speaks the scheme, hosts' connections find out. */
static void on_connected(struct watch *watch, uint32_t events)
{
	int r = net_connect_outcome(watch->probe.fd, events);

	if (!r)
		stand(watch);
	else if (r != NET_E_AGAIN)
		lost(watch, net_error_text(r));
}

void watch_on_event(struct watch *watch, struct loop_ref ref, uint32_t events)
{
	if (ref.generation != watch->probe.generation || watch->probe.fd < 0)
		return;
	if (watch->by_connecting)
		on_connected(watch, events);
	else if (events & ~EPOLLOUT)
		on_readable(watch);
}

/* A server that waits for words it knows is there all the same; one that has answered an Info before hangs. */
static void on_silence(struct watch *watch)
{
	if (!net_connect_result(watch->probe.fd) && !watch->knows_convert && may_know_none(watch)) {
		watch->by_connecting = true;
		ask(watch);
	} else {
		lost(watch, "it doesn't answer");
	}
}

void watch_on_timer(struct watch *watch, struct loop_ref ref, uint64_t now_us)
{
	if (ref.generation != watch->probe.generation)
		return;
	if (ref.part == PART_RETRY)
		ask(watch);
	else if (ref.part == PART_LIMIT && !watch->probe.standing)
		on_silence(watch);
}

int watch_new(struct loop *loop, const struct watch_options *options, struct watch **out)
{
	struct watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return -ENOMEM;
	watch->loop = loop;
	watch->options = *options;
	watch->probe.fd = -1;
	watch->retry_us = RETRY_FIRST_US;
	*out = watch;
	return 0;
}

/* What it asks for is another thing then. */
void watch_set_used(struct watch *watch, bool used)
{
	bool asks = !watch->begun || (watch->used != used && watch->probe.fd >= 0);

	watch->begun = true;
	watch->used = used;
	if (asks)
		ask(watch);
}

void watch_check(struct watch *watch)
{
	uint64_t now_us = loop_now_us(watch->loop);

	if (now_us < watch->distrusted_until_us ||
	    (watch->probe.standing && now_us - watch->probe.begun_standing_at_us < CONVERTERS_JUST_HEARD_US))
		return;
	if (watch->probe.standing || watch->probe.fd < 0)
		ask(watch);
}

void watch_freep(struct watch **watch)
{
	if (!*watch)
		return;
	drop(*watch);
	free(*watch);
	*watch = NULL;
}

/* Whoever doesn't answer hosts' connections, or otherwise than their scheme has it, isn't asked again for a while,
 * nor are they sent there. */
static void distrust(struct watch *watch)
{
	uint32_t signalling = watch->options.view(watch->options.context)->conf->gateway.signalling;
	uint64_t us = DISTRUST_US << (watch->n_distrusted < DISTRUST_DOUBLINGS ? watch->n_distrusted :
				      DISTRUST_DOUBLINGS);
	char why[sizeof(watch->why)];

	watch->n_distrusted++;
	watch->distrusted_until_us = loop_now_us(watch->loop) + us;
	snprintf(why, sizeof(why), "it gives no answer in %s; it is tried again in %u min",
		 scheme_of_conf(signalling)->name, (unsigned int)(us / US_PER_S / 60));
	drop(watch);
	loop_timer_at(watch->loop, watch->distrusted_until_us, ref_of(watch, PART_RETRY));
	tell_lost(watch, why);
}

void watch_suspect(struct watch *watch)
{
	struct upstream *upstream = watch->options.upstream;
	uint8_t doubt = __atomic_exchange_n(&upstream->doubt, UPSTREAM_DOUBT_NONE, __ATOMIC_RELAXED);

	if (loop_now_us(watch->loop) < watch->distrusted_until_us)
		return;
	if (__atomic_load_n(&upstream->spoken, __ATOMIC_RELAXED))
		watch->n_distrusted = 0;
	/* else an Info tells more */
	if (doubt == UPSTREAM_DOUBT_STRANGE || (doubt == UPSTREAM_DOUBT_MUTE && watch->by_connecting))
		distrust(watch);
	else if (watch->probe.standing || watch->probe.fd < 0)
		ask(watch);
}

void watch_ask_again(struct watch *watch)
{
	const struct view *view = watch->options.view(watch->options.context);

	/* who was Braid by that one may be somebody else by this one */
	if (watch->probe.scheme != scheme_of_watch(view->conf->gateway.signalling))
		store(&watch->options.upstream->kin, false);
	watch->retry_us = RETRY_FIRST_US;
	watch->n_distrusted = 0;
	watch->distrusted_until_us = 0;
	watch->asking = ASK_ALL;
	watch->by_connecting = false;
	store(&watch->options.upstream->spoken, false);
	watch->knows_convert = false;
	__atomic_store_n(&watch->options.upstream->doubt, UPSTREAM_DOUBT_NONE, __ATOMIC_RELAXED);
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

const char *watch_peer_name(const struct watch *watch)
{
	return peer_names[watch->peer];
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
