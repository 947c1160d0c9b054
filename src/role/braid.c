/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/braid.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/util.h"
#include "role/braid_parts.h"
#include "role/commands.h"
#include "role/converter/early.h"
#include "role/converter/late.h"
#include "role/descriptors.h"
#include "role/links/limited.h"
#include "role/log.h"
#include "role/mappings/mapper.h"
#include "role/converter/source.h"
#include "role/gateway/reach.h"
#include "role/gateway/routed.h"

#define DRAIN_LOOK_US (50 * US_PER_MS)

enum { PART_SIGNAL = BRAID_PART_PUBLISH + 1, PART_DRAIN };

/* Kept, too, for those who ask later. */
void braid_warn(void *context, const char *text)
{
	struct braid *braid = context;
	size_t i = braid->n_warnings++ % BRAID_WARNINGS;

	log_warning("%s", text);
	braid->warned_at_us[i] = loop_clock_us();
	snprintf(braid->warnings[i], BRAID_WARNING_BYTES, "%s", text);
}

/* No DHCP client runs on an interface that isn't there. */
static void forget_provisions(struct braid *braid, size_t link)
{
	struct path_link_status links[PATH_LINKS];

	if (link >= path_status(braid->path, links, PATH_LINKS) || links[link].state != PATH_LINK_NO_INTERFACE)
		return;
	upstreams_provision(braid->upstreams, link, false, NULL, 0, 0);
	upstreams_provision(braid->upstreams, link, true, NULL, 0, 0);
	if (upstreams_apply(braid->upstreams, braid->holder->conf))
		braid_warn(braid, "out of memory: converters that the DHCP of a link has told of, which is gone, are "
				  "still used");
}

static void on_path(void *context, const struct path_event *event)
{
	struct braid *braid = context;

	if (event->kind == PATH_EVENT_WARNING) {
		braid_warn(braid, event->text);
		return;
	}
	if (event->kind == PATH_EVENT_LINK)
		log_info("%s", event->text);
	if (!braid->path)
		return;   /* still being put in place */
	if (event->kind == PATH_EVENT_LINK) {
		shared_forget_link(&braid->shared, (uint8_t)event->link, loop_now_us(braid->loop));
		if (braid->link_health)
			link_health_changed(braid->link_health, event->link);
		if (braid->rejoin)
			rejoin_link_changed(braid->rejoin, event->link);
	}
	if (braid->reloading)
		return;   /* all are told when it is done */
	braid_publish(braid, braid->view->converter_reachable);
	if (event->kind != PATH_EVENT_LINK || !braid->upstreams)
		return;
	if (!braid->view->converter_reachable)
		upstreams_suspect(braid->upstreams);
	forget_provisions(braid, event->link);
}

static struct view *present_view(void *context)
{
	return ((struct braid *)context)->view;
}

static void on_upstreams(void *context, bool reachable, const char *why)
{
	struct braid *braid = context;
	const struct upstream *before = braid->view->upstream;   /* compared, not read: it may go with its view */

	snprintf(braid->why_unreachable, sizeof(braid->why_unreachable), "%s", why);
	braid->telling = true;
	braid_publish(braid, reachable);
	if (braid->link_health && braid->view->upstream != before)
		link_health_elsewhere(braid->link_health);
	if (!reachable || !upstreams_serve_hosts(braid->upstreams))
		return;
	port_server_reach(braid->ports);
	port_client_reach(braid->own_ports);
}

static void on_others(void *context)
{
	struct braid *braid = context;

	braid_publish(braid, braid->view->converter_reachable);
}

static void on_answer(void *context, const struct signalling_host_message *message)
{
	struct braid *braid = context;

	port_server_hear(braid->ports, message);
}

static void on_own_answer(void *context, const struct pcp_response *response)
{
	struct braid *braid = context;

	port_client_hear(braid->own_ports, response);
}

static bool ask_for_host(void *context, const struct signalling_host_message *message)
{
	struct braid *braid = context;

	return braid->upstreams && upstreams_ask(braid->upstreams, message);
}

static void on_early(void *context, const uint8_t nonce[SIGNALLING_NONCE_BYTES], const struct signalling_result *result)
{
	struct braid *braid = context;

	early_hear(braid->workers, braid->n_peers, nonce, result);
}

