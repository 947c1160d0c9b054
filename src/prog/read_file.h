/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A configuration file's bytes, for the programs; the parser itself reads no files. */
#ifndef BRAID_PROG_READ_FILE_H
#define BRAID_PROG_READ_FILE_H

#include <stdbool.h>
#include <stddef.h>

/* Malloc'd; NULL with errno, EFBIG for what is too large to be a configuration (16 MiB). A byte order mark in front
 * is left out. */
char *read_file(const char *path, size_t *n);
/* Whether everybody on this machine may read it, by its own rights and its folder's. */
bool is_for_all(const char *path);
/* read_file() as a struct conf_reader has it, for the files that a configuration names; no context. */
char *read_named_file(void *context, const char *path, size_t *n, char *reason, size_t n_reason);

#endif
