/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SplitMix64 (Steele, Lea, Flood 2014): a small generator whose streams are told apart by their first state. Pure. */
#ifndef BRAID_LAB_RANDOM_H
#define BRAID_LAB_RANDOM_H

#include <stdint.h>

static inline uint64_t random_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* The first state of stream number of a seed. */
static inline uint64_t random_stream(uint64_t seed, uint64_t number)
{
	uint64_t a = seed, b = number ^ 0x5851f42d4c957f2du;

	a = random_next(&a);
	return a ^ random_next(&b);
}

/* 0 .. n - 1 */
static inline uint64_t random_below(uint64_t *state, uint64_t n)
{
	return (uint64_t)(((unsigned __int128)random_next(state) * n) >> 64);
}

#endif
