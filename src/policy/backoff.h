/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How soon something is done again that others may undo each time: at once when it is rare, ever more rarely when it
 * isn't. Pure. */
#ifndef BRAID_POLICY_BACKOFF_H
#define BRAID_POLICY_BACKOFF_H

#include <stdint.h>

struct backoff {
	uint64_t first_us, most_us;     /* between the first and the second time; between the later ones at most */
	uint64_t delay_us, done_at_us;  /* begin with zeros */
};

/* The instant from which on it may be done: now_us or later. */
uint64_t backoff_at_us(const struct backoff *backoff, uint64_t now_us);
/* It was done. The delay doubles, unless it wasn't needed for twice most_us. */
void backoff_done(struct backoff *backoff, uint64_t now_us);

#endif
