/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What one of many transfers may do before others have their turn. Large strides are cheap (each read and each write
 * costs an acknowledgement or a segment, and a system call), and long ones are what a small request beside them waits
 * for; and what was read and can't be written stays in memory. Pure.
 */
#ifndef BRAID_POLICY_SHARE_H
#define BRAID_POLICY_SHARE_H

#include <stddef.h>
#include <stdint.h>

#define SHARE_ALONE_BYTES (1u << 20)
#define SHARE_AMONG_BYTES (256u << 10)   /* and more, where the others are few */
#define SHARE_LEAST_BYTES (16u << 10)

struct share_facts {
	uint32_t n_others;           /* that are ready to move bytes, too */
	uint64_t held_bytes;         /* read and not yet written, all transfers together */
	uint64_t held_most_bytes;    /* that may be held; with SHARE_LEAST_BYTES for each direction beyond it */
};

/* The bytes that a transfer may move now. Never 0: memory that is used up slows others down and doesn't stop them. */
size_t share_stride_bytes(const struct share_facts *facts);

/* Of a send buffer, most_bytes being what one alone may have: n that carry all they can share out about the memory
 * that a few would need. */
uint32_t share_send_bytes(uint32_t n, uint32_t most_bytes);

#endif
