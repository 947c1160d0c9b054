/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An application layer gateway, as NATs have them: finds a word in the payload and writes another one. One that is
 * longer shifts what follows, so sequence numbers and acknowledgements are changed from then on, and SACK is taken
 * away. Knows nothing of MPTCP. Pure. */
#ifndef BRAID_LAB_REWRITE_H
#define BRAID_LAB_REWRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REWRITE_WORD "PORT"
#define REWRITE_BYTES_WORD "port"    /* for REWRITE_BYTES */
#define REWRITE_LONGER "LONG"        /* goes before the word, for REWRITE_LENGTH */
#define REWRITE_WORD_BYTES 4u
#define REWRITE_FLOWS 256u           /* the oldest makes room */

enum { REWRITE_NOT, REWRITE_BYTES, REWRITE_LENGTH, REWRITE_N };

/* One direction of a connection that has become longer. */
struct rewrite_flow {
	bool used;
	uint8_t from[16], to[16];    /* IPv4: the first four bytes, zeros behind */
	uint16_t from_port, to_port;
	uint32_t at_seq;             /* of the word's first byte, as its sender counts */
};

/* Zeroed at first. One for both directions of a link. */
struct rewrites {
	struct rewrite_flow flows[REWRITE_FLOWS];
	unsigned int n_made;
};

/* A frame on its way; n_most: the most bytes that a frame may have: no word is made longer beyond that. how: what
 * becomes of a word that is found now; connections that have become longer go on as such whatever it is. The frame's
 * new length; a segment that was given other bytes adds one to *n_rewritten. */
size_t rewrite_frame(struct rewrites *rewrites, uint64_t how, uint8_t *frame, size_t n_frame, size_t n_most,
		     uint64_t *n_rewritten);

#endif
