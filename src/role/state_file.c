/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/util.h"

#define SUFFIX_BYTES 8

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

int state_file_write(const struct state_file *file, json_t *kept)
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

int state_file_read(const struct state_file *file, json_t **kept, char *reason, size_t n_reason)
{
	json_error_t error;
	json_t *all;
	int format;

	if (access(file->path, F_OK))
		return errno == ENOENT ? STATE_FILE_E_NONE : -errno;
	all = json_load_file(file->path, JSON_REJECT_DUPLICATES, &error);
	*kept = NULL;
	if (!all)
		snprintf(reason, n_reason, "line %d: %s", error.line, error.text);
	else if (json_unpack(all, "{s:i, s:O}", "format", &format, file->name, kept))
		snprintf(reason, n_reason, "it has no '%s'", file->name);
	else if (format != file->format)
		snprintf(reason, n_reason, "found format %d, wanted %d", format, file->format);
	else {
		json_decref(all);
		return 0;
	}
	json_decref(*kept);
	json_decref(all);
	*kept = NULL;
	return STATE_FILE_E_BAD;
}

void state_file_put_aside(const struct state_file *file)
{
	char aside[STATE_FILE_PATH_BYTES + SUFFIX_BYTES];

	snprintf(aside, sizeof(aside), "%s.bad", file->path);
	rename(file->path, aside);
}
