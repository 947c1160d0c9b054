/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The gateway's eye on one of its converters, in the main thread: one quiet connection on which a Convert Info was
 * answered. While that of some converter stands, hosts' connections are intercepted; once it falls, and until another
 * stands, they go the ordinary way (fail open). It costs a keep-alive every few minutes. Where hosts' connections go by
 * another scheme, to a server that knows no Convert, a connection that comes about from time to time stands for it; and
 * so it does where the converter doesn't let us stay (decision 0022).
 */
#ifndef BRAID_ROLE_GATEWAY_WATCH_H
#define BRAID_ROLE_GATEWAY_WATCH_H

#include <stdbool.h>
#include "loop/loop.h"
#include "role/gateway/upstream.h"
#include "role/shared.h"
#include "signalling/scheme.h"

struct watch;

struct watch_options {
	struct shared *shared;                       /* borrowed */
	struct upstream *upstream;                   /* the converter; borrowed */
	uint8_t handler;                             /* of the loop: events with this index are to come to
						      * watch_on_event() and watch_on_timer() */
	uint32_t index;                              /* no other watch's, ever */
	struct view *(*view)(void *context);         /* the present view, borrowed for the call */
	/* It has answered; how long an answer takes. anew: it may be another one than before. */
	void (*on_answered)(void *context, uint64_t took_us, bool anew);
	/* It is reachable no longer, or for another reason not. */
	void (*on_lost)(void *context, const char *why);
	/* The converter has told what becomes of the connection whose ticket has the nonce. */
	void (*on_early)(void *context, const uint8_t nonce[SIGNALLING_NONCE_BYTES],
			 const struct signalling_result *result);
	/* A remote host at the converter wants one of ours. */
	void (*on_inbound)(void *context, const struct signalling_inbound *inbound);
	/* What sessions with the converter are limited by. */
	void (*on_limited)(void *context, enum signalling_limited what);
	/* The converter has answered what watch_ask() asked; borrowed for the call. */
	void (*on_answer)(void *context, const struct signalling_host_message *message);
	void *context;
};

/* Borrows loop. 0 or -ENOMEM. */
int watch_new(struct loop *loop, const struct watch_options *options, struct watch **out);
void watch_on_event(struct watch *watch, struct loop_ref ref, uint32_t events);
void watch_on_timer(struct watch *watch, struct loop_ref ref, uint64_t now_us);
/* The first time: begins. used: new connections go to this converter, or will if it answers; sessions from its side
 * are taken, limits heard of, hosts' requests brought there. Else the watch only learns whether it answers. */
void watch_set_used(struct watch *watch, bool used);
void watch_freep(struct watch **watch);
/* What was found out about it: "braid", which has our key; "convert", RFC 8803 and nothing else; "other", which
 * knows no Convert; "unknown". */
const char *watch_peer_name(const struct watch *watch);
/* A connection could not reach the converter: ask it again now; or, where there is an upstream.doubt that asking
 * can't dispel, not for a while. */
void watch_suspect(struct watch *watch);
/* Another converter is doubted: whether this one answers is to be known anew, unless it has just been heard of. */
void watch_check(struct watch *watch);
/* It may be another converter by now: what is under way is dropped. */
void watch_ask_again(struct watch *watch);
/* We end: the connection is given up, and there will be none. Who comes from the converter's side is another
 * gateway's from here on. */
void watch_leave(struct watch *watch);
/* Whether the converter serves requests of hosts on it now. */
bool watch_serves_hosts(const struct watch *watch);
/* Hands one over. False: it couldn't be. The answer may never come. */
bool watch_ask(struct watch *watch, const struct signalling_host_message *message);

#endif