static void on_limited(void *context, enum signalling_limited what)
{
	struct braid *braid = context;
	uint64_t now_us = loop_now_us(braid->loop);

	if (what == SIGNALLING_LATE)
		late_hear(&braid->shared, now_us);
	else
		limited_hear(&braid->shared, what == SIGNALLING_SPOILT, now_us);
}

static void on_inbound(void *context, const struct signalling_inbound *inbound)
{
	struct braid *braid = context;

	reach_hear(braid->workers, braid->n_peers, inbound);
}

static void on_suspect(void *context)
{
	struct braid *braid = context;

	__atomic_store_n(&braid->shared.suspected, false, __ATOMIC_RELEASE);
	if (braid->upstreams)
		upstreams_suspect(braid->upstreams);
}

static int start_workers(struct braid *braid, char *reason, size_t n_reason)
{
	struct workers_options options = { .n_peers = braid_n_workers(braid->holder->conf), .shared = &braid->shared,
					   .view = braid->view };
	int r;

	braid->workers = calloc(2 * options.n_peers, sizeof(*braid->workers));
	if (!braid->workers)
		return -ENOMEM;
	r = workers_start(&options, braid->workers, reason, n_reason);
	if (r)
		return r;
	braid->n_peers = options.n_peers;
	braid->n_workers = 2 * options.n_peers;
	return 0;
}

static void on_look(void *context, bool late)
{
	struct braid *braid = context;

	late_tell(braid->workers, braid->n_peers, late && braid->holder->conf->converter.enabled);
}

static enum alive_word vouch(void *context)
{
	const struct braid *braid = context;
	enum pulse_word word = pulse_word(braid->pulse);

	if (word == PULSE_LATE || late_is_converter(&braid->shared, loop_now_us(braid->loop)))
		return ALIVE_LET_PASS;
	return word == PULSE_WELL ? ALIVE_TAKE : ALIVE_NO_LONGER;
}

static int watch_workers(struct braid *braid)
{
	struct pulse_options options = { .loop = braid->loop, .workers = braid->workers, .n_workers = braid->n_workers,
					 .on_look = on_look, .context = braid };
	int r = pulse_new(&options, &braid->pulse);

	if (!r)
		path_vouch(braid->path, vouch, braid);
	return r;
}

static int start_mapper(struct braid *braid)
{
	struct mapper_options options = { .subscribers = braid->shared.subscribers, .on_warning = braid_warn,
					  .on_change = braid_on_mappings, .context = braid };

	return mapper_new(braid->loop, &options, braid->holder->conf, braid->holder->roster, &braid->shared.mapper);
}

static int start_subscribers(struct braid *braid)
{
	const struct conf *conf = braid->holder->conf;
	struct volumes_options volumes = { .state_dir = conf->daemon.state_dir, .on_warning = braid_warn,
					   .context = braid };
	int r = subscribers_new(2 * braid_n_workers(conf), &braid->shared.subscribers);

	if (r)
		return r;
	volumes.subscribers = braid->shared.subscribers;
	braid->holder->roster = roster_new(braid->shared.subscribers, conf);
	if (!braid->holder->roster)
		return -ENOMEM;
	subscribers_apply(braid->shared.subscribers, conf, braid->holder->roster);
	r = volumes_new(braid->loop, &volumes, &braid->volumes);
	return r || !conf_gives_mappings(conf) ? r : start_mapper(braid);
}

/* Caps are used up or not any more, links silent or not. */
static void on_links(void *context)
{
	struct braid *braid = context;

	if (braid->overflow)
		overflow_look_now(braid->overflow);
}

/* What is being set up over a link that swallows it goes elsewhere: workers look for that when they are given a
 * view. */
static void on_link_health(void *context)
{
	struct braid *braid = context;

	on_links(braid);
	if (!braid->reloading)
		braid_publish(braid, braid->view->converter_reachable);
}

static void on_link_answer(void *context, size_t link)
{
	struct braid *braid = context;

	if (braid->rejoin)
		rejoin_answered(braid->rejoin, link);
}

