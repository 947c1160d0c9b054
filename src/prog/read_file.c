/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "prog/read_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MOST_BYTES (16u << 20)

char *read_file(const char *path, size_t *n)
{
	FILE *file = fopen(path, "re");
	char *text = file ? malloc(FILE_MOST_BYTES) : NULL;

	if (text)
		*n = fread(text, 1, FILE_MOST_BYTES, file);
	if (text && (ferror(file) || *n == FILE_MOST_BYTES)) {
		errno = ferror(file) ? EIO : EFBIG;
		free(text);
		text = NULL;
	}
	if (file)
		fclose(file);
	return text;
}

char *read_named_file(void *context, const char *path, size_t *n, char *reason, size_t n_reason)
{
	char *text = read_file(path, n);

	if (!text)
		snprintf(reason, n_reason, "%s", strerror(errno));
	return text;
}
