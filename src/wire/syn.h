/* SPDX-License-Identifier: MIT */
/* The first packet of a TCP connection as it is on the wire, from its IP header on: RFC 791, RFC 8200, RFC 9293.
 * Pure. */
#ifndef BRAID_WIRE_SYN_H
#define BRAID_WIRE_SYN_H

#include <stdint.h>
#include "base/address.h"
#include "base/cursor.h"

enum { SYN_E_MALFORMED = 1, SYN_E_OTHER };

struct syn {
	struct address source, destination;
	uint8_t dscp;               /* 0..63 */
};

/* The packet may be cut off behind its TCP options. 0; SYN_E_OTHER: a well-formed packet that is no SYN without ACK
 * (or a fragment, or of another protocol); SYN_E_MALFORMED. */
int syn_get(struct bytes packet, struct syn *out);

#endif
