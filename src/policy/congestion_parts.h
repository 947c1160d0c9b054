/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A trial of bbr (congestion_trial.c), for congestion.c, which says when, and counts what subflows lose. Private to
 * them. */
#ifndef BRAID_POLICY_CONGESTION_PARTS_H
#define BRAID_POLICY_CONGESTION_PARTS_H

#include "policy/congestion.h"

#define CONGESTION_PACKET_BYTES 1400u
/* Lately: where cubic fills a link of 600 ms and more than some 5 Mbit/s it doesn't lose three times in so much by
 * itself. */
#define CONGESTION_SLIGHT_SENT_BYTES (6000 * CONGESTION_PACKET_BYTES)

enum congestion_trial { CONGESTION_TRIAL_GOES_ON, CONGESTION_TRIAL_FAILS, CONGESTION_TRIAL_SAYS_NOTHING };

/* With a change, whichever way. slight: few losses make it, of one subflow; all that lost some lately are tried. */
void congestion_trial_begin(struct congestion *congestion, bool slight);
/* After a look with bbr, in which all got so much through. same: no subflow came or went; lossy: those that lose much,
 * a bit each. */
enum congestion_trial congestion_trial_look(struct congestion *congestion, bool same, uint32_t lossy, uint64_t bps);
bool congestion_trial_is_over(const struct congestion *congestion);
/* Those that few losses have in a trial, or had; and those of them that bring more, if it is over. A bit each. */
uint32_t congestion_tried(const struct congestion *congestion);
uint32_t congestion_better_off(const struct congestion *congestion);

#endif
