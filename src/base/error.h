/* SPDX-License-Identifier: MIT */
/*
 * Errors come in three kinds. 0: fine. Negative errno: fatal for the operation, handed up unchanged.
 * Positive MODULE_E_*: an outcome that the header of the module names and that its direct caller handles.
 */
#ifndef BRAID_BASE_ERROR_H
#define BRAID_BASE_ERROR_H

/* Called with every fatal error where it is first seen or passed on, if set; used by tests and by -v -v. */
typedef void (*error_trace_fn)(int error, const char *file, int line);
void error_trace_set(error_trace_fn hook);

int error_trace_at(int error, const char *file, int line);

/* Passes a negative errno on, telling the trace hook where. */
#define error_trace(error) error_trace_at((error), __FILE__, __LINE__)

/* The negative errno of a call that failed just now. */
#define error_errno() error_trace_at(-errno, __FILE__, __LINE__)

/* Hands up what the caller cannot handle: negative stays, an unforeseen positive becomes -ENOTRECOVERABLE. */
int error_fold_at(int error, const char *file, int line);
#define error_fold(error) error_fold_at((error), __FILE__, __LINE__)

#endif
