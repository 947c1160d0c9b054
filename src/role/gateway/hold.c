/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/gateway/hold.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include "base/clock.h"
#include "base/counter.h"
#include "base/hash.h"
#include "net/queue.h"
#include "net/socket.h"
#include "path/accepted.h"
#include "path/alive.h"
#include "path/marks.h"
#include "role/gateway/look.h"
#include "role/gateway/room.h"
#include "role/gateway/setup.h"
#include "role/outcome.h"
#include "role/links/profile.h"
#include "wire/syn.h"

#define REACH_ATTEMPTS 3            /* so many patiences without a link that answers: the SYN goes the ordinary way */
#define SOURCE_SHARE 8              /* one host may have an 8th of the places: a scan of silent addresses takes all
				     * it can get */
#define TAKES 16                    /* of the queue in a turn */
#define TAKES_LATE 8192             /* the same of what is dropped: a packet each at least, so all that a queue holds */
#define SENT_AGAIN_US (900 * US_PER_MS)   /* by no host sooner: a second, and what clocks may differ */

static uint32_t mark_now(const struct gateway *gateway, unsigned int mark)
{
	return mark_value(gateway->worker->view->conf->gateway.fwmark, mark);
}

/* A host of IPv6 has a /64 to itself. */
static uint32_t *by_source(struct gateway *gateway, const struct address *source)
{
	size_t n_bytes = address_is_v4(source) ? sizeof(source->ip) : sizeof(source->ip) / 2;

	return &gateway->hold.n_by_source[hash_place(hash_add(HASH_BEGIN, source->ip, n_bytes), HOLD_SOURCES)];
}

static bool has_its_share(struct gateway *gateway, const struct address *source)
{
	return *by_source(gateway, source) >= gateway->worker->view->conf->limits.max_half_open / SOURCE_SHARE + 1;
}

static void remember(struct gateway *gateway, struct setup *setup)
{
	pairs_add(&gateway->hold.waiting, setup);
	(*by_source(gateway, &setup->source))++;
}

void hold_forget(struct gateway *gateway, struct setup *setup)
{
	if (pairs_remove(&gateway->hold.waiting, setup))
		(*by_source(gateway, &setup->source))--;
}

struct setup *hold_take(struct gateway *gateway, const struct address *source, const struct address *destination)
{
	struct setup *setup = pairs_find(&gateway->hold.waiting, source, destination);

	if (!setup || setup->state != SETUP_CAUGHT)
		return NULL;
	hold_forget(gateway, setup);
	return setup;
}

/* A first packet that is here since then: its host may have sent another one since, which has gone the ordinary way,
 * and be connected. This one is nobody's then; and it is sent again where that isn't so. */
static bool is_late(const struct gateway *gateway, uint64_t since_us)
{
	uint64_t now_us = loop_clock_us();   /* this turn may have stood still itself */

	return now_us - since_us > SENT_AGAIN_US &&
	       alive_passed_since(&gateway->worker->shared->alive, since_us, now_us);
}

static void take_packet(const struct gateway *gateway, struct setup *setup, uint32_t packet)
{
	setup->packet = packet;
	setup->packet_at_us = loop_now_us(gateway->worker->loop);
}

/* With the setup's first packet: mark 0 drops it. */
static void decide(struct gateway *gateway, struct setup *setup, unsigned int mark, uint64_t *counter)
{
	bool late = is_late(gateway, setup->packet_at_us);

	counter_add(late ? &gateway->worker->counters.n_held_late : counter, 1);
	if (mark && !late)
		net_queue_pass(gateway->hold.queue, setup->packet, mark_now(gateway, mark));
	else
		net_queue_drop(gateway->hold.queue, setup->packet);
	setup->packet = 0;
}

/* To our own listener, so that the connection comes to the worker that waits for it. */
static void let_come(struct gateway *gateway, struct setup *setup, uint32_t packet)
{
	unsigned int first = setup->known || !(setup->answering || setup->early) ? MARK_CATCH : MARK_CATCH_KNOWN;

	net_queue_pass(gateway->hold.queue, packet, mark_now(gateway, first + gateway->worker->number));
}

