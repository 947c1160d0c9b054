/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/netlink.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <stdio.h>
#include <string.h>
#include "base/util.h"

#define ANSWER_BYTES 32768      /* what the kernel puts into one datagram of a dump at most */
#define EVENT_QUEUE_BYTES (1 << 20)

enum {
	NETLINK_E_AGAIN = 1,   /* no notification there now */
	NETLINK_E_OVERRUN,     /* notifications were lost */
};

struct netlink {
	struct mnl_socket *socket;
	uint32_t sequence;
	char error_text[128];
	char request[NETLINK_REQUEST_BYTES] __attribute__((aligned(8)));
	char answer[ANSWER_BYTES] __attribute__((aligned(8)));
};

void netlink_closep(struct netlink **netlink)
{
	if (*netlink && (*netlink)->socket)
		mnl_socket_close((*netlink)->socket);
	free(*netlink);
	*netlink = NULL;
}

static int open_with(int family, int flags, struct netlink **out)
{
	_cleanup_(netlink_closep) struct netlink *netlink = calloc(1, sizeof(*netlink));

	if (!netlink)
		return -ENOMEM;
	netlink->socket = mnl_socket_open2(family, SOCK_CLOEXEC | flags);
	if (!netlink->socket || mnl_socket_bind(netlink->socket, 0, MNL_SOCKET_AUTOPID))
		return -errno;
	*out = netlink;
	netlink = NULL;
	return 0;
}

