/* SPDX-License-Identifier: MIT */
/*
 * The elements of plain mode (draft-boucadair-mptcp-plain-mode-10): a magic number, and one or two addresses, in front
 * of a connection's own data. No I/O, no memory, no state. An element is: type 0, length, 14 bits that are zero, D (the
 * address is the source, not the destination), M (it is the last), the address, a port or none, zeros up to a multiple
 * of 4 bytes. Its length counts from the type and leaves out those zeros: 8 and 20 bytes for IPv4 and IPv6, 10 and 22
 * with a port.
 */
#ifndef BRAID_WIRE_PLAIN_MODE_H
#define BRAID_WIRE_PLAIN_MODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/address.h"

#define PLAIN_MODE_MAGIC_BYTES 4          /* fa a8 fa a8 */
#define PLAIN_MODE_BYTES 52               /* the most: two of IPv6 with a port */

enum {
	PLAIN_MODE_E_SHORT = 1,  /* it isn't complete: more bytes are needed */
	PLAIN_MODE_E_MALFORMED,  /* no such message, or one that breaks a rule: what comes behind can't mend it */
};

/* A port of 0: none is there. */
struct plain_mode {
	size_t n_bytes;          /* of all, the magic number included */
	bool has_destination, has_source, source_first;
	struct address destination, source;
};

/* What follows isn't looked at. 0 or PLAIN_MODE_E_*, as soon as the bytes say so. */
int plain_mode_get(struct plain_mode *out, const void *bytes, size_t n_bytes);
/* One of the two must be there. Returns the length. */
size_t plain_mode_put(const struct plain_mode *message, uint8_t room[PLAIN_MODE_BYTES]);

#endif
