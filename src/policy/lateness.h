/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a worker is so late with what it has to do that new connections had better go another way, until it has
 * caught up (decision 0039): once a second late, or for some looks in a row less than that, as a connection is set
 * up in several steps, each of which waits. What is over at once is a burst, and is served. Pure; begin with zeros. */
#ifndef BRAID_POLICY_LATENESS_H
#define BRAID_POLICY_LATENESS_H

#include <stdbool.h>
#include <stdint.h>
#include "base/clock.h"

#define LATENESS_ONCE_US (1 * US_PER_S)
#define LATENESS_STEADY_US (200 * US_PER_MS)
#define LATENESS_LOOKS 2u
#define LATENESS_ENDS_US (50 * US_PER_MS)

struct lateness {
	bool late;
	unsigned int n_looks;   /* in a row that have found an answer after LATENESS_STEADY_US or more; counted as
				 * far as LATENESS_LOOKS */
};

/*
 * What a look finds of the question that the worker is posted:
 *
 *	UNASKED		there is none, so nothing is known of how late it is now
 *	ASKED		it waits still, and has for waited_us: that it may go on to do, so it is no look of its own, and
 *			ends no lateness
 *	ANSWERED	it, or what else has waited for the worker, had waited for waited_us
 */
enum lateness_question { LATENESS_UNASKED, LATENESS_ASKED, LATENESS_ANSWERED };

/* A look. True: the worker is late from here on, or isn't any more. */
bool lateness_note(struct lateness *lateness, enum lateness_question question, uint64_t waited_us);

#endif
