/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/forwards.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct forwards {
	size_t n;
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

int forwards_new(const struct forward *list, size_t n, struct forwards **out)
{
	struct forwards *forwards = malloc(sizeof(*forwards) + n * sizeof(*list));

	if (!forwards)
		return -ENOMEM;
	forwards->n = n;
	if (n)
		memcpy(forwards->all, list, n * sizeof(*list));
	qsort(forwards->all, n, sizeof(*list), order_of_externals);
	for (size_t i = 1; i < n; i++)
		if (!order_of_externals(&forwards->all[i - 1], &forwards->all[i])) {
			free(forwards);
			return FORWARDS_E_TWICE;
		}
	*out = forwards;
	return 0;
}

void forwards_freep(struct forwards **forwards)
{
	free(*forwards);
	*forwards = NULL;
}

const struct forward *forwards_find(const struct forwards *forwards, const struct address *external)
{
	struct forward wanted = { .external = *external };

	return forwards ? bsearch(&wanted, forwards->all, forwards->n, sizeof(wanted), order_of_externals) : NULL;
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
