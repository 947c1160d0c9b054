/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Elements of a named nft set, one at a time: put there or renewed, looked for, deleted. Netlink alone, without
 * libnftables: no script is parsed and no ruleset read, so that it costs little enough to be done for a connection (two
 * system calls, doc/measurements.md). Never blocks.
 */
#ifndef BRAID_NET_NFT_ELEMENT_H
#define BRAID_NET_NFT_ELEMENT_H

#include <stddef.h>
#include <stdint.h>

enum { NFT_E_MISSING = 2 };            /* beside NFT_E_REFUSED of net/nft.h */

#define NFT_KEY_BYTES 64               /* what the kernel has at most */

/* The set; the names are borrowed. */
struct nft_set {
	uint8_t family;                /* NFPROTO_INET, ... */
	const char *table, *name;
};

/* Begin with zeros, then nft_key_add() for each field of the set's type, in its order. */
struct nft_key {
	uint8_t bytes[NFT_KEY_BYTES];
	size_t n;
	size_t n_fields;
};

/* One more field, in network order: 4 bytes for ipv4_addr, 16 for ipv6_addr, 2 for inet_service, 1 for inet_proto.
 * What doesn't fit any more makes the key one that no set takes (-EINVAL from below). */
void nft_key_add(struct nft_key *key, const void *field, size_t n_field);

struct nft_elements;

/* 0 or a negative errno. */
int nft_elements_open(struct nft_elements **out);
void nft_elements_closep(struct nft_elements **elements);

/*
 * Each is one transaction. 0; NFT_E_MISSING: there is no such table or set (or for a deletion: no such element); or a
 * negative errno, of which -ENFILE says that the set is full. timeout_ms: 0 is the set's own, if it has one.
 */
/* The element has this time from now on, whether it was there or not. At no instant is it away. */
int nft_element_renew(struct nft_elements *elements, const struct nft_set *set, const struct nft_key *key,
		      uint64_t timeout_ms);
/* Whether it is there: 0 or NFT_E_MISSING. */
int nft_element_find(struct nft_elements *elements, const struct nft_set *set, const struct nft_key *key);
int nft_element_delete(struct nft_elements *elements, const struct nft_set *set, const struct nft_key *key);

#endif
