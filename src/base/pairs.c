/* SPDX-License-Identifier: MIT */
#include "base/pairs.h"

#include "base/hash.h"

static const struct address *address_in(const void *object, size_t offset)
{
	return (const void *)((const uint8_t *)object + offset);
}

static uint32_t *next_of(const struct pairs *pairs, void *object)
{
	return (void *)((uint8_t *)object + pairs->fields.next);
}

static uint32_t *bucket_of(const struct pairs *pairs, const struct address *one, const struct address *other)
{
	return &pairs->buckets[hash_place(hash_add_address(hash_add_address(HASH_BEGIN, one), other),
					  pairs->n_buckets)];
}

static uint32_t *bucket_for(const struct pairs *pairs, const void *object)
{
	return bucket_of(pairs, address_in(object, pairs->fields.one), address_in(object, pairs->fields.other));
}

void pairs_init(struct pairs *pairs, const struct slab *slab, struct pairs_fields fields, uint32_t *buckets,
		size_t n_buckets)
{
	*pairs = (struct pairs){ .slab = slab, .buckets = buckets, .n_buckets = n_buckets, .fields = fields };
	for (size_t i = 0; i < n_buckets; i++)
		buckets[i] = SLAB_NONE;
}

void *pairs_find(const struct pairs *pairs, const struct address *one, const struct address *other)
{
	void *object = slab_at(pairs->slab, *bucket_of(pairs, one, other));

	while (object && !(address_equal(address_in(object, pairs->fields.one), one) &&
			   address_equal(address_in(object, pairs->fields.other), other)))
		object = slab_at(pairs->slab, *next_of(pairs, object));
	return object;
}

void pairs_add(struct pairs *pairs, void *object)
{
	uint32_t *first = bucket_for(pairs, object);

	*next_of(pairs, object) = *first;
	*first = slab_name_of(pairs->slab, object).index;
}

bool pairs_remove(struct pairs *pairs, void *object)
{
	uint32_t index = slab_name_of(pairs->slab, object).index;
	uint32_t *at = bucket_for(pairs, object);

	while (*at != SLAB_NONE && *at != index)
		at = next_of(pairs, slab_at(pairs->slab, *at));
	if (*at != index)
		return false;
	*at = *next_of(pairs, object);
	return true;
}
