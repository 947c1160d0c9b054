/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keeps a sending Multipath TCP leg steady (decision 0007). Since Linux 6.15 a receiver under load may lose the last
 * DATA_ACK: TCP has acknowledged all, MPTCP hasn't, and the sender stands still until its 200 ms retransmission timer.
 * Two rules of the sender end that:
 *
 * follow: the send buffer stays below the window that the peer offers, so that there is always room in the window for
 *         a nudge, and below what the links carry in four of the longest round trips, or in two and half a second (the
 *         most of the last seconds): what one link's queue holds goes over no other;
 * nudge:  when sending was refused, nothing is in flight and yet something isn't acknowledged, a little more is sent:
 *         its acknowledgement brings the DATA_ACK that is missing.
 *
 * Following costs a few percent on long paths, where the trap doesn't come about; so it begins on short ones, where a
 * stall was seen, where a leg that may be wrong about the window comes near it (decision 0055), and where the kernel's
 * own tuning, which knows nothing of other subflows' round trips and has a limit, leaves less room than unequal or long
 * links want (decision 0052). Pure.
 */
#ifndef BRAID_POLICY_STEADY_H
#define BRAID_POLICY_STEADY_H

#include <stdbool.h>
#include <stdint.h>

#define STEADY_NUDGE_BYTES 16384u

struct steady {
	uint64_t acknowledged;       /* by DATA_ACK, as it was at the last look */
	uint64_t look_at_us;         /* 0: sending isn't refused */
	uint32_t bound_bytes;        /* of the send buffer, as it was set; 0: the kernel's own */
	uint32_t links_bytes;        /* the most that the bound by what links carry has been lately */
	uint32_t links_at_ms;        /* when it was, of a clock that goes round */
	uint8_t fruitless;           /* looks in a row that found no progress */
	uint8_t pause_ms;            /* between a refusal and the first look, as the path is; 0: not known yet, the
				      * shortest */
	uint8_t window_units;        /* the peer's window as it was known last, in 128 KiB, one at least, 255 at most;
				      * 0: not known yet */
	bool begun : 1;              /* bulk data has been sent */
	bool guarded : 1;            /* the kernel's idea of the peer's window may be too wide: on long paths, too, the
				      * buffer is bound, as soon as what it takes comes near three quarters of the
				      * true one */
	bool stalled : 1;            /* a stall was seen on this leg */
};

/* What the kernel tells of the leg; of several subflows the sums, of round trips the shortest. */
struct steady_facts {
	uint64_t now_us;
	uint64_t acknowledged;       /* by DATA_ACK: MPTCP's snd_una */
	uint32_t queued_bytes;       /* not acknowledged by DATA_ACK (SIOCOUTQ) */
	bool held;                   /* it would take more, but has no credit (policy/credit.h) */
	uint32_t in_flight_packets;
	uint32_t unsent_bytes;       /* in the subflows' queues */
	uint32_t window_bytes;       /* that the peer offers; 0: not known just now */
	uint64_t rate_bytes_per_s;   /* that the congestion windows allow; 0: not known */
	uint64_t windows_bytes;      /* the congestion windows; 0: not known */
	uint32_t longest_rtt_us;     /* smoothed */
	uint32_t longest_min_rtt_us; /* of the subflows the longest that one had at least: mostly without a queue;
				      * UINT32_MAX: not known */
	uint32_t min_rtt_us;
	uint32_t most_bytes;         /* that the send buffer may be bound to: what we are allowed, what memory there
				      * is */
};

struct steady_verdict {
	uint32_t bound_bytes;        /* to set the send buffer to; 0: leave it */
	bool nudge;                  /* send STEADY_NUDGE_BYTES beyond the buffer */
};

/* The first time that much is to be sent: on short paths the buffer is bound before it outgrows the window, on long
 * ones where there is a reason already. */
struct steady_verdict steady_begin(struct steady *steady, const struct steady_facts *facts);

/* Sending was refused; says when to look (sooner on short paths), in steady->look_at_us. The same refusal may be
 * told many times. */
void steady_refused(struct steady *steady, uint64_t now_us);
/* Sending goes on. */
void steady_moved(struct steady *steady);

/* Before sending goes on, and so the window is filled again. */
struct steady_verdict steady_follow(struct steady *steady, const struct steady_facts *facts);
/* At look_at_us, sending still being refused; sets the next look. */
struct steady_verdict steady_look(struct steady *steady, const struct steady_facts *facts);

#endif
