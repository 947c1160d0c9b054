/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/losers.h"

#include <stddef.h>

/* Its own place, or the one that is free soonest. */
static size_t place_of(const struct losers *losers, const struct address *address)
{
	size_t soonest = 0;

	for (size_t i = 0; i < LOSERS_PLACES; i++) {
		if (losers->places[i].until_us && address_equal_ip(&losers->places[i].address, address))
			return i;
		if (losers->places[i].until_us < losers->places[soonest].until_us)
			soonest = i;
	}
	return soonest;
}

void losers_note(struct losers *losers, const struct address *address, uint64_t until_us)
{
	size_t i = place_of(losers, address);

	if (!until_us && !address_equal_ip(&losers->places[i].address, address))
		return;
	losers->places[i].address = *address;
	losers->places[i].until_us = until_us;
}

bool losers_know(const struct losers *losers, const struct address *address, uint64_t now_us)
{
	size_t i = place_of(losers, address);

	return address_equal_ip(&losers->places[i].address, address) && losers->places[i].until_us > now_us;
}
