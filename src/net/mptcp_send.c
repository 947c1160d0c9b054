/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/mptcp_send.h"

#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include "base/clock.h"
#include "base/util.h"
#include "net/mptcp_abi.h"
#include "net/mptcp_info.h"

#define SUBFLOWS 16
#define BOUND_MOST_BYTES (16u << 20)

/* A SYN's window is never scaled, and is taken as if it were where data came with it: 64 MB, until something of ours
 * is acknowledged. */
static bool is_of_syn(const struct tcp_info *tcp)
{
	return tcp->tcpi_snd_wscale && tcp->tcpi_snd_wnd == (uint32_t)UINT16_MAX << tcp->tcpi_snd_wscale &&
	       tcp->tcpi_bytes_acked <= 1;   /* 1: the SYN */
}

static bool is_peers_window(const struct tcp_info *tcp)
{
	return (tcp->tcpi_snd_wnd || tcp->tcpi_bytes_acked > 1) &&
	       !(tcp->tcpi_snd_wnd & ((1u << tcp->tcpi_snd_wscale) - 1)) && !is_of_syn(tcp);
}

static void add_rate(struct mptcp_send_state *out, const struct tcp_info *tcp)
{
	uint64_t window_bytes = (uint64_t)tcp->tcpi_snd_cwnd * tcp->tcpi_snd_mss;

	if (tcp->tcpi_state != ABI_TCP_ESTABLISHED || !tcp->tcpi_rtt)
		return;
	out->windows_bytes += window_bytes;
	out->rate_bytes_per_s += window_bytes * US_PER_S / tcp->tcpi_rtt;
	if (tcp->tcpi_rtt > out->longest_rtt_us)
		out->longest_rtt_us = tcp->tcpi_rtt;
	if (tcp->tcpi_min_rtt > out->longest_min_rtt_us)
		out->longest_min_rtt_us = tcp->tcpi_min_rtt;
}

void mptcp_send_add(struct mptcp_send_state *out, const struct tcp_info *tcp)
{
	out->n_subflows += tcp->tcpi_state == ABI_TCP_ESTABLISHED;
	out->in_flight_packets += tcp->tcpi_unacked;
	out->cwnd_packets += tcp->tcpi_unacked ? tcp->tcpi_snd_cwnd : 0;
	out->unsent_bytes += tcp->tcpi_notsent_bytes;
	if (tcp->tcpi_state == ABI_TCP_ESTABLISHED && (tcp->tcpi_unacked || tcp->tcpi_notsent_bytes) &&
	    tcp->tcpi_notsent_bytes < out->least_unsent_bytes)
		out->least_unsent_bytes = tcp->tcpi_notsent_bytes;
	add_rate(out, tcp);
	if (tcp->tcpi_min_rtt < out->min_rtt_us)
		out->min_rtt_us = tcp->tcpi_min_rtt;
	if (!is_peers_window(tcp) || tcp->tcpi_last_ack_recv > out->window_heard_ms)
		return;
	if (tcp->tcpi_last_ack_recv < out->window_heard_ms || tcp->tcpi_snd_wnd < out->window_bytes) {
		out->window_bytes = tcp->tcpi_snd_wnd;
		out->window_sure = !tcp->tcpi_sacked && !tcp->tcpi_lost;
	}
	out->window_heard_ms = tcp->tcpi_last_ack_recv;
}

/* What SIOCOUTQ says. */
static uint32_t queued_bytes(const struct abi_mptcp_info *info)
{
	return info->write_seq - info->snd_una < UINT32_MAX ? (uint32_t)(info->write_seq - info->snd_una) : 0;
}

void mptcp_send_none(struct mptcp_send_state *out)
{
	*out = (struct mptcp_send_state){ .min_rtt_us = UINT32_MAX, .least_unsent_bytes = UINT32_MAX,
					   .window_heard_ms = UINT32_MAX };
}

