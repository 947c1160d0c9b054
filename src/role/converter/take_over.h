/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A second attempt of a connection, over another link, with the first one's ticket: the gateway had no answer to the
 * first one's SYN in time (decision 0009), or has begun both at once (decision 0032). What the first SYN brought is
 * being served already; our SYN+ACK may be lost. While the first one's handshake hasn't ended, nothing was written to
 * it, and all that came by it comes again by the second. So the second waits, and whose handshake ends first has the
 * connection: the second takes the first one's place, or is turned away.
 */
#ifndef BRAID_ROLE_CONVERTER_TAKE_OVER_H
#define BRAID_ROLE_CONVERTER_TAKE_OVER_H

#include "role/converter/intake.h"

/* Names for policy/replay.h's holder: who came with a ticket. */
uint64_t take_over_name_intake(const struct converter *converter, const struct intake *intake);
uint64_t take_over_name_session(const struct converter *converter, struct slab_name session);

/* The worker of what a name names, and the intake, in that worker's thread: NULL where the name is none of an
 * intake's that is there. The name may be a stranger's word. */
unsigned int take_over_worker(uint64_t name);
struct intake *take_over_intake(const struct converter *converter, uint64_t name);

/* Hands the second attempt to the thread of the first, which takes it or turns it away. The intake is gone
 * afterwards. */
void take_over_begin(struct converter *converter, struct intake *second);
/* In SECOND, in the thread of the first: something has happened on its connection. The intake may be gone
 * afterwards. */
void take_over_look(struct converter *converter, struct intake *second);

#endif
