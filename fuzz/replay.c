/* SPDX-License-Identifier: GPL-2.0-or-later */
/* replay DIRECTORY...: runs a fuzz target over the files of its corpus, each cut at every length as well. */
#include "fuzz.h"

#include <dirent.h>
#include <limits.h>

#define FILE_BYTES 65536

static int replay_file(const char *path)
{
	static uint8_t bytes[FILE_BYTES];
	FILE *file = fopen(path, "rb");
	size_t n;

	if (!file) {
		perror(path);
		return 1;
	}
	n = fread(bytes, 1, sizeof(bytes), file);
	if (ferror(file) || !feof(file)) {
		fprintf(stderr, "%s: can't be read, or is longer than %d bytes\n", path, FILE_BYTES);
		fclose(file);
		return 1;
	}
	fclose(file);
	printf("%s\n", path);
	fflush(stdout);   /* the last line names the culprit */
	for (size_t n_cut = n + 1; n_cut-- > 0;) {
		uint8_t *copy = fuzz_copy(bytes, n_cut);

		LLVMFuzzerTestOneInput(copy, n_cut);
		free(copy);
	}
	return 0;
}

/* How many files, or -1. */
static int replay_directory(const char *path)
{
	struct dirent **names;
	int n_names = scandir(path, &names, NULL, alphasort), n_files = 0, failed = 0;

	if (n_names < 0) {
		perror(path);
		return -1;
	}
	for (int i = 0; i < n_names; i++) {
		char file[PATH_MAX];

		snprintf(file, sizeof(file), "%s/%s", path, names[i]->d_name);
		if (names[i]->d_name[0] != '.') {
			failed |= replay_file(file);
			n_files++;
		}
		free(names[i]);
	}
	free(names);
	return failed ? -1 : n_files;
}

int main(int argc, char **argv)
{
	int n_files = 0;

	for (int i = 1; i < argc; i++) {
		int n = replay_directory(argv[i]);

		if (n <= 0) {
			fprintf(stderr, "%s: expected files to replay, saw %d\n", argv[i], n);
			return 1;
		}
		n_files += n;
	}
	printf("%d inputs replayed\n", n_files);
	return n_files == 0;
}
