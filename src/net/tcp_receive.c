/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/tcp_receive.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include "base/util.h"
#include "net/sysctl.h"

int tcp_receive_buffer_get(int fd, uint32_t *n_bytes)
{
	int value = 0;
	socklen_t n_value = sizeof(value);

	if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &value, &n_value))
		return -errno;
	*n_bytes = (uint32_t)value;
	return 0;
}

/* The kernel doubles what it is told, for its overhead. */
int tcp_receive_buffer_hold(int fd, uint32_t n_bytes, bool forced)
{
	int value = (int)(n_bytes / 2);

	return setsockopt(fd, SOL_SOCKET, forced ? SO_RCVBUFFORCE : SO_RCVBUF, &value, sizeof(value)) ? -errno : 0;
}

/* The window has a clamp of its own, which follows the buffer only where the kernel tunes that. */
int tcp_receive_buffer_set(int fd, uint32_t n_bytes, bool forced)
{
	int clamp = (int)n_bytes, r = tcp_receive_buffer_hold(fd, n_bytes, forced);

	if (r)
		return r;
	return setsockopt(fd, IPPROTO_TCP, TCP_WINDOW_CLAMP, &clamp, sizeof(clamp)) ? -errno : 0;
}

void tcp_receive_buffer_let_go(int fd)
{
	int unlocked = 0;

	setsockopt(fd, SOL_SOCKET, SO_BUF_LOCK, &unlocked, sizeof(unlocked));
}

struct tcp_receive_state tcp_receive_state(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t n_info = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n_info))
		return (struct tcp_receive_state){ 0 };
	return (struct tcp_receive_state){ .rtt_us = info.tcpi_rtt, .receiver_rtt_us = info.tcpi_rcv_rtt,
					   .window_bytes = info.tcpi_rcv_ssthresh };
}

uint32_t tcp_receive_kernel_most(void)
{
	char value[SYSCTL_VALUE_BYTES];
	unsigned int least, begin, most;

	return !sysctl_read("net/ipv4/tcp_rmem", value) && sscanf(value, "%u %u %u", &least, &begin, &most) == 3 ?
	       most : 0;
}

uint32_t tcp_receive_buffer_most(uint32_t wanted_bytes, bool *forced)
{
	_cleanup_(fd_closep) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
	uint32_t got = 0;

	*forced = fd >= 0 && !tcp_receive_buffer_hold(fd, wanted_bytes, true);
	if (fd < 0 || (!*forced && tcp_receive_buffer_hold(fd, wanted_bytes, false)) ||
	    tcp_receive_buffer_get(fd, &got))
		return 0;
	return got < wanted_bytes ? got : wanted_bytes;
}
