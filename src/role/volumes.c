/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/volumes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/util.h"

#define KEEP_US (10 * US_PER_S)
#define PATH_BYTES 160               /* state_dir is shorter */
#define WARNING_BYTES 320
#define FORMAT 1

struct volumes {
	struct loop *loop;
	struct volumes_options options;
	uint8_t handler;
	char path[PATH_BYTES];
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

static int write_draft(const char *draft, const char *text)
{
	_cleanup_(fd_closep) int fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	size_t n = strlen(text);
	ssize_t n_written;

	if (fd < 0)
		return -errno;
	n_written = write(fd, text, n);
	if (n_written >= 0 && n_written != (ssize_t)n)
		return -ENOSPC;
	return n_written < 0 || fdatasync(fd) ? -errno : 0;   /* before the name changes: the old one is whole */
}

static int write_file(const struct volumes *volumes)
{
	json_t *subscribers = subscribers_volumes(volumes->options.subscribers);
	json_t *all = subscribers ? json_pack("{s:i, s:o}", "format", FORMAT, "subscribers", subscribers) : NULL;
	_cleanup_(freep) char *text = json_dumps(all, JSON_INDENT(1) | JSON_SORT_KEYS);
	char draft[PATH_BYTES + 8];
	int r;

	json_decref(all);
	if (!text)
		return -ENOMEM;
	snprintf(draft, sizeof(draft), "%s.new", volumes->path);
	r = write_draft(draft, text);
	return r ? r : rename(draft, volumes->path) ? -errno : 0;
}

static void keep(struct volumes *volumes)
{
	uint64_t total_bytes = subscribers_total_bytes(volumes->options.subscribers);
	int r;

	subscribers_turn(volumes->options.subscribers);
	if (total_bytes == volumes->kept_bytes)
		return;
	r = write_file(volumes);
	if (r && !volumes->failing)
		warn(volumes, "cannot write %s: %s; after a restart subscribers' volumes begin at what was written last", volumes->path, strerror(-r));
	volumes->failing = r;
	if (!r)
		volumes->kept_bytes = total_bytes;
}

/* NULL: it isn't one that we wrote, and *reason says how. */
static json_t *read_file(const char *path, char *reason, size_t n_reason)
{
	json_error_t error;
	json_t *all = json_load_file(path, JSON_REJECT_DUPLICATES, &error), *subscribers;
	int format;

	if (!all) {
		snprintf(reason, n_reason, "line %d: %s", error.line, error.text);
		return NULL;
	}
	if (json_unpack(all, "{s:i, s:O}", "format", &format, "subscribers", &subscribers)) {
		snprintf(reason, n_reason, "it is no file of volumes");
		subscribers = NULL;
	} else if (format != FORMAT) {
		snprintf(reason, n_reason, "found format %d, wanted %d", format, FORMAT);
		json_decref(subscribers);
		subscribers = NULL;
	}
	json_decref(all);
	return subscribers;
}

/* 0, whatever is in the file; or -ENOMEM. */
static int take_up(struct volumes *volumes)
{
	char reason[200] = "it is no list of subscribers", aside[PATH_BYTES + 8];
	json_t *subscribers;
	int r = SUBSCRIBERS_E_VOLUMES;

	if (access(volumes->path, F_OK)) {
		if (errno != ENOENT)
			warn(volumes, "cannot look for %s: %s; subscribers' volumes begin at 0", volumes->path, strerror(errno));
		return 0;
	}
	subscribers = read_file(volumes->path, reason, sizeof(reason));
	if (subscribers)
		r = subscribers_resume(volumes->options.subscribers, subscribers);
	json_decref(subscribers);
	if (r == SUBSCRIBERS_E_LATER) {
		warn(volumes, "%s has volumes of a later date than today's: is the clock wrong? They are kept, and count when that date comes", volumes->path);
		return 0;
	}
	if (r != SUBSCRIBERS_E_VOLUMES)
		return r;
	snprintf(aside, sizeof(aside), "%s.bad", volumes->path);
	warn(volumes, "cannot use %s: %s; subscribers' volumes begin at 0, and the file is kept as %s", volumes->path, reason, aside);
	rename(volumes->path, aside);
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
	snprintf(volumes->path, sizeof(volumes->path), "%s/volumes.json", options->state_dir);
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
