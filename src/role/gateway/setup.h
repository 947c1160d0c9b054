/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A host's connection on its way to becoming a session at the gateway. Private to the gateway (gateway.c: what happens
 * to it; setup.c: its life; attempt.c: reaching the converter over one link or another; answer.c: what the converter
 * answers; hand_over.c: its end as a session).
 */
#ifndef BRAID_ROLE_GATEWAY_SETUP_H
#define BRAID_ROLE_GATEWAY_SETUP_H

#include "base/clock.h"
#include "base/slab.h"
#include "policy/unheard.h"
#include "role/gateway/hold.h"
#include "role/inbox.h"
#include "role/listener.h"
#include "role/gateway/socks.h"
#include "role/gateway/treatment.h"
#include "role/gateway/upstream.h"
#include "role/worker.h"
#include "signalling/scheme.h"

#define SETUP_ATTEMPTS (RACE_MOST + 1)   /* at once: those that race, and one more where they find nobody */
#define SETUP_PARKED 4              /* connections given up, at once: then the first of them is reset, which has been
				     * replaced since */
#define SETUP_ANSWER_SLACK_US (10 * US_PER_S)   /* more than the converter's own time limit of a connect, so that its
						 * answer is heard */

/*
 * A host's connection begins as ASKING, CAUGHT or FIRST_BYTES, one that came to host.socks as TELLING, one from the
 * converter's side as REACHING. It is given back from any state.
 *
 *	TELLING		its program says where it wants to go. Then ASKING, FIRST_BYTES or DIRECT, and each of these
 *			once more for another address of the same name
 *	ASKING		the host's SYN waits, attempts are under way. Then CAUGHT
 *	CAUGHT		the SYN was let go to our own listener, which has the host's connection soon. Where the far leg
 *			is there (answering), it goes to the relay then; where
 *			one is under way (early), on to CONNECTING; else to FIRST_BYTES
 *	FIRST_BYTES	accepted, waits a moment for what the host says first. Then CONNECTING or DIRECT
 *	CONNECTING	attempts are under way. Then HELD; or the relay, where there is an answer before
 *	HELD		the relay has both legs, the converter's answer is awaited. Where its link goes, CONNECTING once
 *			more (role/gateway/leave.h)
 *	DIRECT		a rule bypasses the server's name: the destination itself is connected to. Then the relay
 *	REACHING	the host is being connected to. Then CONNECTING, the claim in its opening; or DECLINING
 *	DECLINING	the host isn't there: attempts bring the claim with the reason, and that is the end of it
 */
enum setup_state { SETUP_ASKING, SETUP_CAUGHT, SETUP_FIRST_BYTES, SETUP_CONNECTING, SETUP_DIRECT, SETUP_HELD,
		   SETUP_REACHING, SETUP_DECLINING, SETUP_TELLING };

/* loop_ref.part; SETUP_ATTEMPT + n is attempt n; SETUP_ROOM is the gateway's own. */
enum setup_part { SETUP_NEAR, SETUP_DEADLINE, SETUP_ROOM, SETUP_ATTEMPT };

struct attempt {
	int fd;                   /* -1: none */
	uint8_t link;
	bool connected;
	bool striped;             /* its other end is role/stripe/stripes.h's */
	bool syn_data;            /* bytes went with the SYN */
	bool mptcp;               /* asked for: a rule may keep a connection on one link */
	bool plain;               /* no Multipath TCP, as was known when it connected, and as the opening says where
				   * there is a key */
	bool doubtful;            /* and were passed over, or the SYN was sent again: comes out as plain TCP, at our
				   * end perhaps with the first answer only */
	bool ended;               /* and its end was the answer */
	bool left_unanswered;     /* the converter ended it in order, without one */
	bool overdue;             /* its patience is over */
	const uint8_t *opening;   /* the setup's: opening, or declared */
	size_t n_opening;
	size_t n_sent;            /* of the opening */
	uint64_t begun_at_us;
	uint64_t patience_us;     /* then another is begun */
	struct conversation conversation;
	struct inbox inbox;
};

struct look;
struct resolver;

