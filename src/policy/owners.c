/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/owners.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "policy/source_address.h"

static bool is_v4(const struct prefix *prefix)
{
	struct address first = { 0 };

	memcpy(first.ip, prefix->ip, sizeof(first.ip));
	return address_is_v4(&first) && prefix->n_bits >= 96;
}

/* IPv6 in front of IPv4: ::/0 does not mean IPv4. */
static int order_of_first(const struct prefix *prefix, const uint8_t ip[16], bool v4)
{
	bool prefix_v4 = is_v4(prefix);

	return prefix_v4 != v4 ? (int)prefix_v4 - (int)v4 : memcmp(prefix->ip, ip, sizeof(prefix->ip));
}

/* The wider one first where two begin alike, so that what one holds stands behind it. */
static int order(const void *a, const void *b)
{
	const struct prefix *one = &((const struct owned *)a)->prefix, *other = &((const struct owned *)b)->prefix;
	int r = order_of_first(one, other->ip, is_v4(other));

	return r ? r : (int)one->n_bits - (int)other->n_bits;
}

void owners_sort(struct owned *list, size_t n)
{
	if (n)
		qsort(list, n, sizeof(*list), order);
}

/* Prefixes hold each other or have nothing in common: if one holds another, it holds the next in the order. */
const struct owned *owners_overlap(const struct owned *list, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (is_v4(&list[i - 1].prefix) == is_v4(&list[i].prefix) &&
		    source_prefixes_overlap(&list[i - 1].prefix, &list[i].prefix))
			return &list[i];
	return NULL;
}

const struct owned *owners_find(const struct owned *list, size_t n, const struct address *address)
{
	size_t first = 0, end = n;

	while (first < end) {   /* the first that begins behind the address */
		size_t middle = first + (end - first) / 2;

		if (order_of_first(&list[middle].prefix, address->ip, address_is_v4(address)) <= 0)
			first = middle + 1;
		else
			end = middle;
	}
	return first && prefix_contains(&list[first - 1].prefix, address) ? &list[first - 1] : NULL;
}
