/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/log.h"

#include <stdarg.h>
#include <stdio.h>
#include "base/clock.h"

#define LOG_LINE_BYTES 1024
#define LOG_LIMIT_US (10 * US_PER_S)

static log_sink_fn log_sink;
static int log_most = LOG_LEVEL_INFO;   /* atomic: reload changes it under way */

void log_set_sink(log_sink_fn sink)
{
	log_sink = sink;
}

void log_set_level(enum log_level most)
{
	__atomic_store_n(&log_most, (int)most, __ATOMIC_RELAXED);
}

bool log_wants(enum log_level level)
{
	return log_sink && (int)level <= __atomic_load_n(&log_most, __ATOMIC_RELAXED);
}

void log_line(enum log_level level, const char *format, ...)
{
	char line[LOG_LINE_BYTES];
	va_list args;

	if (!log_wants(level))
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	log_sink(level, line);
}

bool log_limit_pass(struct log_limit *limit, uint64_t now_us, uint64_t *n_left_out)
{
	if (now_us < limit->next_us) {
		limit->n_left_out++;
		return false;
	}
	*n_left_out = limit->n_left_out;
	limit->n_left_out = 0;
	limit->next_us = now_us + LOG_LIMIT_US;
	return true;
}
