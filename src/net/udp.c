/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/udp.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include "base/util.h"
#include "net/socket.h"

/* Room for either family's; aligned as the kernel wants it. */
union control {
	struct cmsghdr head;
	char v4[CMSG_SPACE(sizeof(struct in_pktinfo))];
	char v6[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

static int set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) ? -errno : 0;
}

int net_udp_open(const char *interface, bool v4, uint16_t port, int *out)
{
	_cleanup_(fd_closep) int fd = socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct address any = v4 ? address_from_v4(INADDR_ANY, port) : (struct address){ .port = port };
	struct sockaddr_storage sa;
	socklen_t n_sa = address_to_sockaddr(&any, &sa);
	int r;

	if (fd < 0)
		return -errno;
	r = setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface, (socklen_t)strlen(interface)) ? -errno : 0;
	if (!r && v4)
		r = set(fd, IPPROTO_IP, IP_PKTINFO, 1);
	else if (!r)
		r = set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) ?: set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
	if (!r && bind(fd, (struct sockaddr *)&sa, n_sa))
		r = -errno;
	if (!r)
		*out = fd_take(&fd);
	return r;
}

static void find_local(struct msghdr *message, struct address *local)
{
	*local = (struct address){ .port = 0 };
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			*local = address_from_v4(info.ipi_spec_dst.s_addr, 0);
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			memcpy(local->ip, &info.ipi6_addr, sizeof(local->ip));
		}
	}
}

ssize_t net_udp_receive(int fd, void *bytes, size_t n_bytes, struct address *peer, struct address *local, int *error)
{
	struct sockaddr_storage sa = { 0 };
	struct iovec iov = { .iov_base = bytes, .iov_len = n_bytes };
	union control control;
	struct msghdr message = { .msg_name = &sa, .msg_namelen = sizeof(sa), .msg_iov = &iov, .msg_iovlen = 1,
				  .msg_control = &control, .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT);

	if (n < 0) {
		*error = net_error(errno);
		return n;
	}
	find_local(&message, local);
	if (address_from_sockaddr(peer, (struct sockaddr *)&sa))
		*peer = (struct address){ .port = 0 };
	return n;
}

bool net_udp_send(int fd, const void *bytes, size_t n_bytes, const struct address *peer, const struct address *local)
{
	struct sockaddr_storage sa;
	struct iovec iov = { .iov_base = (void *)bytes, .iov_len = n_bytes };
	union control control = { .head = { .cmsg_len = 0 } };
	struct msghdr message = { .msg_name = &sa, .msg_namelen = address_to_sockaddr(peer, &sa), .msg_iov = &iov,
				  .msg_iovlen = 1 };
	struct in_pktinfo v4 = { .ipi_ifindex = 0 };
	struct in6_pktinfo v6 = { .ipi6_ifindex = 0 };
	bool is_v4 = address_is_v4(peer);

	if (!address_is_unspecified(local)) {
		message.msg_control = &control;
		message.msg_controllen = is_v4 ? sizeof(control.v4) : sizeof(control.v6);
		control.head.cmsg_level = is_v4 ? IPPROTO_IP : IPPROTO_IPV6;
		control.head.cmsg_type = is_v4 ? IP_PKTINFO : IPV6_PKTINFO;
		control.head.cmsg_len = is_v4 ? CMSG_LEN(sizeof(v4)) : CMSG_LEN(sizeof(v6));
		memcpy(&v4.ipi_spec_dst, local->ip + 12, sizeof(v4.ipi_spec_dst));
		memcpy(&v6.ipi6_addr, local->ip, sizeof(v6.ipi6_addr));
		memcpy(CMSG_DATA(&control.head), is_v4 ? (void *)&v4 : (void *)&v6, is_v4 ? sizeof(v4) : sizeof(v6));
	}
	return sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)n_bytes;
}