void hold_pass(struct gateway *gateway, struct setup *setup)
{
	decide(gateway, setup, MARK_PASS, &gateway->worker->counters.n_held_passed);
}

static void catch(struct gateway *gateway, struct setup *setup)
{
	if (setup->socks) {   /* its connection is there */
		if (socks_say_connected(gateway, setup))
			setup_abandon(gateway, setup);
		else
			setup_arrive(gateway, setup);
		return;
	}
	if (is_late(gateway, setup->packet_at_us)) {
		setup_abandon(gateway, setup);
		return;
	}
	setup_set_state(setup, SETUP_CAUGHT);
	if (setup_set_deadline(gateway, setup, gateway->worker->view->conf->limits.connect_timeout_ms * US_PER_MS)) {
		setup_abandon(gateway, setup);
		return;
	}
	room_note_caught(gateway);
	let_come(gateway, setup, setup->packet);
	setup->packet = 0;
}

/* Our answer to the first one was lost; or nothing that is caught comes to us. */
static void catch_again(struct gateway *gateway, struct setup *setup, uint32_t packet)
{
	if (room_note_caught(gateway)) {
		let_come(gateway, setup, packet);
		return;
	}
	hold_unlearn(gateway, &setup->destination);
	take_packet(gateway, setup, packet);
	setup_abandon(gateway, setup);
}

void hold_accept(struct gateway *gateway, struct setup *setup, struct attempt *attempt, struct bytes left)
{
	if (inbox_keep(&attempt->inbox, left)) {
		setup_abandon(gateway, setup);
		return;
	}
	for (size_t i = 0; i < SETUP_ATTEMPTS; i++)
		if (&setup->attempts[i] != attempt)
			attempt_drop(&setup->attempts[i]);
	setup->answering = attempt;
	if (setup->state == SETUP_ASKING)
		catch(gateway, setup);
}

/* Its handshake has shown nothing that could spoil the answer. */
static bool any_sound(const struct setup *setup)
{
	for (size_t i = 0; i < SETUP_ATTEMPTS; i++)
		if (setup->attempts[i].fd >= 0 && setup->attempts[i].connected && !setup->attempts[i].doubtful)
			return true;
	return false;
}

void hold_come_early(struct gateway *gateway, struct setup *setup)
{
	if (setup->state != SETUP_ASKING || !setup->told || !any_sound(setup))
		return;
	counter_add(&gateway->worker->counters.n_early_used, 1);
	setup->early = true;
	catch(gateway, setup);
}

void hold_hear_early(struct gateway *gateway, struct setup *setup, const struct signalling_result *result)
{
	if (setup->state != SETUP_ASKING)
		return;
	if (result->outcome == OUTCOME_CONNECTED) {
		setup->told = true;
		hold_come_early(gateway, setup);
	} else {
		counter_add(&gateway->worker->counters.n_early_used, 1);
		setup_refuse(gateway, setup, result);
	}
}

void hold_refuse(struct gateway *gateway, struct setup *setup, const struct signalling_result *result)
{
	unsigned int mark = outcome_mark(result, !address_is_v4(&setup->destination));

	if (mark == MARK_PASS) {
		setup_let_pass(gateway, setup);
		return;
	}
	if (setup->socks) {
		socks_refuse(gateway, setup, result);
		return;
	}
	decide(gateway, setup, mark, &gateway->worker->counters.n_held_refused);
	setup_abandon(gateway, setup);
}

void hold_unlearn(struct gateway *gateway, const struct address *destination)
{
	if (!gateway->hold.elements)
		return;
	counter_add(&gateway->worker->counters.n_unlearnt, 1);
	accepted_forget(gateway->hold.elements, destination);   /* where that fails, it is forgotten in its time */
}

