/* SPDX-License-Identifier: MIT */
/* Units of time. Instants are microseconds of the monotonic clock as uint64_t, named now_us or *_at_us; only the I/O
 * layers read a clock (loop_clock_us()), the others are handed one. */
#ifndef BRAID_BASE_CLOCK_H
#define BRAID_BASE_CLOCK_H

#include <stdint.h>

#define US_PER_MS 1000ull
#define US_PER_S 1000000ull
#define CLOCK_NEVER_US UINT64_MAX

#endif
