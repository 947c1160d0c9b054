/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sessions of one worker that are relayed: two legs, near (where the connection came from) and far (where it goes),
 * and a half for each direction between them. Half-close stays half-close, reset stays reset, on both legs. Everything
 * here belongs to the worker's thread, but for the counters, which may be read from any.
 *
 * A session may be opened while the answer of the far leg's peer is still awaited ("held"): bytes go up at
 * once, the far leg's first bytes are for on_held, until relay_release().
 */
#ifndef BRAID_RELAY_RELAY_H
#define BRAID_RELAY_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/address.h"
#include "base/cursor.h"
#include "base/slab.h"
#include "loop/loop.h"
#include "relay/account.h"

struct relay;
struct relay_parcel;   /* a session on its way from one relay to another, of another thread */

enum { RELAY_E_FULL = 1, RELAY_E_TOO_LATE };

enum session_end {
	SESSION_END_ORDERLY,     /* both streams ended and were passed on */
	SESSION_END_RESET,       /* a leg failed or was reset, and so was the other */
	SESSION_END_CLOSED,      /* by relay_abort() or relay_freep() */
};

/* Where a session was opened: its name for people, which it keeps wherever it goes. */
struct session_name {
	uint32_t place;
	uint16_t generation;
	uint16_t relay;               /* relay_options.number */
};

struct relay_options {
	uint16_t number;              /* of those that hand sessions to each other */
	uint32_t max_sessions;
	uint32_t max_pipes;
	bool steady;                  /* Multipath TCP legs are kept steady: policy/steady.h */
	uint64_t max_held_bytes;      /* that were read and a leg would not take, all sessions together; with
				       * SHARE_LEAST_BYTES for each direction beyond it */
	/* A held session's far leg is readable, has ended or failed: receive from far_fd until it has no more, then
	 * relay_release() or relay_abort(). */
	void (*on_held)(void *context, struct slab_name ref, uint64_t tag, int far_fd);
	/* A held session ended by itself: whoever tag names must not touch it any more. */
	void (*on_held_end)(void *context, uint64_t tag);
	/* The links limit what the session sends over its Multipath TCP leg, that way, just now: told about every
	 * tenth of a second while it is so. */
	void (*on_limited)(void *context, uint32_t owner, enum relay_way way);
	/* The first bytes of a routed session's far leg have come, whose handshake was Multipath TCP's: whole, or as
	 * plain TCP. */
	void (*on_shown)(void *context, uint8_t link, bool whole);
	const bool *wants_limits;     /* atomic, borrowed: somebody wants to hear of that; NULL: nobody ever will */
	bool for_bulk;                /* it is for sessions that are bulk (policy/placement.h) */
	/* Whether one that isn't of its kind may be handed over now. True: hand_over() follows. NULL: all stay. */
	bool (*may_hand_over)(void *context);
	/* It is in no relay until relay_adopt(); false: it isn't taken, and stays. */
	bool (*hand_over)(void *context, struct relay_parcel *parcel);
	/* Each session, once, whatever ended it. */
	void (*on_end)(void *context, uint32_t owner, enum session_end end);
	void *context;
};

struct relay_counters {
	uint64_t n_opened, n_orderly, n_reset, n_closed, n_refused_full;
	uint64_t up_bytes, down_bytes;
	uint64_t n_broken;               /* of n_reset: Multipath TCP that had become plain TCP amid its bytes */
	uint64_t n_nudges;               /* of Multipath TCP legs that stood still for want of a DATA_ACK */
	uint64_t n_steps, n_rescued;     /* n_rescued: writes that went on by the timer, without an event */
	uint64_t n_pipes_made;
	uint64_t n_sessions, n_pipes_open, n_pipes_lent, n_held_bytes;   /* now */
};

/* A session to be. Legs that are in the worker's epoll set already (with another reference) are marked watched. */
struct relay_legs {
	int near_fd, far_fd;
	bool near_watched, far_watched;
	bool near_mptcp, far_mptcp;      /* as it was opened; it may have fallen back since */
	/* The peer takes it for Multipath TCP: an end of plain TCP isn't its end, and resets the session. Of the far
	 * leg it was seen in the answer, where there is one. */
	bool near_multipath, far_multipath;
	bool held;
	bool far_joins;                  /* the far leg's subflows are ours to begin, and there is more than one link */
	bool up_waits;                   /* held: nothing goes up, either, until relay_release() */
	bool up_kept;                    /* held: what goes up is kept until then, as far as it isn't much:
					  * relay_take_back() */
	bool down_kept;                  /* what goes down is kept until the near leg's peer has something of it, and
					  * knows what the leg is, as far as it isn't much: relay_change_near() */
	uint8_t near_instead;            /* the opener's, for session_view: which of the peer's attempts it is, 0..7 */
	uint64_t tag;                    /* for on_held; 0 otherwise */
	uint32_t owner;                  /* for on_end */
	struct relay_account *account;   /* relay/account.h; NULL: nobody's. Borrowed as long as the relay lives */
	struct bytes up_first, down_first;   /* go ahead of what the legs bring; copied */
	struct address source, destination;
	bool inbound;                    /* the far end began it */
	bool routed;                     /* nothing is said between the proxies: the converter stands on its way */
	bool in_pieces;                  /* the leg between the proxies is a connection in this process, whose other
					  * end sends it on in pieces */
	uint8_t link;                    /* of the first subflow; 0xff: none of ours */
	uint64_t opened_at_us;
};

