/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the programs have alike that replay a recorded trace (tests/golden/README.md), line by line: each line is to be
 * what its program sees, and with GOLDEN_UPDATE=1 in the environment becomes that, and the file is written anew. A
 * program has its own replay_line() and put_figures().
 */
#ifndef BRAID_TESTS_UNIT_TRACE_H
#define BRAID_TESTS_UNIT_TRACE_H

#include "unit.h"

#define TRACE_LINES_MOST 2000
#define TRACE_LINE_BYTES 2048
#define TRACE_FIGURES_BYTES 128

static const char *path;
static bool updates;
static char lines[TRACE_LINES_MOST][TRACE_LINE_BYTES];
static size_t n_lines;

/* One line that is neither empty nor a comment. */
static void replay_line(size_t i);

/* What all lines together have shown, for the line that begins with "# shows ". */
static void put_figures(char out[TRACE_FIGURES_BYTES]);

static int read_file(void)
{
	FILE *file = fopen(path, "r");

	if (!file)
		return -1;
	while (n_lines < TRACE_LINES_MOST && fgets(lines[n_lines], TRACE_LINE_BYTES, file)) {
		lines[n_lines][strcspn(lines[n_lines], "\n")] = '\0';
		n_lines++;
	}
	return fclose(file);
}

static void write_file(void)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	for (size_t i = 0; i < n_lines; i++)
		fprintf(file, "%s\n", lines[i]);
	assert_int_equal(fclose(file), 0);
}

static void expect_line(size_t i, const char *seen)
{
	if (updates)
		snprintf(lines[i], TRACE_LINE_BYTES, "%s", seen);
	if (strcmp(lines[i], seen))
		fail_msg("%s:%zu: expected\n  %s\nsaw\n  %s", path, i + 1, lines[i], seen);
}

static void test_replay(void **state)
{
	char figures[TRACE_FIGURES_BYTES], seen[TRACE_FIGURES_BYTES + sizeof("# shows ")];
	size_t shows = SIZE_MAX;

	assert_true(n_lines > 0 && n_lines < TRACE_LINES_MOST);
	for (size_t i = 0; i < n_lines; i++) {
		if (!strncmp(lines[i], "# shows ", 8))
			shows = i;
		else if (lines[i][0] && lines[i][0] != '#')
			replay_line(i);
	}
	assert_true(shows != SIZE_MAX);
	put_figures(figures);
	snprintf(seen, sizeof(seen), "# shows %s", figures);
	expect_line(shows, seen);
	if (updates)
		write_file();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_replay) };

	if (argc != 2)
		return 2;
	path = argv[1];
	updates = getenv("GOLDEN_UPDATE");
	if (read_file()) {
		fprintf(stderr, "cannot read %s\n", path);
		return 2;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
