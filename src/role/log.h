/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The log of the daemon: one line an event, written where the event is decided (role, prog) and nowhere deeper.
 * Thread-safe. */
#ifndef BRAID_ROLE_LOG_H
#define BRAID_ROLE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* line has no newline at its end. */
typedef void (*log_sink_fn)(enum log_level level, const char *line);

/* Before there is another thread. */
void log_set_sink(log_sink_fn sink);
void log_set_level(enum log_level most);
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Whether a line of this level would be written: for those that cost something to make. */
bool log_wants(enum log_level level);

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* For what can happen a thousand times a second: one line in ten seconds, the next one says how many were left out. */
struct log_limit {
	uint64_t next_us;
	uint64_t n_left_out;
};

/* Whether to log now; *n_left_out is how many were not logged since the last. now_us: monotonic. */
bool log_limit_pass(struct log_limit *limit, uint64_t now_us, uint64_t *n_left_out);

#endif
