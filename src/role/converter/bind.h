/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A client that has us wait for a connection of a peer's (SOCKS5's BIND): we listen on a port of converter.bind_ports,
 * for that peer alone, once, and for a while. All that is asked of a destination is asked of the peer. Private to the
 * converter.
 */
#ifndef BRAID_ROLE_CONVERTER_BIND_H
#define BRAID_ROLE_CONVERTER_BIND_H

#include "role/converter/intake.h"

/* The peer is intake->destination; the client may have sessions, and is counted in for one. Takes the intake on, in
 * LISTENING; it may be gone afterwards, here and below. */
void bind_begin(struct converter *converter, struct intake *intake);
/* In LISTENING: somebody has come; nobody has, in time. */
void bind_on_far(struct converter *converter, struct intake *intake);
void bind_on_deadline(struct converter *converter, struct intake *intake);

#endif
