/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Room for the frames under way: slots of one size, the one given back last is lent first. Memory is taken from the
 * system when it is first used, the bound is fixed. */
#ifndef BRAID_LAB_POOL_H
#define BRAID_LAB_POOL_H

#include <stddef.h>
#include <stdint.h>

#define POOL_NONE UINT32_MAX

struct pool {
	uint8_t *bytes;
	uint32_t *given_back;
	size_t slot_bytes;
	uint32_t n_slots, n_touched, n_given_back;
};

/* 0 or negative errno. */
int pool_init(struct pool *pool, size_t n_bytes, size_t slot_bytes);
void pool_deinit(struct pool *pool);

/* A slot or POOL_NONE. */
uint32_t pool_lend(struct pool *pool);
void pool_give_back(struct pool *pool, uint32_t slot);

static inline uint8_t *pool_at(const struct pool *pool, uint32_t slot)
{
	return pool->bytes + slot * pool->slot_bytes;
}

#endif
