/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A stream over several plain TCP connections, its legs, one a link: which piece goes over which leg and when, which goes once more over another one, and how the pieces
 * become a stream again. For links so slow that a packet takes seconds (decision 0033, doc/lowrate.md). Pure: bytes are counted here and kept by the caller; time is handed in.
 *
 * Places in a stream are bytes from its beginning; its end counts as one. What a leg has left to deliver is what it has taken and its TCP has had no acknowledgement of. Little is
 * kept in each, so that a leg that dies has little of the stream.
 */
#ifndef BRAID_POLICY_STRIPE_H
#define BRAID_POLICY_STRIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STRIPE_LEGS 8
#define STRIPE_NO_LEG 0xff
#define STRIPE_PIECE_BYTES 1024u          /* most; of a leg that is not known yet: */
#define STRIPE_FIRST_PIECE_BYTES 256u     /* then twice as much, and so on: a much longer packet than those before would take longer than TCP waits before it sends it again */
#define STRIPE_FRAME_OVERHEAD_BYTES 12u   /* that a piece has beside it in its leg */
#define STRIPE_PIECES 256                 /* under way at once; what has arrived, and isn't next, is in so many ranges at most */
#define STRIPE_WINDOW_BYTES (128u << 10)  /* sent, and not passed on at the other end; a power of two */

struct stripe_leg {
	bool open;
	bool stalled;                /* nothing comes through: it is given nothing more until something does */
	uint64_t written_bytes;      /* into its TCP */
	uint64_t acked_bytes;        /* of these */
	uint64_t rate_bytes_per_s;   /* delivered; 0: not known yet */
	uint64_t rtt_us;             /* without anything waiting */
	uint64_t progress_at_us;     /* when something was acknowledged last, or it began to have something */
	bool from_idle;              /* that was when it began: a round trip goes before the first acknowledgement */
	uint64_t sample_bytes, sample_us;   /* of the next measurement of its rate */
	uint8_t n_measured;          /* so often, as far as it matters */
};

struct stripe_piece {
	uint64_t offset;
	uint64_t leg_end;            /* acknowledged up to here, the leg has delivered it */
	uint16_t n;
	bool ends;
	uint8_t leg;                 /* STRIPE_NO_LEG: it is to go once more */
	uint8_t tried;               /* a bit a leg */
};

enum stripe_end { STRIPE_GOES_ON, STRIPE_ENDS, STRIPE_RESETS };

/* The stream that is sent. */
struct stripe_out {
	uint64_t acked, next, end;   /* passed on at the other end; handed to legs so far; taken from the local stream so far */
	enum stripe_end ending;      /* behind end */
	bool end_sent;
	bool end_known;              /* it was sent at least once, and may be acknowledged */
	struct stripe_piece pieces[STRIPE_PIECES];   /* a ring: the oldest at first */
	size_t first, n_pieces;
	struct stripe_leg legs[STRIPE_LEGS];
};

/* What goes over a leg next. */
struct stripe_send {
	uint8_t leg;
	bool again;
	size_t piece;                /* with again: which */
	uint64_t offset;
	uint16_t n;
	enum stripe_end ending;
};

enum { STRIPE_E_WRONG = 1 };      /* what the other end says can't be: it is to be reset */

void stripe_leg_open(struct stripe_out *out, uint8_t leg, uint64_t now_us);
/* What it had goes over others. */
void stripe_leg_close(struct stripe_out *out, uint8_t leg);
/* So much was written to the leg beside pieces. */
void stripe_leg_wrote(struct stripe_out *out, uint8_t leg, size_t n_bytes, uint64_t now_us);
/* So much of all that was written is not acknowledged; rtt_us: 0 where it isn't known. */
void stripe_leg_look(struct stripe_out *out, uint8_t leg, uint64_t n_unacked_bytes, uint64_t rtt_us, uint64_t now_us);

/* How much may be taken from the local stream. */
size_t stripe_room(const struct stripe_out *out);
void stripe_take(struct stripe_out *out, size_t n_bytes);
/* The local stream has ended, first perhaps in order, then by a reset: what no leg has yet is left out. */
void stripe_end(struct stripe_out *out, enum stripe_end ending);

/* Whether something is to be sent now; then the caller sends it and says so by stripe_sent(), or closes the leg. */
bool stripe_next(const struct stripe_out *out, struct stripe_send *send);
void stripe_sent(struct stripe_out *out, const struct stripe_send *send, uint64_t now_us);
/* Something waits, or is under way: look at the legs again soon. */
bool stripe_is_busy(const struct stripe_out *out);

/* The other end has passed on so much. 0 or STRIPE_E_WRONG. */
int stripe_acknowledge(struct stripe_out *out, uint32_t acknowledged);
/* All of it, the end too. */
bool stripe_is_done(const struct stripe_out *out);
/* The best leg for a few bytes that belong to no stream; STRIPE_NO_LEG: none. */
uint8_t stripe_best_leg(const struct stripe_out *out);

struct stripe_range {
	uint64_t from, to;
};

/* The stream that is received. */
struct stripe_in {
	uint64_t passed_on, in_order;   /* to the local stream; all up to there is here */
	struct stripe_range later[STRIPE_PIECES];   /* behind it, in order, apart from each other */
	size_t n_later;
	enum stripe_end ending;         /* where it is known: */
	uint64_t end;
	bool end_passed_on;
	uint64_t told;                  /* as acknowledged */
	bool again;                     /* something came that was here already: perhaps what we told was lost */
	uint64_t owes_since_us;         /* 0: nothing is to be told */
};

/* What a piece brings that isn't here in order already: skip bytes at its front are. 0 or STRIPE_E_WRONG. */
int stripe_arrive(struct stripe_in *in, uint32_t offset, size_t n, enum stripe_end ending, size_t *skip);
/* How much can be passed on; *at: its place in a buffer of STRIPE_WINDOW_BYTES, without a wrap. */
size_t stripe_readable(const struct stripe_in *in, size_t *at);
void stripe_pass_on(struct stripe_in *in, size_t n_bytes, uint64_t now_us);
/* All has been passed on but the end, which is there: as what it is to be passed on. */
enum stripe_end stripe_end_due(const struct stripe_in *in);
void stripe_pass_on_end(struct stripe_in *in, uint64_t now_us);
/* Where the stream's place offset is, in such a buffer; *n_most: so much without a wrap. */
size_t stripe_place(uint64_t offset, size_t *n_most);

/* What any frame is to say. */
uint32_t stripe_acknowledged(const struct stripe_in *in);
/* Whether a frame is to go for its sake alone. */
bool stripe_owes_ack(const struct stripe_in *in, uint64_t now_us);
/* Some frame has said it. */
void stripe_told(struct stripe_in *in);

#endif
