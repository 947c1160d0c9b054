/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <math.h>
#include "ctl/table.h"

static void expect_table(const char *const *headers, size_t n_columns, const char *const *cells, size_t n_cells,
			 const char *expected)
{
	_cleanup_(freep) char *text = NULL;
	size_t n_text;
	FILE *out = open_memstream(&text, &n_text);
	struct table table;

	table_begin(&table, headers, n_columns);
	for (size_t i = 0; i < n_cells; i += n_columns) {
		char (*row)[TABLE_CELL_BYTES] = table_row(&table);

		assert_non_null(row);
		for (size_t c = 0; c < n_columns; c++)
			if (cells[i + c])   /* NULL: as it came */
				snprintf(row[c], TABLE_CELL_BYTES, "%s", cells[i + c]);
	}
	table_end(&table, out);
	fclose(out);
	if (strcmp(text, expected))
		fail_msg("expected\n%s\nsaw\n%s", expected, text);
}

static void columns_are_as_wide_as_their_widest(void **state)
{
	static const char *const headers[] = { "LINK", ">SENT", "STATE" };
	static const char *const cells[] = { "dsl", "1.5 MB", "up", "a-longer-one", "7 B", "no carrier", NULL, NULL,
					     NULL };

	expect_table(headers, 3, cells, ARRAY_SIZE(cells),
		     "LINK            SENT  STATE\n"
		     "dsl           1.5 MB  up\n"
		     "a-longer-one     7 B  no carrier\n"
		     "                      \n");
}

static void without_rows_the_headers_stand_alone(void **state)
{
	static const char *const headers[] = { ">N", "NAME" };

	expect_table(headers, 2, NULL, 0, "N  NAME\n");
	expect_table(headers, 1, NULL, 0, "N\n");
}

static void width_counts_characters(void **state)
{
	static const char *const headers[] = { "NAME", ">GRÖSSE", "X" };
	static const char *const cells[] = { "Zürich", "1 €", "a", "Bern", "10 €", "b" };

	expect_table(headers, 3, cells, ARRAY_SIZE(cells), "NAME    GRÖSSE  X\n"
							   "Zürich     1 €  a\n"
							   "Bern      10 €  b\n");
}

static void the_last_column_has_no_blanks_behind_it(void **state)
{
	static const char *const left[] = { "A", "LONG HEADER" }, *const right[] = { "A", ">B" };
	static const char *const cells[] = { "1", "x" }, *const wide[] = { "1", "123" };

	expect_table(left, 2, cells, 2, "A  LONG HEADER\n1  x\n");
	expect_table(right, 2, wide, 2, "A    B\n1  123\n");
}

static void many_rows_and_all_columns(void **state)
{
	static const char *const headers[TABLE_COLUMNS] = { "A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L",
							    "M", "N", ">O" };
	_cleanup_(freep) char *text = NULL;
	size_t n_text;
	FILE *out = open_memstream(&text, &n_text);
	struct table table;

	table_begin(&table, headers, TABLE_COLUMNS);
	for (unsigned int i = 0; i < 1000; i++) {
		char (*row)[TABLE_CELL_BYTES] = table_row(&table);

		assert_non_null(row);
		for (size_t c = 0; c < TABLE_COLUMNS; c++)
			assert_string_equal(row[c], "");
		snprintf(row[TABLE_COLUMNS - 1], TABLE_CELL_BYTES, "%u", i);
		memset(row[0], 'x', TABLE_CELL_BYTES - 1);   /* as wide as a cell gets */
	}
	table_end(&table, out);
	fclose(out);
	assert_int_equal(n_text, 1001 * (TABLE_CELL_BYTES - 1 + 2 + 13 * 3 + 3 + 1));
	assert_non_null(strstr(text, "  999\n"));
}

static void bytes_have_three_digits_at_most(void **state)
{
	static const struct { uint64_t n; const char *expected; } cases[] = {
		{ 0, "0 B" }, { 17, "17 B" }, { 999, "999 B" }, { 1000, "1.0 kB" }, { 1049, "1.0 kB" },
		{ 1051, "1.1 kB" }, { 9949, "9.9 kB" }, { 99949, "99.9 kB" }, { 99950, "100 kB" }, { 999499, "999 kB" },
		{ 999500, "1.0 MB" }, { 23400000, "23.4 MB" }, { 999499999, "999 MB" }, { 999500000, "1.0 GB" },
		{ 1000000000000, "1.0 TB" }, { 1500000000000000, "1.5 PB" }, { 999400000000000000, "999 PB" },
		{ UINT64_MAX, "18.4 EB" },
	};
	char text[TABLE_CELL_BYTES];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (strcmp(table_bytes(cases[i].n, text), cases[i].expected))
			fail_msg("%llu bytes: expected '%s', saw '%s'", (unsigned long long)cases[i].n,
				 cases[i].expected, text);
}

static void seconds_take_the_unit_that_reads_well(void **state)
{
	static const struct { double seconds; const char *expected; } cases[] = {
		{ 0, "0.0 s" }, { 0.26, "0.3 s" }, { 9.94, "9.9 s" }, { 9.96, "10 s" }, { 12.4, "12 s" },
		{ 119.4, "119 s" }, { 120, "2 min" }, { 7199, "120 min" }, { 7200, "2 h" }, { 172799, "48 h" },
		{ 172800, "2 d" }, { 86400.0 * 400, "400 d" },
	};
	char text[TABLE_CELL_BYTES];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (strcmp(table_seconds(cases[i].seconds, text), cases[i].expected))
			fail_msg("%g s: expected '%s', saw '%s'", cases[i].seconds, cases[i].expected, text);
}

/* The number comes out of somebody's JSON: it may be anything. */
static void seconds_without_bound_are_days(void **state)
{
	static const double cases[] = { 1e18, 1e300, INFINITY };
	char text[TABLE_CELL_BYTES];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		table_seconds(cases[i], text);
		assert_true(strlen(text) < TABLE_CELL_BYTES);
		if (strlen(text) < TABLE_CELL_BYTES - 1 && !strstr(text, " d"))
			fail_msg("%g s: expected days, saw '%s'", cases[i], text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_are_as_wide_as_their_widest),
		cmocka_unit_test(without_rows_the_headers_stand_alone),
		cmocka_unit_test(width_counts_characters),
		cmocka_unit_test(the_last_column_has_no_blanks_behind_it),
		cmocka_unit_test(many_rows_and_all_columns),
		cmocka_unit_test(bytes_have_three_digits_at_most),
		cmocka_unit_test(seconds_take_the_unit_that_reads_well),
		cmocka_unit_test(seconds_without_bound_are_days),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
