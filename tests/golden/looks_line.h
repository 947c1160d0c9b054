/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One line of a trace of policy/congestion and policy/spoilt, as tests/golden/README.md has it: both the recorder
 * and the replay write them. */
#ifndef BRAID_LOOKS_LINE_H
#define BRAID_LOOKS_LINE_H

#include <inttypes.h>
#include <stdio.h>
#include "policy/congestion.h"
#include "policy/spoilt.h"

#define LOOKS_LINE_BYTES 2048

/* c as it is afterwards. */
static inline void looks_line_congestion(char out[LOOKS_LINE_BYTES], const struct leg_facts *f,
					 struct congestion_verdict v, const struct congestion *c)
{
	int n = snprintf(out, LOOKS_LINE_BYTES, "losses %" PRIu64, f->now_us);

	for (size_t i = 0; i < f->n_subflows && i < LEG_SUBFLOWS; i++) {
		const struct leg_subflow *s = &f->subflows[i];

		n += snprintf(out + n, LOOKS_LINE_BYTES - (size_t)n,
			      " %u/%u:%" PRIu32 ":%" PRIu32 ":%" PRIu64 ":%" PRIu64, s->local.port, s->remote.port,
			      s->rtt_us, s->min_rtt_us, s->sent_bytes, s->retransmitted_bytes);
	}
	snprintf(out + n, LOOKS_LINE_BYTES - (size_t)n, " -> %s%s%s lossy %" PRIu32 " next %" PRIu64,
		 v.change ? "change " : "", v.failed ? "failed " : "", c->bbr ? "bbr" : "cubic", v.lossy,
		 c->look_at_us);
}

static inline void looks_line_spoilt(char out[LOOKS_LINE_BYTES], const struct leg_facts *f, struct spoilt_verdict v,
				     const struct spoilt *s)
{
	int n = snprintf(out, LOOKS_LINE_BYTES, "harm %" PRIu64 " %" PRIu64, f->now_us, f->arrived);

	for (size_t i = 0; i < f->n_subflows && i < LEG_SUBFLOWS; i++) {
		const struct leg_subflow *one = &f->subflows[i];

		n += snprintf(out + n, LOOKS_LINE_BYTES - (size_t)n, " %u/%u:%" PRIu32 ":%" PRIu64 ":%" PRIu64,
			      one->local.port, one->remote.port, one->rtt_us,
			      one->sent_bytes - one->retransmitted_bytes, one->busy_us);
	}
	snprintf(out + n, LOOKS_LINE_BYTES - (size_t)n,
		 " -> %s slow %zu had %" PRIu64 " could %" PRIu64 " next %" PRIu64, v.spoilt ? "spoilt" : "fine",
		 v.slow, v.had_bps, v.could_bps, s->end_us);
}

#endif
