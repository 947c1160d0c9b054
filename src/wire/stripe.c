/* SPDX-License-Identifier: MIT */
#include "wire/stripe.h"

enum { FLAG_ENDS = 1, FLAG_RESETS = 2, FLAG_WANTS = 4 };

int stripe_frame_get(struct stripe_frame *out, const void *bytes, size_t n_bytes, size_t *n_used)
{
	struct cursor c = cursor_of(bytes, n_bytes);
	uint8_t flags = cursor_get_u8(&c), window = cursor_get_u8(&c);
	uint16_t n = cursor_get_u16be(&c);

	*out = (struct stripe_frame){ .ends = flags & FLAG_ENDS, .resets = flags & FLAG_RESETS,
				      .wants = flags & FLAG_WANTS, .window = window };
	out->offset = cursor_get_u32be(&c);
	out->acknowledged = cursor_get_u32be(&c);
	if (cursor_failed(&c))
		return STRIPE_E_SHORT;
	if (flags & ~(FLAG_ENDS | FLAG_RESETS | FLAG_WANTS) || (out->resets && !out->ends) || n > STRIPE_PAYLOAD_BYTES)
		return STRIPE_E_MALFORMED;
	out->payload = cursor_take(&c, n);
	if (cursor_failed(&c))
		return STRIPE_E_SHORT;
	*n_used = STRIPE_HEAD_BYTES + n;
	return 0;
}

void stripe_frame_put_head(const struct stripe_frame *frame, uint8_t out[STRIPE_HEAD_BYTES])
{
	struct cursor_out c = cursor_into(out, STRIPE_HEAD_BYTES);

	cursor_put_u8(&c, (uint8_t)((frame->ends ? FLAG_ENDS : 0) | (frame->ends && frame->resets ? FLAG_RESETS : 0) |
				    (frame->wants ? FLAG_WANTS : 0)));
	cursor_put_u8(&c, frame->window);
	cursor_put_u16be(&c, (uint16_t)frame->payload.n);
	cursor_put_u32be(&c, frame->offset);
	cursor_put_u32be(&c, frame->acknowledged);
}
