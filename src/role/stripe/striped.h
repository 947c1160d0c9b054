/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One striped session. Private to role/stripe (stripes.c: those that there are, and how they begin; striped.c: what
 * one does; striped_legs.c: its legs; striped_begin.c: how a gateway begins them; striped_shown.c: what they show of
 * the links). */
#ifndef BRAID_ROLE_STRIPE_STRIPED_H
#define BRAID_ROLE_STRIPE_STRIPED_H

#include "base/slab.h"
#include "net/pair.h"
#include "policy/congestion.h"
#include "policy/overshoot.h"
#include "policy/stripe.h"
#include "role/gateway/upstream.h"
#include "role/inbox.h"
#include "role/stripe/ring.h"
#include "role/stripe/stripes.h"

#define STRIPED_SCRATCH_BYTES (64u << 10)
#define STRIPED_READS 4                   /* of as much each, a turn */
#define STRIPED_LEG_EVENTS (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)
#define STRIPED_WIDE_SILENT_US (5 * US_PER_S)   /* then a leg of a wide one is begun anew */

/* What a session has of the memory of all, each kind of them of its own. */
enum striped_kind { STRIPED_HELD, STRIPED_PROMISED, STRIPED_KINDS };

/* loop_ref.part; STRIPED_LEG + n is leg n. */
enum striped_part { STRIPED_NEAR, STRIPED_TIMER, STRIPED_LEG };

struct striped_leg {
	int fd;                     /* -1: none */
	bool connected;
	bool answered;              /* client: the converter takes it */
	bool ended;                 /* by the peer */
	struct address source;      /* client: from where it was begun */
	uint64_t begun_at_us;       /* client */
	uint64_t try_at_us;         /* client: not before, where there is none */
	uint32_t n_failed;          /* in a row */
	bool has_syn_data;          /* client: its first packet has what it is, and perhaps */
	uint16_t n_early;           /* so much of the stream (stripe_early()) */
	size_t n_opening;           /* client: to say what it is takes so many bytes */
	struct conversation conversation;
	struct overshoot overshoot; /* since it has bbr */
	struct inbox in, out;       /* half a frame; what its TCP didn't take */
};

struct striped {
	bool client;
	bool lossy;                 /* its links lose packets all the time: legs have the congestion control for it */
	struct upstream *upstream;  /* client: the converter that legs are to; a reference */
	uint8_t session[SIGNALLING_SESSION_BYTES];
	int near_fd;                /* our end of it; -1: not yet, or not any more */
	struct address session_end; /* the other end of that, the session's; unspecified where there is none */
	bool near_gone;
	bool known;                 /* client: the converter has taken a leg of it */
	bool over;                  /* to be given back */
	bool peer_wants;            /* more than it may send */
	bool more;                  /* a leg has more to read than one turn takes */
	struct stripe_out out;
	struct stripe_in in;
	struct ring out_bytes, in_bytes;
	struct congestion congestion;   /* of all legs together, as far as they have shown */
	bool shown;                 /* it was shown once (stripes_show()), */
	uint64_t n_shown_bytes;     /* and had moved so much */
	uint64_t n_taken_bytes[STRIPED_KINDS];   /* by kind, beside STRIPE_WINDOW_BYTES of each */
	struct striped_leg legs[STRIPE_LEGS];
	struct address client_address, own;   /* at the converter */
	bool admitted;
	uint32_t subscriber;
	uint64_t begun_at_us;
	uint64_t limited_at_us;     /* when it was told last that its legs hold it back */
	uint64_t alone_since_us;    /* without a leg; 0: it has some */
	uint64_t ends_at_us;        /* its near end was reset: until then that is told; 0: it wasn't */
	uint64_t timer_at_us;       /* 0: none */
};

struct stripes {
	struct worker *worker;
	struct slab sessions;
	uint8_t handler;
	uint32_t send_most_bytes;   /* a leg's buffer may be so wide, */
	bool send_forced;           /* and for that has to be set as one who may */
	uint8_t scratch[STRIPED_SCRATCH_BYTES];
};

