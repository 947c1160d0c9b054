/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A peer's connection at the converter, from accept to the relay, or to a refusal. Private to the converter
 * (converter.c: what a peer asks, and what becomes of it; intake.c: its places, and how it is turned away; take_over.c:
 * a second attempt takes the place of the first).
 */
#ifndef BRAID_ROLE_CONVERTER_INTAKE_H
#define BRAID_ROLE_CONVERTER_INTAKE_H

#include <sys/epoll.h>
#include "base/slab.h"
#include "role/converter/authorise.h"
#include "role/converter/fair.h"
#include "role/inbox.h"
#include "role/converter/intercepted.h"
#include "role/gateway/treatment.h"
#include "role/listener.h"
#include "role/worker.h"
#include "signalling/scheme.h"

#define INTAKE_EVENTS (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)   /* OUT: the handshake has ended */

/*
 * One begins as READING, one that was taken on its way as CONNECTING, without a near leg, one that another worker hands
 * over as SECOND. It is given back from any state.
 *
 *	READING		the message isn't complete
 *	LOOKING_UP	the destination's name (role/converter/lookup.h)
 *	CONNECTING	toward the destination; or waits for what it claims (role/inbound/inbound.h)
 *	LISTENING	for the destination (role/converter/bind.h)
 *	ENDING		answered, waits for the peer to close
 *	WAITING		asked for information and was answered; is let stay while it keeps quiet, so that its owner
 *			learns at once when we are gone
 *	CALLED		taken on its way, the destination has accepted: its first packet was let go to our own listener,
 *			which has the connection soon
 *	SECOND		another attempt of the same connection is being served; it waits for the end of its handshake
 *			(role/converter/take_over.h)
 */
enum intake_state { INTAKE_READING, INTAKE_LOOKING_UP, INTAKE_CONNECTING, INTAKE_LISTENING, INTAKE_ENDING,
		    INTAKE_WAITING, INTAKE_CALLED, INTAKE_SECOND };
/* loop_ref.part; OTHER: of a leg that took another one's place */
enum intake_part { INTAKE_NEAR, INTAKE_FAR, INTAKE_DEADLINE, INTAKE_NEAR_OTHER };

struct intake {
	enum intake_state state;
	bool half_open;           /* counted under limits.max_half_open */
	bool session;             /* counted under limits.max_sessions */
	enum intake_part near_part;
	int near_fd, far_fd;
	struct address client, own;
	uint64_t accepted_at_us, deadline_us;
	uint32_t owner;
	struct ticket_use ticket; /* that it was let in by */
	struct signalling_result said;   /* in ENDING, where it was turned away */
	bool owes;                /* in ENDING and WAITING: the answer hasn't gone out yet */
	bool resets;              /* in ENDING: it is told by a reset */
	struct inbox asked;       /* in WAITING: what has come of a request for a mapping */
	uint8_t n_asked;          /* such requests under way */
	struct inbox inbox;       /* in CONNECTING: what came behind the message; in ENDING and WAITING: the answer,
				   * until the handshake has ended */
	const struct scheme *scheme;   /* the peer's; NULL: its first bytes haven't told yet */
	struct conversation conversation;
	struct inbox unsaid;      /* of the conversation: goes in front of the answer, or as soon as the handshake
				   * has ended */
	struct address destination;
	struct address bound;     /* who has come, where we listened for it */
	bool has_port;            /* of converter.bind_ports, counted as port_share */
	struct crowd_key port_share;
	struct lookup *lookup;    /* the addresses of a destination that was asked for by name; NULL: it has one */
	struct treatment treatment;
	bool in_pieces;           /* its near leg's other end is here: role/stripe */
	bool wants_mptcp;
	bool multipath;           /* the peer takes it for Multipath TCP, or may */
	bool raced;               /* the peer has begun several attempts of the connection at once */
	uint8_t instead;          /* which of its peer's attempts it is, of those that were begun in the place of one
				   * that was given up; 0: none of these */
	bool takes_inbound;       /* in WAITING: sessions from our side may be told on it */
	bool hears_limits;        /* and that the links limit what we send */
	bool hears_harm;          /* and that one keeps a better one waiting */
	bool hears_late;          /* and that we are late */
	bool inbound;             /* the far leg was there first: a remote host's connection, which this one claims */
	bool held;                /* in CONNECTING and CALLED: there is no near leg yet, its first packet waits or
				   * waited; here and below: role/converter/intercepted.h */
	uint32_t packet;          /* the packet's number in the queue; 0: it was let go */
	uint32_t next_held;       /* in its bucket */
	uint64_t watch;           /* where the outcome is to be told too, as the peer says; 0: nowhere */
	struct intake *ending_before, *ending_next;   /* in ENDING: in the converter's list */
};

