/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses and prefixes written as text, and the two of a subflow, for tests. */
#ifndef BRAID_TESTS_UNIT_ADDRESS_H
#define BRAID_TESTS_UNIT_ADDRESS_H

#include "base/address.h"
#include "unit.h"

static inline struct address unit_address(const char *text)
{
	struct address a = { .port = 0 };

	if (address_parse(&a, text, 0))
		fail_msg("expected an address, saw '%s'", text);
	return a;
}

static inline struct prefix unit_prefix(const char *text)
{
	struct prefix p = { .n_bits = 0 };

	if (prefix_parse(&p, text))
		fail_msg("expected a prefix, saw '%s'", text);
	return p;
}

/* What tells the subflow of that number from the others of its leg. */
static inline void unit_ends(struct address *local, struct address *remote, size_t number)
{
	local->port = (uint16_t)(1000 + number);
	remote->port = 5124;
}

static inline void unit_expect_address(const char *what, const char *expected, const struct address *seen)
{
	char text[ADDRESS_TEXT_BYTES];

	if (strcmp(expected, address_format(seen, text)))
		fail_msg("%s: expected %s, saw %s", what, expected, text);
}

#endif
