/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel tells of an MPTCP connection and of its subflows. */
#ifndef BRAID_NET_MPTCP_INFO_H
#define BRAID_NET_MPTCP_INFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/address.h"

#define MPTCP_INFO_SUBFLOWS 16

enum { MPTCP_INFO_E_PLAIN = 1 };   /* the socket is plain TCP, or fell back to it */

struct subflow_info {
	struct address local, remote;
	uint8_t tcp_state;             /* TCP_ESTABLISHED, ... of netinet/tcp.h */
	uint32_t rtt_us, min_rtt_us;
	uint32_t receiver_rtt_us;      /* of what is received, by the peer's timestamps; 0: not known */
	uint64_t bytes_sent;           /* payload, retransmissions included */
	uint64_t bytes_acked;          /* of what was sent, by TCP */
	uint64_t bytes_received;
	uint32_t unacked_packets, unsent_bytes;   /* of TCP */
	uint64_t bytes_retransmitted;
	uint64_t delivery_rate_bps;
	uint64_t busy_us;              /* in which something was to be sent, or acknowledged */
	uint32_t lost_packets, retransmits;
	uint8_t n_unanswered;          /* retransmissions in a row without an answer */
	bool syn_data_acked;
};

struct mptcp_connection_info {
	uint32_t token;
	uint32_t retransmits;          /* of the MPTCP level */
	uint64_t acked;                /* by DATA_ACK: a sequence number */
	uint64_t unacked_bytes;        /* that it hasn't acknowledged; an end that was sent counts as one */
	uint64_t received;             /* in order, up to here: a sequence number of the peer's */
	size_t n_subflows;
	struct subflow_info subflows[MPTCP_INFO_SUBFLOWS];
};

/* 0; MPTCP_INFO_E_PLAIN (*out then holds the one TCP connection as its subflow); a negative errno (-EOPNOTSUPP
 * before Linux 6.5). */
int mptcp_info_read(int fd, struct mptcp_connection_info *out);

/* Whether the connection is plain TCP by now. False for one that is still being set up. */
bool mptcp_info_fell_back(int fd);

/* How a connection has begun, asked while it has one subflow. All false where nothing can be had, but for
 * knows_peer. */
struct mptcp_beginning {
	uint8_t tcp_state;             /* of the subflow */
	bool fell_back;                /* as mptcp_info_fell_back() */
	/* The peer's key is known, or isn't needed: without it, what we send bears no DATA_ACK, and a peer that gets
	 * such data first goes on as plain TCP without our knowing. True where the kernel doesn't tell. */
	bool knows_peer;
	bool syn_data_acked;           /* the peer has acknowledged data in the SYN */
};
struct mptcp_beginning mptcp_info_beginning(int fd);

#endif
