/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Counters and gauges by name: a table says which field of a struct of uint64_t counters is what, in one row; the
 * numbers are summed over the threads that count, and written as JSON. Pure.
 */
#ifndef BRAID_METRICS_METRICS_H
#define BRAID_METRICS_METRICS_H

#include <jansson.h>
#include <stddef.h>

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE };   /* only ever grows; goes up and down */

struct metric {
	enum metric_kind kind;
	const char *name;        /* a word in lower case; the unit at its end where it isn't a number of things */
	const char *help;
	size_t offset;           /* of a uint64_t that one thread writes (base/counter.h) */
};

/* Appends to array an object {name, kind, help, value} for each row; value is the sum over the n structs. 0 or
 * -ENOMEM. */
int metrics_append(json_t *array, const struct metric *table, size_t n_rows, const void *const *structs,
		   size_t n_structs);

#endif
