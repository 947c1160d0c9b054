/* SPDX-License-Identifier: MIT */
/*
 * Objects of one size in one array that is sized at the start; memory is touched only as far as it gets used. An object
 * is named by index and generation: once it was given back, its old name finds nothing.
 */
#ifndef BRAID_BASE_SLAB_H
#define BRAID_BASE_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLAB_NONE UINT32_MAX

struct slab {
	uint8_t *slots;
	size_t slot_bytes;       /* with the head */
	uint32_t n_most;
	uint32_t n_touched;      /* slots from here on were never used */
	uint32_t n_taken;
	uint32_t free_first;
};

struct slab_name {
	uint32_t index;
	uint16_t generation;
};

int slab_init(struct slab *slab, size_t object_bytes, uint32_t n_most);   /* 0 or -ENOMEM */
void slab_fini(struct slab *slab);
/* A zeroed object, or NULL where all are taken. */
void *slab_take(struct slab *slab);
bool slab_has_place(const struct slab *slab);
/* NULL where the name is stale. */
void *slab_get(const struct slab *slab, struct slab_name name);
/* The taken object at the index, or NULL: for walking over all, up to n_touched. */
void *slab_at(const struct slab *slab, uint32_t index);
struct slab_name slab_name_of(const struct slab *slab, const void *object);
void slab_give(struct slab *slab, void *object);

#endif
