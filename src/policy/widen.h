/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How wide the receive buffer of a plain TCP leg is, once much comes by it (decision 0043). The kernel's own tuning
 * widens it whenever much is read within a round trip, as it measures it: where the other leg is the slower one, that
 * is how long bytes stand in the buffer. So a source that is faster than the links fills megabytes in each session, and
 * all of them where its reader stands still. Here it is widened where the source alone is waited for: it had no more
 * when it was read last, the other leg has sent all that it had, and what came since makes half a window or more a
 * round trip. Pure.
 */
#ifndef BRAID_POLICY_WIDEN_H
#define BRAID_POLICY_WIDEN_H

#include <stdbool.h>
#include <stdint.h>

struct widen {
	uint32_t from_bytes;         /* had come when the present look's time began, modulo 2^32 */
	uint32_t from_us;            /* when that was, likewise */
	uint32_t dry_us;             /* when something was read last, and the source had no more */
	uint32_t buffer_kib : 24;    /* as it was set, or is to be; 0: not ours yet */
	bool left_to_kernel : 1;
	bool looks : 1;              /* from_bytes and from_us hold */
	bool dry : 1;                /* the source had no more when it was read last */
	bool unset : 1;              /* buffer_kib is to be set yet */
	bool in_bursts : 1;          /* the other leg had something to send when it was asked: next after a pause of
				      * the source */
};

/* What may be set here. */
struct widen_limits {
	uint32_t most_bytes;         /* 0: nothing */
	uint32_t reach_us;           /* the longest round trip over which that does; UINT32_MAX: any */
};

/* may_set_bytes: that the kernel lets us; kernel_most_bytes: to which it would widen a buffer itself. */
struct widen_limits widen_limits(uint32_t may_set_bytes, uint32_t kernel_most_bytes);

struct widen_facts {
	uint64_t now_us;
	uint64_t n_bytes;            /* that have come */
	uint32_t rtt_us;             /* of the leg, by what we sent: often of the handshake alone; 0: not known */
	uint32_t receiver_rtt_us;    /* by what came: with the time for which it stood in our buffer */
	uint32_t window_bytes;       /* that the peer is offered when all is read */
	uint32_t buffer_bytes;       /* as the kernel has it; widen_begin() alone asks */
	uint32_t unsent_bytes;       /* that the other leg has taken, and not sent yet; widen_look() alone asks */
};

/* The source has been read, and n_bytes have come by now, some of them now. dry: it has no more; else it has, or may
 * have: it wasn't asked, as the other leg takes no more. */
void widen_note(struct widen *widen, bool dry, bool some, uint64_t n_bytes, uint64_t now_us);

/* Much comes: what to hold the buffer at, the window staying as it may be now; 0: it is left to the kernel. From
 * here on nobody tunes it but widen_look(). Never narrower than it is: what is on its way would be dropped. */
uint32_t widen_begin(struct widen *widen, const struct widen_limits *limits, const struct widen_facts *facts);

/* Before the source is read: whether it is to be looked at; whether the buffer is to be wider. A distant source's
 * window comes in a burst each round trip, within which the other leg has something to send: it is asked when the
 * source has paused. */
bool widen_is_due(const struct widen *widen, const struct widen_limits *limits, uint64_t n_bytes, uint64_t now_us);
void widen_look(struct widen *widen, const struct widen_limits *limits, const struct widen_facts *facts);

/* The source is dry: what to set the buffer and the window to; 0: it stays as it is. With bytes in the buffer, and
 * so no window, Linux before 6.7 would never open it again. */
uint32_t widen_to_set(struct widen *widen);

#endif
