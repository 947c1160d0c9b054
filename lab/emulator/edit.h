/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What middleboxes do to TCP segments. Works on Ethernet frames with IPv4 or IPv6, in place, checksums put right;
 * anything else, and what is malformed, stays as it is. Pure. */
#ifndef BRAID_LAB_EDIT_H
#define BRAID_LAB_EDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which segments lose their MPTCP options (kind 30). */
enum { STRIP_NOT, STRIP_ALL, STRIP_SYNS, STRIP_OTHERS, STRIP_N };

/* Makes NOPs of all MPTCP options of a segment, if it is one of those (STRIP_NOT excepted). How many there were. */
unsigned int edit_strip_mptcp(uint8_t *frame, size_t n_frame, uint64_t which);

/* Whether it is a segment with SYN and an MPTCP option. */
bool edit_is_mptcp_syn(const uint8_t *frame, size_t n_frame);

/* Whether it is a segment with SYN and data. */
bool edit_syn_has_data(const uint8_t *frame, size_t n_frame);

/* Cuts the data off a segment for which edit_syn_has_data(). The frame's new length. */
size_t edit_cut_syn_data(uint8_t *frame, size_t n_frame);

#endif
