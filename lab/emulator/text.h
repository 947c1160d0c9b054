/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text put together in a buffer of fixed size; what doesn't fit is cut off, the text always ends with a NUL. */
#ifndef BRAID_LAB_TEXT_H
#define BRAID_LAB_TEXT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

struct text {
	char *bytes;
	size_t n_most;
	size_t n;      /* without the NUL; below n_most */
};

#define TEXT_ON(array) { .bytes = (array), .n_most = sizeof(array) }

__attribute__((format(printf, 2, 3)))
static inline void text_add(struct text *text, const char *format, ...)
{
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(text->bytes + text->n, text->n_most - text->n, format, arguments);
	va_end(arguments);
	text->n += (size_t)(n < 0 ? 0 : n);
	if (text->n >= text->n_most)
		text->n = text->n_most - 1;
}

#endif
