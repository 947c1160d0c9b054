/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/ending_step.h"

#include "net/mptcp_send.h"

int ending_step(struct half *half, const struct half *other, struct half_tools *tools, bool answered, uint64_t now_us)
{
	struct mptcp_send_state state;

	if (!mptcp_send_state(half->dst_fd, &state)) {
		struct ending_facts facts = {
			.now_us = now_us, .n_subflows = state.n_subflows, .queued_bytes = state.queued_bytes,
			.rtt_us = state.rtt_us,
			.answered = answered, .other_ended = other->ended,
		};

		if (!ending_may_pass(&half->ending, &facts))
			return half->ending.look_at_us ? HALF_WANT_WRITE : HALF_WANT_READ;
	}
	half->ending.look_at_us = 0;
	half->end_waits = false;
	return half_step(half, tools, 0);
}
