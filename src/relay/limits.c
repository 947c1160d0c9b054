/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/limits.h"

#include "net/mptcp_send.h"
#include "policy/limited.h"

/* In units of 1024 us, so that an instant takes four bytes of a session. */
#define UNIT_BITS 10
#define LIMITS_EVERY 98u                  /* 100 ms */
#define LIMITS_REST 293u                  /* 300 ms: something else limits it, and a look in between that can't tell
					   * isn't to say that the links do */

static uint32_t now_of(const struct relay *relay)
{
	return (uint32_t)(loop_now_us(relay->loop) >> UNIT_BITS);
}

static bool is_wanted(const struct relay *relay)
{
	return relay->options.wants_limits && __atomic_load_n(relay->options.wants_limits, __ATOMIC_RELAXED);
}

static bool links_limit(const struct half *half)
{
	struct mptcp_send_state state;
	struct limited_facts facts;

	if (mptcp_send_state(half->dst_fd, &state) || mptcp_send_pending(half->dst_fd, &facts.pending_bytes))
		return false;
	facts.queued_bytes = state.queued_bytes;
	facts.unsent_bytes = state.unsent_bytes;
	facts.in_flight_packets = state.in_flight_packets;
	facts.cwnd_packets = state.cwnd_packets;
	facts.window_bytes = state.window_bytes;
	facts.window_closed = !state.window_bytes && state.window_heard_ms != UINT32_MAX;
	return limited_by_links(&facts);
}

/* A source that has run dry, as fast ones do all the time, pauses only if the leg has sent all that it had when more
 * comes. */
void limits_begin(struct relay *relay, struct half *half)
{
	uint32_t pending_bytes;

	if (half->dry && (mptcp_send_pending(half->dst_fd, &pending_bytes) || !pending_bytes))
		half->limits_from = now_of(relay) + LIMITS_EVERY;
	half->dry = false;
}

void limits_note(struct relay *relay, struct session *s, enum relay_way way, int status)
{
	struct half *half = way == RELAY_UP ? &s->up : &s->down;
	uint32_t now;
	/* a converter may speak it with a server, too */
	bool over_links = way == RELAY_UP ? s->far_mptcp && !s->near_mptcp : s->near_mptcp;

	if (!over_links || status == HALF_AGAIN || !is_wanted(relay))
		return;
	now = now_of(relay);
	half->dry = half->bulk && status == HALF_WANT_READ;
	if (half->dry && half->limits_from)
		return;
	if (status == HALF_WANT_WRITE && half->writable) {   /* for want of credit: its reader is behind */
		half->limits_from = now + LIMITS_REST;
		return;
	}
	if (status != HALF_WANT_WRITE || !half->limits_from) {
		half->limits_from = now + LIMITS_EVERY;
		return;
	}
	if ((int32_t)(now - half->limits_from) < 0)
		return;
	if (!links_limit(half)) {
		half->limits_from = now + LIMITS_REST;
		return;
	}
	half->limits_from = now + LIMITS_EVERY;
	relay->options.on_limited(relay->options.context, s->owner, way);
}
