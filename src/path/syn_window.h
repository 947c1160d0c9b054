/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The windows of the SYNs that come to a converter (decision 0014): one nft table of our own ("inet braid_converter"), with a rule that narrows them before
 * the kernel takes them for scaled ones. Without it all works, but for a download whose reader stops for a while and reads on.
 */
#ifndef BRAID_PATH_SYN_WINDOW_H
#define BRAID_PATH_SYN_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct netlink;
struct nft;

struct syn_window {
	struct nft *nft;          /* borrowed */
	char *script;             /* what the table was made of; NULL: there is to be none */
	uint64_t picture;         /* of the table as we made it */
	struct netlink *looks;    /* opened when it is needed first */
	bool begun;               /* what an earlier run left is away */
};

/* Makes the table for connections to these ports, or none without ports; what is right already isn't touched. 0, or a negative errno with the reason. */
int syn_window_put(struct syn_window *syn_window, const uint16_t *ports, size_t n_ports, char *reason, size_t n_reason);
/* Whether somebody else has removed or changed the table: the next syn_window_put() makes it again. */
bool syn_window_lost(struct syn_window *syn_window);
/* Takes the table away. The same results; what it has is freed whatever they are. */
int syn_window_remove(struct syn_window *syn_window, char *reason, size_t n_reason);

#endif
