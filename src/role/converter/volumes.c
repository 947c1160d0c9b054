/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/converter/volumes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/util.h"
#include "role/state_file.h"

#define KEEP_US (10 * US_PER_S)
#define FORMAT 1

struct volumes {
	struct loop *loop;
	struct volumes_options options;
	uint8_t handler;
	struct state_file file;
	uint64_t kept_bytes;             /* the total when the file was written */
};

static void keep(struct volumes *volumes)
{
	uint64_t total_bytes = subscribers_total_bytes(volumes->options.subscribers);

	subscribers_turn(volumes->options.subscribers);
	if (total_bytes == volumes->kept_bytes)
		return;
	if (state_file_keep(&volumes->file, subscribers_volumes(volumes->options.subscribers)))
		volumes->kept_bytes = total_bytes;
}

/* 0, whatever is in the file; or -ENOMEM. */
static int take_up(struct volumes *volumes)
{
	json_t *subscribers = state_file_take_up(&volumes->file);
	int r = subscribers ? subscribers_resume(volumes->options.subscribers, subscribers) : 0;

	json_decref(subscribers);
	if (r == SUBSCRIBERS_E_LATER)
		warning_say(&volumes->file.sink,
			    "%s has volumes of a later date than today's: is the clock wrong? They are kept, and count "
			    "when that date comes", volumes->file.path);
	else if (r == SUBSCRIBERS_E_VOLUMES)
		state_file_reject(&volumes->file, "it is no list of subscribers");
	return r == SUBSCRIBERS_E_LATER || r == SUBSCRIBERS_E_VOLUMES ? 0 : r;
}

static int arm(struct volumes *volumes)
{
	return loop_timer_at(volumes->loop, loop_now_us(volumes->loop) + KEEP_US,
			     (struct loop_ref){ .handler = volumes->handler });
}

static void on_timer(void *context, struct loop_ref ref, uint64_t now_us)
{
	keep(context);
	while (arm(context))
		;   /* a few bytes that have to be there at last */
}

int volumes_new(struct loop *loop, const struct volumes_options *options, struct volumes **out)
{
	struct volumes *volumes = calloc(1, sizeof(*volumes));
	struct loop_handler handler = { .on_timer = on_timer, .context = volumes };
	int r;

	if (!volumes)
		return -ENOMEM;
	volumes->loop = loop;
	volumes->options = *options;
	volumes->file = (struct state_file){ .name = "subscribers", .what = "subscribers' volumes", .format = FORMAT,
					     .sink = { options->on_warning, options->context } };
	snprintf(volumes->file.path, sizeof(volumes->file.path), "%s/volumes.json", options->state_dir);
	volumes->handler = loop_handler_add(loop, &handler);
	r = take_up(volumes);
	if (!r)
		r = arm(volumes);
	if (r)
		free(volumes);
	else
		*out = volumes;
	return r;
}

void volumes_freep(struct volumes **volumes)
{
	if (*volumes)
		keep(*volumes);
	free(*volumes);
	*volumes = NULL;
}
