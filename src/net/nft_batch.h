/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages to nf_tables that the kernel takes as one transaction. */
#ifndef BRAID_NET_NFT_BATCH_H
#define BRAID_NET_NFT_BATCH_H

#include <libmnl/libmnl.h>
#include <stddef.h>
#include <stdint.h>

#define NFT_BATCH_BYTES 4096    /* the caller's messages are to stay below: no room is looked for */

struct nft_batch {
	char bytes[NFT_BATCH_BYTES] __attribute__((aligned(8)));
	size_t n;
	uint32_t sequence;      /* of the last message; goes on from one batch to the next */
};

/* Empties the batch and begins it. */
void nft_batch_begin(struct nft_batch *batch);
/* A message of type NFT_MSG_* to be filled, then nft_batch_take(). */
struct nlmsghdr *nft_batch_message(struct nft_batch *batch, uint16_t type, uint16_t flags, uint8_t family);
void nft_batch_take(struct nft_batch *batch, const struct nlmsghdr *message);
/* The batch is whole: bytes and n are to be sent. */
void nft_batch_end(struct nft_batch *batch);

#endif
