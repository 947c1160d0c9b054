/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/source_address.h"

#include "base/util.h"

#define V4(a) { [10] = 0xff, [11] = 0xff, (a) }

/* What is never a source, in the mapped form. ::/8 holds the unspecified address, loopback, and all forms of IPv4
 * addresses. */
static const struct prefix never_v4[] = {
	{ V4(0), 104 }, { V4(127), 104 }, { { [10] = 0xff, [11] = 0xff, 169, 254 }, 112 }, { V4(224), 100 },
	{ V4(240), 100 },
};
static const struct prefix never_v6[] = {
	{ { 0 }, 8 }, { { 0xfe, 0x80 }, 10 }, { { 0xff }, 8 },
};

static bool is_among(const struct prefix *all, size_t n, const struct prefix *prefix)
{
	for (size_t i = 0; i < n; i++)
		if (source_prefixes_overlap(&all[i], prefix))
			return true;
	return false;
}

bool source_prefixes_overlap(const struct prefix *a, const struct prefix *b)
{
	unsigned int n_bits = a->n_bits < b->n_bits ? a->n_bits : b->n_bits;

	for (unsigned int bit = 0; bit < n_bits; bit++)
		if ((a->ip[bit / 8] ^ b->ip[bit / 8]) & 0x80 >> bit % 8)
			return false;
	return true;
}

bool source_prefix_is_usable(const struct prefix *prefix)
{
	return !is_among(never_v6, ARRAY_SIZE(never_v6), prefix);
}

bool source_address_is_usable(const struct address *address)
{
	struct prefix whole = { .n_bits = 128 };

	for (size_t i = 0; i < sizeof(whole.ip); i++)
		whole.ip[i] = address->ip[i];
	return address_is_v4(address) ? !is_among(never_v4, ARRAY_SIZE(never_v4), &whole) :
	       source_prefix_is_usable(&whole);
}

/* FNV-1a, then the finish of splitmix64, so that two addresses that differ in their last bit have nothing in common.
 * Who chooses the names is who chooses the addresses: nothing here has to withstand anybody. */
static uint64_t weight(const char *name, const struct address *address)
{
	uint64_t h = 0xcbf29ce484222325;

	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * 0x100000001b3;
	for (size_t i = 0; i < sizeof(address->ip); i++)
		h = (h ^ address->ip[i]) * 0x100000001b3;
	h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9;
	h = (h ^ h >> 27) * 0x94d049bb133111eb;
	return h ^ h >> 31;
}

/* Rendezvous hashing: the address with the most weight for the name. One that leaves the pool moves those alone that
 * had it. */
const struct address *source_address_of_pool(const struct source_pool *pool, const char *name, bool v4)
{
	const struct address *best = NULL;
	uint64_t most = 0;

	for (size_t i = 0; i < pool->n; i++) {
		uint64_t w = weight(name, &pool->at[i]);

		if (address_is_v4(&pool->at[i]) != v4 || (best && w <= most))
			continue;
		best = &pool->at[i];
		most = w;
	}
	return best;
}

static struct source_choice shared(const char *name, const struct source_pool *pool, bool v4)
{
	const struct address *address = source_address_of_pool(pool, name, v4);

	return address ? (struct source_choice){ .address = *address } : (struct source_choice){ .transparent = false };
}

int source_address_choose(const struct source_settings *settings, const char *name, const struct source_pool *pool,
			  const struct address *destination, const struct address *host, struct source_choice *out)
{
	bool v4 = address_is_v4(destination);

	*out = shared(name, pool, v4);
	if (!settings || settings->mode == SOURCE_SHARED)
		return 0;
	if (v4) {
		if (settings->has_address)
			*out = (struct source_choice){ .address = settings->address, .transparent = true };
		return 0;
	}
	if (settings->mode != SOURCE_PREFIX)
		return 0;
	if (!prefix_contains(&settings->prefix, host))
		return SOURCE_E_NOT_ITS_OWN;
	*out = (struct source_choice){ .address = *host, .transparent = true };
	out->address.port = 0;
	return 0;
}

const char *source_mode_name(enum source_mode mode)
{
	static const char *const names[] = { "shared", "preserve", "prefix" };

	static_assert(ARRAY_SIZE(names) == SOURCE_N_MODES, "name every mode");
	return names[mode];
}
