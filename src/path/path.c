/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How it works: after any notification that can matter the whole state is looked at anew, the desired state is computed
 * (policy/links.h), and the differences are carried out. Notifications only say when, never what: so none can be
 * misread, and lost ones cost a look. The first look of a run finds what a killed one left, and deals with it in the
 * same way.
 */
#include "path/path.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "base/clock.h"
#include "base/util.h"
#include "net/nft.h"
#include "net/route.h"
#include "path/apply.h"
#include "path/observe.h"
#include "path/path_parts.h"
#include "path/settings.h"
#include "path/want.h"

#define RETRY_US US_PER_S
#define SETTINGS_LOOK_US (30 * US_PER_S)   /* others may change them: a sysctl.conf read again, another program */

void path_emit(struct path *path, int kind, size_t link, const char *text)
{
	struct path_event event = { .kind = kind, .link = link };

	snprintf(event.text, sizeof(event.text), "%s", text);
	if (path->on_event)
		path->on_event(path->context, &event);
}

static void warn(void *context, const char *text)
{
	path_emit(context, PATH_EVENT_WARNING, 0, text);
}

/* Without plumbing of our own an endpoint is there or not; none is on its way. */
static void drop_planned_ids(struct path *path)
{
	for (size_t i = 0; i < path->options.n_links; i++) {
		if (path->verdicts[i].endpoint_id_v4 >= LINKS_ID_FIRST)
			path->verdicts[i].endpoint_id_v4 = 0;
		if (path->verdicts[i].endpoint_id_v6 >= LINKS_ID_FIRST)
			path->verdicts[i].endpoint_id_v6 = 0;
	}
}

static void close_links(const struct path *path, struct links_want *want)
{
	uint32_t resting[] = { path_resting(path, false), path_resting(path, true) };

	for (size_t i = 0; i < want->n_links; i++) {
		want->link[i].backup |= path->closed >> i & 1;
		for (int v6 = 0; v6 < 2; v6++)
			want->link[i].left[v6] = (path->left | path->silent | resting[v6]) >> i & 1;
	}
}

/* Looks, decides, acts. 0 or a negative errno with the reason; what could be done is done all the same. */
static int settle(struct path *path, char *reason, size_t n_reason)
{
	struct links_want want = want_of(&path->options);
	int r = observe(path->netlink, path->pm, path->options.plumbing, &path->seen, &path->have);

	if (r) {
		snprintf(reason, n_reason, "cannot list interfaces, routes and endpoints: %s", strerror(-r));
		return r;
	}
	close_links(path, &want);
	links_plan(&want, &path->seen, path->verdicts, &path->want);
	if (path->options.plumbing && path_rest(path)) {
		close_links(path, &want);
		links_plan(&want, &path->seen, path->verdicts, &path->want);
	}
	if (!path->options.plumbing) {
		drop_planned_ids(path);
		return 0;
	}
	settings_accept_told(&path->keep, path->options.fullmesh || path_spans_families(path), warn, path);
	return apply(path->netlink, path->pm, &path->have, &path->want, reason, n_reason);
}

/* Tells of each link that isn't as it was in before. */
static void tell_changes(struct path *path, const struct links_verdict *before)
{
	char text[192];

	for (size_t i = 0; i < path->options.n_links; i++) {
		const struct links_verdict *now = &path->verdicts[i];

		if (now->state != before[i].state)
			path->since_us[i] = loop_clock_us();
		if (now->state == before[i].state && now->ifindex == before[i].ifindex &&
		    address_equal_ip(&now->v4, &before[i].v4) && address_equal_ip(&now->v6, &before[i].v6))
			continue;
		want_describe(&path->options.links[i], now, text, sizeof(text));
		path_emit(path, PATH_EVENT_LINK, i, text);
	}
}

/* How they are to begin with. */
static void tell_all(struct path *path)
{
	char text[192];

	for (size_t i = 0; i < path->options.n_links; i++) {
		path->since_us[i] = loop_clock_us();
		want_describe(&path->options.links[i], &path->verdicts[i], text, sizeof(text));
		path_emit(path, PATH_EVENT_LINK, i, text);
	}
}

