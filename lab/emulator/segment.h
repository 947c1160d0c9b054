/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A TCP segment in an Ethernet frame, found and changed in place, checksums put right. Pure. */
#ifndef BRAID_LAB_SEGMENT_H
#define BRAID_LAB_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TCP_FLAG_SYN 0x02u
#define TCP_FLAG_ACK 0x10u
#define TCP_KIND_SACK 5u
#define TCP_KIND_MPTCP 30u

/* Offsets count from the frame's first byte. */
struct segment {
	bool v6, fragment;                     /* fragment: the first of several */
	size_t ip_at, tcp_at, options_at, data_at, end_at;
};

static inline uint16_t get_u16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static inline void put_u16(uint8_t *at, unsigned int value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* False where the frame is no whole header of TCP over IPv4 or IPv6. */
bool segment_find(const uint8_t *frame, size_t n_frame, struct segment *seg);

/* One byte of the segment, with its checksum. */
void segment_set_byte(uint8_t *frame, const struct segment *seg, size_t at, uint8_t to);

/* The segment has n_data bytes of payload from now on: lengths, and the checksums as far as lengths are in them;
 * those that come or go must be zeros. The frame's new length. */
size_t segment_resize(uint8_t *frame, struct segment *seg, size_t n_data);

/* The first option of a kind at or behind an offset (options_at, or where one begins); 0 where there is none. */
size_t segment_find_option(const uint8_t *frame, const struct segment *seg, uint8_t kind, size_t from);

/* Makes NOPs of all options of a kind. How many there were. */
unsigned int segment_strip_options(uint8_t *frame, const struct segment *seg, uint8_t kind);

#endif
