/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The receiving side of a plain TCP connection: the width of its buffer, and with it of the window that its peer is
 * offered. */
#ifndef BRAID_NET_TCP_RECEIVE_H
#define BRAID_NET_TCP_RECEIVE_H

#include <stdbool.h>
#include <stdint.h>

/* As SO_RCVBUF counts, with overhead. 0 or a negative errno. */
int tcp_receive_buffer_get(int fd, uint32_t *n_bytes);
/* Ends the kernel's own tuning. The window stays as it may be now, whatever the buffer is. forced: past the system's
 * limit (net.core.rmem_max), for which one must be allowed to. 0 or a negative errno. */
int tcp_receive_buffer_hold(int fd, uint32_t n_bytes, bool forced);
/* The same, and the window with it. All that has come is to be read before: while no window is offered, Linux before
 * 6.7 takes this for its last word. 0 or a negative errno. */
int tcp_receive_buffer_set(int fd, uint32_t n_bytes, bool forced);
/* The kernel tunes it again, from where it is. */
void tcp_receive_buffer_let_go(int fd);

struct tcp_receive_state {
	uint32_t rtt_us;            /* smoothed, by the acknowledgements of what we sent; 0: not known */
	uint32_t receiver_rtt_us;   /* by what came, with the time for which it stood here; 0: not known */
	uint32_t window_bytes;      /* that the peer is offered when all is read */
};
/* All 0 where nothing can be had. */
struct tcp_receive_state tcp_receive_state(int fd);

/* To which the kernel widens buffers itself, as things are now (net.ipv4.tcp_rmem); 0: it isn't known. */
uint32_t tcp_receive_kernel_most(void);
/* The largest up to wanted_bytes that would be given here, 0 where none can be set; *forced: whether we are allowed
 * to. */
uint32_t tcp_receive_buffer_most(uint32_t wanted_bytes, bool *forced);

#endif
