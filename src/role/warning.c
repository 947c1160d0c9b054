/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/warning.h"

#include <stdarg.h>
#include <stdio.h>

#define WARNING_BYTES 400

void warning_say(const struct warning_sink *sink, const char *format, ...)
{
	char text[WARNING_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	sink->on_warning(sink->context, text);
}
