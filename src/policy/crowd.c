/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/crowd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WAYS 8u                    /* places that a key may have: one of these is free but for a crowd of crowds */
#define NS_PER_US 1000ull

/* In use while somebody waits, or its bucket isn't full again. */
struct place {
	struct crowd_key key;
	uint32_t n_waiting;
	uint64_t full_at_ns;
};

struct crowd {
	size_t n_sets;             /* a power of two */
	struct place places[];
};

int crowd_new(size_t n_most, struct crowd **out)
{
	size_t n_sets = 1;

	while (n_sets * WAYS < 2 * n_most)
		n_sets *= 2;
	*out = calloc(1, sizeof(**out) + n_sets * WAYS * sizeof(struct place));
	if (!*out)
		return -ENOMEM;
	(*out)->n_sets = n_sets;
	return 0;
}

void crowd_freep(struct crowd **crowd)
{
	free(*crowd);
	*crowd = NULL;
}

/* FNV-1a: the keys are the operator's, and nobody chooses them to meet in one set. */
static const struct place *set_of(const struct crowd *crowd, const struct crowd_key *key)
{
	uint64_t hash = 0xcbf29ce484222325ull;

	for (size_t i = 0; i < sizeof(key->bytes); i++)
		hash = (hash ^ key->bytes[i]) * 0x100000001b3ull;
	return &crowd->places[((hash ^ hash >> 32) & (crowd->n_sets - 1)) * WAYS];
}

static const struct place *find(const struct crowd *crowd, const struct crowd_key *key)
{
	const struct place *set = set_of(crowd, key);

	for (size_t i = 0; i < WAYS; i++)
		if (!memcmp(&set[i].key, key, sizeof(*key)))
			return &set[i];
	return NULL;
}

static const struct place *find_free(const struct crowd *crowd, const struct crowd_key *key, uint64_t now_us)
{
	const struct place *set = set_of(crowd, key);

	for (size_t i = 0; i < WAYS; i++)
		if (!set[i].n_waiting && set[i].full_at_ns <= now_us * NS_PER_US)
			return &set[i];
	return NULL;
}

int crowd_look(const struct crowd *crowd, const struct crowd_key *key, const struct crowd_limits *limits,
	       uint64_t now_us)
{
	const struct place *place = find(crowd, key);

	if (!place)
		return find_free(crowd, key, now_us) ? 0 : CROWD_E_FULL;
	if (place->n_waiting >= limits->waiting)
		return CROWD_E_WAITING;
	return bucket_level(place->full_at_ns, &limits->fresh, now_us) ? 0 : CROWD_E_FRESH;
}

void crowd_enter(struct crowd *crowd, const struct crowd_key *key, const struct crowd_limits *limits, uint64_t now_us)
{
	const struct place *found = find(crowd, key);
	struct place *place = &crowd->places[(found ? found : find_free(crowd, key, now_us)) - crowd->places];

	if (!found)
		*place = (struct place){ .key = *key };
	place->n_waiting++;
	place->full_at_ns = bucket_take(place->full_at_ns, &limits->fresh, now_us, 1);
}

void crowd_leave(struct crowd *crowd, const struct crowd_key *key)
{
	const struct place *found = find(crowd, key);

	if (found)
		crowd->places[found - crowd->places].n_waiting--;
}

uint32_t crowd_waiting(const struct crowd *crowd, const struct crowd_key *key)
{
	const struct place *place = find(crowd, key);

	return place ? place->n_waiting : 0;
}
