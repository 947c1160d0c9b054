/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Remote hosts' connections that wait for a gateway's claim. Private to role/inbound/inbound.c (who waits, and for how
 * long), role/inbound/inbound_tell.c (which gateway hears of it), role/inbound/inbound_claim.c (who claims, and has it)
 * and role/inbound/inbound_hold.c (those whose first packet waits in a queue, so that they are accepted only when their
 * host has accepted).
 */
#ifndef BRAID_ROLE_INBOUND_INBOUND_PARTS_H
#define BRAID_ROLE_INBOUND_INBOUND_PARTS_H

#include "base/pairs.h"
#include "base/slab.h"
#include "policy/crowd.h"
#include "role/inbound/inbound.h"
#include "role/listener.h"
#include "signalling/scheme.h"

#define INBOUND_SECRET_BYTES 16
#define INBOUND_BUCKETS 1024

struct net_queue;

/* What goes to the worker that has what is claimed, and comes back with it. */
struct claim {
	struct worker *to, *from;
	uint64_t intake;
	uint8_t claim[SIGNALLING_CLAIM_BYTES];
	uint32_t subscriber;
	struct address remote;
	uint16_t n_first;                   /* of the remote host's bytes: the host has them */
	struct signalling_result failure;   /* the host can't be had: the remote host is to be told so */
	bool final;                         /* and no other gateway is asked */
	bool good;                          /* on the way back */
	int fd;                             /* and what was claimed, where it is wanted; -1 */
};

/* A remote host's connection, until it is claimed, or its time is over: accepted, or its first packet. */
struct waiting {
	int fd;                        /* -1: it isn't accepted yet */
	uint32_t packet;               /* then: its number in the queue; 0: it was let come, for the claim */
	uint32_t next;                 /* then: inbound.held's */
	struct claim *claim;           /* what it was let come for; NULL: nobody has claimed it so far */
	struct address remote, external, host;
	uint32_t subscriber;
	bool told;                     /* a gateway was */
	uint8_t n_tried, n_declined;
	uint16_t n_first;              /* of its bytes were told, at most */
	uint64_t first_until_us;       /* what it says first is waited for; 0: no longer */
	uint64_t tried[SUBSCRIBERS_WATCHES];   /* watches on which it was said, as far as we know */
	uint8_t secret[INBOUND_SECRET_BYTES];
	uint64_t until_us;             /* its claim is to be there; set once */
	uint64_t gateway_until_us;     /* a gateway is to be there */
	uint64_t look_at_us;           /* a timer that comes before is an old one */
	struct crowd_key door, owner;
};

struct inbound {
	struct worker *worker;
	struct slab waiting;
	uint8_t handler;
	struct listeners listeners;
	struct crowd *doors, *owners;   /* those that wait, by where they have connected to, and by the subscriber */
	struct net_queue *queue;        /* NULL: all are accepted early */
	bool queue_missing;             /* it can't be had, and that was said */
	uint8_t queue_handler;
	struct pairs held;              /* of those that wait, the ones that aren't accepted yet, by remote host and
					 * external address */
	uint32_t buckets[INBOUND_BUCKETS];   /* held's */
};

/* Its name, as it is told to gateways; and who has a name, by the place alone: whether the rest is right is to be
 * seen. NULL: nobody. */
void inbound_put_claim(const struct inbound *inbound, const struct waiting *waiting,
		       uint8_t claim[SIGNALLING_CLAIM_BYTES]);
struct waiting *inbound_by_place(const struct inbound *inbound, const uint8_t claim[SIGNALLING_CLAIM_BYTES]);

/* Says it on the subscriber's latest watch that hasn't heard of it, with what the remote host has said so far where
 * it is the first to. False: there is none, or it takes nothing now. */
bool inbound_tell(struct inbound *inbound, struct waiting *waiting);
/* It turned out that a watch hasn't heard: it had gone. It may be gone afterwards. */
void inbound_untold(struct inbound *inbound, struct waiting *waiting);

/* Takes a remote host's connection (fd), or its first packet (fd -1): it waits, or is turned away. */
void inbound_await(struct inbound *inbound, const struct forward *forward, int fd, uint32_t packet,
		   const struct address *remote);
/* It waits no longer; the descriptor is the caller's. */
int inbound_release(struct inbound *inbound, struct waiting *waiting);
/* Its first packet is let go, and it comes for the claim, which is taken. It may be gone afterwards. */
void inbound_let_come(struct inbound *inbound, struct waiting *waiting, struct claim *claim);
/* The claim has what it was for, or good is false. Takes claim. */
void inbound_answer(struct claim *claim);

void inbound_hold_init(struct inbound *inbound);
/* Opens the queue where a forward of the view wants it, closes it where none does. */
void inbound_hold_apply(struct inbound *inbound);
void inbound_hold_close(struct inbound *inbound);
/* The first packet is answered as the host has answered; dropped where that was nothing. */
void inbound_hold_answer(struct inbound *inbound, uint32_t packet, const struct signalling_result *result, bool v6);
/* The connection may come, to this worker's own listener. */
void inbound_hold_let_come(struct inbound *inbound, uint32_t packet);

#endif
