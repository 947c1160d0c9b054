/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/forwarding.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/util.h"

struct named {
	const char *name;
	size_t place;
};

static int order_of_names(const void *a, const void *b)
{
	return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

static struct forward forward_of(const struct conf *conf, const struct roster *roster, const struct conf_forward *from, size_t place)
{
	const struct conf_subscriber *subscriber = &conf->subscribers[place];
	struct forward forward = {
		.external = from->listen, .subscriber = roster->numbers[place], .host = from->host,
		.faithful = from->accept == CONF_FORWARD_FAITHFUL, .own = { from->max_waiting, from->max_new_per_s }, .of_subscriber = { subscriber->max_inbound_waiting, subscriber->max_inbound_per_s },
	};

	forward.host.port = from->port ? from->port : from->listen.port;
	return forward;
}

int forwarding_compile(const struct conf *conf, const struct roster *roster, struct forwards **out)
{
	_cleanup_(freep) struct named *names = calloc(conf->n_subscribers + 1, sizeof(*names));
	_cleanup_(freep) struct forward *list = calloc(conf->n_forwards + 1, sizeof(*list));
	size_t n = 0;

	*out = NULL;
	if (!names || !list)
		return -ENOMEM;
	for (size_t i = 0; i < conf->n_subscribers; i++)
		names[i] = (struct named){ conf->subscribers[i].name, i };
	qsort(names, conf->n_subscribers, sizeof(*names), order_of_names);
	for (size_t i = 0; i < conf->n_forwards; i++) {
		struct named wanted = { .name = conf->forwards[i].subscriber };
		const struct named *found = bsearch(&wanted, names, conf->n_subscribers, sizeof(*names), order_of_names);

		if (found)   /* as conf/check.c has seen to */
			list[n++] = forward_of(conf, roster, &conf->forwards[i], found->place);
	}
	return n && forwards_new(list, n, out) ? -ENOMEM : 0;
}
