/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/steadying.h"

#include <errno.h>
#include "base/counter.h"
#include "net/mptcp_send.h"
#include "policy/share.h"

#define NUDGE_ROOM_BYTES 65536u   /* beyond what is queued: the kernel counts its overhead, too */

/* False for what isn't Multipath TCP (any more): it has no DATA_ACK to lose. */
static bool read_state(struct half *half, struct mptcp_send_state *out)
{
	if (!mptcp_send_state(half->dst_fd, out))
		return true;
	half->steadied = false;
	steady_moved(&half->steady);
	return false;
}

static struct steady_facts facts_of(const struct mptcp_send_state *state, const struct half_tools *tools,
				    uint64_t now_us)
{
	return (struct steady_facts){
		.now_us = now_us, .acknowledged = state->acknowledged, .queued_bytes = state->queued_bytes,
		.in_flight_packets = state->in_flight_packets, .unsent_bytes = state->unsent_bytes,
		.window_bytes = state->window_bytes,
		.rate_bytes_per_s = state->rate_bytes_per_s, .windows_bytes = state->windows_bytes,
		.longest_rtt_us = state->longest_rtt_us,
		.longest_min_rtt_us = state->longest_min_rtt_us,
		.min_rtt_us = state->min_rtt_us,
		.most_bytes = share_send_bytes(tools->n_bulk, tools->send_bound_most_bytes),
	};
}

static bool read_facts(struct half *half, const struct half_tools *tools, uint64_t now_us, struct steady_facts *out)
{
	struct mptcp_send_state state;

	if (!read_state(half, &state))
		return false;
	*out = facts_of(&state, tools, now_us);
	return true;
}

static struct credit_facts credit_facts_of(const struct half *half, const struct mptcp_send_state *state,
					   uint64_t now_us)
{
	return (struct credit_facts){
		.now_us = now_us, .n_bytes = half->n_bytes, .acknowledged = state->acknowledged,
		.queued_bytes = state->queued_bytes, .window_bytes = state->window_bytes,
		.window_heard_ms = state->window_heard_ms, .window_sure = state->window_sure,
	};
}

static void apply(struct half *half, const struct half_tools *tools, struct steady_verdict verdict)
{
	if (verdict.bound_bytes)
		mptcp_send_bound(half->dst_fd, verdict.bound_bytes, tools->send_bound_forced);
}

void steadying_begin(struct half *half, const struct half_tools *tools, uint64_t now_us)
{
	struct steady_facts facts;

	if (half->steadied && !half->steady.begun && read_facts(half, tools, now_us, &facts))
		apply(half, tools, steady_begin(&half->steady, &facts));
}

void steadying_follow(struct half *half, const struct half_tools *tools, uint64_t now_us)
{
	struct steady_facts facts;

	if (half->steadied && half->steady.begun && half->steady.look_at_us && read_facts(half, tools, now_us, &facts))
		apply(half, tools, steady_follow(&half->steady, &facts));
}

bool steadying_credit(struct half *half, uint64_t now_us)
{
	struct mptcp_send_state state;
	struct credit_facts facts;

	if (!read_state(half, &state))
		return true;
	facts = credit_facts_of(half, &state, now_us);
	return credit_look(&half->credit, &facts);
}

/* A little more than the buffer takes: its acknowledgement brings the DATA_ACK that is missing. */
static int nudge(struct half *half, struct half_tools *tools, const struct steady_facts *facts)
{
	uint32_t have = 0, wanted = half->steady.bound_bytes;
	int r = mptcp_send_bound_get(half->dst_fd, &have);

	if (r)
		return r;
	if (!wanted)
		wanted = have;
	mptcp_send_bound(half->dst_fd, (facts->queued_bytes > have ? facts->queued_bytes : have) + NUDGE_ROOM_BYTES,
			 tools->send_bound_forced);
	r = half_push(half, tools, STEADY_NUDGE_BYTES);
	mptcp_send_bound(half->dst_fd, wanted, tools->send_bound_forced);
	return r;
}

static struct steady_verdict look(struct half *half, const struct half_tools *tools,
				  const struct mptcp_send_state *state, struct steady_facts *facts)
{
	struct credit_facts credit_facts = credit_facts_of(half, state, facts->now_us);
	struct steady_verdict verdict;

	if (!half_credit_bytes(half))
		facts->held = !credit_look(&half->credit, &credit_facts) && half->writable;
	verdict = steady_look(&half->steady, facts);
	apply(half, tools, verdict);
	if (verdict.nudge && !half_credit_bytes(half)) {
		credit_nudge(&half->credit, &credit_facts, STEADY_NUDGE_BYTES);
		verdict.nudge = false;   /* it goes when the session runs */
	}
	return verdict;
}

int steadying_look(struct half *half, struct half_tools *tools, uint64_t now_us, uint64_t *n_nudges)
{
	struct mptcp_send_state state;
	struct steady_facts facts;

	if (!read_state(half, &state))
		return 0;
	facts = facts_of(&state, tools, now_us);
	if (!look(half, tools, &state, &facts).nudge)
		return 0;
	counter_add(n_nudges, 1);
	return nudge(half, tools, &facts);
}
