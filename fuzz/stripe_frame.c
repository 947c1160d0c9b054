/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What legs of striped sessions bring: frames are written back as they were, and the stream that they make never
 * leaves its window. */
#include "fuzz.h"

#include "policy/stripe.h"
#include "wire/stripe.h"

static void check_written_back(const struct stripe_frame *frame, const uint8_t *bytes)
{
	uint8_t head[STRIPE_HEAD_BYTES];

	stripe_frame_put_head(frame, head);
	expect(!memcmp(head, bytes, sizeof(head)));
}

static void check_stream(const struct stripe_in *in)
{
	uint64_t last = in->in_order, window = STRIPE_WINDOW_BYTES + stripe_promised(in);

	expect(window <= (in->wide ? STRIPE_WIDE_WINDOW_BYTES : STRIPE_WINDOW_BYTES) + 1);
	expect(in->passed_on <= in->in_order && in->in_order <= in->passed_on + window &&
	       in->n_later <= (in->wide ? STRIPE_WIDE_PIECES : STRIPE_PIECES));
	for (size_t i = 0; i < in->n_later; i++) {
		expect(in->later[i].from > last && in->later[i].from < in->later[i].to &&
		       in->later[i].to <= in->passed_on + window);
		last = in->later[i].to;
	}
	expect(in->ending == STRIPE_GOES_ON || last <= in->end);
}

/* Of all pieces in the ring, those that no leg has are counted. */
static size_t n_lost(const struct stripe_out *out)
{
	size_t n = 0;

	for (size_t i = 0; i < out->n_pieces; i++)
		n += out->pieces[(out->first + i) % STRIPE_WIDE_PIECES].leg == STRIPE_NO_LEG;
	return n;
}

/* Passes some of it on, as a local stream does that takes what it likes. */
static void pass_on(struct stripe_in *in, size_t n_most)
{
	size_t n = stripe_readable(in);

	if (n > n_most)
		n = n_most;
	if (n)
		stripe_pass_on(in, n, 1);
	if (stripe_end_due(in) != STRIPE_GOES_ON)
		stripe_pass_on_end(in, 1);
	stripe_set_window(in, true, n_most * STRIPE_WINDOW_BYTES);
	if (stripe_owes_ack(in, 1))
		stripe_told(in);
}

/* The acknowledgements are of a stream that has sent what it can over one leg. */
static bool take(struct stripe_in *in, struct stripe_out *out, const struct stripe_frame *frame)
{
	enum stripe_end ending = !frame->ends ? STRIPE_GOES_ON : frame->resets ? STRIPE_RESETS : STRIPE_ENDS;
	struct stripe_send send;
	size_t skip = 0;

	if (stripe_acknowledge(out, frame->acknowledged, frame->window))
		return false;
	expect(out->acked <= out->next + out->end_sent && out->next <= out->end);
	expect(out->n_lost == n_lost(out));
	expect(!out->n_pieces || out->pieces[out->first].offset >= out->acked || !out->pieces[out->first].n);
	if (frame->wants) {   /* then all goes once more */
		stripe_leg_close(out, 0);
		stripe_leg_open(out, 0, 1);
	}
	stripe_look(out, frame->offset);
	expect(out->n_lost == n_lost(out));
	stripe_take(out, stripe_room(out) / 2);
	while (stripe_next(out, &send)) {
		expect(send.offset >= out->acked && send.offset + send.n <= out->end);
		stripe_sent(out, &send, 1);
	}
	if (!frame->payload.n && !frame->ends)
		return true;
	stripe_lapse(in, 1 + frame->acknowledged);
	stripe_comes(in, frame->offset, 1);
	if (stripe_arrive(in, frame->offset, frame->payload.n, ending, &skip))
		return false;
	expect(skip <= frame->payload.n);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static struct stripe_in in;     /* large */
	static struct stripe_out out;
	struct stripe_frame frame;
	size_t n_used;
	int r;

	in = (struct stripe_in){ .wide = n & 1 };
	out = (struct stripe_out){ .wide = n & 1, .memory_bytes = STRIPE_WIDE_WINDOW_BYTES };
	stripe_leg_open(&out, 0, 0);
	while (!(r = stripe_frame_get(&frame, bytes, n, &n_used))) {
		expect(n_used >= STRIPE_HEAD_BYTES && n_used <= n && frame.payload.n <= STRIPE_PAYLOAD_BYTES &&
		       (frame.ends || !frame.resets));
		check_written_back(&frame, bytes);
		if (!take(&in, &out, &frame))
			return 0;
		check_stream(&in);
		pass_on(&in, frame.acknowledged % 700);
		check_stream(&in);
		bytes += n_used;
		n -= n_used;
	}
	expect(r == STRIPE_E_MALFORMED || n < STRIPE_FRAME_BYTES);
	return 0;
}