/* 0 or -ENOMEM. */
static int retry_later(struct path *path)
{
	struct loop_ref ref = { .handler = path->handler };
	int r = path->retry_armed ? 0 : loop_timer_at(path->loop, loop_now_us(path->loop) + RETRY_US, ref);

	path->retry_armed = path->retry_armed || !r;
	return r;
}

void path_refresh(struct path *path)
{
	struct links_verdict before[PATH_LINKS];
	char reason[192] = "";
	int r;

	memcpy(before, path->verdicts, sizeof(before));
	r = settle(path, reason, sizeof(reason));
	tell_changes(path, before);
	if (r && strcmp(reason, path->warned))
		path_emit(path, PATH_EVENT_WARNING, 0, reason);
	memcpy(path->warned, reason, sizeof(reason));
	/* It may have been a race with a change under way; or somebody else has to act first. */
	if (r)
		retry_later(path);
}

void path_set_closed(struct path *path, uint32_t closed, uint32_t left)
{
	if (path->closed == closed && path->left == left)
		return;
	path->closed = closed;
	path->left = left;
	path_refresh(path);
}

/* The news of an endpoint that goes leaves over a subflow that seems to work, which with older kernels (6.18.15; no
 * more with 6.18.44) may be the first one, on the very link that is silent. When that has gone with its endpoint, it
 * is said once more of the first subflow's address, whose id is 0, and goes over another. */
static void tell_first_gone(struct path *path, const struct links_verdict *link)
{
	const struct address *addresses[] = { &link->v4, &link->v6 };

	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		struct mptcp_pm_endpoint endpoint = { .ip = *addresses[i] };

		if (!address_is_unspecified(addresses[i]))
			mptcp_pm_delete(path->pm, &endpoint);
	}
}

void path_set_silent(struct path *path, uint32_t silent)
{
	uint32_t fallen = silent & ~path->silent;

	if (path->silent == silent)
		return;
	path->silent = silent;
	path_refresh(path);
	for (size_t i = 0; path->pm && path->kept && i < path->options.n_links; i++)
		if (fallen >> i & 1)
			tell_first_gone(path, &path->verdicts[i]);
}

/* Something else for a moment, then what is so. */
static void say_again(struct path *path, uint32_t closed_meanwhile)
{
	uint32_t closed = path->closed, left = path->left;

	path_set_closed(path, closed_meanwhile, left);
	path_set_closed(path, closed, left);
}

void path_tell_closed(struct path *path)
{
	say_again(path, path->left);
}

void path_tell_open(struct path *path, uint32_t links)
{
	say_again(path, path->closed | links);
}

static void on_event(void *context, struct loop_ref ref, uint32_t epoll_events)
{
	struct path *path = context;

	if (netlink_any_matters(path->events, route_event_matters))
		path_refresh(path);
}

static void put_handshakes(struct path *path)
{
	char reason[160] = "", text[sizeof(((struct path_event *)0)->text)];

	bool was_missing = path->handshakes_missing;

	path->handshakes_missing = handshakes_put(&path->handshakes, path->options.listen_ports,
						  path->options.n_listen_ports, reason, sizeof(reason));
	if (!path->handshakes_missing || was_missing)
		return;
	snprintf(text, sizeof(text),
		 "%s; without it a download stalls on if its host has stopped reading for a while, and a link that "
		 "joins while this machine is very busy may bring an upload into disorder", reason);
	path_emit(path, PATH_EVENT_WARNING, 0, text);
}

void path_check_settings(struct path *path)
{
	if (!path->kept)
		return;
	settings_watch(&path->keep, warn, path);
	path_check_forwards(path);
	if (handshakes_lost(&path->handshakes))
		path_emit(path, PATH_EVENT_WARNING, 0,
			  "somebody has removed or changed the nft table inet braid_converter (nft flush ruleset?); it "
			  "is put back");
	else if (!path->handshakes_missing)
		return;
	put_handshakes(path);
}

/* The nft table. Last of all: what it marks must have its way by then. */
static int put_interception(struct path *path, char *reason, size_t n_reason)
{
	bool changed = false;
	int r = interception_put(&path->interception, &path->options, &changed, reason, n_reason);

	if (!path_intercepts(&path->options))
		alive_end(path->alive);
	else if (changed)
		alive_begin(path->alive);
	return r;
}

