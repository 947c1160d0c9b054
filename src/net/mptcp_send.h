/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sending side of a Multipath TCP connection: what it waits for, and the bound of its send buffer. */
#ifndef BRAID_NET_MPTCP_SEND_H
#define BRAID_NET_MPTCP_SEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mptcp_send_state {
	uint64_t acknowledged;         /* by DATA_ACK */
	uint32_t queued_bytes;         /* not acknowledged by DATA_ACK */
	uint32_t in_flight_packets;    /* of all subflows */
	uint32_t cwnd_packets;         /* of those that have some in flight */
	uint32_t unsent_bytes;         /* in all subflows */
	uint32_t least_unsent_bytes;   /* in the one that has least, of those that are established and have something
				        * to carry */
	/* The peer's, 0 where it is closed or isn't known just now. Of several subflows the one that heard from the
	 * peer last knows it, the narrowest of those that heard at once. The kernel writes its own idea of the
	 * connection's window over a subflow's when it sends, which may be far beyond the peer's
	 * (doc/decisions/0007): what is no multiple of the window scale came about like that and isn't looked at. */
	uint32_t window_bytes;
	uint32_t window_heard_ms;      /* how long ago; UINT32_MAX: it isn't known */
	bool window_sure;              /* no packet of the subflow that heard it is missing: with each that is, an
				        * acknowledgement may move on and leave the window as it was */
	uint64_t rate_bytes_per_s;     /* that the congestion windows of all subflows allow */
	uint64_t windows_bytes;        /* these windows together */
	uint32_t min_rtt_us;           /* the shortest */
	uint32_t longest_rtt_us;       /* smoothed, of those that the rate is of */
	uint32_t longest_min_rtt_us;   /* of these the longest that one had at least, in five minutes; UINT32_MAX: not
				        * known */
	uint32_t rtt_us;               /* of the first subflow, smoothed */
	size_t n_subflows;             /* that are established */
};

enum { MPTCP_SEND_E_PLAIN = 1 };       /* plain TCP, or fell back to it */

struct tcp_info;

/* What mptcp_send_state() adds up: of no subflow yet, and one more. Pure. */
void mptcp_send_none(struct mptcp_send_state *out);
void mptcp_send_add(struct mptcp_send_state *out, const struct tcp_info *tcp);

/* 0, MPTCP_SEND_E_PLAIN (before Linux 6.5 always), or a negative errno. */
int mptcp_send_state(int fd, struct mptcp_send_state *out);

/* Bytes that were taken from us and that the peer has not acknowledged, of plain TCP, too (SIOCOUTQ). 0 or a
 * negative errno. */
int mptcp_send_unacked(int fd, uint32_t *n_bytes);
/* Bytes that were taken from us and that no subflow was given yet (SIOCOUTQNSD). 0 or a negative errno. */
int mptcp_send_pending(int fd, uint32_t *n_bytes);
/* 0: the connection, or one of its subflows, has sent all that it was given, and could carry more. Else about what
 * it hasn't sent yet. 0 or a negative errno. */
int mptcp_send_unsent(int fd, uint32_t *n_bytes);

/* Bounds the send buffer, as SO_SNDBUF counts (with overhead). forced: past the system's limit (net.core.wmem_max),
 * for which one must be allowed to. It ends the kernel's own tuning for good. 0 or a negative errno. */
int mptcp_send_bound(int fd, uint32_t n_bytes, bool forced);
/* The present one. 0 or a negative errno. */
int mptcp_send_bound_get(int fd, uint32_t *n_bytes);

/* The largest bound that would be given here; *forced: whether we are allowed to. */
uint32_t mptcp_send_bound_most(bool *forced);

#endif
