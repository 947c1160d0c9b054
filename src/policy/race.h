/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether a new connection begins over one link or over two at once, and over which: the SYN race (decision 0032). The
 * converter serves one of the two. Pure.
 */
#ifndef BRAID_POLICY_RACE_H
#define BRAID_POLICY_RACE_H

#include "policy/choose.h"

/* In the order of their names in conf/keys.c. */
enum race_mode { RACE_OFF, RACE_ON, RACE_AUTO };

/* What is known of a link beyond struct choose_link. */
struct race_link {
	bool capped;             /* what passes it is counted and has an end */
	bool lost_syn;           /* a SYN or its answer was lost on it lately */
	uint64_t rtt_us;         /* of a handshake lately; 0: not known */
};

#define RACE_MOST 2

/*
 * The links to begin over, of those not in tried: as choose_first_link() says, and beside it, where mode has it so, the
 * best other one that costs as much, is no backup, not capped, neither unanswered nor silent, and lets Multipath TCP
 * through as the first one does. others[i] belongs to links[i]. Returns how many are in out; 0 where
 * choose_first_link() finds none. AUTO, of two such links: where both have lost a SYN lately, or neither and their
 * round trips are alike (or one of them isn't known: then it is after that race), both. Where the best one alone has:
 * the other, if it is about as near, else both. Otherwise the best one.
 */
size_t race_choose(enum race_mode mode, const struct choose_link *links, const struct race_link *others, size_t n_links,
		   const struct address *converters, size_t n_converters, uint32_t tried, struct choice out[RACE_MOST]);

/* Whether an attempt without an answer so far has lost its SYN or the answer to it: it takes longer by far than the
 * link's round trip. False where that isn't known (0). */
bool race_is_overdue(uint64_t waited_us, uint64_t rtt_us);

/* What it tells of a link that its SYN had no answer for so long, while another link's had one after winner_rtt_us:
 * nothing; a loss; or, its own round trip not being known, that it isn't alike. */
enum race_silence { RACE_SAYS_NOTHING, RACE_SAYS_LOST, RACE_SAYS_FAR };
enum race_silence race_overtaken(uint64_t waited_us, uint64_t rtt_us, uint64_t winner_rtt_us);

#endif
