/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an operator is to be told by a part that doesn't know who hears it: the log, `braidctl status`, a test. */
#ifndef BRAID_ROLE_WARNING_H
#define BRAID_ROLE_WARNING_H

struct warning_sink {
	void (*on_warning)(void *context, const char *text);   /* one line */
	void *context;
};

void warning_say(const struct warning_sink *sink, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
