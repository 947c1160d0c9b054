/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/replay.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A table of small buckets. A ticket lies in one of two, so finding it and finding no room are both short walks; it is
 * put where there is more room, which keeps buckets about evenly full: with one choice a good ticket would now and then
 * find no room in a table that is a quarter full. A ticket out of the window is as good as a free place. The nonce is
 * proven by a MAC, and its first eight bytes are random: hashes enough. */
#define BUCKET_ENTRIES 8
#define CHOICES 2
#define NONCE_KEPT_BYTES 12

struct entry {
	uint32_t time_s;      /* 0: free */
	uint8_t nonce[NONCE_KEPT_BYTES];
	uint64_t holder;
};

struct replay {
	size_t n_buckets;     /* a power of two */
	uint32_t window_s;
	struct entry entries[];
};

int replay_new(size_t n_entries, uint32_t window_s, struct replay **out)
{
	size_t n_buckets = 1;
	struct replay *replay;

	while (n_buckets * BUCKET_ENTRIES < n_entries * 2)   /* twice: they are not quite evenly full */
		n_buckets *= 2;
	replay = calloc(1, sizeof(*replay) + n_buckets * BUCKET_ENTRIES * sizeof(struct entry));
	if (!replay)
		return -ENOMEM;
	replay->n_buckets = n_buckets;
	replay->window_s = window_s;
	*out = replay;
	return 0;
}

void replay_freep(struct replay **replay)
{
	free(*replay);
	*replay = NULL;
}

static bool is_outside(const struct replay *replay, uint32_t time_s, uint32_t now_s)
{
	uint32_t apart_s = time_s > now_s ? time_s - now_s : now_s - time_s;

	return apart_s > replay->window_s;
}

/* A ticket of the future isn't: after the clock was set back and forth again it could be used a second time. */
static bool is_forgotten(const struct replay *replay, const struct entry *entry, uint32_t now_s)
{
	return !entry->time_s || (entry->time_s < now_s && is_outside(replay, entry->time_s, now_s));
}

static void keep(uint8_t kept[NONCE_KEPT_BYTES], const uint8_t *nonce, size_t n_nonce)
{
	memset(kept, 0, NONCE_KEPT_BYTES);
	memcpy(kept, nonce, n_nonce < NONCE_KEPT_BYTES ? n_nonce : NONCE_KEPT_BYTES);
}

/* Of the bucket's first entry. */
static size_t bucket_of(const struct replay *replay, const uint8_t kept[NONCE_KEPT_BYTES], size_t choice)
{
	uint32_t hash;

	memcpy(&hash, kept + choice * sizeof(hash), sizeof(hash));
	return (hash & (replay->n_buckets - 1)) * BUCKET_ENTRIES;
}

/* SIZE_MAX: it isn't there. */
static size_t find(const struct replay *replay, const uint8_t kept[NONCE_KEPT_BYTES])
{
	for (size_t choice = 0; choice < CHOICES; choice++) {
		size_t first = bucket_of(replay, kept, choice);

		for (size_t i = first; i < first + BUCKET_ENTRIES; i++)
			if (replay->entries[i].time_s && !memcmp(replay->entries[i].nonce, kept, NONCE_KEPT_BYTES))
				return i;
	}
	return SIZE_MAX;
}

/* A place in the emptier bucket. SIZE_MAX: there is none. */
static size_t find_room(const struct replay *replay, const uint8_t kept[NONCE_KEPT_BYTES], uint32_t now_s)
{
	size_t at = SIZE_MAX, n_most = 0;

	for (size_t choice = 0; choice < CHOICES; choice++) {
		size_t first = bucket_of(replay, kept, choice), room = SIZE_MAX, n_room = 0;

		for (size_t i = first; i < first + BUCKET_ENTRIES; i++) {
			if (is_forgotten(replay, &replay->entries[i], now_s)) {
				room = i;
				n_room++;
			}
		}
		if (n_room > n_most) {
			n_most = n_room;
			at = room;
		}
	}
	return at;
}

/* As replay_look(). *at: the place that it has (REPLAY_E_SEEN), or that there is for it (0). */
static int look(const struct replay *replay, const uint8_t kept[NONCE_KEPT_BYTES], uint32_t time_s, uint32_t now_s,
		size_t *at)
{
	if (!time_s || is_outside(replay, time_s, now_s))
		return REPLAY_E_STALE;
	*at = find(replay, kept);
	if (*at != SIZE_MAX)
		return is_forgotten(replay, &replay->entries[*at], now_s) ? 0 : REPLAY_E_SEEN;
	*at = find_room(replay, kept, now_s);
	return *at == SIZE_MAX ? REPLAY_E_FULL : 0;
}

int replay_look(const struct replay *replay, const uint8_t *nonce, size_t n_nonce, uint32_t time_s, uint32_t now_s)
{
	uint8_t kept[NONCE_KEPT_BYTES];
	size_t at;

	keep(kept, nonce, n_nonce);
	return look(replay, kept, time_s, now_s, &at);
}

int replay_admit(struct replay *replay, const uint8_t *nonce, size_t n_nonce, uint32_t time_s, uint32_t now_s,
		 uint64_t *holder)
{
	uint8_t kept[NONCE_KEPT_BYTES];
	size_t at;
	int r;

	keep(kept, nonce, n_nonce);
	r = look(replay, kept, time_s, now_s, &at);
	if (r == REPLAY_E_SEEN)
		*holder = replay->entries[at].holder;
	if (r)
		return r;
	replay->entries[at] = (struct entry){ .time_s = time_s, .holder = *holder };
	memcpy(replay->entries[at].nonce, kept, sizeof(kept));
	return 0;
}

bool replay_find(const struct replay *replay, const uint8_t *nonce, size_t n_nonce, uint64_t *holder)
{
	uint8_t kept[NONCE_KEPT_BYTES];
	size_t at;

	keep(kept, nonce, n_nonce);
	at = find(replay, kept);
	if (at != SIZE_MAX)
		*holder = replay->entries[at].holder;
	return at != SIZE_MAX;
}

void replay_pass_on(struct replay *replay, const uint8_t *nonce, size_t n_nonce, uint64_t holder)
{
	uint8_t kept[NONCE_KEPT_BYTES];
	size_t at;

	keep(kept, nonce, n_nonce);
	at = find(replay, kept);
	if (at != SIZE_MAX)
		replay->entries[at].holder = holder;
}
