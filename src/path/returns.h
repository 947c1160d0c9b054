/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What comes back to a converter's sockets on addresses that aren't this machine's (doc/addresses.md): one nft table of
 * its own ("inet braid_returns") marks the packets of connections that are ours, and ICMP errors about them, and the
 * rule and the local route of policy/links.h deliver what bears the mark. Everything else that is sent to those
 * addresses goes its way untouched. The table is put back at once where somebody removes or changes it.
 */
#ifndef BRAID_PATH_RETURNS_H
#define BRAID_PATH_RETURNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "loop/loop.h"

struct nft;
struct returns;

struct returns_options {
	struct loop *loop;         /* borrowed */
	struct nft *nft;           /* borrowed */
	uint32_t fwmark;
	void (*warn)(void *context, const char *text);
	void *context;
};

/* Takes away what an earlier run left. 0, or a negative errno with the reason. */
int returns_new(const struct returns_options *options, struct returns **out, char *reason, size_t n_reason);
/* The loop must not run any more afterwards. The table goes, too; a failure is a warning. */
void returns_freep(struct returns **returns);

/* Makes the table; what is right already isn't touched. 0, or a negative errno with the reason. */
int returns_put(struct returns *returns, char *reason, size_t n_reason);

#endif
