/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/queue.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "base/util.h"
#include "net/socket.h"

#define QUEUE_PACKETS 8192          /* that may wait for a verdict: more go the ordinary way */
#define RECEIVE_BYTES (4 << 20)
#define MESSAGE_BYTES 65536

struct net_queue {
	struct mnl_socket *socket;
	uint16_t number;
	char buffer[MESSAGE_BYTES] __attribute__((aligned(8)));
};

struct taking {
	struct net_queue *queue;
	net_queue_fn fn;                /* NULL: while the queue is opened */
	void *context;
};

static int send_message(struct net_queue *queue, const struct nlmsghdr *message)
{
	return mnl_socket_sendto(queue->socket, message, message->nlmsg_len) < 0 ? -errno : 0;
}

static void decide(struct net_queue *queue, uint32_t id, int verdict, const uint32_t *mark)
{
	char buffer[256] __attribute__((aligned(8)));
	struct nlmsghdr *message = nfq_nlmsg_put(buffer, NFQNL_MSG_VERDICT, queue->number);

	nfq_nlmsg_verdict_put(message, (int)id, verdict);
	if (mark)
		nfq_nlmsg_verdict_put_mark(message, *mark);
	send_message(queue, message);
}

void net_queue_pass(struct net_queue *queue, uint32_t id, uint32_t mark)
{
	decide(queue, id, NF_ACCEPT, &mark);
}

void net_queue_repeat(struct net_queue *queue, uint32_t id, uint32_t mark)
{
	decide(queue, id, NF_REPEAT, &mark);
}

void net_queue_drop(struct net_queue *queue, uint32_t id)
{
	decide(queue, id, NF_DROP, NULL);
}

static void fill_mac(struct net_queue_packet *packet, const struct nlattr *attr)
{
	const struct nfqnl_msg_packet_hw *hw;

	if (!attr || mnl_attr_get_payload_len(attr) < sizeof(*hw))
		return;
	hw = mnl_attr_get_payload(attr);
	packet->has_mac = ntohs(hw->hw_addrlen) == sizeof(packet->mac);
	memcpy(packet->mac, hw->hw_addr, sizeof(packet->mac));
}

static int take_packet(const struct nlmsghdr *message, struct taking *taking)
{
	struct nlattr *attrs[NFQA_MAX + 1] = { 0 };
	struct net_queue_packet packet = { 0 };
	const struct nfqnl_msg_packet_hdr *head;

	if (nfq_nlmsg_parse(message, attrs) < 0 || !attrs[NFQA_PACKET_HDR])
		return MNL_CB_OK;
	head = mnl_attr_get_payload(attrs[NFQA_PACKET_HDR]);
	packet.id = ntohl(head->packet_id);
	if (attrs[NFQA_MARK])
		packet.mark = ntohl(mnl_attr_get_u32(attrs[NFQA_MARK]));
	if (attrs[NFQA_IFINDEX_INDEV])
		packet.ifindex = ntohl(mnl_attr_get_u32(attrs[NFQA_IFINDEX_INDEV]));
	fill_mac(&packet, attrs[NFQA_HWADDR]);
	if (attrs[NFQA_PAYLOAD]) {
		packet.bytes = mnl_attr_get_payload(attrs[NFQA_PAYLOAD]);
		packet.n_bytes = mnl_attr_get_payload_len(attrs[NFQA_PAYLOAD]);
	}
	if (taking->fn)
		taking->fn(taking->context, &packet);
	else
		net_queue_drop(taking->queue, packet.id);   /* came before we were ready: its host sends it again */
	return MNL_CB_OK;
}

static int on_message(const struct nlmsghdr *message, void *data)
{
	return take_packet(message, data);
}

/* Waits for the kernel's answer to the one message that was sent. */
static int acknowledged(struct net_queue *queue)
{
	struct taking taking = { .queue = queue };
	ssize_t n;
	int r = MNL_CB_OK;

	while (r == MNL_CB_OK) {
		n = mnl_socket_recvfrom(queue->socket, queue->buffer, sizeof(queue->buffer));
		if (n < 0)
			return -errno;
		r = mnl_cb_run(queue->buffer, (size_t)n, 0, 0, on_message, &taking);
	}
	return r == MNL_CB_ERROR ? -errno : 0;
}

static int bind_queue(struct net_queue *queue)
{
	struct nlmsghdr *message = nfq_nlmsg_put(queue->buffer, NFQNL_MSG_CONFIG, queue->number);
	int r;

	message->nlmsg_flags |= NLM_F_ACK;
	nfq_nlmsg_cfg_put_cmd(message, AF_UNSPEC, NFQNL_CFG_CMD_BIND);
	nfq_nlmsg_cfg_put_params(message, NFQNL_COPY_PACKET, NET_QUEUE_COPY_BYTES);
	nfq_nlmsg_cfg_put_qmaxlen(message, QUEUE_PACKETS);
	mnl_attr_put_u32(message, NFQA_CFG_FLAGS, htonl(NFQA_CFG_F_FAIL_OPEN));
	mnl_attr_put_u32(message, NFQA_CFG_MASK, htonl(NFQA_CFG_F_FAIL_OPEN));
	r = send_message(queue, message);
	return r ? r : acknowledged(queue);
}

static void set_buffers(struct net_queue *queue)
{
	int bytes = RECEIVE_BYTES, fd = mnl_socket_get_fd(queue->socket), on = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	/* what doesn't fit goes the ordinary way */
	mnl_socket_setsockopt(queue->socket, NETLINK_NO_ENOBUFS, &on, sizeof(on));
}

int net_queue_open(uint16_t number, struct net_queue **out)
{
	_cleanup_(net_queue_closep) struct net_queue *queue = calloc(1, sizeof(*queue));
	int r;

	if (!queue)
		return -ENOMEM;
	queue->number = number;
	queue->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!queue->socket || mnl_socket_bind(queue->socket, 0, MNL_SOCKET_AUTOPID))
		return -errno;
	set_buffers(queue);
	r = bind_queue(queue);
	if (r)
		return r;
	*out = queue;
	queue = NULL;
	return 0;
}

void net_queue_closep(struct net_queue **queue)
{
	if (*queue && (*queue)->socket)
		mnl_socket_close((*queue)->socket);
	free(*queue);
	*queue = NULL;
}

int net_queue_fd(const struct net_queue *queue)
{
	return mnl_socket_get_fd(queue->socket);
}

int net_queue_take(struct net_queue *queue, net_queue_fn fn, void *context)
{
	struct taking taking = { .queue = queue, .fn = fn, .context = context };
	ssize_t n = recv(net_queue_fd(queue), queue->buffer, sizeof(queue->buffer), MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR || errno == ENOBUFS ? NET_E_AGAIN : -errno;
	mnl_cb_run(queue->buffer, (size_t)n, 0, 0, on_message, &taking);   /* a refused verdict is told here, too:
									    * its packet is gone */
	return 0;
}
