/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ethernet frames with TCP segments, for tests; checksums are verified by summing everything up anew. After
 * cmocka.h. */
#ifndef BRAID_UNIT_FRAME_H
#define BRAID_UNIT_FRAME_H

#include <stdbool.h>
#include <string.h>

#define FRAME_MOST 256

struct frame {
	uint8_t bytes[FRAME_MOST];
	size_t n, tcp_at;
	bool v6;
};

static inline uint16_t sum_words(const uint8_t *bytes, size_t n, uint32_t sum)
{
	for (size_t i = 0; i < n; i++)
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* 0xffff if the checksum is right. */
static inline uint16_t tcp_sum(const struct frame *f)
{
	size_t n_tcp = f->n - f->tcp_at, n_addresses = f->v6 ? 32 : 8;

	return sum_words(f->bytes + f->tcp_at, n_tcp,
			 sum_words(f->bytes + 14 + (f->v6 ? 8 : 12), n_addresses, 6 + (uint32_t)n_tcp));
}

static inline uint16_t ipv4_sum(const struct frame *f)
{
	return sum_words(f->bytes + 14, (f->bytes[14] & 15u) * 4, 0);
}

static inline void add(struct frame *f, const void *bytes, size_t n)
{
	assert_true(f->n + n <= FRAME_MOST);
	memcpy(f->bytes + f->n, bytes, n);
	f->n += n;
}

static inline void put_sum(uint8_t *at, uint16_t sum)
{
	at[0] = (uint8_t)(~sum >> 8);
	at[1] = (uint8_t)~sum;
}

/* A segment with the headers, options (in whole words) and data given; extensions: IPv6 extension headers, the first
 * one's kind. */
static inline struct frame segment(bool v6, uint8_t flags, const char *options, size_t n_options, const char *data,
				   const char *extensions,
			    size_t n_extensions, uint8_t first)
{
	static const uint8_t ethernet[12] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2 };
	uint8_t ip4[24] = { 0x46, 0, 0, 0, 0, 1, 0x40, 0, 64, 6, 0, 0, 192, 0, 2, 1, 203, 0, 113, 9, 1, 1, 1, 0 };
	uint8_t ip6[40] = { 0x60, 0, 0, 0, 0, 0, first, 64, 0x20, 1, 0xd, 0xb8, [23] = 1, 0x20, 1, 0xd, 0xb8, 9,
			    [39] = 2 };
	uint8_t tcp[20] = { 0x9c, 0x40, 0, 80, 1, 2, 3, 4, 0, 0, 0, 0, (uint8_t)((20 + n_options) / 4 << 4), flags,
			    0xff, 0xff };
	struct frame f = { .v6 = v6 };
	size_t n_ip;

	add(&f, ethernet, sizeof(ethernet));
	add(&f, v6 ? "\x86\xdd" : "\x08\x00", 2);
	add(&f, v6 ? ip6 : ip4, v6 ? sizeof(ip6) : sizeof(ip4));
	add(&f, extensions, n_extensions);
	f.tcp_at = f.n;
	add(&f, tcp, sizeof(tcp));
	add(&f, options, n_options);
	add(&f, data, strlen(data));
	n_ip = f.n - 14 - (v6 ? 40 : 0);
	f.bytes[v6 ? 18 : 16] = (uint8_t)(n_ip >> 8);
	f.bytes[v6 ? 19 : 17] = (uint8_t)n_ip;
	put_sum(f.bytes + f.tcp_at + 16, tcp_sum(&f));
	if (!v6)
		put_sum(f.bytes + 24, ipv4_sum(&f));
	assert_int_equal(tcp_sum(&f), 0xffff);
	return f;
}

static inline struct frame simple(bool v6, uint8_t flags, const char *options, size_t n_options, const char *data)
{
	return segment(v6, flags, options, n_options, data, "", 0, 6);
}

#endif
