/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "edit.h"
#include "segment.h"

static bool is_syn(const uint8_t *frame, const struct segment *seg)
{
	return frame[seg->tcp_at + 13] & TCP_FLAG_SYN;
}

unsigned int edit_strip_mptcp(uint8_t *frame, size_t n_frame, uint64_t which)
{
	struct segment seg;

	if (!segment_find(frame, n_frame, &seg))
		return 0;
	if (which != STRIP_ALL && (which == STRIP_SYNS) != is_syn(frame, &seg))
		return 0;
	return segment_strip_options(frame, &seg, TCP_KIND_MPTCP);
}

bool edit_is_mptcp_syn(const uint8_t *frame, size_t n_frame)
{
	struct segment seg;

	return segment_find(frame, n_frame, &seg) && is_syn(frame, &seg) &&
	       segment_find_option(frame, &seg, TCP_KIND_MPTCP, seg.options_at);
}

bool edit_syn_has_data(const uint8_t *frame, size_t n_frame)
{
	struct segment seg;

	return segment_find(frame, n_frame, &seg) && !seg.fragment && is_syn(frame, &seg) && seg.end_at > seg.data_at;
}

size_t edit_cut_syn_data(uint8_t *frame, size_t n_frame)
{
	struct segment seg;

	if (!segment_find(frame, n_frame, &seg))
		return n_frame;
	for (size_t at = seg.data_at; at < seg.end_at; at++)   /* the sum of zeros is that of nothing */
		segment_set_byte(frame, &seg, at, 0);
	return segment_resize(frame, &seg, 0);
}