/* In ASKING: a first time, whether any link answers, then as long as the converter may take. */
void hold_on_deadline(struct gateway *gateway, struct setup *setup)
{
	uint64_t waited_us = loop_now_us(gateway->worker->loop) - setup->accepted_at_us;
	uint64_t most_us = setup_limit_us(gateway) + SETUP_ANSWER_SLACK_US;

	if (setup->state == SETUP_ASKING && waited_us < most_us && setup_any_connected(setup) &&
	    !setup_set_deadline(gateway, setup, most_us - waited_us)) {
		shared_suspect(gateway->worker->shared);   /* a slow destination, or a converter that hangs */
		return;
	}
	if (setup->state == SETUP_ASKING)
		setup_fail(gateway, setup);
	else
		setup_abandon(gateway, setup);
}

static bool takes_connections(const struct gateway *gateway)
{
	return gateway->listeners.n && !room_is_shut(gateway);
}

void hold_ask(struct gateway *gateway, struct setup *setup)
{
	const struct view *view = gateway->worker->view;
	uint64_t reach_us = profile_session_us(view,
					       REACH_ATTEMPTS * view->conf->gateway.attempt_timeout_ms * US_PER_MS);

	counter_add(&gateway->worker->counters.n_held, !setup->socks);
	setup_launch(gateway, setup, SETUP_ASKING, reach_us);
}

/* The rule that nft has matched, or RULES_NONE. */
static size_t rule_of_mark(unsigned int mark)
{
	unsigned int number = (mark & ~(MARK_KNOWN | mark_of_generation(MARK_GENERATIONS - 1))) - MARK_HOLD_RULE;

	return number < RULES_MOST ? number : RULES_NONE;
}

/* A reload comes to nft and to us one after the other. What was matched by the rules that we had until now, is
 * matched anew; by those to come, as soon as we have them. True where that is so. */
static bool is_of_other_rules(struct gateway *gateway, const struct net_queue_packet *packet)
{
	struct hold *hold = &gateway->hold;
	unsigned int mark = mark_of_value(gateway->worker->view->conf->gateway.fwmark, packet->mark);
	unsigned int n_later = rule_of_mark(mark) == RULES_NONE ? 0 :
			       mark_generations_later(mark & ~(unsigned int)MARK_KNOWN,
						      gateway->worker->view->rules_generation);

	if (!n_later)
		return false;
	if (n_later == MARK_GENERATIONS - 1)
		net_queue_repeat(hold->queue, packet->id, 0);
	else if (hold->n_ahead < HOLD_AHEAD)
		hold->ahead[hold->n_ahead++] = packet->id;
	else
		net_queue_pass(hold->queue, packet->id, mark_now(gateway, MARK_PASS));
	return true;
}

static void match_ahead_anew(struct hold *hold)
{
	while (hold->n_ahead)
		net_queue_repeat(hold->queue, hold->ahead[--hold->n_ahead], 0);
}

static void begin(struct gateway *gateway, const struct net_queue_packet *packet, const struct syn *syn)
{
	unsigned int mark = mark_of_value(gateway->worker->view->conf->gateway.fwmark, packet->mark);
	struct treatment treatment = treatment_of_packet(gateway->worker->view->conf, syn->dscp, rule_of_mark(mark));
	bool looks = mark == MARK_LOOK, bonded = treatment.action == RULE_BOND || treatment.action == RULE_LINK;
	struct setup *setup = bonded && takes_connections(gateway) && !has_its_share(gateway, &syn->source) ?
			      setup_take(gateway, &syn->source, &syn->destination) : NULL;

	if (!setup) {
		net_queue_pass(gateway->hold.queue, packet->id,
			       mark_now(gateway, treatment.action == RULE_REJECT ? MARK_RESET : MARK_PASS));
		return;
	}
	setup_set_state(setup, SETUP_ASKING);
	take_packet(gateway, setup, packet->id);
	setup->treatment = treatment;
	remember(gateway, setup);
	setup->known = treatment.accept == CONF_ACCEPT_AUTO && mark & MARK_KNOWN;
	if (looks && look_begin(setup, packet, syn->dscp))
		setup_abandon(gateway, setup);
	else if (looks || treatment.accept == CONF_ACCEPT_EARLY || setup->known)
		catch(gateway, setup);
	else
		hold_ask(gateway, setup);
}

