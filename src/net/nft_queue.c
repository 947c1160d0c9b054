/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/nft_queue.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/xt_NFQUEUE.h>
#include <stdbool.h>
#include <stddef.h>
#include "base/util.h"

#define MESSAGES_BYTES 2048
#define XT_REVISION 3               /* with balance and bypass; Linux 3.10 */
#define XT_ALIGNED_BYTES 8          /* XT_ALIGN() of the info */

struct batch {
	struct mnl_socket *socket;
	char bytes[MESSAGES_BYTES] __attribute__((aligned(8)));
	size_t n;
	uint32_t sequence;
};

static void close_socket(struct mnl_socket **socket)
{
	if (*socket)
		mnl_socket_close(*socket);
}

static struct nlmsghdr *batch_message(struct batch *batch, uint16_t type, uint16_t flags, uint8_t family, uint16_t resource)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(batch->bytes + batch->n);
	struct nfgenmsg *head = mnl_nlmsg_put_extra_header(message, sizeof(*head));

	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	message->nlmsg_seq = ++batch->sequence;
	*head = (struct nfgenmsg){ .nfgen_family = family, .version = NFNETLINK_V0, .res_id = htons(resource) };
	return message;
}

static void put_statement(struct nlmsghdr *message, uint16_t first, uint16_t n)
{
	struct nlattr *data;

	mnl_attr_put_strz(message, NFTA_EXPR_NAME, "queue");
	data = mnl_attr_nest_start(message, NFTA_EXPR_DATA);
	mnl_attr_put_u16(message, NFTA_QUEUE_NUM, htons(first));
	mnl_attr_put_u16(message, NFTA_QUEUE_TOTAL, htons(n));
	mnl_attr_put_u16(message, NFTA_QUEUE_FLAGS, htons(NFT_QUEUE_FLAG_BYPASS));
	mnl_attr_nest_end(message, data);
}

static void put_target(struct nlmsghdr *message, uint16_t first, uint16_t n)
{
	union {
		struct xt_NFQ_info_v3 info;
		uint8_t aligned[XT_ALIGNED_BYTES];
	} target = { .info = { .queuenum = first, .queues_total = n, .flags = NFQ_FLAG_BYPASS } };
	struct nlattr *data;

	mnl_attr_put_strz(message, NFTA_EXPR_NAME, "target");
	data = mnl_attr_nest_start(message, NFTA_EXPR_DATA);
	mnl_attr_put_strz(message, NFTA_TARGET_NAME, "NFQUEUE");
	mnl_attr_put_u32(message, NFTA_TARGET_REV, htonl(XT_REVISION));
	mnl_attr_put(message, NFTA_TARGET_INFO, sizeof(target), &target);
	mnl_attr_nest_end(message, data);
}

static void batch_rule(struct batch *batch, const char *table, const char *chain, uint16_t first, uint16_t n, bool compat)
{
	struct nlmsghdr *message = batch_message(batch, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND | NLM_F_ACK,
						 NFPROTO_INET, 0);
	struct nlattr *list, *element;

	mnl_attr_put_strz(message, NFTA_RULE_TABLE, table);
	mnl_attr_put_strz(message, NFTA_RULE_CHAIN, chain);
	list = mnl_attr_nest_start(message, NFTA_RULE_EXPRESSIONS);
	element = mnl_attr_nest_start(message, NFTA_LIST_ELEM);
	if (compat)
		put_target(message, first, n);
	else
		put_statement(message, first, n);
	mnl_attr_nest_end(message, element);
	mnl_attr_nest_end(message, list);
	batch->n += message->nlmsg_len;
}

/* Sends the batch; 0 or the kernel's negative errno. */
static int batch_run(struct batch *batch)
{
	char answer[MESSAGES_BYTES] __attribute__((aligned(8)));
	ssize_t n;

	if (mnl_socket_sendto(batch->socket, batch->bytes, batch->n) < 0)
		return -errno;
	n = mnl_socket_recvfrom(batch->socket, answer, sizeof(answer));
	return n < 0 || mnl_cb_run(answer, (size_t)n, 0, 0, NULL, NULL) < 0 ? -errno : 0;
}

static int put(const char *table, const char *chain, uint16_t first, uint16_t n, bool compat)
{
	_cleanup_(close_socket) struct mnl_socket *socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	struct batch batch = { .socket = socket };

	if (!socket || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID))
		return -errno;
	batch.n += batch_message(&batch, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES)->nlmsg_len;
	batch_rule(&batch, table, chain, first, n, compat);
	batch.n += batch_message(&batch, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES)->nlmsg_len;
	return batch_run(&batch);
}

int nft_queue_put(const char *table, const char *chain, uint16_t first_queue, uint16_t n_queues)
{
	int r = put(table, chain, first_queue, n_queues, false);

	return r == -ENOENT || r == -EOPNOTSUPP ? put(table, chain, first_queue, n_queues, true) : r;
}
