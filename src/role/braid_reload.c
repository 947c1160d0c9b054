/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Another configuration, or other converters, while sessions run. */
#include "role/braid_parts.h"

#include <errno.h>
#include <stdio.h>
#include "role/converter/converter.h"
#include "role/converter/source.h"
#include "role/mappings/mapper.h"

/* Whether it can be taken at all; the roster is made for it. 0, or a negative errno with the reason in one line. */
static int check(const struct braid *braid, struct conf_holder *holder, char *restart, size_t n_restart, char *reason,
		 size_t n_reason)
{
	const struct conf *conf = holder->conf;
	int r;

	conf_restart_needed(braid->holder->conf, conf, restart, n_restart);
	if (restart[0]) {
		snprintf(reason, n_reason, "these change only with a restart: %s", restart);
		return -EINVAL;
	}
	if (braid->shared.subscribers) {
		holder->roster = roster_new(braid->shared.subscribers, conf);
		if (!holder->roster)
			return -ENOMEM;
	}
	r = braid_probe_congestion(conf, reason, n_reason);
	if (!r)
		r = braid_probe_transparent(braid, conf, reason, n_reason);
	return r ? r : converter_probe(braid->holder->conf, conf, reason, n_reason);
}

/* Rules of nft and of a view are to be the same ones. */
static int update_path(struct braid *braid, const struct path_options *paths, char *reason, size_t n_reason)
{
	int r;

	braid->reloading = true;
	r = path_update(braid->path, paths, reason, n_reason);
	braid->reloading = false;
	return r;
}

/* The rules have been changed, and put back: they have another number. */
static void publish_old(struct braid *braid)
{
	braid_publish(braid, braid->view->converter_reachable);
}

/* To all parts that have their own idea of it. */
static void hand_out(struct braid *braid, const struct conf *conf, const struct roster *roster)
{
	source_check_pool(conf, braid_warn, braid);
	if (roster)
		subscribers_apply(braid->shared.subscribers, conf, roster);
	if (braid->shared.mapper && mapper_apply(braid->shared.mapper, conf, roster))
		braid_warn(braid, "out of memory: hosts' mappings go by the old configuration");
	if (braid->ports)
		port_server_apply(braid->ports, conf);
	if (braid->own_ports && port_client_apply(braid->own_ports, conf))
		braid_warn(braid, "out of memory: the gateway's forwards are those of the old configuration");
}

/* Takes holder. */
static int put_in_force(struct braid *braid, struct conf_holder *holder)
{
	int r;

	hand_out(braid, holder->conf, holder->roster);
	conf_holder_unref(braid->holder);
	braid->holder = holder;
	r = braid_publish(braid, braid->view->converter_reachable);
	if (!r && braid->overflow) {
		link_volumes_look(braid->link_volumes);
		overflow_look_now(braid->overflow);
	}
	if (!r && braid->upstreams)
		r = upstreams_apply(braid->upstreams, holder->conf);
	if (!r && braid->upstreams)
		upstreams_ask_again(braid->upstreams);
	return r;
}

int braid_reload(struct braid *braid, struct conf *conf, char *restart, size_t n_restart, char *reason, size_t n_reason)
{
	struct conf_holder *holder = conf_holder_new(conf);
	struct path_options paths = braid_path_options(braid, conf);
	int r;

	snprintf(reason, n_reason, "out of memory");
	if (!holder) {
		conf_freep(&conf);
		return -ENOMEM;
	}
	r = check(braid, holder, restart, n_restart, reason, n_reason);
	if (!r)
		r = update_path(braid, &paths, reason, n_reason);
	if (!r)
		return put_in_force(braid, holder);
	conf_holder_unref(holder);
	if (!restart[0])
		publish_old(braid);
	return r;
}

/* Connections to a converter that is new are known as such before there are any. */
int braid_provision(struct braid *braid, size_t link, bool v6, const struct provisions_address *addresses, size_t n,
		    uint64_t until_us, char *reason, size_t n_reason)
{
	const struct conf *conf = braid->holder->conf;
	struct path_options paths;
	int r;

	upstreams_provision(braid->upstreams, link, v6, addresses, n, until_us);
	paths = braid_path_options(braid, conf);
	r = paths.n_converter ? update_path(braid, &paths, reason, n_reason) : 0;
	if (r) {   /* what it has said before isn't good any more, either */
		upstreams_provision(braid->upstreams, link, v6, NULL, 0, 0);
		publish_old(braid);
		return r;
	}
	snprintf(reason, n_reason, "out of memory");
	r = braid_publish(braid, braid->view->converter_reachable);   /* what links did meanwhile, too */
	return r ? r : upstreams_apply(braid->upstreams, conf);
}
