/* SPDX-License-Identifier: MIT */
/* Counters that one thread writes and any thread reads: whole values, no order between them. */
#ifndef BRAID_BASE_COUNTER_H
#define BRAID_BASE_COUNTER_H

#include <stdint.h>

static inline void counter_add(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);   /* one writer: no locked instruction needed */
}

static inline uint64_t counter_read(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

#endif
