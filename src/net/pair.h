/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A TCP connection between two ends in this process, over the loopback interface: both have all that a connection
 * has, a reset above all, which a socket pair lacks. */
#ifndef BRAID_NET_PAIR_H
#define BRAID_NET_PAIR_H

#include <stdbool.h>
#include <stdint.h>

/* Both ends non-blocking, with send and receive buffers of about n_bytes each. 0, NET_E_* or a negative errno. */
int net_pair(int *one, int *other, uint32_t n_bytes);

/* What is written to a TCP connection and not acknowledged yet; what of it is not sent, and what has arrived behind
 * what was lost, as whole packets; its smoothed and its shortest round trip (0: not known). What it has sent since it
 * began, retransmissions included, and these alone. Of one that was accepted with data in its SYN the first means
 * nothing until its handshake has ended. */
struct net_sent {
	bool in_handshake;
	uint32_t unacked_bytes, unsent_bytes, sacked_bytes, rtt_us, min_rtt_us;
	uint64_t sent_bytes, retransmitted_bytes;
};
int net_sent(int fd, struct net_sent *out);   /* 0 or a negative errno */

#endif
