/* SPDX-License-Identifier: MIT */
#include "base/error.h"

#include <errno.h>
#include <stddef.h>

static error_trace_fn trace_hook;

void error_trace_set(error_trace_fn hook)
{
	trace_hook = hook;
}

int error_trace_at(int error, const char *file, int line)
{
	if (trace_hook && error < 0)
		trace_hook(error, file, line);
	return error;
}

int error_fold_at(int error, const char *file, int line)
{
	if (!error)
		return 0;
	return error_trace_at(error < 0 ? error : -ENOTRECOVERABLE, file, line);
}
