/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/nft_queue.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/xt_NFQUEUE.h>
#include <stdbool.h>
#include <stddef.h>
#include "base/util.h"
#include "net/nft_batch.h"

#define ANSWER_BYTES 2048
#define XT_REVISION 3               /* with balance and bypass; Linux 3.10 */
#define XT_ALIGNED_BYTES 8          /* XT_ALIGN() of the info */

static void close_socket(struct mnl_socket **socket)
{
	if (*socket)
		mnl_socket_close(*socket);
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

static void put_rule(struct nft_batch *batch, const char *table, const char *chain, uint16_t first, uint16_t n,
		     bool compat)
{
	struct nlmsghdr *message = nft_batch_message(batch, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND | NLM_F_ACK,
						     NFPROTO_INET);
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
	nft_batch_take(batch, message);
}

/* Sends the batch; 0 or the kernel's negative errno. */
static int run(struct mnl_socket *socket, const struct nft_batch *batch)
{
	char answer[ANSWER_BYTES] __attribute__((aligned(8)));
	ssize_t n;

	if (mnl_socket_sendto(socket, batch->bytes, batch->n) < 0)
		return -errno;
	n = mnl_socket_recvfrom(socket, answer, sizeof(answer));
	return n < 0 || mnl_cb_run(answer, (size_t)n, 0, 0, NULL, NULL) < 0 ? -errno : 0;
}

static int put(const char *table, const char *chain, uint16_t first, uint16_t n, bool compat)
{
	_cleanup_(close_socket) struct mnl_socket *socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	struct nft_batch batch = { .sequence = 0 };

	if (!socket || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID))
		return -errno;
	nft_batch_begin(&batch);
	put_rule(&batch, table, chain, first, n, compat);
	nft_batch_end(&batch);
	return run(socket, &batch);
}

int nft_queue_put(const char *table, const char *chain, uint16_t first_queue, uint16_t n_queues)
{
	int r = put(table, chain, first_queue, n_queues, false);

	return r == -ENOENT || r == -EOPNOTSUPP ? put(table, chain, first_queue, n_queues, true) : r;
}
