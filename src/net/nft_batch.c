/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/nft_batch.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>

static struct nlmsghdr *begin(struct nft_batch *batch, uint16_t type, uint16_t flags, uint8_t family, uint16_t resource)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(batch->bytes + batch->n);
	struct nfgenmsg *head = mnl_nlmsg_put_extra_header(message, sizeof(*head));

	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	message->nlmsg_seq = ++batch->sequence;
	*head = (struct nfgenmsg){ .nfgen_family = family, .version = NFNETLINK_V0, .res_id = htons(resource) };
	return message;
}

void nft_batch_take(struct nft_batch *batch, const struct nlmsghdr *message)
{
	batch->n += MNL_ALIGN(message->nlmsg_len);
}

void nft_batch_begin(struct nft_batch *batch)
{
	batch->n = 0;
	nft_batch_take(batch, begin(batch, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
}

struct nlmsghdr *nft_batch_message(struct nft_batch *batch, uint16_t type, uint16_t flags, uint8_t family)
{
	return begin(batch, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags, family, 0);
}

void nft_batch_end(struct nft_batch *batch)
{
	nft_batch_take(batch, begin(batch, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
}