struct setup {
	enum setup_state state;
	int near_fd;              /* the relay's in HELD; -1 in ASKING and CAUGHT */
	struct address source, destination;
	uint64_t accepted_at_us;
	uint32_t packet;          /* the SYN's number in the queue where it waits; 0: none does */
	uint64_t packet_at_us;    /* it came: at the latest */
	uint32_t next_waiting;    /* in ASKING and CAUGHT: hold.c's */
	struct treatment treatment;
	struct socks *socks;      /* the program said where it wants to go; NULL: it was intercepted */
	struct look *look;        /* until the treatment is known; NULL: it is */
	uint8_t nonce[SIGNALLING_NONCE_BYTES];   /* of the ticket */
	bool asks_early;          /* the converter was asked to tell the outcome on the watch too */
	bool told;                /* and has told that the destination accepts */
	bool early;               /* the host's connection was let come for that: attempts are under way in CAUGHT
				   * too, until there is answering */
	bool has_ticket;          /* in each attempt: the converter serves one of them alone */
	bool raced;               /* and knows that they are begun at once */
	bool left;                /* an attempt was given up that the converter may be serving */
	bool left_since;          /* the same, since the opening has come to say what it says */
	uint8_t n_parked;
	int parked[SETUP_PARKED]; /* the connections of such attempts, open until the setup's end: with them would
				   * end what the converter has of it */
	uint8_t n_instead;        /* so often another was begun in its place */
	bool waits;               /* the host's bytes may go when the converter has answered, and not before */
	bool known;               /* accepted early because its destination had accepted lately */
	bool routed;              /* role/gateway/routed.h: attempts are to the destination itself */
	bool inbound;             /* from the converter's side: source is the host, destination the remote host */
	uint8_t claim[SIGNALLING_CLAIM_BYTES];   /* with inbound, here and below */
	struct inbox first;       /* what the remote host has said, until its host has it */
	uint16_t n_first;         /* and so much of it has */
	struct signalling_result failure;        /* why the host can't be had */
	uint32_t tried;           /* a bit a link */
	bool asked;               /* an attempt was begun */
	bool starved;             /* one couldn't be, for want of a descriptor or of a place among the sessions in
				   * pieces */
	struct upstream *upstream;   /* the converter that attempts are to; a reference; NULL before there are any,
				      * and with routed */
	bool moved;               /* it is the second one */
	bool exposed;             /* it may have what the host has said */
	const struct scheme *scheme;   /* here and below: once there is an opening */
	struct signalling_request request;
	uint8_t *opening;         /* the first message (n_message) and the host's first bytes */
	size_t n_opening, n_message;
	uint8_t *declared;        /* the same, where the message says that its connection is plain TCP; NULL: not
				   * needed yet */
	size_t n_declared;
	bool begun_again;         /* once more without data in the SYN, none of the others having come to anything */
	struct conversation begun;   /* as it stands after the first message */
	struct attempt attempts[SETUP_ATTEMPTS];
	uint64_t deadline_us;     /* a timer that comes before is an old one */
	struct attempt *answering;   /* in HELD: whose descriptor the relay has; in CAUGHT: the far leg, NULL: none
				      * yet */
	struct slab_name session;    /* in HELD */
};

struct gateway {
	struct worker *worker;
	struct slab setups;
	uint8_t handler;
	struct listeners listeners;
	struct hold hold;
	struct listeners socks_listeners;
	struct resolver *resolver;   /* NULL: no name was asked for yet */
	uint32_t n_telling;       /* programs that are to say where they want to go */
	bool full;                /* at a limit: doesn't listen, so that new connections pass, until there is room */
	struct unheard unheard;   /* the same, while it rests */
};

void setup_set_state(struct setup *setup, enum setup_state next);
struct loop_ref setup_ref(const struct gateway *gateway, const struct setup *setup, unsigned int part);

