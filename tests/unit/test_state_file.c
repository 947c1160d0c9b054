/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is kept is there again; what can't be used stops nobody, and is told. */
#include "unit.h"

#include <errno.h>
#include <sys/stat.h>
#include "role/state_file.h"

struct place {
	struct state_file file;
	char folder[64], bad[200], draft[200];
	unsigned int n_warnings;
	char warning[500];
};

static void on_warning(void *context, const char *text)
{
	struct place *place = context;

	place->n_warnings++;
	snprintf(place->warning, sizeof(place->warning), "%s", text);
}

static void begin(struct place *place)
{
	*place = (struct place){ .file = { .name = "links", .what = "links' volumes", .format = 1,
					   .sink = { on_warning, place } }, .folder = "/tmp/braid-state-XXXXXX" };
	assert_non_null(mkdtemp(place->folder));
	snprintf(place->file.path, sizeof(place->file.path), "%s/kept.json", place->folder);
	snprintf(place->bad, sizeof(place->bad), "%s.bad", place->file.path);
	snprintf(place->draft, sizeof(place->draft), "%s.new", place->file.path);
}

static void leave(const struct place *place)
{
	unlink(place->file.path);
	unlink(place->bad);
	rmdir(place->draft);
	assert_int_equal(rmdir(place->folder), 0);
}

static void write_text(const char *path, const char *text)
{
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	fputs(text, out);
	fclose(out);
}

static void expect_told(struct place *place, const char *format, const char *reason)
{
	char expected[500];

	snprintf(expected, sizeof(expected), format, place->file.path, reason, place->file.path);
	assert_int_equal(place->n_warnings, 1);
	assert_string_equal(place->warning, expected);
	place->n_warnings = 0;
}

static void what_was_kept_is_there_again(void **state)
{
	struct place place;
	json_t *kept;

	begin(&place);
	assert_null(state_file_take_up(&place.file));   /* there is none yet, which is nothing to tell */
	for (int i = 1; i < 3; i++) {
		assert_true(state_file_keep(&place.file, json_pack("{s:i}", "a", i)));
		kept = state_file_take_up(&place.file);
		assert_int_equal(json_integer_value(json_object_get(kept, "a")), i);
		json_decref(kept);
	}
	assert_int_equal(place.n_warnings, 0);
	leave(&place);
}

static void a_file_that_is_not_ours_is_put_aside(void **state)
{
	static const struct {
		const char *text, *reason;
	} rows[] = {
		{ "{\"format\": 1, \"others\": {}}", "it has no 'links'" },
		{ "{\"format\": \"1\", \"links\": {}}", "it has no 'links'" }, { "[]", "it has no 'links'" },
		{ "{\"format\": 2, \"links\": {}}", "found format 2, wanted 1" },
		{ "", "line 1: '[' or '{' expected near end of file" },
	};
	struct place place;

	begin(&place);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		write_text(place.file.path, rows[i].text);
		assert_null(state_file_take_up(&place.file));
		expect_told(&place, "cannot use %s: %s; links' volumes begin at 0, and the file is kept as %s.bad",
			    rows[i].reason);
		assert_int_equal(access(place.bad, F_OK), 0);
		assert_int_equal(access(place.file.path, F_OK), -1);
	}
	write_text(place.file.path, "{\"format\": 1, \"links\": 7}");
	json_decref(state_file_take_up(&place.file));
	assert_int_equal(place.n_warnings, 0);
	state_file_reject(&place.file, "it is no list of links");
	expect_told(&place, "cannot use %s: %s; links' volumes begin at 0, and the file is kept as %s.bad",
		    "it is no list of links");
	assert_int_equal(access(place.file.path, F_OK), -1);
	leave(&place);
}

static void one_that_cannot_be_looked_for_is_told_of(void **state)
{
	struct place place;

	begin(&place);
	assert_int_equal(symlink("kept.json", place.file.path), 0);
	assert_null(state_file_take_up(&place.file));
	expect_told(&place, "cannot look for %s: %s; links' volumes begin at 0", strerror(ELOOP));
	leave(&place);
}

static void what_cannot_be_written_is_told_once(void **state)
{
	struct place place;

	begin(&place);
	assert_int_equal(mkdir(place.draft, 0700), 0);
	for (int turn = 0; turn < 2; turn++) {
		assert_false(state_file_keep(&place.file, json_object()));
		assert_false(state_file_keep(&place.file, json_object()));
		expect_told(&place, "cannot write %s: %s; after a restart links' volumes begin at what was written "
				    "last", strerror(EISDIR));
		rmdir(place.draft);
		assert_true(state_file_keep(&place.file, json_object()));
		mkdir(place.draft, 0700);
	}
	assert_false(state_file_keep(&place.file, NULL));   /* there was no memory for it */
	expect_told(&place, "cannot write %s: %s; after a restart links' volumes begin at what was written last",
		    strerror(ENOMEM));
	leave(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_kept_is_there_again),
		cmocka_unit_test(a_file_that_is_not_ours_is_put_aside),
		cmocka_unit_test(one_that_cannot_be_looked_for_is_told_of),
		cmocka_unit_test(what_cannot_be_written_is_told_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
