/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/pair.h"

#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include "base/address.h"
#include "base/util.h"
#include "net/mptcp_abi.h"
#include "net/socket.h"

#define ACCEPT_MS 100   /* over loopback it is there at once; a firewall of somebody's may have it otherwise */

static void bound_buffers(int fd, uint32_t n_bytes)
{
	int value = (int)n_bytes;

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &value, sizeof(value));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &value, sizeof(value));
}

static int open_listener(uint32_t n_bytes, int *out, struct address *address)
{
	_cleanup_(fd_closep) int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int r;

	if (fd < 0)
		return net_error(errno);
	bound_buffers(fd, n_bytes);   /* for the end that is accepted */
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) || listen(fd, 1))
		return net_error(errno);
	r = net_local_address(fd, address);
	*out = r ? -1 : fd_take(&fd);
	return r;
}

/* Somebody else may have been there first. */
static int accept_from(int listener, const struct address *wanted, int *out)
{
	struct pollfd readable = { .fd = listener, .events = POLLIN };
	_cleanup_(fd_closep) int fd = -1;
	struct address peer;
	int r = poll(&readable, 1, ACCEPT_MS) == 1 ? net_accept(listener, &fd, &peer) : NET_E_TIMED_OUT;

	if (r)
		return r;
	if (!address_equal(&peer, wanted))
		return NET_E_REFUSED;
	*out = fd_take(&fd);
	return 0;
}

int net_pair(int *one, int *other, uint32_t n_bytes)
{
	_cleanup_(fd_closep) int listener = -1, first = -1;
	struct address address, own;
	struct net_connect_options options = { .mptcp = false };
	size_t n_sent;
	int r = open_listener(n_bytes, &listener, &address);

	if (!r)
		r = net_connect_begin(&address, &options, &first, &n_sent);
	if (!r)
		r = net_local_address(first, &own);
	if (!r)
		r = accept_from(listener, &own, other);
	if (r)
		return r;
	bound_buffers(first, n_bytes);
	*one = fd_take(&first);
	return 0;
}

int net_sent(int fd, struct net_sent *out)
{
	struct tcp_info tcp = { 0 };
	socklen_t n_tcp = sizeof(tcp);
	int value = 0;

	if (ioctl(fd, SIOCOUTQ, &value) || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &tcp, &n_tcp))
		return -errno;
	out->in_handshake = tcp.tcpi_state == ABI_TCP_SYN_RECV;
	out->unacked_bytes = value > 0 ? (uint32_t)value : 0;
	out->unsent_bytes = tcp.tcpi_notsent_bytes;
	out->sacked_bytes = tcp.tcpi_sacked * tcp.tcpi_snd_mss;
	out->rtt_us = tcp.tcpi_rtt;
	out->sent_bytes = tcp.tcpi_bytes_sent;
	out->retransmitted_bytes = tcp.tcpi_bytes_retrans;
	out->min_rtt_us = tcp.tcpi_min_rtt == UINT32_MAX ? 0 : tcp.tcpi_min_rtt;
	return 0;
}
