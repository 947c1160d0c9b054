/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "edit.h"
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>

#define IPV4_HEADER_BYTES 20u
#define IPV6_HEADER_BYTES 40u
#define TCP_HEADER_BYTES 20u
#define TCP_FLAG_SYN 0x02u
#define KIND_END 0u
#define KIND_NOP 1u
#define KIND_MPTCP 30u

/* A TCP segment in a frame; offsets count from the frame's first byte. */
struct segment {
	bool v6, fragment;                     /* fragment: the first of several */
	size_t ip_at, tcp_at, options_at, data_at, end_at;
};

static uint16_t get_u16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static void put_u16(uint8_t *at, unsigned int value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* RFC 1624, equation 3: the sum once a 16-bit word that it covers has changed. */
static void sum_change(uint8_t *sum, unsigned int from, unsigned int to)
{
	uint32_t s = (uint16_t)~get_u16(sum) + (uint32_t)(uint16_t)~from + to;

	s = (s & 0xffff) + (s >> 16);
	s = (s & 0xffff) + (s >> 16);
	put_u16(sum, (uint16_t)~s);
}

/* One byte of the segment, with its checksum. */
static void segment_set_byte(uint8_t *frame, const struct segment *seg, size_t at, uint8_t to)
{
	bool high = (at - seg->tcp_at) % 2 == 0;

	sum_change(frame + seg->tcp_at + 16, high ? (unsigned int)frame[at] << 8 : frame[at], high ? (unsigned int)to << 8 : to);
	frame[at] = to;
}

static bool find_in_ipv4(const uint8_t *frame, size_t n_frame, struct segment *seg)
{
	const uint8_t *ip = frame + seg->ip_at;
	size_t n_header, n_total;

	if (n_frame - seg->ip_at < IPV4_HEADER_BYTES || ip[0] >> 4 != 4 || ip[9] != IPPROTO_TCP)
		return false;
	n_header = (ip[0] & 0xfu) * 4;
	n_total = get_u16(ip + 2);
	if (n_header < IPV4_HEADER_BYTES || n_total < n_header || n_total > n_frame - seg->ip_at || get_u16(ip + 6) & 0x1fff)
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
		if (next != IPPROTO_FRAGMENT && next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS)
			return false;
		seg->fragment |= next == IPPROTO_FRAGMENT && header[3] & 1;
		seg->tcp_at += next == IPPROTO_FRAGMENT ? 8 : (header[1] + 1u) * 8;
		next = header[0];
		if (seg->tcp_at > seg->end_at)
			return false;
	}
	return true;
}

static bool segment_find(const uint8_t *frame, size_t n_frame, struct segment *seg)
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

unsigned int edit_strip_mptcp(uint8_t *frame, size_t n_frame)
{
	unsigned int n_stripped = 0;
	struct segment seg;
	size_t at, next;

	if (!segment_find(frame, n_frame, &seg))
		return 0;
	for (at = seg.options_at; at < seg.data_at && frame[at] != KIND_END; at = next) {
		bool is_mptcp = frame[at] == KIND_MPTCP;

		if (frame[at] == KIND_NOP) {
			next = at + 1;
			continue;
		}
		if (seg.data_at - at < 2 || frame[at + 1] < 2 || frame[at + 1] > seg.data_at - at)
			break;
		next = at + frame[at + 1];
		n_stripped += is_mptcp;
		for (; is_mptcp && at < next; at++)
			segment_set_byte(frame, &seg, at, KIND_NOP);
	}
	return n_stripped;
}

bool edit_syn_has_data(const uint8_t *frame, size_t n_frame)
{
	struct segment seg;

	return segment_find(frame, n_frame, &seg) && !seg.fragment && frame[seg.tcp_at + 13] & TCP_FLAG_SYN && seg.end_at > seg.data_at;
}

size_t edit_cut_syn_data(uint8_t *frame, size_t n_frame)
{
	struct segment seg;
	size_t n_cut;
	uint8_t *ip;

	if (!segment_find(frame, n_frame, &seg))
		return n_frame;
	ip = frame + seg.ip_at;
	n_cut = seg.end_at - seg.data_at;
	for (size_t at = seg.data_at; at < seg.end_at; at++)   /* the sum of zeros is that of nothing */
		segment_set_byte(frame, &seg, at, 0);
	/* The length of the segment in the pseudo header, of which the IP header's length has the change. */
	sum_change(frame + seg.tcp_at + 16, (unsigned int)(seg.end_at - seg.tcp_at), (unsigned int)(seg.data_at - seg.tcp_at));
	if (seg.v6) {
		put_u16(ip + 4, get_u16(ip + 4) - (unsigned int)n_cut);
	} else {
		sum_change(ip + 10, get_u16(ip + 2), get_u16(ip + 2) - (unsigned int)n_cut);
		put_u16(ip + 2, get_u16(ip + 2) - (unsigned int)n_cut);
	}
	return seg.data_at;
}
