/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A configuration file's bytes, for the programs; the parser itself reads no files. */
#ifndef BRAID_PROG_READ_FILE_H
#define BRAID_PROG_READ_FILE_H

#include <stddef.h>

/* Malloc'd; NULL with errno, EFBIG for what is too large to be a configuration (16 MiB). */
char *read_file(const char *path, size_t *n);

#endif
