/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/backoff.h"

uint64_t backoff_at_us(const struct backoff *backoff, uint64_t now_us)
{
	uint64_t at_us = backoff->done_at_us + backoff->delay_us;

	return at_us > now_us ? at_us : now_us;
}

void backoff_done(struct backoff *backoff, uint64_t now_us)
{
	uint64_t twice_us = 2 * backoff->delay_us;

	if (!backoff->delay_us || now_us - backoff->done_at_us > 2 * backoff->most_us)
		backoff->delay_us = backoff->first_us;
	else
		backoff->delay_us = twice_us < backoff->most_us ? twice_us : backoff->most_us;
	backoff->done_at_us = now_us;
}
