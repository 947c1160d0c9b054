/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/widening.h"

#include "net/mptcp_send.h"
#include "net/tcp_receive.h"

static bool is_ours(const struct half *half)
{
	return half->bulk && !half->src_multipath && !half->widen.left_to_kernel;
}

static uint64_t came_bytes(const struct half *half)
{
	return half->n_bytes + half_waiting_bytes(half);
}

static struct widen_facts facts_of(const struct half *half, uint64_t now_us)
{
	struct tcp_receive_state state = tcp_receive_state(half->src_fd);

	return (struct widen_facts){
		.now_us = now_us, .n_bytes = came_bytes(half), .rtt_us = state.rtt_us,
		.receiver_rtt_us = state.receiver_rtt_us, .window_bytes = state.window_bytes,
	};
}

static void leave(struct half *half)
{
	half->widen.left_to_kernel = true;
	tcp_receive_buffer_let_go(half->src_fd);
}

void widening_look(struct half *half, const struct half_tools *tools, uint64_t now_us)
{
	struct widen_facts facts;

	if (!is_ours(half) || !widen_is_due(&half->widen, &tools->receive_limits, came_bytes(half), now_us))
		return;
	facts = facts_of(half, now_us);
	if (!mptcp_send_unsent(half->dst_fd, &facts.unsent_bytes))
		widen_look(&half->widen, &tools->receive_limits, &facts);
}

static void begin(struct half *half, const struct half_tools *tools, uint64_t now_us)
{
	struct widen_facts facts = facts_of(half, now_us);
	uint32_t bytes;

	if (tcp_receive_buffer_get(half->src_fd, &facts.buffer_bytes)) {
		leave(half);
		return;
	}
	bytes = widen_begin(&half->widen, &tools->receive_limits, &facts);
	if (bytes && tcp_receive_buffer_hold(half->src_fd, bytes, tools->receive_forced))
		leave(half);
}

void widening_note(struct half *half, const struct half_tools *tools, uint64_t now_us, int status, bool some)
{
	uint32_t bytes;

	if (!is_ours(half))
		return;
	widen_note(&half->widen, status == HALF_WANT_READ, some, came_bytes(half), now_us);
	if (!half->widen.buffer_kib)
		begin(half, tools, now_us);
	bytes = status == HALF_WANT_READ ? widen_to_set(&half->widen) : 0;
	if (bytes && tcp_receive_buffer_set(half->src_fd, bytes, tools->receive_forced))
		leave(half);
}
