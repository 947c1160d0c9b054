/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to role/gateway/upstreams*.c. */
#ifndef BRAID_ROLE_GATEWAY_UPSTREAMS_PARTS_H
#define BRAID_ROLE_GATEWAY_UPSTREAMS_PARTS_H

#include "policy/converters.h"
#include "role/gateway/upstreams.h"

#define UPSTREAMS_FORMER 16
#define UPSTREAMS_DHCP(link, v6) (2 * (link) + (v6))   /* a source of provisions */

/* One of the list. */
struct upstreams_member {
	struct upstreams *all;
	struct upstream *upstream;   /* a reference */
	struct watch *watch;
	uint32_t index;              /* of its events */
	char why[64];                /* it doesn't answer, where it doesn't */
	size_t source;               /* of provisions; for those that DHCP has told of */
};

struct upstreams {
	struct loop *loop;
	struct upstreams_options options;
	uint8_t handler;
	struct upstreams_member *members[CONVERTERS_MOST];   /* the most preferred first, as in policy */
	size_t n;
	struct converters policy;
	uint32_t next_index;
	struct provisions provisions;
	uint64_t decide_at_us, expire_at_us;   /* timers that come before are old ones */
	bool left;                   /* there are to be no others: we end */
	bool settling, unsettled;    /* what happens while it is being settled is settled in the next turn of that */
	bool anew;                   /* something has happened to the one in use, of which nobody was told yet */
	bool told;                   /* something: which others there were then, a bit each */
	uint32_t told_others;
	struct address former[UPSTREAMS_FORMER];   /* a ring: addresses of those that have left, to which sessions
						    * may go on */
	size_t n_former;             /* ever */
};

#endif
