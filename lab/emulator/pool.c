/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pool.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

int pool_init(struct pool *pool, size_t n_bytes, size_t slot_bytes)
{
	*pool = (struct pool){ .slot_bytes = slot_bytes, .n_slots = (uint32_t)(n_bytes / slot_bytes) };
	pool->given_back = calloc(pool->n_slots, sizeof(*pool->given_back));
	if (!pool->given_back)
		return -ENOMEM;
	pool->bytes = mmap(NULL, pool->n_slots * slot_bytes, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (pool->bytes != MAP_FAILED)
		return 0;
	pool->bytes = NULL;
	pool_deinit(pool);
	return -ENOMEM;
}

void pool_deinit(struct pool *pool)
{
	if (pool->bytes)
		munmap(pool->bytes, pool->n_slots * pool->slot_bytes);
	free(pool->given_back);
	*pool = (struct pool){ 0 };
}

uint32_t pool_lend(struct pool *pool)
{
	if (pool->n_given_back)
		return pool->given_back[--pool->n_given_back];
	return pool->n_touched < pool->n_slots ? pool->n_touched++ : POOL_NONE;
}

void pool_give_back(struct pool *pool, uint32_t slot)
{
	pool->given_back[pool->n_given_back++] = slot;
}
