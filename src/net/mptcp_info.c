/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/mptcp_info.h"

#include <errno.h>
#include <linux/tcp.h>
#include <string.h>
#include "base/util.h"
#include "net/mptcp_abi.h"

#ifndef TCPI_OPT_SYN_DATA
#define TCPI_OPT_SYN_DATA 32
#endif
#define ABI_TCP_INFO 11   /* TCP_INFO of IPPROTO_TCP */

static void fill(struct subflow_info *s, const struct tcp_info *tcp)
{
	s->tcp_state = tcp->tcpi_state;
	s->rtt_us = tcp->tcpi_rtt;
	s->min_rtt_us = tcp->tcpi_min_rtt;
	s->receiver_rtt_us = tcp->tcpi_rcv_rtt;
	s->bytes_sent = tcp->tcpi_bytes_sent;
	s->bytes_received = tcp->tcpi_bytes_received;
	s->bytes_acked = tcp->tcpi_bytes_acked;
	s->unacked_packets = tcp->tcpi_unacked;
	s->unsent_bytes = tcp->tcpi_notsent_bytes;
	s->bytes_retransmitted = tcp->tcpi_bytes_retrans;
	s->delivery_rate_bps = tcp->tcpi_delivery_rate * 8;
	s->busy_us = tcp->tcpi_busy_time;
	s->lost_packets = tcp->tcpi_lost;
	s->retransmits = tcp->tcpi_total_retrans;
	s->n_unanswered = tcp->tcpi_retransmits;
	s->syn_data_acked = tcp->tcpi_options & TCPI_OPT_SYN_DATA;
}

static int read_plain(int fd, struct mptcp_connection_info *out)
{
	struct tcp_info tcp = { 0 };
	struct sockaddr_storage local = { 0 }, remote = { 0 };
	socklen_t n_tcp = sizeof(tcp), n_local = sizeof(local), n_remote = sizeof(remote);

	if (getsockopt(fd, IPPROTO_TCP, ABI_TCP_INFO, &tcp, &n_tcp))
		return -errno;
	out->n_subflows = 1;
	fill(&out->subflows[0], &tcp);
	if (!getsockname(fd, (struct sockaddr *)&local, &n_local))
		address_from_sockaddr(&out->subflows[0].local, (struct sockaddr *)&local);
	if (!getpeername(fd, (struct sockaddr *)&remote, &n_remote))
		address_from_sockaddr(&out->subflows[0].remote, (struct sockaddr *)&remote);
	return MPTCP_INFO_E_PLAIN;
}

int mptcp_info_read(int fd, struct mptcp_connection_info *out)
{
	struct abi_subflow_info subflows[MPTCP_INFO_SUBFLOWS] = { 0 };
	struct tcp_info tcp[MPTCP_INFO_SUBFLOWS] = { 0 };
	struct abi_full_info full = {
		.size_tcpinfo_user = sizeof(tcp[0]), .size_sfinfo_user = sizeof(subflows[0]),
		.size_arrays_user = MPTCP_INFO_SUBFLOWS,
		.subflow_info = (uintptr_t)subflows, .tcp_info = (uintptr_t)tcp,
	};
	socklen_t n_full = sizeof(full);

	*out = (struct mptcp_connection_info){ 0 };
	if (getsockopt(fd, SOL_MPTCP, ABI_MPTCP_FULL_INFO, &full, &n_full))
		return errno == EOPNOTSUPP && !mptcp_info_fell_back(fd) ? -EOPNOTSUPP : read_plain(fd, out);
	out->token = full.info.token;
	out->retransmits = full.info.retransmits;
	out->acked = full.info.snd_una;
	out->unacked_bytes = full.info.write_seq - full.info.snd_una;
	out->received = full.info.rcv_nxt;
	out->n_subflows = size_min(full.num_subflows, MPTCP_INFO_SUBFLOWS);
	for (size_t i = 0; i < out->n_subflows; i++) {
		fill(&out->subflows[i], &tcp[i]);
		address_from_sockaddr(&out->subflows[i].local, (struct sockaddr *)&subflows[i].local);
		address_from_sockaddr(&out->subflows[i].remote, (struct sockaddr *)&subflows[i].remote);
	}
	return full.info.flags & ABI_MPTCP_FLAG_FALLBACK ? MPTCP_INFO_E_PLAIN : 0;
}

static bool knows_peer(uint32_t flags)
{
	return flags & (ABI_MPTCP_FLAG_FALLBACK | ABI_MPTCP_FLAG_REMOTE_KEY);
}

bool mptcp_info_fell_back(int fd)
{
	struct abi_mptcp_info info = { 0 };
	socklen_t n_info = sizeof(info);

	if (getsockopt(fd, SOL_MPTCP, ABI_MPTCP_INFO, &info, &n_info))
		return errno == EOPNOTSUPP || errno == ENOPROTOOPT;
	return info.flags & ABI_MPTCP_FLAG_FALLBACK;
}

/* The same by two calls: of plain TCP, and before Linux 6.5. */
static struct mptcp_beginning beginning_asked_twice(int fd)
{
	struct abi_mptcp_info info = { 0 };
	struct tcp_info tcp = { 0 };
	socklen_t n_info = sizeof(info), n_tcp = sizeof(tcp);
	bool told = !getsockopt(fd, SOL_MPTCP, ABI_MPTCP_INFO, &info, &n_info);
	bool fell_back = told ? info.flags & ABI_MPTCP_FLAG_FALLBACK : errno == EOPNOTSUPP || errno == ENOPROTOOPT;

	if (getsockopt(fd, IPPROTO_TCP, ABI_TCP_INFO, &tcp, &n_tcp))
		tcp = (struct tcp_info){ 0 };
	return (struct mptcp_beginning){ .tcp_state = tcp.tcpi_state, .fell_back = fell_back,
					 .knows_peer = !told || knows_peer(info.flags),
					 .syn_data_acked = tcp.tcpi_options & TCPI_OPT_SYN_DATA };
}

struct mptcp_beginning mptcp_info_beginning(int fd)
{
	struct tcp_info tcp = { 0 };
	struct abi_full_info full = {
		.size_tcpinfo_user = sizeof(tcp), .size_sfinfo_user = 0, .size_arrays_user = 1,
		.tcp_info = (uintptr_t)&tcp,
	};
	socklen_t n_full = sizeof(full);

	if (getsockopt(fd, SOL_MPTCP, ABI_MPTCP_FULL_INFO, &full, &n_full) || !full.num_subflows)
		return beginning_asked_twice(fd);
	return (struct mptcp_beginning){ .tcp_state = tcp.tcpi_state,
					 .fell_back = full.info.flags & ABI_MPTCP_FLAG_FALLBACK,
					 .knows_peer = knows_peer(full.info.flags),
					 .syn_data_acked = tcp.tcpi_options & TCPI_OPT_SYN_DATA };
}
