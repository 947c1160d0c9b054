/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs nft scripts, in this process (libnftables). A script is one transaction: all of it or nothing. */
#ifndef BRAID_NET_NFT_H
#define BRAID_NET_NFT_H

#include <stddef.h>

enum { NFT_E_REFUSED = 1 };

/* 0; NFT_E_REFUSED with nft's first line of complaint in reason; or a negative errno. */
int nft_run(const char *script, char *reason, size_t n_reason);

#endif
