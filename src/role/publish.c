/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/publish.h"

#include <errno.h>
#include <stdlib.h>

struct publication;

struct copy {
	struct publication *publication;
	struct worker *worker;
};

struct publication {
	struct publish_options options;
	struct view *view;       /* a reference */
	size_t n_left;           /* atomic: workers without it. The last one frees all of this */
	struct copy copies[];
};

static void finish(struct publication *publication)
{
	const struct publish_options *options = &publication->options;

	while (options->done && loop_post(options->main_loop, options->done, options->context))
		;   /* a few bytes that have to be there at last */
	view_unref(publication->view);
	free(publication);
}

static void take(void *arg)
{
	struct copy *copy = arg;
	struct publication *publication = copy->publication;

	worker_take_view(copy->worker, publication->view);
	if (!__atomic_sub_fetch(&publication->n_left, 1, __ATOMIC_ACQ_REL))
		finish(publication);
}

int publish_view(struct view *view, const struct publish_options *options)
{
	size_t n = options->n_workers, n_posted = 0;
	struct publication *publication;

	if (!n)
		return 0;
	publication = calloc(1, sizeof(*publication) + n * sizeof(publication->copies[0]));
	if (!publication)
		return -ENOMEM;
	publication->options = *options;
	publication->view = view_ref(view);
	publication->n_left = n;
	for (size_t i = 0; i < n; i++)
		publication->copies[i] = (struct copy){ publication, options->workers[i] };
	while (n_posted < n)   /* after the last one the publication may be gone */
		n_posted += !loop_post(options->workers[n_posted]->loop, take, &publication->copies[n_posted]);
	return 0;
}
