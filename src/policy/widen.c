/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/widen.h"

#include "base/clock.h"

#define BEGIN_BYTES (512u << 10)
#define BUFFER_MOST_BYTES (UINT16_MAX * 1024u)
#define WINDOW_SHARE 2u               /* of the buffer; the rest is for the kernel's overhead */
#define FAST_BYTES_PER_MS 125000u     /* a gigabit a second */
#define RTT_LEAST_US (2 * US_PER_MS)  /* it isn't read at once, others have their turns in between */

static uint32_t least(uint64_t a, uint32_t b)
{
	return a < b ? (uint32_t)a : b;
}

struct widen_limits widen_limits(uint32_t may_set_bytes, uint32_t kernel_most_bytes)
{
	struct widen_limits limits = { .most_bytes = least(least(may_set_bytes, kernel_most_bytes), BUFFER_MOST_BYTES) };

	limits.reach_us = may_set_bytes >= kernel_most_bytes ? UINT32_MAX : (uint32_t)(limits.most_bytes / WINDOW_SHARE * US_PER_MS / FAST_BYTES_PER_MS);
	return limits;
}

static void begin_anew(struct widen *widen, const struct widen_facts *facts)
{
	widen->from_bytes = (uint32_t)facts->n_bytes;
	widen->from_us = (uint32_t)facts->now_us;
}

uint32_t widen_begin(struct widen *widen, const struct widen_limits *limits, const struct widen_facts *facts)
{
	uint32_t bytes = facts->buffer_bytes > BEGIN_BYTES ? facts->buffer_bytes : BEGIN_BYTES;

	widen->left = bytes > limits->most_bytes || facts->rtt_us > limits->reach_us;
	if (widen->left)
		return 0;
	widen->buffer_kib = (uint16_t)(bytes >> 10);
	begin_anew(widen, facts);
	return bytes;
}

bool widen_is_due(const struct widen *widen, uint64_t n_bytes)
{
	return (uint32_t)n_bytes - widen->from_bytes >= ((uint32_t)widen->buffer_kib << 10) / WINDOW_SHARE / 2;
}

uint32_t widen_look(struct widen *widen, const struct widen_limits *limits, const struct widen_facts *facts)
{
	uint32_t took_us = (uint32_t)facts->now_us - widen->from_us, rtt_us = facts->rtt_us > RTT_LEAST_US ? facts->rtt_us : RTT_LEAST_US;
	uint32_t have_bytes = (uint32_t)widen->buffer_kib << 10, wider_bytes = least(2 * (uint64_t)have_bytes, limits->most_bytes);

	begin_anew(widen, facts);
	if (facts->pending_bytes || took_us > rtt_us || wider_bytes <= have_bytes)
		return 0;
	widen->buffer_kib = (uint16_t)(wider_bytes >> 10);
	return wider_bytes;
}
