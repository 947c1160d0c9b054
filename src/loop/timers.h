/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A binary heap of instants with the reference that each is for. Private to the loop. */
#ifndef BRAID_LOOP_TIMERS_H
#define BRAID_LOOP_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "loop/loop.h"

struct timer {
	uint64_t at_us;
	struct loop_ref ref;
};

struct timers {
	struct timer *heap;   /* heap[0] is the earliest */
	size_t n;
	size_t n_room;
};

int timers_add(struct timers *timers, uint64_t at_us, struct loop_ref ref);    /* 0 or -ENOMEM */
uint64_t timers_next_us(const struct timers *timers);                          /* CLOCK_NEVER_US when empty */
bool timers_pop(struct timers *timers, uint64_t now_us, struct loop_ref *ref); /* takes out one that is due */
void timers_free(struct timers *timers);

#endif
