/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the peer is told of a connection that could not be made. */
#ifndef BRAID_ROLE_OUTCOME_H
#define BRAID_ROLE_OUTCOME_H

#include <stdbool.h>
#include "signalling/scheme.h"

/* error: NET_E_* or a negative errno; v6: it was to go to an IPv6 address. */
struct signalling_result outcome_of_error(int error, bool v6);
/* The machine that was to make it does not want to. */
struct signalling_result outcome_prohibited(bool v6);

/* The mark (path/marks.h) by which nft gives whoever waits the answer that the destination gave; 0: silence.
 * MARK_PASS where it isn't the destination's answer. */
unsigned int outcome_mark(const struct signalling_result *result, bool v6);

#endif
