/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the fuzz targets share. Each target defines LLVMFuzzerTestOneInput(): libFuzzer calls it, or in the ordinary
 * build replay.c with the files of the corpus. A target decides with expect(), which stays in every build.
 */
#ifndef BRAID_FUZZ_H
#define BRAID_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

#define expect(condition) ((condition) ? (void)0 : fuzz_fail(__FILE__, __LINE__, #condition))

static inline void fuzz_fail(const char *file, int line, const char *condition)
{
	fprintf(stderr, "%s:%d: expected %s\n", file, line, condition);
	abort();
}

/* The bytes in a block of their own, so that a sanitizer sees a read beyond their end. To be freed. */
static inline uint8_t *fuzz_copy(const void *bytes, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);

	expect(copy);
	if (n)
		memcpy(copy, bytes, n);
	return copy;
}

/* How many more bytes come with the next read: 1 to 256, drawn from the state, which the input seeds. */
static inline size_t fuzz_piece(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return (*state >> 24 & 1 ? 1 : 1 + (*state >> 16 & 0xff));
}

/* How many have come with the next read, of n in all, where n_fed have come before. */
static inline size_t fuzz_more(size_t n_fed, size_t n, uint32_t *state)
{
	size_t n_piece = fuzz_piece(state);

	return n - n_fed < n_piece ? n : n_fed + n_piece;
}

#endif