static void follow_the_times(struct path *path)
{
	char reason[192] = "";

	if (!path->options.plumbing || !interception_is_late(&path->interception, &path->options))
		return;
	if (put_interception(path, reason, sizeof(reason)))
		path_emit(path, PATH_EVENT_WARNING, 0, reason);
	path_emit(path, PATH_EVENT_TABLE, 0, "");
}

static void on_timer(void *context, struct loop_ref ref, uint64_t now_us)
{
	struct path *path = context;

	if (ref.part == PATH_PART_SETTINGS) {
		path_check_settings(path);
		follow_the_times(path);
		loop_timer_at(path->loop, now_us + SETTINGS_LOOK_US, ref);
		return;
	}
	if (ref.part == PATH_PART_FORWARDS) {
		path->inbound_armed = false;
		if (path->inbound.missing)
			path_check_forwards(path);
		return;
	}
	path->retry_armed = path->retry_armed && ref.part != PATH_PART_REFRESH;
	path_refresh(path);
}

/* One Braid a network namespace: abstract socket names belong to it, and end with their process. */
static int lock(struct path *path, char *reason, size_t n_reason)
{
	static const char name[] = "\0braid/path";
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	memcpy(sa.sun_path, name, sizeof(name) - 1);
	path->lock_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (path->lock_fd < 0)
		return -errno;
	if (!bind(path->lock_fd, (struct sockaddr *)&sa,
		  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + sizeof(name) - 1)))
		return 0;
	snprintf(reason, n_reason,
		 errno == EADDRINUSE ? "another braidd does the plumbing of this network namespace: end it, or set "
				       "plumbing = no in one of the two" : "cannot take the lock");
	return -errno;
}

static int open_kernel(struct path *path, char *reason, size_t n_reason)
{
	int r = netlink_open(NETLINK_ROUTE, &path->netlink);

	if (!r)
		r = route_open_events(&path->events);
	if (r) {
		snprintf(reason, n_reason, "cannot open netlink: %s", strerror(-r));
		return r;
	}
	r = mptcp_pm_open(&path->pm);
	if (!r || !path->options.plumbing)
		return 0;
	snprintf(reason, n_reason,
		 "this kernel has no MPTCP path manager (%s): Linux 6.2 or newer with CONFIG_MPTCP is needed",
		 strerror(-r));
	return r;
}

/* The nft table is not as it was made. */
static int restore_interception(void *context, char *reason, size_t n_reason)
{
	struct path *path = context;
	int r;

	interception_forget(&path->interception);
	r = put_interception(path, reason, n_reason);
	path_emit(path, PATH_EVENT_TABLE, 0, "");
	return r;
}

static int watch_tables(struct path *path, char *reason, size_t n_reason)
{
	struct alive_options options = { .loop = path->loop, .times = path->options.times,
					 .restore = restore_interception, .warn = warn, .context = path };
	struct returns_options returns = { .loop = path->loop, .nft = path->interception.nft,
					   .fwmark = path->options.fwmark, .warn = warn, .context = path };
	int r = alive_new(&options, &path->alive);

	if (r)
		snprintf(reason, n_reason, "cannot watch nftables: %s%s", strerror(-r),
			 r == -EPERM ? "" : "; a kernel with CONFIG_NF_TABLES is needed");
	return r ? r : returns_new(&returns, &path->returns, reason, n_reason);
}

static int check_options(const struct path_options *options, char *reason, size_t n_reason)
{
	const char *fault = NULL;

	if (options->n_links > PATH_LINKS || options->n_lan > PATH_LAN_INTERFACES)
		fault = "too many links or LAN interfaces";
	else if (path_catches(options) && (!options->intercept_port || !(options->fwmark & 0xffff)))
		fault = "interception needs a port and a mark";
	else if (options->n_on_path && (!options->on_path_port || !options->foreign_sources))
		fault = "interception on the way needs a port, and sockets with addresses that are not this machine's";
	else if (options->foreign_sources && !options->fwmark)
		fault = "sources that are not this machine's need a mark";
	else if (options->n_workers && (!options->accept_memory || !options->accept_memory_s))
		fault = "destinations that have accepted need a memory";
	else if (!options->route_table || !options->rule_priority)
		fault = "routing needs a table and a priority";
	if (!fault)
		return 0;
	snprintf(reason, n_reason, "%s", fault);
	return -EINVAL;
}

