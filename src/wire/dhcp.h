/* SPDX-License-Identifier: MIT */
/*
 * Addresses of converters as DHCP has them (draft-boucadair-mptcp-dhc; no code points were assigned, so which options
 * they are in is a setting of whoever asks). Read are the options' values, without code and length. No I/O, no memory,
 * no state.
 *	DHCPv4: {length of a list in bytes, IPv4 addresses} again and again: one list a converter
 *	DHCPv6: addresses of one converter; IPv4 ones are v4-mapped
 */
#ifndef BRAID_WIRE_DHCP_H
#define BRAID_WIRE_DHCP_H

#include <stddef.h>
#include <stdint.h>
#include "base/address.h"

#define DHCP_ADDRESSES 16    /* that are kept of a value, whatever it has */

enum { DHCP_E_MALFORMED = 1 };   /* empty, cut, or a list without addresses */

/* In the order of the value, which is that of preference. */
struct dhcp_converters {
	struct {
		uint8_t converter;       /* 0 and up: addresses of the same one stand together */
		struct address address;  /* without a port: neither option has one */
	} at[DHCP_ADDRESSES];
	size_t n;
	size_t n_left_out;       /* beyond these */
};

/* 0 or DHCP_E_MALFORMED. What kind of address it is, and whether anybody can be there, isn't looked at. */
int dhcp_v4_get(struct dhcp_converters *out, const void *value, size_t n_bytes);
int dhcp_v6_get(struct dhcp_converters *out, const void *value, size_t n_bytes);

#endif