/* What costs more is closed before there are sessions, and what is used up is known by then. */
static int start_links(struct braid *braid)
{
	struct link_volumes_options volumes = {
		.shared = &braid->shared, .path = braid->path, .state_dir = braid->holder->conf->daemon.state_dir,
		.view = present_view,
		.on_warning = braid_warn, .on_change = on_links, .context = braid,
	};
	struct overflow_options overflow = { .shared = &braid->shared, .workers = braid->workers,
					     .n_workers = braid->n_workers, .path = braid->path, .view = present_view,
					     .context = braid };
	struct link_health_options health = {
		.shared = &braid->shared, .workers = braid->workers, .n_workers = braid->n_workers, .path = braid->path,
		.view = present_view,
		.on_answer = on_link_answer, .on_change = on_link_health, .context = braid,
	};
	struct rejoin_options rejoin = { .shared = &braid->shared, .workers = braid->workers,
					 .n_workers = braid->n_workers, .path = braid->path, .view = present_view,
					 .context = braid };
	struct aside_options aside = { .shared = &braid->shared, .path = braid->path, .view = present_view,
				       .on_change = on_links, .context = braid };
	int r = link_volumes_new(braid->loop, &volumes, &braid->link_volumes);

	if (!r)
		r = overflow_new(braid->loop, &overflow, &braid->overflow);
	if (!r)
		r = link_health_new(braid->loop, &health, &braid->link_health);
	rejoin.health = aside.health = braid->link_health;
	if (!r)
		r = rejoin_new(braid->loop, &rejoin, &braid->rejoin);
	aside.rejoin = braid->rejoin;
	return r ? r : aside_new(braid->loop, &aside, &braid->aside);
}

static int start_gateway(struct braid *braid, const struct conf *conf)
{
	struct upstreams_options upstreams = { .shared = &braid->shared, .view = present_view,
					       .on_change = on_upstreams, .on_others = on_others, .on_early = on_early,
					       .on_inbound = on_inbound, .on_limited = on_limited,
					       .on_answer = on_answer, .context = braid };
	struct port_server_options ports = { .on_warning = braid_warn, .ask = ask_for_host, .on_answer = on_own_answer,
					     .context = braid };
	int r = start_links(braid);

	if (r || routed_is_wanted(conf))   /* there is nobody to ask or to watch */
		return r;
	r = port_server_new(braid->loop, &ports, conf, &braid->ports);   /* a reload may bring a key, and forwards
									  * with it */
	if (!r)
		r = port_client_new(braid->loop, braid->ports, conf, &braid->own_ports);
	if (!r)
		r = upstreams_new(braid->loop, &upstreams, &braid->upstreams);
	return r ? r : upstreams_apply(braid->upstreams, conf);
}

static int start(struct braid *braid, char *reason, size_t n_reason)
{
	const struct conf *conf = braid->holder->conf;
	struct path_options paths = braid_path_options(braid, conf);
	int r = braid_probe_kernel(braid, conf, reason, n_reason);

	if (!r && conf->converter.enabled)
		r = replay_new(conf->converter.ticket_memory, conf->converter.ticket_window_s, &braid->shared.replay);
	if (!r)
		r = path_new(braid->loop, &paths, on_path, braid, &braid->path, reason, n_reason);
	if (!r && conf->converter.enabled)
		r = start_subscribers(braid);
	if (!r)
		source_check_pool(conf, braid_warn, braid);
	if (!r)
		r = braid_publish(braid, routed_is_wanted(conf));
	if (!r)
		r = start_workers(braid, reason, n_reason);
	if (!r)
		r = watch_workers(braid);
	if (!r && conf->gateway.enabled)
		r = start_gateway(braid, conf);
	return r ? r : commands_start(braid, reason, n_reason);
}

static void on_event(void *context, struct loop_ref ref, uint32_t events)
{
	struct braid *braid = context;

	if (ref.part == PART_SIGNAL)
		braid->on_signal(braid->signal_context);
}

static void on_timer(void *context, struct loop_ref ref, uint64_t now_us)
{
	struct braid *braid = context;
	uint64_t n_sessions = __atomic_load_n(&braid->shared.n_sessions, __ATOMIC_RELAXED),
		 n_striped = __atomic_load_n(&braid->shared.n_striped, __ATOMIC_RELAXED);
	uint64_t n_left = n_sessions > n_striped ? n_sessions : n_striped;   /* most of these are of those */

	if (ref.part == BRAID_PART_PUBLISH)
		braid_publish_mappings(braid);
	if (ref.part != PART_DRAIN)
		return;
	if (n_left && now_us < braid->drain_until_us && !loop_timer_at(braid->loop, now_us + DRAIN_LOOK_US, ref))
		return;
	if (n_left)
		log_warning("daemon.drain_timeout_ms is over: %llu sessions are ended", (unsigned long long)n_left);
	loop_stop(braid->loop);
}

