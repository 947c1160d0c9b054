/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What every unit test includes: cmocka with what it needs, and byte strings written as hex. */
#ifndef BRAID_TESTS_UNIT_H
#define BRAID_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/cursor.h"
#include "base/util.h"

/* A byte string that fits any message. */
struct unit_bytes {
	uint8_t at[2048];
	size_t n;
};

static inline int unit_nibble(char c)
{
	const char *digits = "0123456789abcdef", *found = c ? strchr(digits, c) : NULL;

	return found ? (int)(found - digits) : -1;
}

/* Appends what the text says: lower-case hex digits, spaces between bytes as one likes. */
static inline void unit_hex_add(struct unit_bytes *out, const char *text)
{
	for (; *text; text += 2) {
		while (*text == ' ')
			text++;
		if (!*text)
			return;
		if (unit_nibble(text[0]) < 0 || unit_nibble(text[1]) < 0 || out->n == sizeof(out->at))
			fail_msg("expected hex, saw '%s'", text);
		out->at[out->n++] = (uint8_t)(unit_nibble(text[0]) << 4 | unit_nibble(text[1]));
	}
}

static inline struct unit_bytes unit_hex(const char *text)
{
	struct unit_bytes out = { .n = 0 };

	unit_hex_add(&out, text);
	return out;
}

/* The bytes at the very end of a block of their own, so that a sanitizer sees a read one byte beyond. To be freed. */
static inline uint8_t *unit_copy(const void *bytes, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);

	assert_non_null(copy);
	if (n)
		memcpy(copy, bytes, n);
	return copy;
}

static inline void unit_expect_bytes(const char *what, const char *expected_hex, const void *bytes, size_t n)
{
	struct unit_bytes expected = unit_hex(expected_hex);
	char seen[2 * sizeof(expected.at) + 1] = "";

	for (size_t i = 0; i < n && i < sizeof(expected.at); i++)
		snprintf(seen + 2 * i, 3, "%02x", ((const uint8_t *)bytes)[i]);
	if (n != expected.n || (n && memcmp(bytes, expected.at, n)))
		fail_msg("%s: expected %zu bytes %s, saw %zu bytes %s", what, expected.n, expected_hex, n, seen);
}

#endif
