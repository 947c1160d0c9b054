/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One striped session. Private to role/stripe (stripes.c: those that there are, and how they begin; striped.c: what one does; striped_legs.c: its legs). */
#ifndef BRAID_ROLE_STRIPE_STRIPED_H
#define BRAID_ROLE_STRIPE_STRIPED_H

#include "base/slab.h"
#include "policy/stripe.h"
#include "role/gateway/upstream.h"
#include "role/inbox.h"
#include "role/stripe/stripes.h"

#define STRIPED_READS 64                  /* of WORKER_SCRATCH_BYTES each, a turn */

/* loop_ref.part; STRIPED_LEG + n is leg n. */
enum striped_part { STRIPED_NEAR, STRIPED_TIMER, STRIPED_LEG };

struct striped_leg {
	int fd;                     /* -1: none */
	bool connected;
	bool answered;              /* client: the converter takes it */
	bool ended;                 /* by the peer */
	struct address source;      /* client: from where it was begun */
	uint64_t try_at_us;         /* client: not before, where there is none */
	uint32_t n_failed;          /* in a row */
	struct conversation conversation;
	struct inbox in, out;       /* half a frame; what its TCP didn't take */
};

struct striped {
	bool client;
	struct upstream *upstream;  /* client: the converter that legs are to; a reference */
	uint8_t session[SIGNALLING_SESSION_BYTES];
	int near_fd;                /* our end of it; -1: not yet, or not any more */
	bool near_gone;
	bool known;                 /* client: the converter has taken a leg of it */
	bool over;                  /* to be given back */
	bool more;                  /* a leg has more to read than one turn takes */
	struct stripe_out out;
	struct stripe_in in;
	uint8_t *out_bytes, *in_bytes;   /* STRIPE_WINDOW_BYTES each, as far as they are used */
	struct striped_leg legs[STRIPE_LEGS];
	struct address client_address, own;   /* at the converter */
	bool admitted;
	uint32_t subscriber;
	uint64_t begun_at_us;
	uint64_t alone_since_us;    /* without a leg; 0: it has some */
	uint64_t ends_at_us;        /* its near end was reset: until then that is told; 0: it wasn't */
	uint64_t timer_at_us;       /* 0: none */
};

struct stripes {
	struct worker *worker;
	struct slab sessions;
	uint8_t handler;
};

struct loop_ref striped_ref(const struct stripes *stripes, const struct striped *s, unsigned int part);
/* Our end of it, watched; the other end goes to *other, which is -1 or as it was without one. 0, NET_E_* or a negative errno. */
int striped_open_near(struct stripes *stripes, struct striped *s, int *other);
/* Does all that can be done now, and sets the timer; the session may be gone afterwards, here and below. */
void striped_step(struct stripes *stripes, struct striped *s);
void striped_on_near(struct stripes *stripes, struct striped *s, uint32_t events);
/* Ends it at once, both ways: it can't go on. */
void striped_abort(struct stripes *stripes, struct striped *s);
/* What a leg has brought: as far as it is whole; *left: the rest. 0, or it makes no sense. */
int striped_take_frames(struct striped *s, struct bytes all, struct bytes *left);

/* Legs. They say in s->over where the session is to end with them. */
void striped_legs_begin(struct stripes *stripes, struct striped *s);
void striped_leg_on_event(struct stripes *stripes, struct striped *s, uint8_t leg);
void striped_legs_read(struct stripes *stripes, struct striped *s);
/* Those whose peer has ended them are lost. */
void striped_legs_lose_ended(struct stripes *stripes, struct striped *s);
void striped_legs_look(struct stripes *stripes, struct striped *s);
/* False where the leg is lost with it. */
bool striped_leg_write(struct stripes *stripes, struct striped *s, uint8_t leg, const void *bytes, size_t n);
/* A connection that the peer has made; takes fd. answer: what it is told first; first: what it has said. */
void striped_leg_attach(struct stripes *stripes, struct striped *s, uint8_t leg, int fd, struct bytes answer, struct bytes first);
/* Ends with the view: those over links that are gone, or have another address. */
void striped_legs_apply(struct stripes *stripes, struct striped *s);
bool striped_any_leg(const struct striped *s);
/* When one is to be begun next; CLOCK_NEVER_US. */
uint64_t striped_legs_next_us(const struct stripes *stripes, const struct striped *s);
void striped_legs_close(struct stripes *stripes, struct striped *s, bool orderly);

#endif
