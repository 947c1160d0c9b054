/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Token buckets: so many a second, and a burst of so many after a while of quiet. A bucket is one number, the instant
 * at which it is full again, so that threads can share it without a lock: whoever takes computes the next instant, and
 * puts it in place of the one it saw. Pure.
 */
#ifndef BRAID_POLICY_BUCKET_H
#define BRAID_POLICY_BUCKET_H

#include <stdint.h>

#define BUCKET_PER_S_MOST 18000000000ull   /* of per_s and of what is taken at once: products of either with 10^9 fit
					    * 64 bits */

struct bucket_limit {
	uint64_t per_s;              /* 1..BUCKET_PER_S_MOST */
	uint64_t burst;              /* that a full bucket holds; not 0 */
};

/* What may be taken now, in whole tokens. full_at_ns: the bucket; 0: full. */
uint64_t bucket_level(uint64_t full_at_ns, const struct bucket_limit *limit, uint64_t now_us);

/* The bucket after n were taken. May be more than there was: what comes next pays for it. */
uint64_t bucket_take(uint64_t full_at_ns, const struct bucket_limit *limit, uint64_t now_us, uint64_t n);

/* When n may be taken, n being no more than the burst; now_us or later. */
uint64_t bucket_ready_at_us(uint64_t full_at_ns, const struct bucket_limit *limit, uint64_t now_us, uint64_t n);

/* Bytes that are to pass at so many a second: how much one of many transfers moves at a time, and the bucket that
 * all of them take from. */
uint64_t bucket_quantum_bytes(uint64_t per_s);
struct bucket_limit bucket_of_bytes(uint64_t per_s);

#endif
