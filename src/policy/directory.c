/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/directory.h"

#include <stdlib.h>
#include <string.h>

static int order(const void *a, const void *b)
{
	const struct directory_entry *one = a, *other = b;
	int r = memcmp(one->fingerprint, other->fingerprint, sizeof(one->fingerprint));

	return r ? r : (one->place > other->place) - (one->place < other->place);
}

void directory_sort(struct directory_entry *entries, size_t n)
{
	if (n)
		qsort(entries, n, sizeof(*entries), order);
}

const struct directory_entry *directory_find(const struct directory_entry *entries, size_t n,
					     const uint8_t fingerprint[DIRECTORY_FINGERPRINT_BYTES])
{
	size_t from = 0, to = n;

	while (from < to) {   /* the first that isn't less */
		size_t middle = from + (to - from) / 2;

		if (memcmp(entries[middle].fingerprint, fingerprint, DIRECTORY_FINGERPRINT_BYTES) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from < n && !memcmp(entries[from].fingerprint, fingerprint, DIRECTORY_FINGERPRINT_BYTES) ?
	       &entries[from] : NULL;
}
