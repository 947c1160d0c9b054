/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/widening.h"

#include "net/mptcp_send.h"
#include "net/tcp_receive.h"

/* Where the kernel doesn't tell, or takes nothing, its own tuning stays. */
static void apply(struct half *half, const struct half_tools *tools, uint32_t bytes)
{
	if (bytes && tcp_receive_buffer_set(half->src_fd, bytes, tools->receive_forced))
		half->widen.left = true;
}

static void begin(struct half *half, const struct half_tools *tools, struct widen_facts *facts)
{
	half->widen.left = tcp_receive_buffer_get(half->src_fd, &facts->buffer_bytes) != 0;
	if (!half->widen.left)
		apply(half, tools, widen_begin(&half->widen, &tools->receive_limits, facts));
}

static void look(struct half *half, const struct half_tools *tools, struct widen_facts *facts)
{
	if (!mptcp_send_pending(half->dst_fd, &facts->pending_bytes))
		apply(half, tools, widen_look(&half->widen, &tools->receive_limits, facts));
}

void widening_look(struct half *half, const struct half_tools *tools, uint64_t now_us)
{
	struct widen_facts facts = { .now_us = now_us, .n_bytes = half->n_bytes + half_waiting_bytes(half) };

	if (!half->bulk || half->src_multipath || half->widen.left || (half->widen.buffer_kib && !widen_is_due(&half->widen, facts.n_bytes)))
		return;
	facts.rtt_us = tcp_receive_rtt_us(half->src_fd);
	if (half->widen.buffer_kib)
		look(half, tools, &facts);
	else
		begin(half, tools, &facts);
}
