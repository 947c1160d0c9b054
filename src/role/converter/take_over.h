/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A second attempt of a connection, over another link, with the first one's ticket (decision 0009): the gateway had no answer to the first one's SYN in time.
 * The SYN may be lost, or our SYN+ACK; then what the SYN brought is being served already. While the first one's handshake hasn't ended, nothing was written to
 * it, and all that came by it comes again by the second: so the second takes its place. Later the first one is alive, and the second is turned away.
 */
#ifndef BRAID_ROLE_CONVERTER_TAKE_OVER_H
#define BRAID_ROLE_CONVERTER_TAKE_OVER_H

#include "role/converter/intake.h"

/* Names for policy/replay.h's holder: who came with a ticket. */
uint64_t take_over_name_intake(const struct converter *converter, const struct intake *intake);
uint64_t take_over_name_session(const struct converter *converter, struct slab_name session);

/* The worker of what a name names, and the intake, in that worker's thread: NULL where the name is none of an intake's that is there. The name may be a
 * stranger's word. */
unsigned int take_over_worker(uint64_t name);
struct intake *take_over_intake(const struct converter *converter, uint64_t name);

/* Hands the second attempt to the thread of the first, which takes it or turns it away. The intake is gone afterwards. */
void take_over_begin(struct converter *converter, struct intake *second);

#endif
