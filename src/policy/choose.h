/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Over which link a new connection begins. The others join it as subflows later, whichever is first. Pure. */
#ifndef BRAID_POLICY_CHOOSE_H
#define BRAID_POLICY_CHOOSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/address.h"

/* What is known of a link when a connection begins. */
struct choose_link {
	bool up;                 /* carrier, address and route are there */
	bool backup;             /* only where no other is left */
	uint32_t cost;           /* costlier ones only where no cheaper one answers */
	bool unanswered;         /* an attempt over it got no answer lately */
	bool silent;             /* probes get none, while others do */
	bool strips_mptcp;       /* connections that began on it lately came out as plain TCP, or probes with
				  * Multipath TCP options do or are dropped */
	struct address v4, v6;   /* unspecified where it has none */
};

struct choice {
	uint8_t link;            /* CHOOSE_NO_LINK: none of ours; the kernel routes as it likes */
	struct address source;   /* of the link, in the family of the converter's address; unspecified with
				  * CHOOSE_NO_LINK */
	struct address converter;
};

#define CHOOSE_NO_LINK 0xff

enum { CHOOSE_E_NONE = 1 };

/*
 * Picks the best link that is not in tried (a bit a link): unanswered ones behind all others, backups behind these,
 * silent ones behind these, costlier ones behind cheaper ones, and of one cost those that strip MPTCP behind clean
 * ones; among equals the first. Links without an address of a converter's family are out; where the converter has both
 * families, that of which more links that are up have an address comes first, else the order of its addresses counts.
 * Where no link is up at all, and nothing was tried, the choice is CHOOSE_NO_LINK. 0 or CHOOSE_E_NONE.
 */
int choose_first_link(const struct choose_link *links, size_t n_links, const struct address *converters,
		      size_t n_converters, uint32_t tried, struct choice *out);

#endif