struct session_view {
	struct slab_name ref;               /* in this relay, just now */
	struct session_name name;
	int near_fd, far_fd;
	bool near_mptcp, far_mptcp, held, inbound, routed, in_pieces;
	bool whole;                      /* its Multipath TCP leg was that at both ends: what is plain TCP of it is
					  * broken */
	struct address source, destination;
	uint8_t link;
	uint8_t near_instead;            /* as it was opened, or its near leg changed */
	uint32_t owner;                  /* as it was opened */
	uint64_t opened_at_us, up_bytes, down_bytes;
	bool up_ended, down_ended;       /* the one end has ended its stream */
	bool up_done, down_done;         /* and the other end was told so */
	size_t up_waiting_bytes, down_waiting_bytes;
};

/* Of its legs the one that is Multipath TCP: at a converter the near one. Of a session that has none, the far one. */
static inline int session_multipath_fd(const struct session_view *session)
{
	return session->near_mptcp ? session->near_fd : session->far_fd;
}

/* Borrows loop. 0 or a negative errno. */
int relay_new(struct loop *loop, const struct relay_options *options, struct relay **out);
void relay_freep(struct relay **relay);   /* ends all sessions */

/* Takes both descriptors, also on failure (they are closed with reset). 0, RELAY_E_FULL, or a negative errno. */
int relay_open(struct relay *relay, const struct relay_legs *legs, struct slab_name *ref);
/* The far leg's peer has said yes; down_first: what came behind the answer (copied); more: the read that brought it
 * may have left some. A stale ref is ignored. */
void relay_release(struct relay *relay, struct slab_name ref, struct bytes down_first, bool more);
/* Another near leg for a session, on which the peer says the same again from the beginning: what has come already is
 * dropped. */
struct relay_leg_change {
	int near_fd;
	bool near_multipath;
	uint8_t near_instead;
	struct address source;
	struct bytes up_first;    /* that was read from near_fd; copied */
	struct bytes said;        /* the old leg may have taken this from us, and its peer has not got it: it is said
				   * again, and what was kept behind it; copied. Empty: none of it */
};
/* Only where nothing else was written to the near leg yet, or all of it is kept, and, with nothing said, its
 * handshake hasn't ended; and where one that is plain TCP unknown to its peer has brought nothing since it was the
 * session's: that may be what came before, once more (doc/assumptions.md). Takes near_fd, watched by the caller; on
 * failure it stays his, to be watched anew. 0 or RELAY_E_TOO_LATE. */
int relay_change_near(struct relay *relay, struct slab_name ref, const struct relay_leg_change *change);
/* All the caller's. */
struct relay_taken_back {
	int far_fd;               /* not watched any more */
	uint8_t *more;            /* what has come from the near leg beyond up_first; malloc'd, NULL where there is
				   * nothing */
	size_t n_more;
};
/* Ends a held session and leaves both legs to the caller, the near one watched still. n_first_bytes: those of
 * up_first. Neither on_end nor on_held_end is called. 0; RELAY_E_TOO_LATE: it isn't held, or more has come than was
 * kept; -ENOMEM: in both cases all is as it was. */
int relay_take_back(struct relay *relay, struct slab_name ref, size_t n_first_bytes, struct relay_taken_back *out);
/* Resets both legs. A stale ref is ignored. on_held_end is not called. */
void relay_abort(struct relay *relay, struct slab_name ref);

/* What is kept of what went up or down is so no longer. A stale ref is ignored. */
void relay_keep_no_more(struct relay *relay, struct slab_name ref);

/* As it was opened. */
uint32_t relay_parcel_owner(const struct relay_parcel *parcel);
/* Takes the parcel: the session is this relay's, under another ref. account: its owner's, of this relay. Where there
 * is no room it is reset, as one that was closed. */
void relay_adopt(struct relay *relay, struct relay_parcel *parcel, struct relay_account *account);

/* Looks at both legs as if both had told of something to read. A stale ref is ignored. */
void relay_wake(struct relay *relay, struct slab_name ref);

/* Ends the session as a failure of a leg does; on_held_end is called. A stale ref is ignored. */
void relay_fail(struct relay *relay, struct slab_name ref);

/* The same, its Multipath TCP leg having become plain TCP under way: nothing more of that is passed on. A stale ref
 * is ignored. */
void relay_break(struct relay *relay, struct slab_name ref);

/* Some owner's pace is another one now: who waits for the old one is looked at. */
void relay_paces_changed(struct relay *relay);

/* Walks over sessions from place *from (0 to begin with) on, n_most places at a time. False when that was the last
 * of them. */
bool relay_each(struct relay *relay, uint32_t *from, uint32_t n_most,
		void (*fn)(void *context, const struct session_view *view), void *context);
/* False where ref is stale. */
bool relay_find(struct relay *relay, struct slab_name ref, struct session_view *view);
const struct relay_counters *relay_counters(const struct relay *relay);

#endif