int mptcp_send_state(int fd, struct mptcp_send_state *out)
{
	struct tcp_info tcp[SUBFLOWS];
	struct abi_full_info full = {
		.size_tcpinfo_user = sizeof(tcp[0]), .size_sfinfo_user = 0, .size_arrays_user = SUBFLOWS,
		.tcp_info = (uintptr_t)tcp,
	};
	socklen_t n_full = sizeof(full);

	if (getsockopt(fd, SOL_MPTCP, ABI_MPTCP_FULL_INFO, &full, &n_full))
		return errno == EOPNOTSUPP || errno == ENOPROTOOPT ? MPTCP_SEND_E_PLAIN : -errno;
	if (full.info.flags & ABI_MPTCP_FLAG_FALLBACK)
		return MPTCP_SEND_E_PLAIN;
	mptcp_send_none(out);
	out->acknowledged = full.info.snd_una;
	out->queued_bytes = queued_bytes(&full.info);
	out->rtt_us = full.num_subflows ? tcp[0].tcpi_rtt : 0;
	for (size_t i = 0; i < size_min(full.num_subflows, SUBFLOWS); i++)
		mptcp_send_add(out, &tcp[i]);
	if (out->least_unsent_bytes == UINT32_MAX)
		out->least_unsent_bytes = out->unsent_bytes;
	return 0;
}

static int ask(int fd, unsigned long what, uint32_t *n_bytes)
{
	int value = 0;

	if (ioctl(fd, what, &value))
		return -errno;
	*n_bytes = value > 0 ? (uint32_t)value : 0;
	return 0;
}

int mptcp_send_unacked(int fd, uint32_t *n_bytes)
{
	return ask(fd, SIOCOUTQ, n_bytes);
}

int mptcp_send_pending(int fd, uint32_t *n_bytes)
{
	return ask(fd, SIOCOUTQNSD, n_bytes);
}

/* Of plain TCP; of Multipath TCP the first subflow. */
static int first_unsent(int fd, uint32_t *n_bytes)
{
	struct tcp_info tcp = { 0 };
	socklen_t n_tcp = sizeof(tcp);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &tcp, &n_tcp))
		return -errno;
	*n_bytes = tcp.tcpi_notsent_bytes;
	return 0;
}

int mptcp_send_unsent(int fd, uint32_t *n_bytes)
{
	struct mptcp_send_state state;
	uint32_t pending_bytes = 0;
	int r = mptcp_send_pending(fd, &pending_bytes);   /* first: what goes to a subflow meanwhile is counted there */

	if (r)
		return r;
	r = mptcp_send_state(fd, &state);
	if (r > 0) {
		r = first_unsent(fd, n_bytes);
		if (mptcp_info_fell_back(fd))
			return r;   /* what is pending has become what isn't acknowledged (6.18) */
	} else {
		*n_bytes = r ? 0 : state.least_unsent_bytes;
	}
	*n_bytes += pending_bytes;
	return r;
}

/* The kernel doubles what it is told, for its overhead. */
int mptcp_send_bound(int fd, uint32_t n_bytes, bool forced)
{
	int value = (int)(n_bytes / 2);

	return setsockopt(fd, SOL_SOCKET, forced ? SO_SNDBUFFORCE : SO_SNDBUF, &value, sizeof(value)) ? -errno : 0;
}

int mptcp_send_bound_get(int fd, uint32_t *n_bytes)
{
	int value = 0;
	socklen_t n_value = sizeof(value);

	if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &value, &n_value))
		return -errno;
	*n_bytes = (uint32_t)value;
	return 0;
}

uint32_t mptcp_send_bound_most(bool *forced)
{
	_cleanup_(fd_closep) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP);
	uint32_t got = 0;

	*forced = fd >= 0 && !mptcp_send_bound(fd, BOUND_MOST_BYTES, true);
	if (fd < 0 || (!*forced && mptcp_send_bound(fd, BOUND_MOST_BYTES, false)) || mptcp_send_bound_get(fd, &got))
		return 0;
	return got < BOUND_MOST_BYTES ? got : BOUND_MOST_BYTES;
}
