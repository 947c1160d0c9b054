/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rewrite.h"
#include <string.h>
#include "segment.h"

#define ANOTHER_CONNECTION 0x100000u   /* bytes: a SYN so far from the word is of another connection with the same
				        * ports */

static uint32_t get_u32(const uint8_t *at)
{
	return (uint32_t)get_u16(at) << 16 | get_u16(at + 2);
}

static void segment_set_u32(uint8_t *frame, const struct segment *seg, size_t at, uint32_t to)
{
	for (unsigned int i = 0; i < 4; i++)
		segment_set_byte(frame, seg, at + i, (uint8_t)(to >> (24 - 8 * i)));
}

/* Whose direction a segment is of. */
static struct rewrite_flow flow_of(const uint8_t *frame, const struct segment *seg)
{
	size_t n = seg->v6 ? 16 : 4;
	const uint8_t *addresses = frame + seg->ip_at + (seg->v6 ? 8 : 12);
	struct rewrite_flow flow = { .used = true, .from_port = get_u16(frame + seg->tcp_at),
				     .to_port = get_u16(frame + seg->tcp_at + 2) };

	memcpy(flow.from, addresses, n);
	memcpy(flow.to, addresses + n, n);
	return flow;
}

static struct rewrite_flow *flow_find(struct rewrites *rewrites, const uint8_t *from, uint16_t from_port,
				      const uint8_t *to, uint16_t to_port)
{
	for (size_t i = 0; i < REWRITE_FLOWS; i++) {
		struct rewrite_flow *flow = &rewrites->flows[i];

		if (flow->used && flow->from_port == from_port && flow->to_port == to_port &&
		    !memcmp(flow->from, from, 16) && !memcmp(flow->to, to, 16))
			return flow;
	}
	return NULL;
}

/* Where the word is in the payload; seg->end_at where it isn't. */
static size_t word_find(const uint8_t *frame, const struct segment *seg)
{
	for (size_t at = seg->data_at; at + REWRITE_WORD_BYTES <= seg->end_at; at++)
		if (!memcmp(frame + at, REWRITE_WORD, REWRITE_WORD_BYTES))
			return at;
	return seg->end_at;
}

/* As long as before: nothing to remember. */
static bool word_replace(uint8_t *frame, const struct segment *seg)
{
	size_t at = word_find(frame, seg);

	if (at == seg->end_at)
		return false;
	for (unsigned int i = 0; i < REWRITE_WORD_BYTES; i++)
		segment_set_byte(frame, seg, at + i, (uint8_t)REWRITE_BYTES_WORD[i]);
	return true;
}

/* An even number of bytes: those behind keep their place in the checksum's words. */
static size_t word_lengthen(uint8_t *frame, struct segment *seg, size_t at)
{
	size_t n_frame;

	memmove(frame + at + REWRITE_WORD_BYTES, frame + at, seg->end_at - at);
	memset(frame + at, 0, REWRITE_WORD_BYTES);
	n_frame = segment_resize(frame, seg, seg->end_at - seg->data_at + REWRITE_WORD_BYTES);
	for (unsigned int i = 0; i < REWRITE_WORD_BYTES; i++)
		segment_set_byte(frame, seg, at + i, (uint8_t)REWRITE_LONGER[i]);
	return n_frame;
}

/* The acknowledgement of a direction that has become longer, as its sender counts. */
static void ack_change(uint8_t *frame, const struct segment *seg, const struct rewrite_flow *flow)
{
	uint32_t ack = get_u32(frame + seg->tcp_at + 8), beyond = ack - flow->at_seq;

	segment_strip_options(frame, seg, TCP_KIND_SACK);
	if (!(frame[seg->tcp_at + 13] & TCP_FLAG_ACK) || beyond == 0 || beyond > INT32_MAX)
		return;
	segment_set_u32(frame, seg, seg->tcp_at + 8, ack - (beyond < REWRITE_WORD_BYTES ? beyond : REWRITE_WORD_BYTES));
}

/* The sequence number of the first byte of payload. */
static uint32_t data_seq(const uint8_t *frame, const struct segment *seg)
{
	return get_u32(frame + seg->tcp_at + 4) + (frame[seg->tcp_at + 13] & TCP_FLAG_SYN ? 1 : 0);
}

static struct rewrite_flow *flow_make(struct rewrites *rewrites, const struct rewrite_flow *like, uint32_t at_seq)
{
	struct rewrite_flow *flow = &rewrites->flows[rewrites->n_made++ % REWRITE_FLOWS];

	*flow = *like;
	flow->at_seq = at_seq;
	return flow;
}

/* The direction's flow, if it has become longer, or does so with this segment. */
static struct rewrite_flow *flow_now(struct rewrites *rewrites, bool lengthen, const uint8_t *frame,
				     const struct segment *seg, const struct rewrite_flow *own)
{
	struct rewrite_flow *flow = flow_find(rewrites, own->from, own->from_port, own->to, own->to_port);
	uint32_t seq = data_seq(frame, seg);
	size_t at;

	if (flow && frame[seg->tcp_at + 13] & TCP_FLAG_SYN && flow->at_seq - seq > ANOTHER_CONNECTION) {
		flow->used = false;
		flow = NULL;
	}
	if (flow || !lengthen || (at = word_find(frame, seg)) == seg->end_at)
		return flow;
	return flow_make(rewrites, own, seq + (uint32_t)(at - seg->data_at));
}

/* A segment of a direction that has become longer: behind the word it is counted on, where it holds the word's
 * beginning it is lengthened. */
static size_t flow_apply(const struct rewrite_flow *flow, uint8_t *frame, struct segment *seg, size_t n_frame,
			 size_t n_most, uint64_t *n_rewritten)
{
	uint32_t behind = data_seq(frame, seg) - flow->at_seq, before = 0u - behind;

	if (behind && behind <= INT32_MAX) {
		segment_set_u32(frame, seg, seg->tcp_at + 4, get_u32(frame + seg->tcp_at + 4) + REWRITE_WORD_BYTES);
	} else if (seg->end_at - seg->data_at > before && n_frame + REWRITE_WORD_BYTES <= n_most) {
		++*n_rewritten;
		return word_lengthen(frame, seg, seg->data_at + before);
	}
	return n_frame;
}

size_t rewrite_frame(struct rewrites *rewrites, uint64_t how, uint8_t *frame, size_t n_frame, size_t n_most,
		     uint64_t *n_rewritten)
{
	struct rewrite_flow own, *back, *flow;
	struct segment seg;

	if ((how == REWRITE_NOT && !rewrites->n_made) || !segment_find(frame, n_frame, &seg) || seg.fragment)
		return n_frame;
	own = flow_of(frame, &seg);
	back = flow_find(rewrites, own.to, own.to_port, own.from, own.from_port);
	if (back)
		ack_change(frame, &seg, back);
	flow = flow_now(rewrites, how == REWRITE_LENGTH && n_frame + REWRITE_WORD_BYTES <= n_most, frame, &seg, &own);
	if (flow)
		return flow_apply(flow, frame, &seg, n_frame, n_most, n_rewritten);
	if (how == REWRITE_BYTES)
		*n_rewritten += word_replace(frame, &seg);
	return n_frame;
}
