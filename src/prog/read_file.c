/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "prog/read_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

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
