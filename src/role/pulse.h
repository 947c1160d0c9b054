/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether every worker still turns, and how late it is with it: twice a second each is posted a question, and has to
 * have answered by the next time; one that has not isn't asked twice. Logs who stands still, or is late, once.
 * Belongs to the main thread. */
#ifndef BRAID_ROLE_PULSE_H
#define BRAID_ROLE_PULSE_H

#include <stddef.h>
#include "role/worker.h"

struct pulse_options {
	struct loop *loop;                  /* borrowed, as the workers */
	struct worker *const *workers;
	size_t n_workers;
	void (*on_look)(void *context, bool late);   /* twice a second; late: one that connections come to is
						      * (policy/lateness.h) */
	void *context;
};

struct pulse;

/* 0 or -ENOMEM. */
int pulse_new(const struct pulse_options *options, struct pulse **out);
/* After workers_stop(), as a question may be on its way until then; the loop must not run any more. */
void pulse_freep(struct pulse **pulse);

/* As of the last questions: all workers have answered; some haven't; one that connections come to is late. */
enum pulse_word { PULSE_WELL, PULSE_MISSED, PULSE_LATE };
enum pulse_word pulse_word(const struct pulse *pulse);

#endif
