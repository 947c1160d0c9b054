/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How many wait for whom, and how fast they come: so that a crowd at one door leaves the others as they were. A table
 * of a fixed size, by keys that are compared whole; who isn't waited for, and hasn't been lately, takes no place in it.
 * Pure.
 */
#ifndef BRAID_POLICY_CROWD_H
#define BRAID_POLICY_CROWD_H

#include <stddef.h>
#include <stdint.h>
#include "policy/bucket.h"

#define CROWD_KEY_BYTES 20         /* an address, its port, or a number */

struct crowd_key {
	uint8_t bytes[CROWD_KEY_BYTES];
};

struct crowd_limits {
	uint32_t waiting;              /* at once */
	struct bucket_limit fresh;     /* that come newly */
};

struct crowd;

enum { CROWD_E_WAITING = 1, CROWD_E_FRESH, CROWD_E_FULL };

/* n_most: that are waited for at once, about. 0 or -ENOMEM. */
int crowd_new(size_t n_most, struct crowd **out);
void crowd_freep(struct crowd **crowd);

/* One more would wait for this one: 0; or CROWD_E_*: too many wait, they come too fast, there is no place to count
 * them. Nothing is changed by asking. now_us: monotonic. */
int crowd_look(const struct crowd *crowd, const struct crowd_key *key, const struct crowd_limits *limits,
	       uint64_t now_us);
/* And it does; crowd_look() has said so. To be given back with crowd_leave(). */
void crowd_enter(struct crowd *crowd, const struct crowd_key *key, const struct crowd_limits *limits, uint64_t now_us);
void crowd_leave(struct crowd *crowd, const struct crowd_key *key);
/* That wait for this one now. */
uint32_t crowd_waiting(const struct crowd *crowd, const struct crowd_key *key);

#endif
