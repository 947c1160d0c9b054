/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses of peers to whom bulk was better off with bbr lately (decision 0031): a converter doesn't know the
 * gateway's links, but it knows these, and whoever comes from one of them again begins with what the last one ended
 * with. LOSERS_PLACES of them; the one that is to be forgotten soonest makes room. Pure.
 */
#ifndef BRAID_POLICY_LOSERS_H
#define BRAID_POLICY_LOSERS_H

#include <stdbool.h>
#include <stdint.h>
#include "base/address.h"

#define LOSERS_PLACES 256

/* Begin with zeros. */
struct losers {
	struct {
		struct address address;      /* whatever the port */
		uint64_t until_us;           /* 0: free */
	} places[LOSERS_PLACES];
};

/* until_us 0: it isn't one any more. */
void losers_note(struct losers *losers, const struct address *address, uint64_t until_us);
bool losers_know(const struct losers *losers, const struct address *address, uint64_t now_us);

#endif