/* Settings, routes, rules, endpoints, nft tables, in this order. */
static int put_all(struct path *path, char *reason, size_t n_reason)
{
	int r = settings_put(&path->keep, &path->options, warn, path, reason, n_reason);

	if (!r)
		r = settle(path, reason, n_reason);
	if (r == -EADDRINUSE) {   /* where peers join, connections of a daemon before us rest still: the kernel will
				   * listen there when they have gone */
		path_emit(path, PATH_EVENT_WARNING, 0, reason);
		snprintf(path->warned, sizeof(path->warned), "%s", reason);
		path->unsettled = true;
		r = path->watching ? retry_later(path) : 0;
	}
	if (!r && (path_intercepts(&path->options) || path->options.foreign_sources) && !path->seen.loopback) {
		snprintf(reason, n_reason,
			 "interface lo is down, and packets that are caught take their way over it: ip link set lo up");
		return -ENETDOWN;
	}
	if (r)
		return r;
	put_handshakes(path);
	if (!path->options.takes_forwards)
		path_forget_forwards(path);
	r = path->options.foreign_sources ? returns_put(path->returns, reason, n_reason) : 0;
	if (!r)
		r = put_interception(path, reason, n_reason);
	if (!r) {
		path_warn_of_lan(path);
		path_warn_of_queues(path);
		path_warn_of_own(path);
	}
	return r;
}

static int open_nft(struct path *path, char *reason, size_t n_reason)
{
	int r = nft_open(&path->interception.nft);

	path->handshakes.nft = path->inbound.nft = path->interception.nft;
	if (r)
		snprintf(reason, n_reason, "cannot use nftables: %s", strerror(-r));
	return r;
}

static int start(struct path *path, char *reason, size_t n_reason)
{
	struct loop_handler handler = { .on_event = on_event, .on_timer = on_timer, .context = path };
	struct loop_ref ref;
	int r = open_kernel(path, reason, n_reason);

	if (!r && path->options.plumbing)
		r = lock(path, reason, n_reason);
	if (!r && path->options.plumbing) {
		r = keep_open(&path->keep, path->options.state_dir, path->pm, reason, n_reason);
		path->kept = !r;
	}
	if (!r)
		r = open_nft(path, reason, n_reason);
	if (!r && path->options.plumbing)
		r = watch_tables(path, reason, n_reason);
	if (!r)
		r = path->options.plumbing ? put_all(path, reason, n_reason) : settle(path, reason, n_reason);
	if (r)
		return r;
	path->handler = loop_handler_add(path->loop, &handler);
	ref = (struct loop_ref){ .handler = path->handler };
	r = loop_watch(path->loop, netlink_fd(path->events), EPOLLIN, ref);
	path->watching = !r;
	if (!r && path->unsettled)
		r = retry_later(path);
	ref.part = PATH_PART_SETTINGS;
	if (!r && path->options.plumbing)
		r = loop_timer_at(path->loop, loop_now_us(path->loop) + SETTINGS_LOOK_US, ref);
	return r;
}

int path_new(struct loop *loop, const struct path_options *options, path_event_fn on_event_fn, void *context,
	     struct path **out, char *reason, size_t n_reason)
{
	_cleanup_(path_freep) struct path *path = NULL;
	int r = check_options(options, reason, n_reason);

	if (r)
		return r;
	path = calloc(1, sizeof(*path));
	if (!path) {
		snprintf(reason, n_reason, "out of memory");
		return -ENOMEM;
	}
	path->loop = loop;
	path->options = *options;
	path->on_event = on_event_fn;
	path->context = context;
	path->lock_fd = -1;
	path->inbound_again = (struct backoff){ .first_us = RETRY_US, .most_us = SETTINGS_LOOK_US };
	r = start(path, reason, n_reason);
	if (r)
		return r;
	tell_all(path);
	*out = path;
	path = NULL;
	return 0;
}

