/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Views: what the workers go by, and the nft table of forwards that follows them. */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/util.h"
#include "path/inbound.h"
#include "role/braid_parts.h"
#include "role/log.h"
#include "role/mappings/forwarding.h"
#include "role/mappings/mapper.h"
#include "role/publish.h"

#define WORKERS_MOST 256u
#define GATHER_US (20 * US_PER_MS)    /* changes of mappings that come sooner than that after others are published
				       * together: so long may a host have its answer before its port is open */
#define REST 8                        /* and so many times as long as publishing took, the main thread does other
				       * things before */

unsigned int braid_n_workers(const struct conf *conf)
{
	long n_cores = sysconf(_SC_NPROCESSORS_ONLN);
	size_t n = conf->daemon.workers ? conf->daemon.workers : n_cores > 0 ? (size_t)n_cores : 1;

	return (unsigned int)size_min(n, WORKERS_MOST);
}

static void set_forwards(struct braid *braid)
{
	const struct conf *conf = braid->holder->conf;
	struct inbound_options options = {
		.port = conf->converter.inbound_port, .fwmark = conf->gateway.fwmark,
		.n_workers = braid_n_workers(conf),
		.first_queue = (uint16_t)conf->converter.inbound_queue,
	};

	if (conf_gives_mappings(conf) && !braid->draining) {
		options.kept = conf->converter.mapping_address;
		options.kept_first = conf->converter.mapping_ports.first;
		options.kept_last = conf->converter.mapping_ports.last;
	}
	if (braid->holder->roster && braid->path)
		path_set_forwards(braid->path, braid->view->forwards, &options);
}

/* Said when it is true: the workers listen, or do no longer. */
static void tell_reach(struct braid *braid)
{
	bool reachable = braid->view->converter_reachable;

	braid->telling = false;
	if (braid->draining || (braid->told && braid->told_reachable == reachable &&
				!strcmp(braid->told_why, braid->why_unreachable)))
		return;
	braid->told = true;
	braid->told_reachable = reachable;
	memcpy(braid->told_why, braid->why_unreachable, sizeof(braid->told_why));
	if (reachable) {
		shared_forget_broken(&braid->shared);
		log_info("the converter answers: connections are bonded");
	} else {
		log_warning("the converter can't be reached (%s): new connections go the ordinary way until it answers",
			    braid->why_unreachable);
	}
}

static void rest(struct braid *braid, uint64_t begun_us)
{
	uint64_t now_us = loop_clock_us(), took_us = now_us - begun_us;

	braid->publish_from_us = now_us + (REST * took_us > GATHER_US ? REST * took_us : GATHER_US);
}

/* Connections are let to the workers when all of them know whom they are for. */
static void on_published(void *context)
{
	struct braid *braid = context;
	uint64_t begun_us = loop_clock_us();

	if (--braid->n_publishing)
		return;   /* of a newer one */
	set_forwards(braid);
	rest(braid, begun_us);
	if (braid->telling)
		tell_reach(braid);
	if (braid->gathered)
		braid_publish_mappings(braid);
}

static struct view *make_view(const struct braid *braid, bool reachable)
{
	struct path_link_status links[PATH_LINKS];
	size_t n = braid->path ? path_status(braid->path, links, PATH_LINKS) : 0;
	const struct mappings *mappings = braid->shared.mapper ? mapper_table(braid->shared.mapper) : NULL;
	struct view *view = view_new(braid->holder);

	if (!view)
		return NULL;
	view->accepting = !braid->draining;
	view->converter_reachable = reachable;
	if (braid->upstreams)
		upstreams_put(braid->upstreams, view);
	view->spans_families = braid->path && path_spans_families(braid->path);
	view->can_hold = braid->path && path_can_hold(braid->path);
	view->rules_generation = braid->path ? path_rules_generation(braid->path) : 0;
	for (size_t i = 0; i < n && i < view->n_links; i++) {
		view->links[i].up = links[i].state == PATH_LINK_UP;
		view->links[i].v4 = links[i].v4;
		view->links[i].v6 = links[i].v6;
	}
	if (!braid->holder->roster ||
	    !forwarding_compile(braid->holder->conf, braid->holder->roster, mappings, &view->forwards))
		return view;
	view_unref(view);
	return NULL;
}

int braid_publish(struct braid *braid, bool reachable)
{
	struct publish_options options = {
		.main_loop = braid->loop, .workers = braid->workers, .n_workers = braid->n_workers,
		.done = on_published, .context = braid,
	};
	struct view *view = make_view(braid, reachable);

	if (!view)
		return -ENOMEM;
	view_unref(braid->view);
	braid->view = view;
	if (!braid->n_workers)
		set_forwards(braid);
	else if (publish_view(view, &options))
		log_error("out of memory: the workers go on with an old view of links and configuration");
	else
		braid->n_publishing++;
	return 0;
}

void braid_on_mappings(void *context, const struct mappings *mappings)
{
	struct braid *braid = context;
	uint64_t at_us = loop_now_us(braid->loop);

	if (braid->gathering)
		return;
	if (at_us < braid->publish_from_us)
		at_us = braid->publish_from_us;
	braid->gathering = !loop_timer_at(braid->loop, at_us,
					  (struct loop_ref){ .handler = braid->handler, .part = BRAID_PART_PUBLISH });
	if (!braid->gathering && braid->view)
		braid_publish_mappings(braid);
}

/* One view of these at a time: were there always another on its way to workers that are slow to take them, no change
 * would ever come into the nft table. */
void braid_publish_mappings(struct braid *braid)
{
	uint64_t begun_us = loop_clock_us();

	braid->gathered = braid->n_publishing;
	if (braid->gathered)
		return;
	braid->gathering = false;
	if (braid_publish(braid, braid->view->converter_reachable))
		log_error("out of memory: hosts' mappings are as they were until the next change");
	rest(braid, begun_us);
}