int braid_new(struct conf *conf, struct braid **out, char *reason, size_t n_reason)
{
	_cleanup_(braid_freep) struct braid *braid = calloc(1, sizeof(*braid));
	struct loop_handler handler = { .on_event = on_event, .on_timer = on_timer, .context = braid };
	int r;

	snprintf(reason, n_reason, "out of memory or descriptors");
	if (braid)
		braid->holder = conf_holder_new(conf);
	if (!braid || !braid->holder) {
		conf_freep(&conf);
		return -ENOMEM;
	}
	descriptors_raise(conf, braid_n_workers(conf));
	pthread_mutex_init(&braid->shared.lock, NULL);
	braid->started_at_us = loop_clock_us();
	r = loop_new(&braid->loop);
	if (r)
		return r;
	braid->shared.main_loop = braid->loop;
	braid->shared.on_suspect = on_suspect;
	braid->shared.context = braid;
	braid->handler = loop_handler_add(braid->loop, &handler);
	r = start(braid, reason, n_reason);
	if (r)
		return r;
	*out = braid;
	braid = NULL;
	return 0;
}

int braid_run(struct braid *braid)
{
	return loop_run(braid->loop);
}

/* What was asked for is given back, while it can be said. */
static void leave_converter(struct braid *braid)
{
	if (braid->own_ports)
		port_client_end(braid->own_ports);
	if (braid->upstreams)
		upstreams_leave(braid->upstreams);
}

void braid_freep(struct braid **out)
{
	struct braid *braid = *out;

	if (!braid)
		return;
	control_freep(&braid->control);
	leave_converter(braid);
	upstreams_freep(&braid->upstreams);
	port_client_freep(&braid->own_ports);
	port_server_freep(&braid->ports);
	aside_freep(&braid->aside);
	rejoin_freep(&braid->rejoin);
	link_health_freep(&braid->link_health);
	overflow_freep(&braid->overflow);
	link_volumes_freep(&braid->link_volumes);   /* while the links' counters can be read, and the view is there */
	path_freep(&braid->path);   /* before the workers: from here on hosts' new connections go the ordinary way */
	workers_stop(braid->workers, braid->n_workers);
	mapper_freep(&braid->shared.mapper);
	free(braid->workers);
	pulse_freep(&braid->pulse);
	view_unref(braid->view);
	conf_holder_unref(braid->holder);
	replay_freep(&braid->shared.replay);
	volumes_freep(&braid->volumes);   /* after the last byte */
	subscribers_freep(&braid->shared.subscribers);
	loop_freep(&braid->loop);
	free(braid);
	*out = NULL;
}

void braid_drain(struct braid *braid)
{
	struct loop_ref ref = { .handler = braid->handler, .part = PART_DRAIN };

	if (braid->draining) {   /* asked twice: now */
		loop_stop(braid->loop);
		return;
	}
	braid->draining = true;
	leave_converter(braid);
	braid->drain_until_us = loop_now_us(braid->loop) + braid->holder->conf->daemon.drain_timeout_ms * US_PER_MS;
	if (braid_publish(braid, false) || loop_timer_at(braid->loop, loop_now_us(braid->loop) + DRAIN_LOOK_US, ref))
		loop_stop(braid->loop);
}

int braid_watch_signals(struct braid *braid, int fd, void (*on_signal)(void *context), void *context)
{
	braid->on_signal = on_signal;
	braid->signal_context = context;
	return loop_watch(braid->loop, fd, EPOLLIN,
			  (struct loop_ref){ .handler = braid->handler, .part = PART_SIGNAL });
}

void braid_on_reload(struct braid *braid, braid_reload_fn reload, void *context)
{
	braid->reload = reload;
	braid->reload_context = context;
}

void braid_stop(struct braid *braid)
{
	loop_stop(braid->loop);
}
