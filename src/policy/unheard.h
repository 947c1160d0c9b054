/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether hosts' connections that are let come to us do come. A firewall of this machine that takes in of its LAN
 * what is on a list and no more turns all of them away, of which we hear nothing: they had better not be taken,
 * then. Once one has come, the way is known to be free. Pure; begin with zeros. */
#ifndef BRAID_POLICY_UNHEARD_H
#define BRAID_POLICY_UNHEARD_H

#include <stdbool.h>
#include <stdint.h>
#include "base/clock.h"

#define UNHEARD_LEAST 4                       /* so many, over so long a time, and none has come */
#define UNHEARD_AFTER_US (2 * US_PER_S)
#define UNHEARD_REST_US (60 * US_PER_S)       /* then none is taken; each time for twice as long, at most for
					       * UNHEARD_REST_MOST_US */
#define UNHEARD_REST_MOST_US (3600 * US_PER_S)

struct unheard {
	bool heard;
	unsigned int n;          /* let come since first_us */
	uint64_t first_us;
	uint64_t rest_us;        /* the last one's length; 0: there was none */
	uint64_t until_us;       /* none is to be taken before */
};

/* One is let come, or comes once more. True: a rest begins. */
bool unheard_caught(struct unheard *unheard, uint64_t now_us);
/* One has come. True: it is the first. */
bool unheard_arrived(struct unheard *unheard);
bool unheard_rests(const struct unheard *unheard, uint64_t now_us);

#endif
