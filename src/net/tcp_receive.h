/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The receiving side of a plain TCP connection: the width of its buffer, and with it of the window that its peer is offered. */
#ifndef BRAID_NET_TCP_RECEIVE_H
#define BRAID_NET_TCP_RECEIVE_H

#include <stdbool.h>
#include <stdint.h>

/* As SO_RCVBUF counts, with overhead. 0 or a negative errno. */
int tcp_receive_buffer_get(int fd, uint32_t *n_bytes);
/* forced: past the system's limit (net.core.rmem_max), for which one must be allowed to. It ends the kernel's own tuning. 0 or a negative errno. */
int tcp_receive_buffer_set(int fd, uint32_t n_bytes, bool forced);

/* Smoothed, as the acknowledgements of what we sent have it; 0: not known. */
uint32_t tcp_receive_rtt_us(int fd);

/* The largest up to wanted_bytes that would be given here, 0 where none can be set; *forced: whether we are allowed to. */
uint32_t tcp_receive_buffer_most(uint32_t wanted_bytes, bool *forced);

#endif