struct source_choice;

struct converter {
	struct worker *worker;
	struct slab intakes;
	uint32_t n_waiting;       /* of the intakes: peers' watches */
	struct intake *ending_first, *ending_last;   /* those in ENDING, the oldest first */
	const struct conf *let_in_by;   /* never read: which configuration the waiting ones were let in by */
	uint8_t handler;
	struct listeners listeners;
	struct intercepted intercepted;
	struct resolver *resolver;   /* NULL: no name was asked for yet */
	struct slab names;        /* role/converter/lookup.h */
	struct fair fair;
};

/* A place for a newcomer, with no legs yet; NULL: there is none. */
struct intake *converter_enter(struct converter *converter, const struct address *peer);
/* A new intake for a connection, watched and with a deadline; takes fd. NULL: there was no place, or no memory, and
 * it was reset. */
struct intake *converter_admit(struct converter *converter, int fd, const struct address *peer);

void intake_set_state(struct converter *converter, struct intake *intake, enum intake_state next);
struct loop_ref intake_ref(const struct converter *converter, const struct intake *intake, enum intake_part part);
/* 0 or -ENOMEM. */
int intake_set_deadline(struct converter *converter, struct intake *intake, uint64_t after_us);

/* Begins to connect to intake->destination, which the request has asked for, if that is permitted.
 * OUTCOME_CONNECTED: it is under way; else why it isn't. */
struct signalling_result converter_connect(struct converter *converter, struct intake *intake,
					   const struct signalling_request *request);
/* The same where it is permitted, from there. */
struct signalling_result converter_connect_from(struct converter *converter, struct intake *intake,
						const struct source_choice *source);

/* The far leg is there: the peer is told so, and the relay has both. The intake is gone afterwards. */
void converter_serve(struct converter *converter, struct intake *intake);

/* The watch of the subscriber that has this name, which may be anybody's word; NULL where there is none that could
 * be spoken to now. */
struct intake *intake_watch(const struct converter *converter, uint64_t name, uint32_t subscriber);
/* Says it on a watch. False where it isn't taken at once: who misses it misses it. A watch that has taken half of it
 * understands nothing from there on: an end in order makes its gateway ask again, and the intake is gone. */
bool intake_tell(struct converter *converter, struct intake *watch, struct bytes message);

/* Its near leg is to be a session's: as its rule has it sent, with what earlier ones have shown of the peer's links. */
void intake_prepare_leg(const struct converter *converter, const struct intake *intake);

/* Gives back what is counted under limits.max_half_open. */
void intake_leave_half_open(struct converter *converter, struct intake *intake);
/* Gives back what a session would count, where there will be none. */
void intake_leave_session(struct converter *converter, struct intake *intake);

/* Gives the place back; the descriptors are somebody else's by now. */
void intake_free(struct converter *converter, struct intake *intake);
/* Both legs are reset. */
void intake_abandon(struct converter *converter, struct intake *intake);
/* The near leg is closed in order. */
void intake_end(struct converter *converter, struct intake *intake);

/* In READING and LISTENING: sends what the conversation has to say, as soon as it can be sent. 0, or what ended the
 * connection. */
int intake_go_on(struct intake *intake);
/* Its last answer, behind what the conversation has to say. What came behind the message is forgotten. 0 or -ENOMEM. */
int intake_owe(struct intake *intake, struct bytes answer);
/* In ENDING and WAITING: sends the answer as soon as it can be sent, then reads and drops, so that closing doesn't
 * reset the connection before the peer has read it. The intake may be gone afterwards. */
void intake_say(struct converter *converter, struct intake *intake);
/* Sends a last answer; with none, ends in order. The intake may be gone afterwards, here and below. */
void intake_finish(struct converter *converter, struct intake *intake, const uint8_t *answer, size_t n_answer);
void intake_refuse(struct converter *converter, struct intake *intake, const struct signalling_result *result);
/* NET_E_* or a negative errno */
void intake_refuse_error(struct converter *converter, struct intake *intake, int error);

#endif
