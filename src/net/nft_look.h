/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a table of nft is still as it was: notifications of changes, and a number that stands for what is in it.
 * No ruleset is parsed. */
#ifndef BRAID_NET_NFT_LOOK_H
#define BRAID_NET_NFT_LOOK_H

#include <stdbool.h>
#include <stdint.h>
#include "net/nft_element.h"
#include "net/netlink.h"

struct nft_table {
	uint8_t family;                /* NFPROTO_INET, ... */
	const char *name;              /* borrowed */
};

/* For netlink_any_matters(): all changes of rulesets in this network namespace, our own too. 0 or a negative errno. */
int nft_open_events(struct netlink **out);
/* Whether the notification says that the table, or a chain, rule or set of it, was made, changed or deleted.
 * Elements of sets come and go. */
bool nft_event_matters(const struct nlmsghdr *message, const struct nft_table *table);

/* netlink: of NETLINK_NETFILTER. *out differs where a chain, rule or set was added, replaced or deleted, a policy
 * changed, or the table put to sleep; what counts are the kernel's handles, which are never used twice. 0,
 * NFT_E_MISSING where there is no such table, or a negative errno; -EINTR: rulesets were changed all the while. */
int nft_table_look(struct netlink *netlink, const struct nft_table *table, uint64_t *out);

#endif
