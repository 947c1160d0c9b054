/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rule that hands packets to a queue. nft has a statement for it, and where the kernel was built without, its old
 * form, the xtables target NFQUEUE, can stand in an nft chain (NFT_COMPAT), though no nft script can write it.
 */
#ifndef BRAID_NET_NFT_QUEUE_H
#define BRAID_NET_NFT_QUEUE_H

#include <stdint.h>

/* Appends a rule to the chain of the inet table: every packet that comes there goes to one of n queues, by its
 * addresses; on to the next chain where nobody has the queue. 0, or a negative errno: -ENOENT where the kernel has
 * neither form (or there is no such chain). */
int nft_queue_put(const char *table, const char *chain, uint16_t first_queue, uint16_t n_queues);

#endif
