/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/forwards.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/util.h"

struct forwards {
	size_t n;
	struct mapping_filter *filters;   /* of all of them */
	struct forward all[];
};

static int order(const struct address *a, const struct address *b)
{
	int r = memcmp(a->ip, b->ip, sizeof(a->ip));

	return r ? r : (int)a->port - (int)b->port;
}

static int order_of_externals(const void *a, const void *b)
{
	const struct forward *one = a, *other = b;

	return order(&one->external, &other->external);
}

static int take_filters(struct forwards *forwards)
{
	size_t n = 0;

	for (size_t i = 0; i < forwards->n; i++)
		n += forwards->all[i].n_filters;
	forwards->filters = n ? calloc(n, sizeof(*forwards->filters)) : NULL;
	if (n && !forwards->filters)
		return -ENOMEM;
	for (size_t i = 0, at = 0; i < forwards->n; i++) {
		struct forward *forward = &forwards->all[i];

		if (forward->n_filters)
			memcpy(forwards->filters + at, forward->filters,
			       forward->n_filters * sizeof(*forward->filters));
		forward->filters = forwards->filters + at;
		at += forward->n_filters;
	}
	return 0;
}

int forwards_new(const struct forward *list, size_t n, struct forwards **out)
{
	_cleanup_(forwards_freep) struct forwards *forwards = malloc(sizeof(*forwards) + n * sizeof(*list));

	if (!forwards)
		return -ENOMEM;
	*forwards = (struct forwards){ .n = n };
	if (n)
		memcpy(forwards->all, list, n * sizeof(*list));
	qsort(forwards->all, n, sizeof(*list), order_of_externals);
	for (size_t i = 1; i < n; i++)
		if (!order_of_externals(&forwards->all[i - 1], &forwards->all[i]))
			return FORWARDS_E_TWICE;
	if (take_filters(forwards))
		return -ENOMEM;
	*out = forwards;
	forwards = NULL;
	return 0;
}

void forwards_freep(struct forwards **forwards)
{
	if (*forwards)
		free((*forwards)->filters);
	free(*forwards);
	*forwards = NULL;
}

const struct forward *forwards_find(const struct forwards *forwards, const struct address *external)
{
	struct forward wanted = { .external = *external };

	return forwards ? bsearch(&wanted, forwards->all, forwards->n, sizeof(wanted), order_of_externals) : NULL;
}

bool forward_admits(const struct forward *forward, const struct address *remote)
{
	for (size_t i = 0; i < forward->n_filters; i++) {
		const struct mapping_filter *filter = &forward->filters[i];

		if (prefix_contains(&filter->from, remote) && (!filter->port || filter->port == remote->port))
			return true;
	}
	return !forward->n_filters;
}

size_t forwards_n(const struct forwards *forwards)
{
	return forwards ? forwards->n : 0;
}

const struct forward *forwards_at(const struct forwards *forwards, size_t i)
{
	return &forwards->all[i];
}

bool forwards_any_faithful(const struct forwards *forwards)
{
	for (size_t i = 0; i < forwards_n(forwards); i++)
		if (forwards->all[i].faithful)
			return true;
	return false;
}
