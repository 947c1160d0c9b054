/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/unheard.h"

bool unheard_caught(struct unheard *unheard, uint64_t now_us)
{
	if (unheard->heard || unheard_rests(unheard, now_us))
		return false;
	if (!unheard->n++)
		unheard->first_us = now_us;
	if (unheard->n < UNHEARD_LEAST || now_us - unheard->first_us < UNHEARD_AFTER_US)
		return false;
	unheard->n = 0;
	unheard->rest_us = !unheard->rest_us ? UNHEARD_REST_US :
		unheard->rest_us > UNHEARD_REST_MOST_US / 2 ? UNHEARD_REST_MOST_US : 2 * unheard->rest_us;
	unheard->until_us = now_us + unheard->rest_us;
	return true;
}

bool unheard_arrived(struct unheard *unheard)
{
	bool first = !unheard->heard;

	unheard->heard = true;
	unheard->until_us = 0;
	return first;
}

bool unheard_rests(const struct unheard *unheard, uint64_t now_us)
{
	return now_us < unheard->until_us;
}
