/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/widen.h"

#include "base/clock.h"

#define BEGIN_BYTES (512u << 10)
#define BUFFER_MOST_KIB ((1u << 21) - 1)   /* an int of bytes */
#define LOOK_SHARE 4u                      /* of the buffer: about half a window, the rest of it is for the kernel's
					    * overhead */
#define LOOK_MOST_BUFFERS 2u               /* that come while the other leg always has something to send: the look
					    * begins anew */
#define LOOK_LEAST_US US_PER_MS             /* a look costs what some packets cost */
#define PAUSE_US US_PER_MS
#define WINDOW_SHARE 2u                    /* of the window, in a round trip: a slower source isn't held back by it */
#define WINDOW_LEAST_SHARE 8u              /* of the buffer: a window that isn't as wide yet as its buffer lets it be
					    * is no reason for a wider one */
#define FAST_BYTES_PER_MS 125000u          /* a gigabit a second */
#define RTT_LEAST_US (2 * US_PER_MS)       /* it isn't read at once, others have their turns in between */
#define READ_GAP_MOST_US (20 * US_PER_MS)  /* of a thread that has much to do; more is a pause of the source */
#define RECEIVER_RTTS_MOST 4u              /* of the round trip by what we sent; more is how long a reader stood
					    * still */
#define RECEIVER_RTT_MOST_US (50 * US_PER_MS)
#define RECEIVER_RTT_UNKNOWN_US US_PER_S   /* where only that one is known */

static uint32_t least(uint64_t a, uint32_t b)
{
	return a < b ? (uint32_t)a : b;
}

static uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

struct widen_limits widen_limits(uint32_t may_set_bytes, uint32_t kernel_most_bytes)
{
	struct widen_limits limits =
		{ .most_bytes = least(least(may_set_bytes, kernel_most_bytes) >> 10, BUFFER_MOST_KIB) << 10 };

	limits.reach_us = may_set_bytes >= kernel_most_bytes ? UINT32_MAX :
			  (uint32_t)(limits.most_bytes / 2 * US_PER_MS / FAST_BYTES_PER_MS);
	return limits;
}

static void begin_anew(struct widen *widen, uint64_t n_bytes, uint64_t now_us)
{
	widen->from_bytes = (uint32_t)n_bytes;
	widen->from_us = (uint32_t)now_us;
	widen->looks = true;
	widen->in_bursts = false;
}

void widen_note(struct widen *widen, bool dry, bool some, uint64_t n_bytes, uint64_t now_us)
{
	if (some || !widen->dry)
		widen->dry_us = (uint32_t)now_us;
	widen->dry = dry;
	if (dry && !widen->looks)
		begin_anew(widen, n_bytes, now_us);
}

static bool is_out_of_reach(const struct widen_limits *limits, const struct widen_facts *facts)
{
	return limits->reach_us != UINT32_MAX && (!facts->rtt_us || facts->rtt_us > limits->reach_us);
}

uint32_t widen_begin(struct widen *widen, const struct widen_limits *limits, const struct widen_facts *facts)
{
	uint32_t bytes = (uint32_t)most(facts->buffer_bytes, BEGIN_BYTES);

	widen->left_to_kernel = bytes > limits->most_bytes || is_out_of_reach(limits, facts);
	widen->unset = !widen->left_to_kernel;
	widen->buffer_kib = widen->left_to_kernel ? 0 : (bytes + 1023) >> 10;
	return (uint32_t)widen->buffer_kib << 10;
}

static uint32_t buffer_bytes(const struct widen *widen)
{
	return (uint32_t)widen->buffer_kib << 10;
}

static bool has_come_in_vain(const struct widen *widen, uint64_t n_bytes)
{
	return (uint32_t)n_bytes - widen->from_bytes >= (uint64_t)buffer_bytes(widen) * LOOK_MOST_BUFFERS;
}

bool widen_is_due(const struct widen *widen, const struct widen_limits *limits, uint64_t n_bytes, uint64_t now_us)
{
	if (!widen->looks || !widen->dry || widen->unset || !widen->buffer_kib ||
	    buffer_bytes(widen) >= limits->most_bytes)
		return false;
	if ((uint32_t)n_bytes - widen->from_bytes < buffer_bytes(widen) / LOOK_SHARE ||
	    (uint32_t)now_us - widen->from_us < LOOK_LEAST_US)
		return false;
	return !widen->in_bursts || (uint32_t)now_us - widen->dry_us >= PAUSE_US || has_come_in_vain(widen, n_bytes);
}

/* The longest that may be one, without the time for which a reader stood still, and with that which it takes us to
 * come and read. */
static uint64_t round_trip_us(const struct widen *widen, const struct widen_facts *facts)
{
	uint64_t receivers_most_us = facts->rtt_us ?
				     most((uint64_t)facts->rtt_us * RECEIVER_RTTS_MOST, RECEIVER_RTT_MOST_US) :
				     RECEIVER_RTT_UNKNOWN_US;
	uint64_t receivers_us = facts->receiver_rtt_us < receivers_most_us ? facts->receiver_rtt_us : receivers_most_us;
	uint32_t gap_us = least((uint32_t)facts->now_us - widen->dry_us, READ_GAP_MOST_US);

	return most(most(facts->rtt_us, receivers_us), most(gap_us, RTT_LEAST_US));
}

/* By what has come since the look's time began. */
static bool window_holds_it_back(const struct widen *widen, const struct widen_facts *facts)
{
	uint64_t came_bytes = (uint32_t)facts->n_bytes - widen->from_bytes,
		 took_us = (uint32_t)facts->now_us - widen->from_us;
	uint64_t window_bytes = most(facts->window_bytes, buffer_bytes(widen) / WINDOW_LEAST_SHARE);

	return came_bytes * round_trip_us(widen, facts) * WINDOW_SHARE >= window_bytes * took_us;
}

void widen_look(struct widen *widen, const struct widen_limits *limits, const struct widen_facts *facts)
{
	uint32_t wider_bytes = least(2 * (uint64_t)buffer_bytes(widen), limits->most_bytes);

	if (facts->unsent_bytes && !has_come_in_vain(widen, facts->n_bytes)) {
		widen->in_bursts = true;
		return;
	}
	widen->unset = !facts->unsent_bytes && wider_bytes > buffer_bytes(widen) && window_holds_it_back(widen, facts);
	if (widen->unset)
		widen->buffer_kib = wider_bytes >> 10;
	begin_anew(widen, facts->n_bytes, facts->now_us);
}

uint32_t widen_to_set(struct widen *widen)
{
	bool unset = widen->unset;

	widen->unset = false;
	return unset ? buffer_bytes(widen) : 0;
}
