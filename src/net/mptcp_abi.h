/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What newer kernels than the installed headers tell about MPTCP sockets (uapi of Linux 6.18: linux/mptcp.h). Our own
 * names, so that they live beside whatever the system's headers have. The kernel takes and gives sizes, so that each
 * side may be older.
 */
#ifndef BRAID_NET_MPTCP_ABI_H
#define BRAID_NET_MPTCP_ABI_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
#ifndef SOL_MPTCP
#define SOL_MPTCP 284
#endif

#define ABI_TCP_ESTABLISHED 1            /* of netinet/tcp.h, which linux/tcp.h does not go with */
#define ABI_TCP_SYN_RECV 3
#define ABI_MPTCP_INFO 1
#define ABI_MPTCP_FULL_INFO 4          /* 6.5 */
#define ABI_MPTCP_FLAG_FALLBACK 1u
#define ABI_MPTCP_FLAG_REMOTE_KEY 2u

struct abi_mptcp_info {
	uint8_t subflows, add_addr_signal, add_addr_accepted, subflows_max, add_addr_signal_max, add_addr_accepted_max;
	uint32_t flags, token;
	uint64_t write_seq, snd_una, rcv_nxt;
	uint8_t local_addr_used, local_addr_max, csum_enabled;
	uint32_t retransmits;                                          /* 6.5 from here */
	uint64_t bytes_retrans, bytes_sent, bytes_received, bytes_acked;
	uint8_t subflows_total, reserved[3];                           /* 6.8 */
	uint32_t last_data_sent, last_data_recv, last_ack_recv;        /* 6.10 */
};

struct abi_subflow_info {
	uint32_t id;
	struct sockaddr_storage local __attribute__((aligned(8)));
	struct sockaddr_storage remote __attribute__((aligned(8)));
};

struct abi_full_info {
	uint32_t size_tcpinfo_kernel, size_tcpinfo_user, size_sfinfo_kernel, size_sfinfo_user, num_subflows,
		size_arrays_user;
	uint64_t subflow_info __attribute__((aligned(8)));
	uint64_t tcp_info __attribute__((aligned(8)));
	struct abi_mptcp_info info;
};

#endif
