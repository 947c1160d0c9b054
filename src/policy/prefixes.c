/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/prefixes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define V4_MAPPED_BITS 96

static uint32_t v4_of(const uint8_t ip[16])
{
	return (uint32_t)ip[12] << 24 | (uint32_t)ip[13] << 16 | (uint32_t)ip[14] << 8 | ip[15];
}

static bool is_v4(const struct prefix *prefix)
{
	struct address a = { .port = 0 };

	memcpy(a.ip, prefix->ip, sizeof(a.ip));
	return prefix->n_bits >= V4_MAPPED_BITS && address_is_v4(&a);
}

static int compare_v4(const void *a, const void *b)
{
	const struct prefixes_v4 *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

static int compare_v6(const void *a, const void *b)
{
	return memcmp(((const struct prefixes_v6 *)a)->first, ((const struct prefixes_v6 *)b)->first, 16);
}

static struct prefixes_v4 range_v4(const struct prefix *prefix)
{
	uint32_t first = v4_of(prefix->ip);
	unsigned int n_bits = prefix->n_bits - V4_MAPPED_BITS;

	return (struct prefixes_v4){ first, n_bits ? first | (uint32_t)((1ull << (32 - n_bits)) - 1) : UINT32_MAX };
}

static struct prefixes_v6 range_v6(const struct prefix *prefix)
{
	struct prefixes_v6 range;

	memcpy(range.first, prefix->ip, 16);
	memcpy(range.last, prefix->ip, 16);
	for (unsigned int bit = prefix->n_bits; bit < 128; bit++)
		range.last[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	return range;
}

/* Whether b, which doesn't begin before a, overlaps it or begins right behind it. */
static bool joins_v6(const struct prefixes_v6 *a, const struct prefixes_v6 *b)
{
	uint8_t next[16];
	size_t i = 16;

	memcpy(next, a->last, 16);
	while (i && ++next[i - 1] == 0)
		i--;
	return !i || memcmp(b->first, next, 16) <= 0;   /* !i: a ends with the last address there is */
}

static size_t merge_v4(struct prefixes_v4 *all, size_t n)
{
	size_t n_kept = 0;

	qsort(all, n, sizeof(*all), compare_v4);
	for (size_t i = 0; i < n; i++) {
		struct prefixes_v4 *last = n_kept ? &all[n_kept - 1] : NULL;

		if (!last || (uint64_t)last->last + 1 < all[i].first)
			all[n_kept++] = all[i];
		else if (last->last < all[i].last)
			last->last = all[i].last;
	}
	return n_kept;
}

static size_t merge_v6(struct prefixes_v6 *all, size_t n)
{
	size_t n_kept = 0;

	qsort(all, n, sizeof(*all), compare_v6);
	for (size_t i = 0; i < n; i++) {
		struct prefixes_v6 *last = n_kept ? &all[n_kept - 1] : NULL;

		if (!last || !joins_v6(last, &all[i]))
			all[n_kept++] = all[i];
		else if (memcmp(last->last, all[i].last, 16) < 0)
			memcpy(last->last, all[i].last, 16);
	}
	return n_kept;
}

int prefixes_make(struct prefixes *out, const struct prefix *all, size_t n)
{
	size_t n_v4 = 0;

	*out = (struct prefixes){ 0 };
	for (size_t i = 0; i < n; i++)
		n_v4 += is_v4(&all[i]);
	if (n_v4)
		out->v4 = calloc(n_v4, sizeof(*out->v4));
	if (n > n_v4)
		out->v6 = calloc(n - n_v4, sizeof(*out->v6));
	if ((n_v4 && !out->v4) || (n > n_v4 && !out->v6)) {
		prefixes_end(out);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		if (is_v4(&all[i]))
			out->v4[out->n_v4++] = range_v4(&all[i]);
		else
			out->v6[out->n_v6++] = range_v6(&all[i]);
	}
	if (out->n_v4)
		out->n_v4 = merge_v4(out->v4, out->n_v4);
	if (out->n_v6)
		out->n_v6 = merge_v6(out->v6, out->n_v6);
	return 0;
}

void prefixes_end(struct prefixes *prefixes)
{
	free(prefixes->v4);
	free(prefixes->v6);
	*prefixes = (struct prefixes){ 0 };
}

bool prefixes_have_v4(const struct prefixes *prefixes, const struct prefixes_v4 *range)
{
	size_t low = 0, high = prefixes->n_v4;

	while (low < high) {   /* the last that doesn't begin behind ours is before low */
		size_t middle = low + (high - low) / 2;

		if (prefixes->v4[middle].first <= range->first)
			low = middle + 1;
		else
			high = middle;
	}
	return low && prefixes->v4[low - 1].last >= range->last;
}

bool prefixes_have_v6(const struct prefixes *prefixes, const struct prefixes_v6 *range)
{
	size_t low = 0, high = prefixes->n_v6;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (memcmp(prefixes->v6[middle].first, range->first, 16) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low && memcmp(prefixes->v6[low - 1].last, range->last, 16) >= 0;
}

bool prefixes_have(const struct prefixes *prefixes, const struct address *address)
{
	struct prefixes_v6 six;

	if (address_is_v4(address))
		return prefixes_have_v4(prefixes, &(struct prefixes_v4){ v4_of(address->ip), v4_of(address->ip) });
	memcpy(six.first, address->ip, 16);
	memcpy(six.last, address->ip, 16);
	return prefixes_have_v6(prefixes, &six);
}