/* Links keep their place, if not their number: the times of those that are in both go with them. */
static void take_options(struct path *path, const struct path_options *options)
{
	const struct path_options before = path->options;
	struct links_verdict verdicts[PATH_LINKS] = { 0 };
	uint64_t since_us[PATH_LINKS];

	for (size_t i = 0; i < options->n_links; i++) {
		since_us[i] = loop_clock_us();
		for (size_t j = 0; j < before.n_links; j++) {
			if (strcmp(options->links[i].name, before.links[j].name))
				continue;
			verdicts[i] = path->verdicts[j];
			since_us[i] = path->since_us[j];
		}
	}
	memcpy(path->verdicts, verdicts, sizeof(verdicts));
	memcpy(path->since_us, since_us, sizeof(since_us));
	path->options = *options;
}

int path_update(struct path *path, const struct path_options *options, char *reason, size_t n_reason)
{
	const struct path_options before = path->options;
	struct path_options next = *options;
	struct links_verdict verdicts[PATH_LINKS];
	char ignored[192];
	int r = check_options(options, reason, n_reason);

	if (!r && options->plumbing != before.plumbing) {
		snprintf(reason, n_reason, "plumbing can only be switched by a restart");
		r = -EINVAL;
	}
	if (r)
		return r;
	next.foreign_sources |= before.foreign_sources;
	if (before.leads_own && !next.leads_own) {
		next.leads_own = true;
		next.own_memory_s = before.own_memory_s;
	}
	take_options(path, &next);
	memcpy(verdicts, path->verdicts, sizeof(verdicts));
	r = path->options.plumbing ? put_all(path, reason, n_reason) : settle(path, reason, n_reason);
	if (!r) {
		tell_changes(path, verdicts);
		return 0;
	}
	take_options(path, &before);
	if (path->options.plumbing)
		put_all(path, ignored, sizeof(ignored));
	return r;
}

static void take_away(struct path *path)
{
	char reason[192];

	if (interception_remove(&path->interception, reason, sizeof(reason)))
		path_emit(path, PATH_EVENT_WARNING, 0,
			  "cannot remove the nft table inet braid: remove it by hand (nft delete table inet braid)");
	if (inbound_table_remove(&path->inbound, reason, sizeof(reason)))
		path_emit(path, PATH_EVENT_WARNING, 0,
			  "cannot remove the nft table inet braid_inbound: remove it by hand (nft delete table inet "
			  "braid_inbound)");
	if (handshakes_remove(&path->handshakes, reason, sizeof(reason)))
		path_emit(path, PATH_EVENT_WARNING, 0,
			  "cannot remove the nft table inet braid_converter: remove it by hand (nft delete table inet "
			  "braid_converter)");
	path->want.routes.n = path->want.rules.n = path->want.endpoints.n = 0;
	if (!observe(path->netlink, path->pm, true, &path->seen, &path->have) &&
	    apply(path->netlink, path->pm, &path->have, &path->want, reason, sizeof(reason)))
		path_emit(path, PATH_EVENT_WARNING, 0, reason);
	keep_restore(&path->keep);
}

void path_freep(struct path **path)
{
	struct path *p = *path;

	if (!p)
		return;
	if (p->watching)
		loop_unwatch(p->loop, netlink_fd(p->events));
	alive_freep(&p->alive);
	returns_freep(&p->returns);
	if (p->kept)
		take_away(p);
	interception_forget(&p->interception);
	nft_closep(&p->interception.nft);
	mptcp_pm_closep(&p->pm);
	netlink_closep(&p->events);
	netlink_closep(&p->netlink);
	fd_closep(&p->lock_fd);
	free(p);
	*path = NULL;
}

bool path_can_hold(const struct path *path)
{
	return path->interception.holds;
}

uint32_t path_rules_generation(const struct path *path)
{
	return path->interception.generation;
}

void path_vouch(struct path *path, alive_vouch_fn vouch, void *context)
{
	if (path->alive)
		alive_vouch(path->alive, vouch, context);
}
