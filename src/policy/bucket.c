/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/bucket.h"

#define NS_PER_S 1000000000ull
#define NS_PER_US 1000ull
#define QUANTA_PER_S 200u              /* 5 ms each: often enough to look steady, seldom enough to cost little */
#define QUANTUM_LEAST_BYTES (16u << 10)
#define QUANTUM_MOST_BYTES (1u << 20)
#define BURSTS_PER_S 10u

static uint64_t time_of(const struct bucket_limit *limit, uint64_t n)
{
	return (n * NS_PER_S + limit->per_s - 1) / limit->per_s;
}

uint64_t bucket_level(uint64_t full_at_ns, const struct bucket_limit *limit, uint64_t now_us)
{
	uint64_t now_ns = now_us * NS_PER_US, missing_ns = full_at_ns > now_ns ? full_at_ns - now_ns : 0;
	uint64_t missing = missing_ns / NS_PER_S * limit->per_s +
			   (missing_ns % NS_PER_S * limit->per_s + NS_PER_S - 1) / NS_PER_S;

	return missing < limit->burst ? limit->burst - missing : 0;
}

uint64_t bucket_take(uint64_t full_at_ns, const struct bucket_limit *limit, uint64_t now_us, uint64_t n)
{
	uint64_t now_ns = now_us * NS_PER_US;

	return (full_at_ns > now_ns ? full_at_ns : now_ns) + time_of(limit, n);
}

uint64_t bucket_ready_at_us(uint64_t full_at_ns, const struct bucket_limit *limit, uint64_t now_us, uint64_t n)
{
	uint64_t spare_ns = time_of(limit, limit->burst - n),
		 ready_ns = full_at_ns > spare_ns ? full_at_ns - spare_ns : 0;
	uint64_t ready_us = (ready_ns + NS_PER_US - 1) / NS_PER_US;

	return ready_us > now_us ? ready_us : now_us;
}

uint64_t bucket_quantum_bytes(uint64_t per_s)
{
	uint64_t quantum = per_s / QUANTA_PER_S;

	if (quantum < QUANTUM_LEAST_BYTES)
		return QUANTUM_LEAST_BYTES;
	return quantum < QUANTUM_MOST_BYTES ? quantum : QUANTUM_MOST_BYTES;
}

struct bucket_limit bucket_of_bytes(uint64_t per_s)
{
	uint64_t burst = per_s / BURSTS_PER_S, least = 2 * bucket_quantum_bytes(per_s);

	return (struct bucket_limit){ .per_s = per_s, .burst = burst > least ? burst : least };
}
