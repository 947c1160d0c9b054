/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "segment.h"
#include <linux/if_ether.h>
#include <netinet/in.h>

#define IPV4_HEADER_BYTES 20u
#define IPV6_HEADER_BYTES 40u
#define TCP_HEADER_BYTES 20u
#define KIND_END 0u
#define KIND_NOP 1u

/* RFC 1624, equation 3: the sum once a 16-bit word that it covers has changed. */
static void sum_change(uint8_t *sum, unsigned int from, unsigned int to)
{
	uint32_t s = (uint16_t)~get_u16(sum) + (uint32_t)(uint16_t)~from + to;

	s = (s & 0xffff) + (s >> 16);
	s = (s & 0xffff) + (s >> 16);
	put_u16(sum, (uint16_t)~s);
}

static bool find_in_ipv4(const uint8_t *frame, size_t n_frame, struct segment *seg)
{
	const uint8_t *ip = frame + seg->ip_at;
	size_t n_header, n_total;

	if (n_frame - seg->ip_at < IPV4_HEADER_BYTES || ip[0] >> 4 != 4 || ip[9] != IPPROTO_TCP)
		return false;
	n_header = (ip[0] & 0xfu) * 4;
	n_total = get_u16(ip + 2);
	if (n_header < IPV4_HEADER_BYTES || n_total < n_header || n_total > n_frame - seg->ip_at ||
	    get_u16(ip + 6) & 0x1fff)
		return false;
	seg->fragment = get_u16(ip + 6) & 0x2000;
	seg->tcp_at = seg->ip_at + n_header;
	seg->end_at = seg->ip_at + n_total;
	return true;
}

/* Skips the extension headers that may stand before TCP. Every turn moves tcp_at on by 8 bytes at least. */
static bool find_in_ipv6(const uint8_t *frame, size_t n_frame, struct segment *seg)
{
	const uint8_t *ip = frame + seg->ip_at;
	uint8_t next;

	if (n_frame - seg->ip_at < IPV6_HEADER_BYTES || ip[0] >> 4 != 6)
		return false;
	if (get_u16(ip + 4) > n_frame - seg->ip_at - IPV6_HEADER_BYTES)
		return false;
	seg->v6 = true;
	seg->tcp_at = seg->ip_at + IPV6_HEADER_BYTES;
	seg->end_at = seg->tcp_at + get_u16(ip + 4);
	for (next = ip[6]; next != IPPROTO_TCP; ) {
		const uint8_t *header = frame + seg->tcp_at;

		if (seg->end_at - seg->tcp_at < 8)
			return false;
		if (next == IPPROTO_FRAGMENT && get_u16(header + 2) & 0xfff8)
			return false;
		if (next != IPPROTO_FRAGMENT && next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING &&
		    next != IPPROTO_DSTOPTS)
			return false;
		seg->fragment |= next == IPPROTO_FRAGMENT && header[3] & 1;
		seg->tcp_at += next == IPPROTO_FRAGMENT ? 8 : (header[1] + 1u) * 8;
		next = header[0];
		if (seg->tcp_at > seg->end_at)
			return false;
	}
	return true;
}

bool segment_find(const uint8_t *frame, size_t n_frame, struct segment *seg)
{
	size_t n_header;

	*seg = (struct segment){ .ip_at = ETH_HLEN };
	if (n_frame < ETH_HLEN)
		return false;
	if (get_u16(frame + 12) == ETH_P_IP ? !find_in_ipv4(frame, n_frame, seg) :
	    get_u16(frame + 12) != ETH_P_IPV6 || !find_in_ipv6(frame, n_frame, seg))
		return false;
	if (seg->end_at - seg->tcp_at < TCP_HEADER_BYTES)
		return false;
	n_header = (size_t)(frame[seg->tcp_at + 12] >> 4) * 4;
	seg->options_at = seg->tcp_at + TCP_HEADER_BYTES;
	seg->data_at = seg->tcp_at + n_header;
	return n_header >= TCP_HEADER_BYTES && seg->data_at <= seg->end_at;
}

void segment_set_byte(uint8_t *frame, const struct segment *seg, size_t at, uint8_t to)
{
	bool high = (at - seg->tcp_at) % 2 == 0;

	sum_change(frame + seg->tcp_at + 16, high ? (unsigned int)frame[at] << 8 : frame[at],
		   high ? (unsigned int)to << 8 : to);
	frame[at] = to;
}

size_t segment_resize(uint8_t *frame, struct segment *seg, size_t n_data)
{
	size_t end_at = seg->data_at + n_data;
	uint8_t *ip = frame + seg->ip_at;
	unsigned int n_ip = get_u16(ip + (seg->v6 ? 4 : 2)), n_ip_new = (unsigned int)(n_ip + end_at - seg->end_at);

	/* The length of the segment in the pseudo header, of which the IP header's length has the change. */
	sum_change(frame + seg->tcp_at + 16, (unsigned int)(seg->end_at - seg->tcp_at),
		   (unsigned int)(end_at - seg->tcp_at));
	if (!seg->v6)
		sum_change(ip + 10, n_ip, n_ip_new);
	put_u16(ip + (seg->v6 ? 4 : 2), n_ip_new);
	seg->end_at = end_at;
	return end_at;
}

size_t segment_find_option(const uint8_t *frame, const struct segment *seg, uint8_t kind, size_t from)
{
	size_t at = from;

	while (at < seg->data_at && frame[at] != KIND_END) {
		if (frame[at] == KIND_NOP) {
			at++;
			continue;
		}
		if (seg->data_at - at < 2 || frame[at + 1] < 2 || frame[at + 1] > seg->data_at - at)
			return 0;
		if (frame[at] == kind)
			return at;
		at += frame[at + 1];
	}
	return 0;
}

unsigned int segment_strip_options(uint8_t *frame, const struct segment *seg, uint8_t kind)
{
	unsigned int n_stripped = 0;

	for (size_t at = seg->options_at; (at = segment_find_option(frame, seg, kind, at)); n_stripped++)
		for (size_t end = at + frame[at + 1]; at < end; at++)
			segment_set_byte(frame, seg, at, KIND_NOP);
	return n_stripped;
}