static inline bool striped_is_connecting(const struct striped *s, size_t leg)
{
	return s->client && s->legs[leg].fd >= 0 && !s->legs[leg].connected;
}

struct loop_ref striped_ref(const struct stripes *stripes, const struct striped *s, unsigned int part);
/* What is left of the kind for all sessions together. As none takes more than that, each may have as much as the
 * others, and one more like them. */
uint64_t striped_left(const struct stripes *stripes, enum striped_kind kind);
/* Our end of it, watched; the other end goes to *other, which is -1 or as it was without one. 0, NET_E_* or a
 * negative errno. */
int striped_open_near(struct stripes *stripes, struct striped *s, int *other);
/* Does all that can be done now, and sets the timer; the session may be gone afterwards, here and below. */
void striped_step(struct stripes *stripes, struct striped *s);
void striped_on_near(struct stripes *stripes, struct striped *s, uint32_t events);
/* Ends it at once, both ways: it can't go on. */
void striped_abort(struct stripes *stripes, struct striped *s);
/* What a leg has brought: as far as it is whole; *left: the rest. 0, or it makes no sense. */
int striped_take_frames(const struct stripes *stripes, struct striped *s, struct bytes all, struct bytes *left);

/* The frame with what goes next over a leg, as it is now, STRIPE_HEAD_BYTES and the payload; its length. */
size_t striped_put_frame(const struct striped *s, const struct stripe_send *send, uint8_t *out);

/* Legs. They say in s->over where the session is to end with them. */
void striped_legs_begin(struct stripes *stripes, struct striped *s);
void striped_leg_on_event(struct stripes *stripes, struct striped *s, uint8_t leg);
void striped_legs_read(struct stripes *stripes, struct striped *s);
/* Those whose peer has ended them are lost. */
void striped_legs_lose_ended(struct stripes *stripes, struct striped *s);
void striped_legs_look(struct stripes *stripes, struct striped *s);
/* later: its TCP may keep it until something is acknowledged. False where the leg is lost with it. */
bool striped_leg_write(struct stripes *stripes, struct striped *s, uint8_t leg, struct bytes bytes, bool later);
/* A connection that the peer has made; takes its descriptor. */
void striped_leg_attach(struct stripes *stripes, struct striped *s, const struct stripes_arrival *arrival);
/* Ends with the view: those over links that are gone, or have another address. */
void striped_legs_apply(struct stripes *stripes, struct striped *s);
bool striped_any_leg(const struct striped *s);
/* For good, until it is begun anew. */
void striped_leg_lose(struct stripes *stripes, struct striped *s, uint8_t leg);
void striped_leg_tune(const struct stripes *stripes, const struct striped *s, int fd);
/* Gateway: new sessions have it, or there is none that they had better have. */
bool striped_link_is_wanted(const struct worker *worker, size_t link);
/* Its handshake has ended. */
void striped_leg_on_connected(struct stripes *stripes, struct striped *s, uint8_t leg);
/* When one is to be begun next; CLOCK_NEVER_US. */
uint64_t striped_legs_next_us(const struct stripes *stripes, const struct striped *s);
void striped_legs_close(struct stripes *stripes, struct striped *s, bool orderly);
/* Its TCP has the congestion control that it begins with. */
void striped_leg_note_congestion(struct striped *s, uint8_t leg);
/* One with bbr is bound where it sends far more than its link carries; sent: as the kernel has just told. */
void striped_leg_bound(struct stripes *stripes, struct striped *s, uint8_t leg, const struct net_sent *sent);
/* Changes the congestion control of legs that lose packets, or do so no more; for as long as what is sent is bulk. */
void striped_look_at_losses(struct stripes *stripes, struct striped *s);
/* That its legs hold it back, as of the last stripe_look(): to who opens links, if somebody wants to hear of it. */
void striped_tell_limited(struct stripes *stripes, struct striped *s);

#endif
