/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel makes of the handshakes that come to a converter, mended by one nft table of our own ("inet
 * braid_converter"):
 * - the windows of SYNs are narrowed before the kernel takes them for scaled ones (decision 0014). Without it a
 *   download whose reader stops for a while stalls on;
 * - who joins waits for a moment before he sends (decision 0017). Without it his first data may come to a wrong place
 *   where this machine is very busy.
 */
#ifndef BRAID_PATH_HANDSHAKES_H
#define BRAID_PATH_HANDSHAKES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct netlink;
struct nft;

struct handshakes {
	struct nft *nft;          /* borrowed */
	char *script;             /* what the table was made of; NULL: there is to be none */
	uint64_t picture;         /* of the table as we made it */
	struct netlink *looks;    /* opened when it is needed first */
	bool begun;               /* what an earlier run left is away */
};

/* Makes the table for connections to these ports, or none without ports; what is right already isn't touched. 0, or
 * a negative errno with the reason. */
int handshakes_put(struct handshakes *handshakes, const uint16_t *ports, size_t n_ports, char *reason, size_t n_reason);
/* Whether somebody else has removed or changed the table: the next handshakes_put() makes it again. */
bool handshakes_lost(struct handshakes *handshakes);
/* Takes the table away. The same results; what it has is freed whatever they are. */
int handshakes_remove(struct handshakes *handshakes, char *reason, size_t n_reason);

#endif
