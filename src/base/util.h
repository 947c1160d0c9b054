/* SPDX-License-Identifier: MIT */
/* Small helpers that every layer uses: array sizes, bounds, clean-up at the end of a scope. */
#ifndef BRAID_BASE_UTIL_H
#define BRAID_BASE_UTIL_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* Runs FN(&variable) when the variable leaves its scope. */
#define _cleanup_(fn) __attribute__((cleanup(fn)))

static inline size_t size_min(size_t a, size_t b) { return a < b ? a : b; }
static inline size_t size_max(size_t a, size_t b) { return a > b ? a : b; }
static inline uint64_t u64_min(uint64_t a, uint64_t b) { return a < b ? a : b; }
static inline uint64_t u64_max(uint64_t a, uint64_t b) { return a > b ? a : b; }

/* For _cleanup_: frees what the pointer points to; NULL is fine. */
static inline void freep(void *pointer) { free(*(void **)pointer); }

/* For _cleanup_: closes the descriptor unless it is negative. */
static inline void fd_closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* Hands the descriptor over: the caller's variable is -1 afterwards. */
static inline int fd_take(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#endif