/* Whether several attempts are to be begun at once (policy/race.h). */
bool attempt_may_race(const struct gateway *gateway, const struct setup *setup);
/* Begins one attempt, or several at once, as the opening says. 0, or CHOOSE_E_NONE where none can be begun. */
int attempt_first(struct gateway *gateway, struct setup *setup);
void attempt_on_event(struct gateway *gateway, struct setup *setup, struct attempt *attempt, uint32_t events);
void attempt_on_timer(struct gateway *gateway, struct setup *setup, struct attempt *attempt, uint64_t now_us);
void attempt_drop(struct attempt *attempt);
/* As net_connect_outcome(); but what comes in the turn in which it began is of the socket that had its place before. */
int attempt_outcome(const struct gateway *gateway, const struct attempt *attempt, uint32_t events);
size_t attempt_n_pending(const struct setup *setup);
/* It is given up. One that the converter may be serving, and with a ticket would go on with another, is parked. */
void attempt_leave(const struct gateway *gateway, struct setup *setup, struct attempt *attempt);
/* It is kept open, unread, until the setup's end: its own would end what the converter has. */
void attempt_park(struct setup *setup, int fd);
/* What attempts were given up is reset, too. */
void attempt_drop_all(struct setup *setup);
/* None being left: begins another one in the place of those that were given up; the converter is told so. 0, or
 * CHOOSE_E_NONE where there is none. */
int attempt_instead(struct gateway *gateway, struct setup *setup);
/* With some schemes a reset is the destination's word; but only where somebody is known to be there who would say it
 * so. */
bool attempt_tells_by_reset(const struct setup *setup);
/* Reads the converter's answer, and goes on with the conversation until there is one. 0: the verdict is known, *left
 * what came behind it; NET_E_AGAIN: not yet; other NET_E_* or a negative errno: the connection failed. */
int attempt_read(struct gateway *gateway, const struct setup *setup, struct attempt *attempt,
		 struct signalling_step *step, struct bytes *left);

/* Attempts are under way, and none was answered yet. */
bool setup_is_under_way(const struct setup *setup);
/* An attempt is connected, and has no answer yet. */
bool setup_any_connected(const struct setup *setup);
/* The host's connection is there, and none of the attempts was answered yet: one that has connected may be its far
 * leg already. */
void attempt_go_on(struct gateway *gateway, struct setup *setup);

/* A place for a new connection under both limits, or NULL; counted and logged then. The session's place is to be
 * given back by shared_release() where no setup_abandon() or relay does it. */
struct setup *setup_take(struct gateway *gateway, const struct address *source, const struct address *destination);
/* Resets the host's connection, or lets its SYN go the ordinary way (unless it is late: role/gateway/hold.h) where
 * that waits still. */
void setup_abandon(struct gateway *gateway, struct setup *setup);
/* The program's or host's connection goes its ordinary way, where that can still be: its SYN waits, or it was not
 * told anything yet. Else it is reset. */
void setup_let_pass(struct gateway *gateway, struct setup *setup);
/* The host's connection is there: it goes to the far leg, where that is there, or is begun, or under way. */
void setup_arrive(struct gateway *gateway, struct setup *setup);
/* Gives the place back. Descriptors that nobody took over are closed with reset by the caller. */
void setup_free(struct gateway *gateway, struct setup *setup);
/* Begins attempts, in CONNECTING or, with no host's connection yet, in ASKING: their opening is the message alone
 * then. */
void setup_launch(struct gateway *gateway, struct setup *setup, enum setup_state state, uint64_t limit_us);
/* The treatment is known: attempts are begun. */
void setup_connect(struct gateway *gateway, struct setup *setup);
/* How long a session may take until its converter has answered. */
uint64_t setup_limit_us(const struct gateway *gateway);
int setup_set_deadline(struct gateway *gateway, struct setup *setup, uint64_t after_us);

/* The attempt is the session's far leg from here on; held: its answer isn't read yet. The others are dropped. */
void setup_hand_over(struct gateway *gateway, struct setup *setup, struct attempt *attempt, bool held,
		     struct bytes down_first);
/* The converter said no: a host whose SYN waits is told what the converter said, any other gets a reset. */
void setup_refuse(struct gateway *gateway, struct setup *setup, const struct signalling_result *result);
/* No attempt is left. */
void setup_fail(struct gateway *gateway, struct setup *setup);
/* In HELD: both legs are reset. */
void setup_break_off(struct gateway *gateway, struct setup *setup);
/* Its destination has accepted lately, as far as we knew: it is asked the next time. */
void setup_unlearn(struct gateway *gateway, const struct setup *setup);
/* The converter has left it unanswered: counted, logged, and a doubt about the converter. */
void setup_note_no_answer(struct gateway *gateway, const struct setup *setup);
/* A rule keeps it on a link that is gone. */
bool setup_is_on_dead_link(const struct gateway *gateway, const struct setup *setup);

#endif
