/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A TCP connection between two ends in this process, over the loopback interface: both have all that a connection has, a reset above all, which a socket pair lacks. */
#ifndef BRAID_NET_PAIR_H
#define BRAID_NET_PAIR_H

#include <stdint.h>

/* Both ends non-blocking, with send and receive buffers of about n_bytes each. 0, NET_E_* or a negative errno. */
int net_pair(int *one, int *other, uint32_t n_bytes);

/* What is written to a TCP connection and not acknowledged yet, and its shortest round trip (0: not known). 0 or a negative errno. */
int net_unacknowledged(int fd, uint32_t *n_bytes, uint32_t *min_rtt_us);

#endif
