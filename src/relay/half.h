/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One direction of a relayed connection: bytes from src to dst, then the end of the stream. They pass through the
 * worker's scratch buffer; once a read from a plain TCP leg brings much, and while there are pipes, one is lent and the
 * bytes go by splice(2) until src runs dry. Bytes that dst would not take wait in that pipe, or, from the scratch
 * buffer, in memory of their own (the residue).
 */
#ifndef BRAID_RELAY_HALF_H
#define BRAID_RELAY_HALF_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/cursor.h"
#include "policy/credit.h"
#include "policy/ending.h"
#include "policy/steady.h"
#include "policy/widen.h"
#include "relay/pipes.h"

/* What the halves of one worker share. */
struct half_tools {
	uint8_t *scratch;
	size_t n_scratch_bytes;
	struct pipe_pool pipes;
	uint64_t n_held_bytes;          /* read, and not taken by dst, all halves together; of what is in user memory
					 * all until the last byte went */
	uint32_t send_bound_most_bytes; /* of a Multipath TCP leg's send buffer */
	bool send_bound_forced;
	struct widen_limits receive_limits;   /* of a plain TCP leg's receive buffer */
	bool receive_forced;
	uint32_t n_bulk;                /* sessions that carry all they can */
};

struct residue;

/* What is known of src as Multipath TCP. SHOWN_BY_BYTES: it is whole if it is when its first bytes have come. WHOLE:
 * both ends have spoken it, so what is plain TCP of it from now on was broken under way, and may be wrong; its first
 * bytes are looked at. LOOKED: they were. BROKEN: it was found so, and nothing more of it is passed on. */
enum half_course { HALF_COURSE_UNKNOWN, HALF_COURSE_SHOWN_BY_BYTES, HALF_COURSE_WHOLE, HALF_COURSE_LOOKED,
		   HALF_COURSE_BROKEN };

static_assert(HALF_COURSE_BROKEN < 1 << 3, "half.course has three bits");

struct half {
	int src_fd, dst_fd;        /* borrowed */
	/* These two are no bits, their addresses are taken. */
	bool readable;             /* src may have bytes: set by its events, cleared by EAGAIN and by a read that
				    * brings less than it could */
	bool writable;             /* dst may take bytes: set by its events, cleared by EAGAIN */
	bool more_follows : 1;     /* src has told of an end or of urgent data: these stand behind a read that brings
				    * less, unannounced */
	bool ends_multipath : 1;   /* src is no plain TCP, as far as its peer knows: as plain TCP its end is a lost
				    * subflow, and none */
	bool ended : 1;            /* src has ended in order */
	bool done : 1;             /* and dst was told so */
	bool last : 1;             /* the other direction is done: dst is closed right behind this one's end, and
				    * needn't be told of it before */
	bool end_waits : 1;        /* the end is not to be passed on yet: HALF_END_WAITS then */
	bool steadied : 1;         /* dst is Multipath TCP, as far as was seen, and kept steady: policy/steady.h */
	bool bulk : 1;             /* src has brought much at once */
	bool cut : 1;              /* the session has failed: bytes still pass, an end no longer does */
	bool dry : 1;              /* bulk whose source had no more: relay/limits.h */
	bool src_multipath : 1;    /* it is a Multipath TCP socket, whatever it speaks: splice would copy what it
				    * brings, too, page by page (decision 0042) */
	bool keeps : 1;            /* what src has brought is kept in the residue, those bytes too that dst has
				    * taken: half_kept() */
	enum half_course course : 3;
	uint32_t limits_from;      /* whether the links limit it isn't asked before that; in 1024 us (relay/limits.h) */
	struct pipe *pipe;         /* lent; NULL most of the time */
	uint32_t n_piped_bytes;
	uint32_t n_skip_bytes;     /* of what src brings next: they came another way already */
	struct widen widen;        /* of src, where it is plain TCP */
	struct residue *residue;
	uint64_t n_bytes;          /* that dst has taken */
	struct steady steady;      /* of dst, where it is Multipath TCP */
	struct credit credit;      /* the same; where there is none left, dst waits to be looked at */
	struct ending ending;      /* where end_waits */
};

enum half_status {
	HALF_DONE,             /* src ended, all bytes and the end passed on */
	HALF_WANT_READ,        /* waits for src */
	HALF_WANT_WRITE,       /* waits for dst */
	HALF_END_WAITS,        /* all bytes are passed on, only the end is left, and it waits */
	HALF_AGAIN,            /* the budget is used up, both sides are ready: call again */
};

/* Moves until a side blocks or about budget_bytes are moved; no read is larger than what is left of it. An enum
 * half_status, or a negative errno: the connection failed, reset both legs. */
int half_step(struct half *half, struct half_tools *tools, size_t budget_bytes);

/* Bytes to go ahead of those from src; copied. Only before the first step. 0 or -ENOMEM. */
int half_prepend(struct half *half, struct half_tools *tools, const void *bytes, size_t n_bytes);
/* The same behind those that wait, none of them in a pipe. 0 or -ENOMEM. */
int half_append(struct half *half, struct half_tools *tools, const void *bytes, size_t n_bytes);

/* What goes ahead and what src has brought so far is kept from now on, until half_keep_no_more(), or there is more
 * of it than HALF_KEPT_MOST_BYTES. Only before the first step. */
#define HALF_KEPT_MOST_BYTES (256u << 10)
void half_keep(struct half *half);
void half_keep_no_more(struct half *half, struct half_tools *tools);
/* All of that; false: it isn't kept any more. Borrowed until the next step. */
bool half_kept(const struct half *half, struct bytes *out);
/* All of that goes to another dst from the beginning, and the end, too, where it was passed on. */
void half_say_again(struct half *half);

/* Sends at most n_bytes of what waits, whatever was refused before. 0 or a negative errno. */
int half_push(struct half *half, struct half_tools *tools, size_t n_bytes);

/* Gives back what was lent and drops what waits. */
void half_free(struct half *half, struct half_tools *tools);

/* It will be a while: an empty pipe is given back. */
void half_rest(struct half *half, struct half_tools *tools);

/* With nothing in a pipe: from here on it uses nothing of these tools. What waits stays with it. */
void half_leave(struct half *half, struct half_tools *tools);
/* It uses these. */
void half_arrive(struct half *half, struct half_tools *tools);

/* That dst may be given before it is looked at. */
size_t half_credit_bytes(const struct half *half);

/* Bytes read from src and not yet taken by dst. */
size_t half_waiting_bytes(const struct half *half);

#endif