/* A SYN that comes again stands for both: the host may have given up and try anew from the same port, and knows the
 * sequence number of its last one alone. */
static void wait_on(struct gateway *gateway, struct setup *setup, uint32_t packet)
{
	net_queue_drop(gateway->hold.queue, setup->packet);
	take_packet(gateway, setup, packet);
}

static void on_packet(void *context, const struct net_queue_packet *packet)
{
	struct gateway *gateway = context;
	struct setup *setup;
	struct syn syn;

	if (syn_get((struct bytes){ packet->bytes, packet->n_bytes }, &syn)) {
		net_queue_pass(gateway->hold.queue, packet->id, mark_now(gateway, MARK_PASS));
		return;
	}
	setup = pairs_find(&gateway->hold.waiting, &syn.source, &syn.destination);
	if (!setup && is_of_other_rules(gateway, packet))
		return;
	if (!setup)
		begin(gateway, packet, &syn);
	else if (setup->state == SETUP_CAUGHT)
		catch_again(gateway, setup, packet->id);
	else
		wait_on(gateway, setup, packet->id);
}

static void drop_late(void *context, const struct net_queue_packet *packet)
{
	struct gateway *gateway = context;

	counter_add(&gateway->worker->counters.n_held_late, 1);
	net_queue_drop(gateway->hold.queue, packet->id);
}

static void on_event(void *context, struct loop_ref ref, uint32_t events)
{
	struct gateway *gateway = context;
	bool late = is_late(gateway, loop_before_us(gateway->worker->loop));
	size_t n_most = late ? TAKES_LATE : TAKES;

	for (size_t i = 0; i < n_most && gateway->hold.queue; i++)
		if (net_queue_take(gateway->hold.queue, late ? drop_late : on_packet, gateway))
			return;
}

void hold_let_all_pass(struct gateway *gateway)
{
	for (uint32_t i = 0; i < gateway->setups.n_touched; i++) {
		struct setup *setup = slab_at(&gateway->setups, i);

		if (setup && setup->state == SETUP_ASKING)
			setup_let_pass(gateway, setup);
	}
}

void hold_init(struct gateway *gateway)
{
	struct loop_handler handler = { .on_event = on_event, .context = gateway };
	struct pairs_fields fields = { offsetof(struct setup, source), offsetof(struct setup, destination),
				       offsetof(struct setup, next_waiting) };

	pairs_init(&gateway->hold.waiting, &gateway->setups, fields, gateway->hold.buckets, HOLD_BUCKETS);
	gateway->hold.handler = loop_handler_add(gateway->worker->loop, &handler);
}

void hold_fini(struct gateway *gateway)
{
	if (!gateway->hold.queue)
		return;
	loop_unwatch(gateway->worker->loop, net_queue_fd(gateway->hold.queue));
	net_queue_closep(&gateway->hold.queue);
	nft_elements_closep(&gateway->hold.elements);
}

int hold_apply(struct gateway *gateway, char *reason, size_t n_reason)
{
	const struct view *view = gateway->worker->view;
	uint16_t number = (uint16_t)(view->conf->gateway.first_queue + gateway->worker->number);
	int r;

	match_ahead_anew(&gateway->hold);
	if (gateway->hold.queue && !view->can_hold) {
		hold_let_all_pass(gateway);
		hold_fini(gateway);
	}
	if (gateway->hold.queue || !view->can_hold)
		return 0;
	r = nft_elements_open(&gateway->hold.elements);
	if (!r)
		r = net_queue_open(number, &gateway->hold.queue);
	if (!r)
		r = loop_watch(gateway->worker->loop, net_queue_fd(gateway->hold.queue), EPOLLIN,
			       (struct loop_ref){ .handler = gateway->hold.handler });
	if (!r)
		return 0;
	net_queue_closep(&gateway->hold.queue);
	nft_elements_closep(&gateway->hold.elements);
	snprintf(reason, n_reason,
		 "cannot open packet queue %u: %s; another program may have it, set gateway.queue to a free one",
		 number, strerror(-r));
	return r;
}
