/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "loop/timers.h"

#include <errno.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/util.h"

static void swap(struct timer *a, struct timer *b)
{
	struct timer t = *a;

	*a = *b;
	*b = t;
}

int timers_add(struct timers *timers, uint64_t at_us, struct loop_ref ref)
{
	size_t i = timers->n;

	if (timers->n == timers->n_room) {
		size_t n_room = size_max(64, timers->n_room * 2);
		struct timer *heap = reallocarray(timers->heap, n_room, sizeof(*heap));

		if (!heap)
			return -ENOMEM;
		timers->heap = heap;
		timers->n_room = n_room;
	}
	timers->heap[timers->n++] = (struct timer){ .at_us = at_us, .ref = ref };
	for (; i > 0 && timers->heap[(i - 1) / 2].at_us > timers->heap[i].at_us; i = (i - 1) / 2)
		swap(&timers->heap[(i - 1) / 2], &timers->heap[i]);
	return 0;
}

uint64_t timers_next_us(const struct timers *timers)
{
	return timers->n ? timers->heap[0].at_us : CLOCK_NEVER_US;
}

static void sift_down(struct timers *timers)
{
	size_t i = 0;

	for (;;) {
		size_t least = i, left = 2 * i + 1, right = left + 1;

		if (left < timers->n && timers->heap[left].at_us < timers->heap[least].at_us)
			least = left;
		if (right < timers->n && timers->heap[right].at_us < timers->heap[least].at_us)
			least = right;
		if (least == i)
			return;
		swap(&timers->heap[i], &timers->heap[least]);
		i = least;
	}
}

bool timers_pop(struct timers *timers, uint64_t now_us, struct loop_ref *ref)
{
	if (!timers->n || timers->heap[0].at_us > now_us)
		return false;
	*ref = timers->heap[0].ref;
	timers->heap[0] = timers->heap[--timers->n];
	sift_down(timers);
	return true;
}

void timers_free(struct timers *timers)
{
	free(timers->heap);
	*timers = (struct timers){ 0 };
}
