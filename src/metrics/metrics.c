/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "metrics/metrics.h"

#include <errno.h>
#include <stdint.h>
#include "base/counter.h"
#include "base/util.h"

static const char *const kind_names[] = { [METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge" };

int metrics_append(json_t *array, const struct metric *table, size_t n_rows, const void *const *structs,
		   size_t n_structs)
{
	for (size_t i = 0; i < n_rows; i++) {
		uint64_t sum = 0;

		for (size_t j = 0; j < n_structs; j++)
			sum += counter_read((const uint64_t *)((const char *)structs[j] + table[i].offset));
		if (json_array_append_new(array, json_pack("{s:s, s:s, s:s, s:I}", "name", table[i].name,
							   "kind", kind_names[table[i].kind],
							   "help", table[i].help, "value", (json_int_t)sum)))
			return -ENOMEM;
	}
	return 0;
}
