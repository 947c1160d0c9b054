/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A stream over several plain TCP connections, its legs, one a link: which piece goes over which leg and when, which
 * goes once more over another one, and how the pieces become a stream again. For links so slow that a packet takes
 * seconds (decision 0033, doc/pieces.md), and, if it is wide, for links that lose packets all the time or are far apart
 * (decisions 0044, 0045). Pure: bytes are counted here and kept by the caller; time is handed in.
 *
 * Places in a stream are bytes from its beginning; its end counts as one. What a leg has left to deliver is what it has
 * taken and its TCP has had no acknowledgement of. Little is kept in each, so that a leg that dies has little of the
 * stream.
 */
#ifndef BRAID_POLICY_STRIPE_H
#define BRAID_POLICY_STRIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STRIPE_LEGS 8
#define STRIPE_MARKS 32
#define STRIPE_NO_LEG 0xff
#define STRIPE_KEPT 0xfe
#define STRIPE_PIECE_BYTES 1024u          /* most, */
#define STRIPE_WIDE_PIECE_BYTES 16384u    /* or where it is wide, as a leg's rate allows. Of a leg that is not known
					   * yet: */
#define STRIPE_FIRST_PIECE_BYTES 128u     /* then twice as much, and so on: a much longer packet than those before
					   * would take longer than TCP waits before it sends it again */
#define STRIPE_LEAST_PIECE_BYTES 256u     /* of one that is known, but of what is left less may be */
#define STRIPE_FRAME_OVERHEAD_BYTES 12u   /* that a piece has beside it in its leg */
#define STRIPE_PIECES 256                 /* under way at once; what has arrived, and isn't next, is in so many
					   * ranges at most, */
#define STRIPE_WIDE_PIECES 2048           /* or where it is wide */
#define STRIPE_WINDOW_BYTES (128u << 10)  /* sent, and not passed on at the other end: always; */
#define STRIPE_WIDE_WINDOW_BYTES (32u << 20)   /* where it is wide as much as both ends have come to, up to that */
#define STRIPE_WINDOWS (STRIPE_WIDE_WINDOW_BYTES / STRIPE_WINDOW_BYTES)

/* So much had been written to a leg by then. */
struct stripe_mark {
	uint64_t end, at_us;
};

struct stripe_leg {
	bool open;
	bool full;                   /* what it was given last, its TCP hasn't taken yet */
	bool stalled;                /* nothing comes through: it is given nothing more until something does */
	bool has_bbr;                /* its TCP, which bounds by itself what is under way then, if it is never short
				      * of bytes */
	uint64_t written_bytes;      /* into its TCP */
	uint64_t unsent_bytes;       /* of these it hasn't sent yet, as far as is known */
	uint64_t acked_bytes;        /* of these, in order; */
	uint64_t acked_due_us;       /* that is to rise by then, as what it waits for was written a round trip before */
	bool holds_up;               /* it didn't for long, and the other end waits for what it has: what was sent again
				      * for it was lost again, most likely */
	uint64_t delivered_bytes;    /* and behind what was lost */
	uint64_t rate_bytes_per_s;   /* delivered; 0: not known yet */
	uint64_t known_bytes_per_s;  /* what it was before it was guessed, as nothing went over the leg for long; 0:
				      * it isn't guessed */
	uint64_t rtt_us;             /* without anything waiting */
	uint64_t progress_at_us;     /* when something got through last, or it began to have something */
	uint64_t silent_us;          /* so long before the last look, while it had something */
	uint64_t delivered_at_us;    /* when delivered_bytes rose last, or the same */
	bool from_idle;              /* that was when it began: a round trip goes before the first acknowledgement */
	uint64_t sample_bytes, sample_us;   /* of the next measurement of its rate */
	bool sample_from_idle;       /* it began there */
	bool rising;                 /* the last measurement showed far more than the one before: TCP is finding out
				      * what there is */
	uint8_t n_measured;          /* so often, as far as it matters */
	uint8_t n_behind;            /* pieces that it was given behind others, as far as it matters */
	uint64_t piece_end;          /* of what was written to it, the end of the last piece */
	struct stripe_mark marks[STRIPE_MARKS];   /* pieces that are timed: a ring, the oldest at first */
	uint8_t first_mark, n_marks;
	uint64_t delay_us;           /* such pieces had arrived after so long lately; 0: not known */
	struct stripe_mark awaited;  /* this much is to be acknowledged a round trip after that */
	uint64_t overdue_us;         /* so long since then it wasn't: something was lost, if no queue is as long, and
				      * what else is written waits behind that at the other end; 0: it isn't */
};

struct stripe_piece {
	uint64_t offset;
	uint64_t leg_end;            /* acknowledged up to here, the leg has delivered it */
	uint16_t n;
	bool ends;
	uint8_t leg;                 /* STRIPE_NO_LEG: it is to go once more; STRIPE_KEPT: it never went yet, as a leg
				      * on which all takes longer has had one from further ahead */
	uint8_t tried;               /* a bit a leg */
};

