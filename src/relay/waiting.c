/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sessions that wait to write, and the timer that looks after them: an event may never come. */
#include "base/clock.h"
#include "base/counter.h"
#include "relay/pacing.h"
#include "relay/steadying.h"

#define RESCUE_US (200 * US_PER_MS)   /* a half that waits to write is tried again after this, event or not */

void relay_unblock(struct relay *relay, struct session *s)
{
	if (!s->blocked)
		return;
	s->blocked = false;
	if (s->blocked_before == SLAB_NONE)
		relay->blocked_first = s->blocked_next;
	else
		relay_session_at(relay, s->blocked_before)->blocked_next = s->blocked_next;
	if (s->blocked_next != SLAB_NONE)
		relay_session_at(relay, s->blocked_next)->blocked_before = s->blocked_before;
}

static void arm_timer(struct relay *relay, uint64_t at_us)
{
	struct loop_ref ref = { .handler = relay->handler };

	if (at_us < relay->timer_at_us && !loop_timer_at(relay->loop, at_us, ref))
		relay->timer_at_us = at_us;
}

/* 0: none. */
static uint64_t earlier_us(uint64_t at_us, uint64_t or_at_us)
{
	return or_at_us && or_at_us < at_us ? or_at_us : at_us;
}

/* The next time at which a session that waits to write is to be looked at. */
static uint64_t look_at_us(const struct relay *relay, const struct session *s)
{
	uint64_t at_us = relay->rescue_at_us;

	at_us = earlier_us(at_us, s->up.steady.look_at_us);
	at_us = earlier_us(at_us, s->up.ending.look_at_us);
	at_us = earlier_us(at_us, s->down.steady.look_at_us);
	return earlier_us(at_us, s->down.ending.look_at_us);
}

void relay_block(struct relay *relay, struct session *s)
{
	if (relay->blocked_first == SLAB_NONE)
		relay->rescue_at_us = loop_now_us(relay->loop) + RESCUE_US;
	arm_timer(relay, look_at_us(relay, s));
	if (s->blocked)
		return;
	s->blocked = true;
	s->blocked_before = SLAB_NONE;
	s->blocked_next = relay->blocked_first;
	if (s->blocked_next != SLAB_NONE)
		relay_session_at(relay, s->blocked_next)->blocked_before = relay_index_of(relay, s);
	relay->blocked_first = relay_index_of(relay, s);
}

/* MPTCP may say "not now" and never "now" (HACKING.md, the relay): all are tried again every RESCUE_US. */
static void rescue(struct relay *relay, struct session *s)
{
	s->up.writable = s->down.writable = true;
	s->rescued = true;
	relay_queue(relay, s);
}

static void look(struct relay *relay, struct session *s, enum relay_way way, uint64_t now_us)
{
	struct half *half = way == RELAY_UP ? &s->up : &s->down;
	uint64_t before = half->n_bytes;
	bool had_credit = half_credit_bytes(half);

	if (s->state == SESSION_CLOSING || !half->steady.look_at_us || half->steady.look_at_us > now_us)
		return;
	if (steadying_look(half, &relay->tools, now_us, &relay->counters.n_nudges)) {
		relay_session_fail(relay, s);
		return;
	}
	counter_add(way == RELAY_UP ? &relay->counters.up_bytes : &relay->counters.down_bytes, half->n_bytes - before);
	pacing_count(relay, s, way, 0, half->n_bytes - before);
	if (!had_credit && half_credit_bytes(half))
		relay_queue(relay, s);
}

static bool end_is_due(const struct half *half, uint64_t now_us)
{
	return half->ending.look_at_us && half->ending.look_at_us <= now_us;
}

void relay_on_timer(void *context, struct loop_ref ref, uint64_t now_us)
{
	struct relay *relay = context;
	bool rescues = now_us >= relay->rescue_at_us;
	uint64_t next_us = CLOCK_NEVER_US;

	if (now_us < relay->timer_at_us)
		return;   /* one that was set before an earlier one */
	relay->timer_at_us = CLOCK_NEVER_US;
	if (rescues)
		relay->rescue_at_us = now_us + RESCUE_US;
	for (uint32_t i = relay->blocked_first, next; i != SLAB_NONE; i = next) {
		struct session *s = relay_session_at(relay, i);

		next = s->blocked_next;   /* one that fails now leaves the list */
		if (s->queued)
			continue;   /* its event has come; it blocks again, if it has to */
		look(relay, s, RELAY_UP, now_us);
		look(relay, s, RELAY_DOWN, now_us);
		if (s->state == SESSION_CLOSING)
			continue;
		if (rescues)
			rescue(relay, s);
		if (end_is_due(&s->up, now_us) || end_is_due(&s->down, now_us))
			relay_queue(relay, s);
		if (!s->queued && look_at_us(relay, s) < next_us)
			next_us = look_at_us(relay, s);
	}
	if (next_us != CLOCK_NEVER_US)
		arm_timer(relay, next_us);
}
