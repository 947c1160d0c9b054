/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/table.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "base/util.h"

#define GAP 2

void table_begin(struct table *table, const char *const *headers, size_t n_columns)
{
	assert(n_columns <= TABLE_COLUMNS);
	*table = (struct table){ .headers = headers, .n_columns = n_columns };
}

char (*table_row(struct table *table))[TABLE_CELL_BYTES]
{
	void *more = reallocarray(table->cells, (table->n_rows + 1) * table->n_columns, TABLE_CELL_BYTES);

	if (!more)
		return NULL;
	table->cells = more;
	memset(table->cells[table->n_rows * table->n_columns], 0, table->n_columns * TABLE_CELL_BYTES);
	return &table->cells[table->n_rows++ * table->n_columns];
}

static bool at_right(const struct table *table, size_t column)
{
	return table->headers[column][0] == '>';
}

static const char *title(const struct table *table, size_t column)
{
	return table->headers[column] + at_right(table, column);
}

/* Characters, not bytes: UTF-8's following bytes take no place. */
static int width_of(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += (*text & 0xc0) != 0x80;
	return n;
}

static void print_cell(const struct table *table, size_t column, const char *text, int width, FILE *out)
{
	int n_spaces = width - width_of(text), gap = column + 1 < table->n_columns ? GAP : 0;

	if (at_right(table, column))
		fprintf(out, "%*s%s%*s", n_spaces, "", text, gap, "");
	else
		fprintf(out, "%s%*s", text, gap ? n_spaces + gap : 0, "");
}

void table_end(struct table *table, FILE *out)
{
	int widths[TABLE_COLUMNS];

	for (size_t c = 0; c < table->n_columns; c++) {
		widths[c] = width_of(title(table, c));
		for (size_t r = 0; r < table->n_rows; r++) {
			int width = width_of(table->cells[r * table->n_columns + c]);

			widths[c] = width > widths[c] ? width : widths[c];
		}
	}
	for (size_t c = 0; c < table->n_columns; c++)
		print_cell(table, c, title(table, c), widths[c], out);
	fputc('\n', out);
	for (size_t r = 0; r < table->n_rows; r++) {
		for (size_t c = 0; c < table->n_columns; c++)
			print_cell(table, c, table->cells[r * table->n_columns + c], widths[c], out);
		fputc('\n', out);
	}
	free(table->cells);
}

const char *table_bytes(uint64_t n_bytes, char out[TABLE_CELL_BYTES])
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };
	double n = (double)n_bytes;
	size_t unit = 0;

	while (n >= 999.5 && unit + 1 < ARRAY_SIZE(units)) {
		n /= 1000;
		unit++;
	}
	snprintf(out, TABLE_CELL_BYTES, unit && n < 99.95 ? "%.1f %s" : "%.0f %s", n, units[unit]);
	return out;
}

const char *table_seconds(double seconds, char out[TABLE_CELL_BYTES])
{
	static const struct {
		double most, unit_s;
		const char *unit;
	} steps[] = { { 120, 1, "s" }, { 7200, 60, "min" }, { 172800, 3600, "h" }, { INFINITY, 86400, "d" } };
	size_t i = 0;

	while (i + 1 < ARRAY_SIZE(steps) && seconds >= steps[i].most)
		i++;
	snprintf(out, TABLE_CELL_BYTES, seconds < 9.95 ? "%.1f %s" : "%.0f %s", seconds / steps[i].unit_s,
		 steps[i].unit);
	return out;
}
