/* SPDX-License-Identifier: MIT */
#include "wire/syn.h"

#include <stdbool.h>

#define PROTOCOL_TCP 6
#define FLAGS 0x17u                 /* FIN, SYN, RST, ACK */
#define FLAG_SYN 0x02u
#define IPV4_LEAST_WORDS 5
#define IPV4_FRAGMENT 0x3fffu       /* more to come, or not the first */
#define TCP_LEAST_WORDS 5
#define IPV6_HOP_BY_HOP 0
#define IPV6_ROUTING 43
#define IPV6_DESTINATION 60

static const uint8_t v4_mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static void get_v4_address(struct cursor *c, struct address *out)
{
	for (size_t i = 0; i < sizeof(v4_mapped); i++)
		out->ip[i] = v4_mapped[i];
	cursor_get_bytes(c, out->ip + sizeof(v4_mapped), 4);
}

/* Leaves c at the TCP header. */
static int get_v4(struct cursor *c, struct syn *out)
{
	unsigned int n_words = cursor_get_u8(c) & 0x0fu;
	uint16_t fragment;
	uint8_t protocol;

	out->dscp = cursor_get_u8(c) >> 2;
	cursor_skip(c, 4);          /* length, identification */
	fragment = cursor_get_u16be(c);
	cursor_skip(c, 1);          /* time to live */
	protocol = cursor_get_u8(c);
	cursor_skip(c, 2);          /* checksum */
	get_v4_address(c, &out->source);
	get_v4_address(c, &out->destination);
	if (n_words < IPV4_LEAST_WORDS)
		return SYN_E_MALFORMED;
	cursor_skip(c, (n_words - IPV4_LEAST_WORDS) * 4u);
	return cursor_failed(c) ? SYN_E_MALFORMED : protocol != PROTOCOL_TCP || fragment & IPV4_FRAGMENT ? SYN_E_OTHER :
	       0;
}

/* The extension headers of RFC 8200, section 4, that may stand before TCP in a packet that is whole. */
static bool may_skip(uint8_t header)
{
	return header == IPV6_HOP_BY_HOP || header == IPV6_ROUTING || header == IPV6_DESTINATION;
}

static int get_v6(struct cursor *c, struct syn *out)
{
	uint32_t first = cursor_get_u32be(c);
	uint8_t next;

	out->dscp = (uint8_t)(first >> 22 & 0x3fu);
	cursor_skip(c, 2);          /* length */
	next = cursor_get_u8(c);
	cursor_skip(c, 1);          /* hop limit */
	cursor_get_bytes(c, out->source.ip, sizeof(out->source.ip));
	cursor_get_bytes(c, out->destination.ip, sizeof(out->destination.ip));
	while (!cursor_failed(c) && may_skip(next)) {
		unsigned int n_units;

		next = cursor_get_u8(c);
		n_units = cursor_get_u8(c);
		cursor_skip(c, 6 + 8 * (size_t)n_units);
	}
	return cursor_failed(c) ? SYN_E_MALFORMED : next != PROTOCOL_TCP ? SYN_E_OTHER : 0;
}

static int get_tcp(struct cursor *c, struct syn *out)
{
	unsigned int n_words;
	uint8_t flags;

	out->source.port = cursor_get_u16be(c);
	out->destination.port = cursor_get_u16be(c);
	cursor_skip(c, 8);          /* sequence, acknowledgement */
	n_words = cursor_get_u8(c) >> 4;
	flags = cursor_get_u8(c);
	cursor_skip(c, 6);          /* window, checksum, urgent pointer */
	if (cursor_failed(c) || n_words < TCP_LEAST_WORDS)
		return SYN_E_MALFORMED;
	if ((flags & FLAGS) != FLAG_SYN)
		return SYN_E_OTHER;
	return 0;
}

int syn_get(struct bytes packet, struct syn *out)
{
	struct cursor c = cursor_of(packet.at, packet.n);
	int r = SYN_E_MALFORMED;

	*out = (struct syn){ 0 };
	if (packet.n && packet.at[0] >> 4 == 4)
		r = get_v4(&c, out);
	else if (packet.n && packet.at[0] >> 4 == 6)
		r = get_v6(&c, out);
	return r ? r : get_tcp(&c, out);
}
