/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How wide TCP's receive buffers may be (decision 0006): wide from the beginning, because senders overrun narrow ones;
 * but all that a slow reader doesn't take can stand in them, on both legs, and on a small machine a few such readers
 * must not take all that TCP may have. Pure.
 */
#ifndef BRAID_POLICY_WINDOW_H
#define BRAID_POLICY_WINDOW_H

#include <stdint.h>

struct window_buffers {
	uint32_t begin_bytes;    /* of a new connection, without anybody's asking for more */
	uint32_t most_bytes;
};

/* memory_bytes: the machine's. */
struct window_buffers window_buffers(uint64_t memory_bytes);

/*
 * What a converter makes of the window in a SYN, which is never scaled: the kernel takes it for one that is, and lets
 * that much go out whatever the peer says of its window later (decision 0014). By the scales of the buffers above it
 * comes to 64 KiB to 1 MiB then: no less than the ten segments that a connection begins with, no more than the window
 * that its peer does begin with.
 */
#define WINDOW_OF_SYN 1024u

#endif
