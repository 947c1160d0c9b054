/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text in columns, for people. */
#ifndef BRAID_CTL_TABLE_H
#define BRAID_CTL_TABLE_H

#include <stdint.h>
#include <stdio.h>

#define TABLE_COLUMNS 15
#define TABLE_CELL_BYTES 96

struct table {
	const char *const *headers;      /* borrowed; one that begins with '>' stands at the right */
	size_t n_columns, n_rows;
	char (*cells)[TABLE_CELL_BYTES]; /* row by row; malloc'd */
};

void table_begin(struct table *table, const char *const *headers, size_t n_columns);
/* One row; its cells are to be filled in by the caller. NULL without memory. */
char (*table_row(struct table *table))[TABLE_CELL_BYTES];
/* Prints and gives back all memory. */
void table_end(struct table *table, FILE *out);

/* "0 B", "17 B", "1.5 kB", "23.4 MB": decimal units, three digits at most. Returns out. */
const char *table_bytes(uint64_t n_bytes, char out[TABLE_CELL_BYTES]);
/* "0.3 s", "12 s", "3 min", "5 h", "12 d". Returns out. */
const char *table_seconds(double seconds, char out[TABLE_CELL_BYTES]);

#endif
