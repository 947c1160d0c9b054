/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "path/accepted.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <stdbool.h>

#define V4_AT 12   /* within the mapped form */

int accepted_forget(struct nft_elements *elements, const struct address *destination)
{
	bool v4 = address_is_v4(destination);
	struct nft_set set = { .family = NFPROTO_INET, .table = "braid", .name = v4 ? "accepted_4" : "accepted_6" };
	const uint8_t *ip = v4 ? destination->ip + V4_AT : destination->ip;
	uint16_t port = htons(destination->port);
	struct nft_key key = { 0 };
	int r;

	nft_key_add(&key, ip, v4 ? sizeof(destination->ip) - V4_AT : sizeof(destination->ip));
	nft_key_add(&key, &port, sizeof(port));
	r = nft_element_delete(elements, &set, &key);
	return r == NFT_E_MISSING ? 0 : r;
}
