/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/pulse.h"

#include <errno.h>
#include <stdlib.h>
#include "role/log.h"

#define TOLD_AFTER 4   /* questions: by then the rules are about to end, one is what a busy machine leaves unanswered now and then */

struct heart {
	struct worker *worker;
	bool asked;              /* atomic; the worker sets it back */
	unsigned int n_missed;   /* in a row */
};

struct pulse {
	size_t n_hearts;
	struct heart hearts[];
};

int pulse_new(struct worker *const *workers, size_t n_workers, struct pulse **out)
{
	struct pulse *pulse = calloc(1, sizeof(*pulse) + n_workers * sizeof(pulse->hearts[0]));

	if (!pulse)
		return -ENOMEM;
	pulse->n_hearts = n_workers;
	for (size_t i = 0; i < n_workers; i++)
		pulse->hearts[i].worker = workers[i];
	*out = pulse;
	return 0;
}

void pulse_freep(struct pulse **pulse)
{
	free(*pulse);
	*pulse = NULL;
}

static void answer(void *arg)
{
	__atomic_store_n(&((struct heart *)arg)->asked, false, __ATOMIC_RELEASE);
}

static void ask(struct heart *heart)
{
	heart->asked = true;
	if (loop_post(heart->worker->loop, answer, heart))
		heart->asked = false;   /* short of memory for the question: that says nothing of the worker */
}

static bool take(struct heart *heart)
{
	if (__atomic_load_n(&heart->asked, __ATOMIC_ACQUIRE)) {
		if (++heart->n_missed == TOLD_AFTER)
			log_error("worker %u stands still: new connections go the ordinary way until it moves; if it doesn't, restart braidd, and report it",
				  heart->worker->number);
		return false;
	}
	if (heart->n_missed >= TOLD_AFTER)
		log_info("worker %u moves again", heart->worker->number);
	heart->n_missed = 0;
	ask(heart);
	return true;
}

bool pulse_take(struct pulse *pulse)
{
	bool well = true;

	for (size_t i = 0; i < pulse->n_hearts; i++)
		well &= take(&pulse->hearts[i]);
	return well;
}
