/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs nft scripts, in this process (libnftables). A script is one transaction: all of it or nothing. */
#ifndef BRAID_NET_NFT_H
#define BRAID_NET_NFT_H

#include <stddef.h>

struct nft;

enum { NFT_E_REFUSED = 1 };

/* To be opened while the process has few descriptors, and kept: libnftables waits with select(), which ends the
 * process where its descriptor's number is FD_SETSIZE (1,024) or more. 0, -EMFILE where that is so already, or
 * -ENOMEM. */
int nft_open(struct nft **out);
void nft_closep(struct nft **nft);

/* 0; NFT_E_REFUSED with nft's first line of complaint in reason; or a negative errno. */
int nft_run(struct nft *nft, const char *script, char *reason, size_t n_reason);
/* A script that puts or removes this table ("inet braid"). 0, -EOPNOTSUPP where nft refuses it, or another negative
 * errno, with the reason in one line. */
int nft_put_table(struct nft *nft, const char *table, const char *script, char *reason, size_t n_reason);

#endif