enum stripe_end { STRIPE_GOES_ON, STRIPE_ENDS, STRIPE_RESETS };

/* The stream that is sent; begins with zeros, but for the first two. */
struct stripe_out {
	bool wide;
	uint64_t memory_bytes;       /* where it is wide: there is no room for more than that just now */
	uint64_t window_bytes;       /* as wide as the legs have shown to want */
	uint64_t edge;               /* up to there the other end takes it, or STRIPE_WINDOW_BYTES behind what it has
				      * passed on */
	uint64_t acked_seen, stuck_since_us;   /* what was passed on when we looked last, and since when it is that */
	uint64_t acked_at_us, waits_since_us;   /* something was passed on last; and since when there is more to send
						 * than legs take */
	bool bulk;                   /* that is so for long: each leg is to be used for what it carries, however late
				      * it comes over the slower ones */
	bool late;                   /* nothing has been passed on for long, where others wait behind it */
	unsigned int n_stuck;        /* so often it was asked meanwhile whether it is so still */
	uint64_t acked, next, end;   /* passed on at the other end; handed to legs so far; taken from the local
				      * stream so far */
	enum stripe_end ending;      /* behind end */
	bool end_sent;
	bool end_known;              /* it was sent at least once, and may be acknowledged */
	struct stripe_piece pieces[STRIPE_WIDE_PIECES];   /* a ring: the oldest at first */
	size_t first, n_pieces, n_lost;   /* lost: are to go once more */
	size_t first_kept;           /* the first one that is kept: so many before it; n_pieces: none is */
	uint64_t kept_bytes;         /* of all that are */
	struct stripe_leg legs[STRIPE_LEGS];
};

/* What goes over a leg next. */
struct stripe_send {
	uint8_t leg;
	bool again;
	size_t piece;                /* which; n_pieces: one that isn't cut yet. What is before it then, and isn't
				      * either, is kept */
	uint64_t offset;
	uint16_t n;
	uint16_t kept_bytes;         /* so long is each of those that are kept before a new one */
	enum stripe_end ending;
	bool last_of_first;          /* of those that go over a leg before anything is known of it: its TCP had
				      * better keep it until one of them is acknowledged. Where that takes longer
				      * than TCP thinks, by the handshake, it sends what it has in hand (a tail loss
				      * probe, RFC 8985, 7), and if that is nothing, the latest of what is under way
				      * once more */
};

enum { STRIPE_E_WRONG = 1 };      /* what the other end says can't be: it is to be reset */

void stripe_leg_open(struct stripe_out *out, uint8_t leg, uint64_t now_us);
/* What it had goes over others. */
void stripe_leg_close(struct stripe_out *out, uint8_t leg);
/* So much was written to the leg beside pieces. */
void stripe_leg_wrote(struct stripe_out *out, uint8_t leg, size_t n_bytes, uint64_t now_us);
/* What its TCP says. unacked: of all that was written; sacked: of these, has arrived behind what was lost, about;
 * rtt_us: 0 where it isn't known; unsent: of those that are unacknowledged. */
struct stripe_seen {
	uint64_t unacked_bytes, sacked_bytes, rtt_us, unsent_bytes;
};
void stripe_leg_look(struct stripe_out *out, uint8_t leg, const struct stripe_seen *seen, uint64_t now_us);

/* To be looked at before anything is taken: what the other end has promised to one who was idle since doesn't count
 * any more; and where all has arrived, and nothing is passed on, word of that may be lost: the oldest piece goes
 * once more, for an answer. */
void stripe_look(struct stripe_out *out, uint64_t now_us);

/* How much may be taken from the local stream. */
size_t stripe_room(const struct stripe_out *out);
void stripe_take(struct stripe_out *out, size_t n_bytes);
/* The local stream has ended, first perhaps in order, then by a reset: what no leg has yet is left out. */
void stripe_end(struct stripe_out *out, enum stripe_end ending);

/* Whether something is to be sent now; then the caller sends it and says so by stripe_sent(), or closes the leg. */
bool stripe_next(const struct stripe_out *out, struct stripe_send *send);
void stripe_sent(struct stripe_out *out, const struct stripe_send *send, uint64_t now_us);
/*
 * The stream's first piece may go with the first packet of legs of a wide one, before any leg is open: as much as fits
 * most_bytes. It is to go once more until a leg is open that has had it, whichever is there first. n: as much as that
 * leg has had, 0: nothing.
 */
bool stripe_early(const struct stripe_out *out, size_t most_bytes, struct stripe_send *send);
void stripe_sent_early(struct stripe_out *out, const struct stripe_send *send);
void stripe_early_over(struct stripe_out *out, uint8_t leg, uint16_t n, uint64_t now_us);
/* Something waits, or is under way: look at the legs again soon. */
bool stripe_is_busy(const struct stripe_out *out);

/* Its source has nothing more just now, and legs would take it: what is carried is no measure of them. Not one that
 * is held up, be it by its own window. */
bool stripe_rests(const struct stripe_out *out);

