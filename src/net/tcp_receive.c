/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/tcp_receive.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include "base/util.h"

int tcp_receive_buffer_get(int fd, uint32_t *n_bytes)
{
	int value = 0;
	socklen_t n_value = sizeof(value);

	if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &value, &n_value))
		return -errno;
	*n_bytes = (uint32_t)value;
	return 0;
}

/* The kernel doubles what it is told, for its overhead. The window has a clamp of its own, which follows the buffer only where the kernel tunes that. */
int tcp_receive_buffer_set(int fd, uint32_t n_bytes, bool forced)
{
	int value = (int)(n_bytes / 2), clamp = (int)n_bytes;

	if (setsockopt(fd, SOL_SOCKET, forced ? SO_RCVBUFFORCE : SO_RCVBUF, &value, sizeof(value)))
		return -errno;
	return setsockopt(fd, IPPROTO_TCP, TCP_WINDOW_CLAMP, &clamp, sizeof(clamp)) ? -errno : 0;
}

uint32_t tcp_receive_rtt_us(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t n_info = sizeof(info);

	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n_info) ? 0 : info.tcpi_rtt;
}

uint32_t tcp_receive_buffer_most(uint32_t wanted_bytes, bool *forced)
{
	_cleanup_(fd_closep) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
	uint32_t got = 0;

	*forced = fd >= 0 && !tcp_receive_buffer_set(fd, wanted_bytes, true);
	if (fd < 0 || (!*forced && tcp_receive_buffer_set(fd, wanted_bytes, false)) || tcp_receive_buffer_get(fd, &got))
		return 0;
	return got < wanted_bytes ? got : wanted_bytes;
}
