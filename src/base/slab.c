/* SPDX-License-Identifier: MIT */
#include "base/slab.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct head {
	uint32_t next;           /* in the free list */
	uint16_t generation;
	bool taken;
};

static_assert(sizeof(struct head) == 8, "objects behind the head are aligned to 8 bytes");

static struct head *head_at(const struct slab *slab, uint32_t index)
{
	return (struct head *)(void *)(slab->slots + (size_t)index * slab->slot_bytes);
}

static struct head *head_of(const void *object)
{
	return (struct head *)object - 1;
}

int slab_init(struct slab *slab, size_t object_bytes, uint32_t n_most)
{
	*slab = (struct slab){ .n_most = n_most, .free_first = SLAB_NONE };
	slab->slot_bytes = (sizeof(struct head) + object_bytes + 7) & ~(size_t)7;
	slab->slots = calloc(n_most, slab->slot_bytes);
	return slab->slots || !n_most ? 0 : -ENOMEM;
}

void slab_fini(struct slab *slab)
{
	free(slab->slots);
	*slab = (struct slab){ .free_first = SLAB_NONE };
}

bool slab_has_place(const struct slab *slab)
{
	return slab->free_first != SLAB_NONE || slab->n_touched < slab->n_most;
}

void *slab_take(struct slab *slab)
{
	uint32_t index = slab->free_first;
	struct head *head;

	if (index != SLAB_NONE)
		slab->free_first = head_at(slab, index)->next;
	else if (slab->n_touched < slab->n_most)
		index = slab->n_touched++;
	else
		return NULL;
	head = head_at(slab, index);
	head->taken = true;
	slab->n_taken++;
	memset(head + 1, 0, slab->slot_bytes - sizeof(*head));
	return head + 1;
}

void *slab_at(const struct slab *slab, uint32_t index)
{
	return index < slab->n_touched && head_at(slab, index)->taken ? head_at(slab, index) + 1 : NULL;
}

void *slab_get(const struct slab *slab, struct slab_name name)
{
	void *object = slab_at(slab, name.index);

	return object && head_of(object)->generation == name.generation ? object : NULL;
}

struct slab_name slab_name_of(const struct slab *slab, const void *object)
{
	size_t offset = (size_t)((const uint8_t *)head_of(object) - slab->slots);

	return (struct slab_name){ (uint32_t)(offset / slab->slot_bytes), head_of(object)->generation };
}

void slab_give(struct slab *slab, void *object)
{
	struct head *head = head_of(object);

	head->taken = false;
	head->generation++;
	head->next = slab->free_first;
	slab->free_first = slab_name_of(slab, object).index;
	slab->n_taken--;
}
