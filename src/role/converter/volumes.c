/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/converter/volumes.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/util.h"
#include "role/state_file.h"

#define KEEP_US (10 * US_PER_S)
#define WARNING_BYTES 320
#define FORMAT 1

struct volumes {
	struct loop *loop;
	struct volumes_options options;
	uint8_t handler;
	struct state_file file;
	uint64_t kept_bytes;             /* the total when the file was written */
	bool failing;                    /* to write; told once */
};

static void __attribute__((format(printf, 2, 3))) warn(const struct volumes *volumes, const char *format, ...)
{
	char text[WARNING_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	volumes->options.on_warning(volumes->options.context, text);
}

static void keep(struct volumes *volumes)
{
	uint64_t total_bytes = subscribers_total_bytes(volumes->options.subscribers);
	int r;

	subscribers_turn(volumes->options.subscribers);
	if (total_bytes == volumes->kept_bytes)
		return;
	r = state_file_write(&volumes->file, subscribers_volumes(volumes->options.subscribers));
	if (r && !volumes->failing)
		warn(volumes, "cannot write %s: %s; after a restart subscribers' volumes begin at what was written last", volumes->file.path, strerror(-r));
	volumes->failing = r;
	if (!r)
		volumes->kept_bytes = total_bytes;
}

/* 0, whatever is in the file; or -ENOMEM. */
static int take_up(struct volumes *volumes)
{
	char reason[200] = "it is no list of subscribers";
	json_t *subscribers = NULL;
	int r = state_file_read(&volumes->file, &subscribers, reason, sizeof(reason));

	if (r == STATE_FILE_E_NONE)
		return 0;
	if (r < 0) {
		warn(volumes, "cannot look for %s: %s; subscribers' volumes begin at 0", volumes->file.path, strerror(-r));
		return 0;
	}
	r = r ? SUBSCRIBERS_E_VOLUMES : subscribers_resume(volumes->options.subscribers, subscribers);
	json_decref(subscribers);
	if (r == SUBSCRIBERS_E_LATER) {
		warn(volumes, "%s has volumes of a later date than today's: is the clock wrong? They are kept, and count when that date comes", volumes->file.path);
		return 0;
	}
	if (r != SUBSCRIBERS_E_VOLUMES)
		return r;
	warn(volumes, "cannot use %s: %s; subscribers' volumes begin at 0, and the file is kept as %s.bad", volumes->file.path, reason, volumes->file.path);
	state_file_put_aside(&volumes->file);
	return 0;
}

static int arm(struct volumes *volumes)
{
	return loop_timer_at(volumes->loop, loop_now_us(volumes->loop) + KEEP_US, (struct loop_ref){ .handler = volumes->handler });
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
	volumes->file = (struct state_file){ .name = "subscribers", .format = FORMAT };
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
