/* SPDX-License-Identifier: MIT */
/*
 * What goes over each leg of a striped session behind the Convert messages, both ways (doc/pieces.md): frames, one
 * behind the other. A frame has a head of STRIPE_HEAD_BYTES: flags (u8; those that have no name here are zero), the
 * window (u8), the length of its payload (u16), the place of that in the stream (u32), how much of the other
 * direction's stream has been passed on so far (u32). Places count from 0 and wrap; the end of a stream counts as one
 * byte. One without payload and end only acknowledges. All big-endian. Pure: no I/O, no state; what is decoded borrows
 * from the input.
 */
#ifndef BRAID_WIRE_STRIPE_H
#define BRAID_WIRE_STRIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/cursor.h"

#define STRIPE_HEAD_BYTES 12
#define STRIPE_PAYLOAD_BYTES 16384   /* most of a frame */
#define STRIPE_FRAME_BYTES (STRIPE_HEAD_BYTES + STRIPE_PAYLOAD_BYTES)

struct stripe_frame {
	bool ends;               /* the stream ends behind the payload */
	bool resets;             /* with ends: by a reset */
	bool wants;              /* a wider window than the other end's */
	uint8_t window;          /* so many times 128 kB, and once more, may be sent beyond what was passed on */
	uint32_t offset;
	uint32_t acknowledged;
	struct bytes payload;
};

enum {
	STRIPE_E_SHORT = 1,      /* not all of it is there */
	STRIPE_E_MALFORMED,
};

/* The frame at the start of the bytes; *n_used is its length. 0 or STRIPE_E_*. */
int stripe_frame_get(struct stripe_frame *out, const void *bytes, size_t n_bytes, size_t *n_used);
/* Writes the head alone: the payload follows it. */
void stripe_frame_put_head(const struct stripe_frame *frame, uint8_t out[STRIPE_HEAD_BYTES]);

#endif
