/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "prog/read_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/util.h"

#define FILE_MOST_BYTES (16u << 20)
#define MARK "\xef\xbb\xbf"   /* what some editors begin a text in UTF-8 with; it says nothing */

static void take_mark_away(char *text, size_t *n)
{
	if (*n < strlen(MARK) || memcmp(text, MARK, strlen(MARK)))
		return;
	*n -= strlen(MARK);
	memmove(text, text + strlen(MARK), *n);
}

char *read_file(const char *path, size_t *n)
{
	FILE *file = fopen(path, "re");
	char *text = file ? malloc(FILE_MOST_BYTES) : NULL;

	if (text)
		*n = fread(text, 1, FILE_MOST_BYTES, file);
	if (text && (ferror(file) || *n == FILE_MOST_BYTES)) {
		errno = ferror(file) ? errno : EFBIG;
		free(text);
		text = NULL;
	}
	if (text)
		take_mark_away(text, n);
	if (file)
		fclose(file);
	return text;
}

bool is_for_all(const char *path)
{
	const char *slash = strrchr(path, '/');
	_cleanup_(freep) char *folder = !slash ? strdup(".") : strndup(path, slash > path ? (size_t)(slash - path) : 1);
	struct stat file_is, folder_is;

	return folder && !stat(path, &file_is) && !stat(folder, &folder_is) && file_is.st_mode & S_IROTH &&
	       folder_is.st_mode & S_IXOTH;
}

char *read_named_file(void *context, const char *path, size_t *n, char *reason, size_t n_reason)
{
	char *text = read_file(path, n);

	if (!text)
		snprintf(reason, n_reason, "%s", strerror(errno));
	return text;
}