int netlink_open(int family, struct netlink **out)
{
	int r = open_with(family, 0, out), on = 1;

	if (r)
		return r;
	/* Words for errors, and dumps that are filtered in the kernel. Both only help: older kernels do without. */
	mnl_socket_setsockopt((*out)->socket, NETLINK_EXT_ACK, &on, sizeof(on));
	mnl_socket_setsockopt((*out)->socket, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	return 0;
}

int netlink_open_events(int family, const unsigned int *groups, size_t n_groups, struct netlink **out)
{
	_cleanup_(netlink_closep) struct netlink *netlink = NULL;
	int bytes = EVENT_QUEUE_BYTES, r = open_with(family, SOCK_NONBLOCK, &netlink);

	if (r)
		return r;
	setsockopt(mnl_socket_get_fd(netlink->socket), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	for (size_t i = 0; i < n_groups; i++) {
		int group = (int)groups[i];

		if (mnl_socket_setsockopt(netlink->socket, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)))
			return -errno;
	}
	*out = netlink;
	netlink = NULL;
	return 0;
}

int netlink_fd(const struct netlink *netlink)
{
	return mnl_socket_get_fd(netlink->socket);
}

const char *netlink_error_text(const struct netlink *netlink)
{
	return netlink->error_text;
}

struct nlmsghdr *netlink_begin(struct netlink *netlink, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(netlink->request);

	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	message->nlmsg_seq = ++netlink->sequence;
	return message;
}

/* Keeps the words that go with a refusal (NLMSGERR_ATTR_MSG). */
static void error_text_take(struct netlink *netlink, const struct nlmsghdr *message)
{
	const struct nlmsgerr *refusal = mnl_nlmsg_get_payload(message);
	size_t skip = sizeof(*refusal);
	const struct nlattr *attr;

	if (!(message->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(message->nlmsg_flags & NLM_F_CAPPED) && refusal->msg.nlmsg_len > sizeof(refusal->msg))
		skip += MNL_ALIGN(refusal->msg.nlmsg_len - sizeof(refusal->msg));
	if (skip > mnl_nlmsg_get_payload_len(message))
		return;
	mnl_attr_for_each(attr, message, skip)
		if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG && !mnl_attr_validate(attr, MNL_TYPE_NUL_STRING))
			snprintf(netlink->error_text, sizeof(netlink->error_text), "%s", mnl_attr_get_str(attr));
}

/* The end of an answer: 0 or the kernel's negative errno, in both kinds of closing message. */
static int closing_error(struct netlink *netlink, const struct nlmsghdr *message)
{
	int error = 0;

	if (mnl_nlmsg_get_payload_len(message) >= sizeof(error))
		memcpy(&error, mnl_nlmsg_get_payload(message), sizeof(error));
	if (error && message->nlmsg_type == NLMSG_ERROR &&
	    mnl_nlmsg_get_payload_len(message) >= sizeof(struct nlmsgerr))
		error_text_take(netlink, message);
	return error;
}

struct answer {
	netlink_message_fn fn;
	void *context;
	bool closed;
	bool interrupted;
	int error;
};

static void answer_take(struct netlink *netlink, size_t n_bytes, struct answer *answer)
{
	const struct nlmsghdr *message = (const void *)netlink->answer;
	int n_left = (int)n_bytes;

	for (; mnl_nlmsg_ok(message, n_left) && !answer->closed; message = mnl_nlmsg_next(message, &n_left)) {
		if (message->nlmsg_seq != netlink->sequence)
			continue;   /* of a request that was given up */
		if (message->nlmsg_flags & NLM_F_DUMP_INTR)
			answer->interrupted = true;
		if (message->nlmsg_type == NLMSG_ERROR || message->nlmsg_type == NLMSG_DONE) {
			answer->closed = true;
			answer->error = closing_error(netlink, message);
		} else if (answer->fn) {
			answer->fn(answer->context, message);
		}
	}
}

int netlink_request(struct netlink *netlink, netlink_message_fn fn, void *context)
{
	struct nlmsghdr *request = (void *)netlink->request;
	struct answer answer = { .fn = fn, .context = context };

	if ((request->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
		request->nlmsg_flags |= NLM_F_ACK;
	netlink->error_text[0] = '\0';
	if (mnl_socket_sendto(netlink->socket, request, request->nlmsg_len) < 0)
		return -errno;
	while (!answer.closed) {
		ssize_t n = mnl_socket_recvfrom(netlink->socket, netlink->answer, sizeof(netlink->answer));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		answer_take(netlink, (size_t)n, &answer);
	}
	if (!answer.error && answer.interrupted)
		return -EINTR;
	return answer.error;   /* not traced: for some callers "exists" or "gone" is fine */
}

/* Up to a buffer full. 0, NETLINK_E_*, or a negative errno. */
static int receive(struct netlink *netlink, bool (*matters)(const struct nlmsghdr *message), bool *any)
{
	ssize_t n = mnl_socket_recvfrom(netlink->socket, netlink->answer, sizeof(netlink->answer));
	const struct nlmsghdr *message = (const void *)netlink->answer;
	int n_left = (int)n;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return NETLINK_E_AGAIN;
	if (n < 0)
		return errno == ENOBUFS || errno == ENOSPC ? NETLINK_E_OVERRUN : -errno;
	for (; mnl_nlmsg_ok(message, n_left); message = mnl_nlmsg_next(message, &n_left))
		*any |= matters(message);
	return 0;
}

bool netlink_any_matters(struct netlink *netlink, bool (*matters)(const struct nlmsghdr *message))
{
	bool any = false;
	int r;

	do {
		r = receive(netlink, matters, &any);
		any |= r == NETLINK_E_OVERRUN;
	} while (!r || r == NETLINK_E_OVERRUN);
	return any;
}

static void family_take(void *context, const struct nlmsghdr *message)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, message, sizeof(struct genlmsghdr))
		if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID && !mnl_attr_validate(attr, MNL_TYPE_U16))
			*(uint16_t *)context = mnl_attr_get_u16(attr);
}

int netlink_generic_family(struct netlink *netlink, const char *name, uint16_t *out)
{
	struct nlmsghdr *message = netlink_begin(netlink, GENL_ID_CTRL, 0);
	struct genlmsghdr *generic = mnl_nlmsg_put_extra_header(message, sizeof(*generic));
	int r;

	generic->cmd = CTRL_CMD_GETFAMILY;
	generic->version = 1;
	mnl_attr_put_strz(message, CTRL_ATTR_FAMILY_NAME, name);
	*out = 0;
	r = netlink_request(netlink, family_take, out);
	if (r)
		return r;
	return *out ? 0 : -ENOENT;
}
