/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/nft_look.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include "base/util.h"

#define LOOKS_MOST 5            /* each is in vain when somebody changes a ruleset meanwhile */
#define OWN_TABLE 1             /* the attribute with the table's name */
static_assert(NFTA_TABLE_NAME == OWN_TABLE && NFTA_CHAIN_TABLE == OWN_TABLE && NFTA_RULE_TABLE == OWN_TABLE &&
	      NFTA_SET_TABLE == OWN_TABLE && NFTA_OBJ_TABLE == OWN_TABLE && NFTA_FLOWTABLE_TABLE == OWN_TABLE,
	      "one attribute names the table in every message");

/* What is looked at: of every kind the handle, and what can change under the same handle. */
static const struct {
	uint8_t ask, told;              /* NFT_MSG_GET*, NFT_MSG_NEW* */
	uint16_t handle, beside;        /* attributes; 0: none */
} kinds[] = {
	{ NFT_MSG_GETTABLE, NFT_MSG_NEWTABLE, NFTA_TABLE_HANDLE, NFTA_TABLE_FLAGS },
	{ NFT_MSG_GETCHAIN, NFT_MSG_NEWCHAIN, NFTA_CHAIN_HANDLE, NFTA_CHAIN_POLICY },
	{ NFT_MSG_GETSET, NFT_MSG_NEWSET, NFTA_SET_HANDLE, 0 },
	{ NFT_MSG_GETRULE, NFT_MSG_NEWRULE, NFTA_RULE_HANDLE, 0 },
};

int nft_open_events(struct netlink **out)
{
	static const unsigned int groups[] = { NFNLGRP_NFTABLES };

	return netlink_open_events(NETLINK_NETFILTER, groups, ARRAY_SIZE(groups), out);
}

static bool is_of(const struct nlmsghdr *message, const struct nft_table *table)
{
	const struct nfgenmsg *head = mnl_nlmsg_get_payload(message);
	const struct nlattr *attr;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*head) || message->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES ||
	    head->nfgen_family != table->family)
		return false;
	mnl_attr_for_each(attr, message, sizeof(*head))
		if (mnl_attr_get_type(attr) == OWN_TABLE && !mnl_attr_validate(attr, MNL_TYPE_NUL_STRING))
			return !strcmp(mnl_attr_get_str(attr), table->name);
	return false;
}

bool nft_event_matters(const struct nlmsghdr *message, const struct nft_table *table)
{
	uint8_t type = (uint8_t)message->nlmsg_type;

	return type != NFT_MSG_NEWSETELEM && type != NFT_MSG_DELSETELEM && type != NFT_MSG_NEWGEN &&
	       is_of(message, table);
}

struct look {
	const struct nft_table *table;
	size_t kind;
	bool seen_table;
	uint64_t sum;
};

/* FNV-1a; the sum of all doesn't depend on the order in which the kernel lists them. */
static uint64_t hash(uint64_t h, const void *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		h = (h ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3u;
	return h;
}

static void take(void *context, const struct nlmsghdr *message)
{
	struct look *look = context;
	uint64_t h = hash(0xcbf29ce484222325u, &look->kind, sizeof(look->kind));
	const struct nlattr *attr;

	if ((uint8_t)message->nlmsg_type != kinds[look->kind].told || !is_of(message, look->table))
		return;
	look->seen_table |= !look->kind;
	mnl_attr_for_each(attr, message, sizeof(struct nfgenmsg)) {
		uint16_t type = mnl_attr_get_type(attr);

		if (type && (type == kinds[look->kind].handle || type == kinds[look->kind].beside))
			h = hash(h, mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr));
	}
	look->sum += h;
}

static int look_once(struct netlink *netlink, const struct nft_table *table, uint64_t *out)
{
	struct look look = { .table = table };

	for (; look.kind < ARRAY_SIZE(kinds); look.kind++) {
		struct nlmsghdr *message = netlink_begin(netlink,
							 (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | kinds[look.kind].ask),
							 NLM_F_DUMP);
		struct nfgenmsg *head = mnl_nlmsg_put_extra_header(message, sizeof(*head));
		int r;

		head->nfgen_family = table->family;
		head->version = NFNETLINK_V0;
		mnl_attr_put_strz(message, OWN_TABLE, table->name);   /* older kernels pass over it for some kinds:
								       * is_of() looks */
		r = netlink_request(netlink, take, &look);
		if (r == -ENOENT || (!r && !look.seen_table))
			return NFT_E_MISSING;
		if (r)
			return r;
	}
	*out = look.sum;
	return 0;
}

int nft_table_look(struct netlink *netlink, const struct nft_table *table, uint64_t *out)
{
	int r = -EINTR;

	for (size_t i = 0; i < LOOKS_MOST && r == -EINTR; i++)
		r = look_once(netlink, table, out);
	return r;
}
