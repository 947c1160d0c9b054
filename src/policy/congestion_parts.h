/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A trial of bbr (congestion_trial.c), for congestion.c, which says when, and counts what subflows lose. Private to
 * them. */
#ifndef BRAID_POLICY_CONGESTION_PARTS_H
#define BRAID_POLICY_CONGESTION_PARTS_H

#include "policy/congestion.h"

/* With a change, whichever way. slight: few losses make it, of one subflow; all that lost something are tried. */
void congestion_trial_begin(struct congestion *congestion, bool slight);
/* After a look with bbr, in which all got so much through. same: no subflow came or went; lossy: some lose much. */
bool congestion_trial_fails(struct congestion *congestion, bool same, bool lossy, uint64_t bps);
/* Those that few losses have in a trial, or had; and if it is over. A bit each. */
uint32_t congestion_tried(const struct congestion *congestion);
uint32_t congestion_better_off(const struct congestion *congestion);

#endif
