/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to the watch on a converter: the connection, and what is said on it. */
#ifndef BRAID_ROLE_GATEWAY_WATCH_PARTS_H
#define BRAID_ROLE_GATEWAY_WATCH_PARTS_H

#include "role/gateway/watch.h"
#include "role/inbox.h"
#include "signalling/scheme.h"

/* One connection: ASKING until the answer is there, then STANDING. */
struct probe {
	int fd;                  /* -1: none */
	bool standing;
	uint16_t generation;
	uint8_t link;
	uint64_t begun_at_us, begun_standing_at_us;
	const struct scheme *scheme;   /* here and below: of a probe that was begun */
	struct signalling_request asked;
	struct address converter;
	bool wants_source;       /* the converter is to be told hosts' addresses */
	bool offers;             /* it was told that we take sessions from its side */
	bool hears_limits;       /* and that we want to know when it is late, the links limit what it sends, or one
				  * of them spoils it */
	bool declined;           /* and does not know what one of these is */
	bool kin;                /* it is Braid, and has our key */
	bool takes_wide;
	bool strange;            /* what it has answered is no Convert */
	uint64_t name;           /* the converter's, where it offers to tell outcomes here; 0: it doesn't */
	bool serves_hosts;       /* and that it offers that */
	struct conversation conversation;
	struct inbox inbox;
};

/* A converter of an older kind, or of others, doesn't take all that we may say with our question. */
enum watch_asking { ASK_ALL, ASK_WITHOUT_LIMITS, ASK_PLAIN };
/* What was found out about the converter. KIN: it is Braid, and has our key. CONVERT: it serves RFC 8803, and is
 * sent nothing else. OTHER: it knows no Convert. */
enum peer { PEER_UNKNOWN, PEER_KIN, PEER_CONVERT, PEER_OTHER };

struct watch {
	struct loop *loop;
	struct watch_options options;
	struct probe probe;
	bool begun, used, left;
	bool reachable, told;
	char why[64];            /* as it was told */
	enum watch_asking asking;
	bool by_connecting;      /* it knows no Convert: a connection that comes about is its answer */
	bool knows_convert;      /* it has answered an Info */
	enum peer peer;
	uint32_t n_distrusted;   /* in a row: the longer it is left alone */
	uint64_t distrusted_until_us;
	uint64_t retry_us;
	uint64_t closed_until_us;   /* how often the converter has closed the connection in order is counted */
	uint32_t n_closed;
	uint32_t tried;
};

/* Of what has come, that has to wait. NULL, or why the connection is lost; here and below. */
const char *watch_keep(struct watch *watch, struct bytes left);
/* Whether it has said that it may say more than its answer. */
bool watch_may_say_more(const struct watch *watch);
/* Takes that: outcomes of other connections, sessions from the converter's side, what limits sessions, answers to
 * hosts' requests, and nothing else. */
const char *watch_take_told(struct watch *watch, struct bytes all);

#endif
