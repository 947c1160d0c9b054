/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/window.h"

/* Twice the window that a connection begins with. That had better be twice what the peer may have under way, its
 * tcp_wmem, 4 MiB where nobody changed it: where links lose packets, as much can stand here out of order, and what
 * it takes the window has no more. */
#define BEGIN_MOST_BYTES (16u << 20)
#define BEGIN_LEAST_BYTES (512u << 10)
#define BEGIN_SHARE 512u            /* of the memory: all of the sixteen from 8 GiB on */
#define GROWTH 4u
#define GROWN_MOST_BYTES (32u << 20)

struct window_buffers window_buffers(uint64_t memory_bytes)
{
	uint64_t begin = memory_bytes / BEGIN_SHARE, most;

	if (begin < BEGIN_LEAST_BYTES)
		begin = BEGIN_LEAST_BYTES;
	if (begin > BEGIN_MOST_BYTES)
		begin = BEGIN_MOST_BYTES;
	most = begin * GROWTH < GROWN_MOST_BYTES ? begin * GROWTH : GROWN_MOST_BYTES;
	return (struct window_buffers){ .begin_bytes = (uint32_t)begin, .most_bytes = (uint32_t)most };
}
