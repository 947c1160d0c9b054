/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/mappings/forwarding.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/util.h"

#define MAPPED_WAITING 256        /* as the configuration has it where it says nothing */
#define MAPPED_NEW_PER_S 1000

struct named {
	const char *name;
	size_t place;
};

static int order_of_names(const void *a, const void *b)
{
	return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

static struct forward forward_of(const struct conf *conf, const struct roster *roster, const struct conf_forward *from,
				 size_t place)
{
	const struct conf_subscriber *subscriber = &conf->subscribers[place];
	struct forward forward = {
		.external = from->listen, .subscriber = roster->numbers[place], .host = from->host,
		.faithful = from->accept == CONF_FORWARD_FAITHFUL, .own = { from->max_waiting, from->max_new_per_s },
		.of_subscriber = { subscriber->max_inbound_waiting, subscriber->max_inbound_per_s },
	};

	forward.host.port = from->port ? from->port : from->listen.port;
	return forward;
}

static struct forward forward_of_mapping(const struct mapping *mapping, const struct conf_subscriber *subscriber)
{
	return (struct forward){
		.external = mapping->external, .subscriber = mapping->subscriber, .host = mapping->internal,
		.own = { MAPPED_WAITING, MAPPED_NEW_PER_S },
		.of_subscriber = { subscriber->max_inbound_waiting, subscriber->max_inbound_per_s },
		.n_filters = mapping->n_filters, .filters = mapping->filters,
	};
}

/* Those of the configuration. */
static int compile_static(const struct conf *conf, const struct roster *roster, struct forward *list, size_t *n)
{
	_cleanup_(freep) struct named *names = calloc(conf->n_subscribers + 1, sizeof(*names));

	if (!names)
		return -ENOMEM;
	for (size_t i = 0; i < conf->n_subscribers; i++)
		names[i] = (struct named){ conf->subscribers[i].name, i };
	qsort(names, conf->n_subscribers, sizeof(*names), order_of_names);
	for (size_t i = 0; i < conf->n_forwards; i++) {
		struct named wanted = { .name = conf->forwards[i].subscriber };
		const struct named *found = bsearch(&wanted, names, conf->n_subscribers, sizeof(*names),
						    order_of_names);

		if (found)   /* as conf/check.c has seen to */
			list[(*n)++] = forward_of(conf, roster, &conf->forwards[i], found->place);
	}
	return 0;
}

/* Live ones behind those of the configuration, whose places they don't take. */
static int add_mapped(const struct conf *conf, const struct roster *roster, const struct mappings *mappings,
		      struct forward *list, size_t *n)
{
	_cleanup_(forwards_freep) struct forwards *fixed = NULL;
	_cleanup_(freep) const struct conf_subscriber **by_number = NULL;
	const struct mapping *mapping;
	size_t n_numbers = 0;

	for (size_t i = 0; i < conf->n_subscribers; i++)
		n_numbers = size_max(n_numbers, roster->numbers[i] + 1u);
	by_number = calloc(n_numbers + 1, sizeof(*by_number));
	if (!by_number || forwards_new(list, *n, &fixed))
		return -ENOMEM;
	for (size_t i = 0; i < conf->n_subscribers; i++)
		by_number[roster->numbers[i]] = &conf->subscribers[i];
	for (uint32_t at = 0; (mapping = mappings_next(mappings, &at));)
		if (!mapping->is_static && mapping->subscriber < n_numbers && by_number[mapping->subscriber] &&
		    !forwards_find(fixed, &mapping->external))
			list[(*n)++] = forward_of_mapping(mapping, by_number[mapping->subscriber]);
	return 0;
}

int forwarding_compile(const struct conf *conf, const struct roster *roster, const struct mappings *mappings,
		       struct forwards **out)
{
	_cleanup_(freep) struct forward *list = calloc(conf->n_forwards + (mappings ? mappings_count(mappings) : 0) + 1,
						       sizeof(*list));
	size_t n = 0;
	int r;

	*out = NULL;
	if (!list)
		return -ENOMEM;
	r = compile_static(conf, roster, list, &n);
	if (!r && mappings)
		r = add_mapped(conf, roster, mappings, list, &n);
	return r ? r : n && forwards_new(list, n, out) ? -ENOMEM : 0;
}