/* For so long, at the last look, its source had more to send than its legs take, of which some is at work, and the
 * other end would have taken it: the links limit it (as policy/limited.h has it of Multipath TCP). */
uint64_t stripe_held_back_us(const struct stripe_out *out, uint64_t now_us);

/* The other end has passed on so much, and takes so many STRIPE_WINDOW_BYTES and one beyond it. 0 or STRIPE_E_WRONG. */
int stripe_acknowledge(struct stripe_out *out, uint32_t acknowledged, uint8_t window);
/* It is to take more (decision 0050): what it takes is less than what we would send, or will once more can come; and it
 * is in use, or will be by then, or all legs are to be used for what they carry (bulk). */
bool stripe_wants_window(const struct stripe_out *out);
/* All of it, the end too. */
bool stripe_is_done(const struct stripe_out *out);
/* The best leg for a few bytes that belong to no stream; STRIPE_NO_LEG: none. One that is overdue is taken to be so for
 * as long again. */
uint8_t stripe_best_leg(const struct stripe_out *out);

struct stripe_range {
	uint64_t from, to;
};

/* The stream that is received; begins with zeros, but for the first. */
struct stripe_in {
	bool wide;
	uint8_t window;              /* as any frame is to say: so many STRIPE_WINDOW_BYTES, and one */
	uint64_t edge;               /* up to there it was promised to be taken, or STRIPE_WINDOW_BYTES behind what
				      * was passed on */
	uint64_t widened_at;         /* what was passed on when the window was widened last, narrowed, or begun anew */
	uint64_t widened_edge;       /* and what had been promised, or less: as far as the window goes since */
	uint64_t came_at_us;         /* something, last */
	bool lapsed;                 /* what was promised, as nothing came for long: it isn't counted */
	size_t longest_bytes;        /* piece so far */
	uint64_t passed_on, in_order;   /* to the local stream; all up to there is here */
	struct stripe_range later[STRIPE_WIDE_PIECES];   /* behind it, in order, apart from each other */
	size_t n_later;
	enum stripe_end ending;         /* where it is known: */
	uint64_t end;
	bool end_passed_on;
	uint64_t told;                  /* as acknowledged */
	bool again;                     /* something came that was here already: perhaps what we told was lost */
	uint64_t told_late;             /* that much was told again as it may have been late */
	uint64_t owes_since_us;         /* 0: nothing is to be told */
	uint32_t n_since_told;          /* pieces that brought something since */
};

/* What a piece brings that isn't here in order already: skip bytes at its front are. 0 or STRIPE_E_WRONG. */
int stripe_arrive(struct stripe_in *in, uint32_t offset, size_t n, enum stripe_end ending, size_t *skip);
/* The stream's place that an offset of a frame means: the one that is nearest to what is here in order. */
uint64_t stripe_place(const struct stripe_in *in, uint32_t offset);
/* How much can be passed on. */
size_t stripe_readable(const struct stripe_in *in);
void stripe_pass_on(struct stripe_in *in, size_t n_bytes, uint64_t now_us);
/* All has been passed on but the end, which is there: as what it is to be passed on. */
enum stripe_end stripe_end_due(const struct stripe_in *in);
void stripe_pass_on_end(struct stripe_in *in, uint64_t now_us);
/* A wide one: the window that it begins with, of what may be promised. */
void stripe_begin_window(struct stripe_in *in, uint64_t left_bytes);
/* Where the other end wants a wider window, it has one four times as wide if it makes use of this one, and what comes
 * is passed on at once: then it is up to the window how fast it comes. left_bytes: as much may be promised. */
void stripe_set_window(struct stripe_in *in, bool wanted, uint64_t left_bytes);
/* So much more than STRIPE_WINDOW_BYTES may come, as was promised, and counts. */
uint64_t stripe_promised(const struct stripe_in *in);
/* Something comes. Of a promise that has lapsed, it is wanted after all: where there isn't so much left, it is none
 * any more. */
void stripe_comes(struct stripe_in *in, uint64_t left_bytes, uint64_t now_us);
/* A promise lapses where it isn't made use of. When that is to be looked at next; CLOCK_NEVER_US. */
uint64_t stripe_lapses_at_us(const struct stripe_in *in);
void stripe_lapse(struct stripe_in *in, uint64_t now_us);
/* What was told over a leg may be lost with it, and is to be told again. */
void stripe_tell_again(struct stripe_in *in);
/* Or late: once, until something new was told. */
void stripe_tell_late(struct stripe_in *in);
/* What any frame is to say, beside the window. */
uint32_t stripe_acknowledged(const struct stripe_in *in);
/* When a frame is to go for its sake alone, and whether it is now. CLOCK_NEVER_US: nothing is to be told. */
uint64_t stripe_owes_ack_at_us(const struct stripe_in *in);
bool stripe_owes_ack(const struct stripe_in *in, uint64_t now_us);
/* A frame has said how much may come: from now on it may. All else that it has said is to be told still, as it may
 * be lost with its leg. */
void stripe_promise(struct stripe_in *in);
/* Some frame has said it. */
void stripe_told(struct stripe_in *in);

#endif
