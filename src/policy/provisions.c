/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/provisions.h"

#include "base/clock.h"

/* The first of the converter's places that lacks this family, from first on; a new one where there is room. NULL:
 * there is none. */
static struct provisions_converter *place_for(struct provisions_one *one, size_t first, const struct address *address)
{
	for (size_t i = first; i < one->n; i++)
		if (one->converters[i].n == 1 &&
		    address_is_v4(&one->converters[i].addresses[0]) != address_is_v4(address))
			return &one->converters[i];
	return one->n < PROVISIONS_CONVERTERS ? &one->converters[one->n++] : NULL;
}

void provisions_set(struct provisions *provisions, size_t source, const struct provisions_address *addresses, size_t n,
		    uint64_t until_us)
{
	struct provisions_one *one = &provisions->each[source];
	size_t first = 0;

	*one = (struct provisions_one){ .until_us = until_us };
	for (size_t i = 0; i < n; i++) {
		struct provisions_converter *place;

		if (i && addresses[i].converter != addresses[i - 1].converter)
			first = one->n;
		place = place_for(one, first, &addresses[i].address);
		if (place)
			place->addresses[place->n++] = addresses[i].address;
	}
}

bool provisions_expire(struct provisions *provisions, uint64_t now_us)
{
	bool any = false;

	for (size_t i = 0; i < PROVISIONS_SOURCES; i++)
		if (provisions->each[i].n && provisions->each[i].until_us <= now_us) {
			provisions->each[i].n = 0;
			any = true;
		}
	return any;
}

uint64_t provisions_next_us(const struct provisions *provisions)
{
	uint64_t next_us = CLOCK_NEVER_US;

	for (size_t i = 0; i < PROVISIONS_SOURCES; i++)
		if (provisions->each[i].n && provisions->each[i].until_us < next_us)
			next_us = provisions->each[i].until_us;
	return next_us;
}
