/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether new sessions had better go in pieces (policy/stripe.h) than by Multipath TCP: where a link is said to lose
 * packets all the time (decision 0044), and where links are so far apart that Multipath TCP has the near one wait for
 * the far one (decision 0045), and not farther than pieces are known to be good for (decision 0053). Pure.
 */
#ifndef BRAID_POLICY_PIECES_H
#define BRAID_POLICY_PIECES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pieces_link {
	bool in_use;             /* up, and new sessions have it, or may have it any time */
	bool lossy;              /* as its owner says */
	uint32_t cost;
	uint64_t least_rtt_us;   /* without anything in its queue, as far as that was seen; 0: not known */
};

enum pieces { PIECES_NONE, PIECES_FAR_APART, PIECES_LOSSY };

/* as_said: by what owners say of their links alone. */
enum pieces pieces_wanted(const struct pieces_link *links, size_t n_links, bool as_said);

#endif
