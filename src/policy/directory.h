/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finds a place in a list by the fingerprint of what stands there, without walking along the list. Made once, then
 * only read. Pure. */
#ifndef BRAID_POLICY_DIRECTORY_H
#define BRAID_POLICY_DIRECTORY_H

#include <stddef.h>
#include <stdint.h>

#define DIRECTORY_FINGERPRINT_BYTES 8

struct directory_entry {
	uint8_t fingerprint[DIRECTORY_FINGERPRINT_BYTES];
	uint32_t place;
};

/* Sorts the entries in place, so that directory_find() works. Of several of one fingerprint the one of the least
 * place is found. */
void directory_sort(struct directory_entry *entries, size_t n);
/* NULL: there is none. */
const struct directory_entry *directory_find(const struct directory_entry *entries, size_t n,
					     const uint8_t fingerprint[DIRECTORY_FINGERPRINT_BYTES]);

#endif
