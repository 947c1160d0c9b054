/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One line of a trace of policy/steady, as tests/golden/README.md has it: both the recorder and the replay write
 * them. */
#ifndef BRAID_STEADY_LINE_H
#define BRAID_STEADY_LINE_H

#include <inttypes.h>
#include <stdio.h>
#include "policy/steady.h"

#define STEADY_LINE_BYTES 384
#define STEADY_FACTS \
	"%" SCNu64 " %" SCNu64 " %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu64 " %" SCNu32 " %" SCNu32 \
	" %" SCNu32 " %" SCNu64 " %" SCNu32

/* What a leg is known by, before the next event. */
static inline void steady_line_leg(char out[STEADY_LINE_BYTES], const struct steady *s)
{
	snprintf(out, STEADY_LINE_BYTES,
		 "leg %" PRIu64 " %" PRIu64 " %" PRIu32 " %u %u %d %d %d %" PRIu32 " %" PRIu32 " %u",
		 s->acknowledged, s->look_at_us, s->bound_bytes, s->fruitless, s->pause_ms, s->begun, s->guarded,
		 s->stalled, s->links_bytes, s->links_at_ms, s->window_units);
}

/* what: "begin", "follow" or "look"; s as it is afterwards. */
static inline void steady_line_decision(char out[STEADY_LINE_BYTES], const char *what, const struct steady_facts *f,
					struct steady_verdict v, const struct steady *s)
{
	int n = snprintf(out, STEADY_LINE_BYTES,
			 "%s %" PRIu64 " %" PRIu64 " %" PRIu32 " %" PRIu32 " %" PRIu32 " %" PRIu32 " "
			 "%" PRIu64 " %" PRIu32 " %" PRIu32 " %" PRIu32 " %" PRIu64 " %" PRIu32 " ->", what, f->now_us,
			 f->acknowledged, f->queued_bytes, f->in_flight_packets, f->unsent_bytes, f->window_bytes,
			 f->rate_bytes_per_s, f->longest_rtt_us, f->min_rtt_us, f->most_bytes, f->windows_bytes,
			 f->longest_min_rtt_us);

	if (v.bound_bytes)
		n += snprintf(out + n, STEADY_LINE_BYTES - (size_t)n, " bind %" PRIu32, v.bound_bytes);
	if (v.nudge)
		n += snprintf(out + n, STEADY_LINE_BYTES - (size_t)n, " nudge");
	snprintf(out + n, STEADY_LINE_BYTES - (size_t)n, " next %" PRIu64, s->look_at_us);
}

#endif
