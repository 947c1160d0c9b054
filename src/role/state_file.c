/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/util.h"

#define SUFFIX_BYTES 8
#define REASON_BYTES 200

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

static int write_whole(const struct state_file *file, json_t *kept)
{
	json_t *all = kept ? json_pack("{s:i, s:o}", "format", file->format, file->name, kept) : NULL;
	_cleanup_(freep) char *text = json_dumps(all, JSON_INDENT(1) | JSON_SORT_KEYS);
	char draft[STATE_FILE_PATH_BYTES + SUFFIX_BYTES];
	int r;

	json_decref(all);
	if (!text)
		return -ENOMEM;
	snprintf(draft, sizeof(draft), "%s.new", file->path);
	r = write_draft(draft, text);
	return r ? r : rename(draft, file->path) ? -errno : 0;
}

bool state_file_keep(struct state_file *file, json_t *kept)
{
	int r = write_whole(file, kept);

	if (r && !file->failing)
		warning_say(&file->sink, "cannot write %s: %s; after a restart %s begin at what was written last",
			    file->path, strerror(-r), file->what);
	file->failing = r;
	return !r;
}

void state_file_reject(const struct state_file *file, const char *reason)
{
	char aside[STATE_FILE_PATH_BYTES + SUFFIX_BYTES];

	warning_say(&file->sink, "cannot use %s: %s; %s begin at 0, and the file is kept as %s.bad", file->path, reason,
		    file->what, file->path);
	snprintf(aside, sizeof(aside), "%s.bad", file->path);
	rename(file->path, aside);
}

/* NULL: it isn't one that we wrote, and reason says how. */
static json_t *read_whole(const struct state_file *file, char *reason, size_t n_reason)
{
	json_error_t error;
	json_t *all = json_load_file(file->path, JSON_REJECT_DUPLICATES, &error), *kept = NULL;
	int format;

	if (!all)
		snprintf(reason, n_reason, "line %d: %s", error.line, error.text);
	else if (json_unpack(all, "{s:i, s:O}", "format", &format, file->name, &kept))
		snprintf(reason, n_reason, "it has no '%s'", file->name);
	else if (format != file->format)
		snprintf(reason, n_reason, "found format %d, wanted %d", format, file->format);
	else {
		json_decref(all);
		return kept;
	}
	json_decref(kept);
	json_decref(all);
	return NULL;
}

json_t *state_file_take_up(const struct state_file *file)
{
	char reason[REASON_BYTES];
	json_t *kept;

	if (access(file->path, F_OK)) {
		if (errno != ENOENT)
			warning_say(&file->sink, "cannot look for %s: %s; %s begin at 0", file->path, strerror(errno),
				    file->what);
		return NULL;
	}
	kept = read_whole(file, reason, sizeof(reason));
	if (!kept)
		state_file_reject(file, reason);
	return kept;
}
