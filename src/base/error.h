/* SPDX-License-Identifier: MIT */
/*
 * Errors come in three kinds. 0: fine. Negative errno: fatal for the operation, handed up unchanged.
 * Positive MODULE_E_*: an outcome that the header of the module names and that its direct caller handles.
 */
#ifndef BRAID_BASE_ERROR_H
#define BRAID_BASE_ERROR_H

/* Hands up what the caller cannot handle: 0 and negative stay, an unforeseen positive becomes -ENOTRECOVERABLE. */
int error_fold(int error);

#endif
