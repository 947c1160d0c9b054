/* SPDX-License-Identifier: MIT */
/* The server's name in the first bytes of a TLS connection: RFC 8446, sections 4.1.2 and 5.1; RFC 6066, section 3.
 * Pure. */
#ifndef BRAID_WIRE_CLIENT_HELLO_H
#define BRAID_WIRE_CLIENT_HELLO_H

#include "base/cursor.h"

#define CLIENT_HELLO_MOST_BYTES 8192        /* of the connection; no more is looked at */
#define CLIENT_HELLO_NAME_BYTES 254         /* of a host name, with the terminating zero */

enum {
	CLIENT_HELLO_E_MORE = 1,   /* it isn't whole, and may be yet: never for CLIENT_HELLO_MOST_BYTES or more */
	CLIENT_HELLO_E_NONE,       /* it names no host, is malformed or too long, or is no ClientHello */
};

/* Looks at what has come so far, from the connection's first byte on; the message may be spread over several
 * records. The name is in lower case, of letters, digits, '-', '_' and '.'. With encrypted ClientHello (ECH) it is
 * the public one. 0 or CLIENT_HELLO_E_*; once it isn't CLIENT_HELLO_E_MORE, no further byte changes it. */
int client_hello_name(struct bytes first, char name[CLIENT_HELLO_NAME_BYTES]);

#endif
