/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sessions over links so slow that a packet takes seconds (link.profile = lowrate), where the kernel's Multipath TCP
 * sends most of a stream several times, and over such as lose packets all the time (lossy), or are far apart, where one
 * waits for the other: a plain TCP connection a link, and the stream in pieces over them (policy/stripe.h, decisions
 * 0033, 0044 and 0045, doc/pieces.md). To the gateway such a session's far leg, and to the converter its near leg, is a
 * connection like any other: its other end is here. One a worker.
 */
#ifndef BRAID_ROLE_STRIPE_STRIPES_H
#define BRAID_ROLE_STRIPE_STRIPES_H

#include "net/mptcp_info.h"
#include "role/inbox.h"
#include "role/worker.h"
#include "signalling/scheme.h"

#define STRIPES_MOST 512   /* a worker */

struct figures;
struct stripes;

int stripes_new(struct worker *worker, struct stripes **out);   /* 0 or -ENOMEM */
void stripes_freep(struct stripes **stripes);                   /* resets all that there are */

/* Gateway: what begins now, to this converter, is to be striped. marked: its packets are to be, which those of legs
 * aren't. */
bool stripes_are_wanted(const struct stripes *stripes, const struct upstream *upstream, bool marked);
/* Begins one to this converter, of which it takes a reference of its own; *fd is the session's own end, which is
 * connected, and the caller's. Legs follow over all links. 0, NET_E_* (NET_E_DESCRIPTORS: every place is taken, too)
 * or a negative errno. */
int stripes_connect(struct stripes *stripes, struct upstream *upstream, int *fd);
/* The worker has another view: legs over links that are gone end, others begin. */
void stripes_apply(struct stripes *stripes);

/* Gateway: what the legs of wide ones show of the links, for a look (role/links/figures.h). */
void stripes_show(struct stripes *stripes, struct figures *figures);

/* For people: the legs of one session, each as if it were a subflow. */
struct stripes_legs {
	struct address end;         /* of the connection between the session and them, the session's own; unspecified
				     * where there is none any more */
	bool client;                /* at a gateway: what they send goes up */
	const struct mptcp_connection_info *info;
	const int *fds;             /* of the legs, in the same order; borrowed */
};
/* Walks over them as relay_each() over sessions, which may be in another thread than their legs. */
bool stripes_each(struct stripes *stripes, uint32_t *from, uint32_t n_most,
		  void (*fn)(void *context, const struct stripes_legs *legs), void *context);

/* Converter: a connection whose peer has said that it is a leg of such a session, and may be. */
struct stripes_arrival {
	int fd;
	uint8_t leg;
	uint8_t session[SIGNALLING_SESSION_BYTES];
	bool admitted;              /* as this subscriber */
	uint32_t subscriber;
	struct address client, own;
	bool joins;                 /* a session that is there already, or none */
	bool wide;                  /* policy/stripe.h */
	bool lossy;                 /* and its links lose packets all the time */
	struct bytes answer;        /* to go first */
	struct bytes refusal;       /* in its place, where that one isn't there any more */
	struct bytes first;         /* what came behind its message */
};
/* Takes the descriptor, which nobody watches, and hands it to the worker that has the session. */
void stripes_arrive(struct stripes *stripes, const struct stripes_arrival *arrival);

#endif
