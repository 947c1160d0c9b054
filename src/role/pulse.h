/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether every worker still turns: each is posted a question, and has to have answered by the next time. Belongs to the main thread. */
#ifndef BRAID_ROLE_PULSE_H
#define BRAID_ROLE_PULSE_H

#include <stdbool.h>
#include <stddef.h>
#include "role/worker.h"

struct pulse;

/* Borrows the workers. 0 or -ENOMEM. */
int pulse_new(struct worker *const *workers, size_t n_workers, struct pulse **out);
/* After workers_stop(): a question may be on its way until then. */
void pulse_freep(struct pulse **pulse);

/* Whether all have answered what they were asked the last time; asks them again. One that has not answered isn't asked twice. Logs who
 * stands still, once. */
bool pulse_take(struct pulse *pulse);

#endif
