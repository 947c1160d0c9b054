/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How one proxy tells the other where a connection is to go. A scheme (Convert, plain mode, SOCKS5) is a pair of
 * conversations, client and server, behind this interface; who carries the bytes knows no scheme by name. Pure: bytes
 * and facts in, bytes and a verdict out; no descriptor, no clock.
 *
 * The carrier keeps what has arrived in one buffer and calls feed() with all of it that is not consumed yet; n_consumed
 * bytes are to be dropped from its front, and n_out bytes at out are to be sent, whatever the verdict. Once a verdict
 * other than NEED_MORE was given, what follows in the buffer is the connection's own data. Every message fits a buffer
 * of SIGNALLING_MESSAGE_BYTES both ways. A conversation may take several, each way.
 */
#ifndef BRAID_SIGNALLING_SCHEME_H
#define BRAID_SIGNALLING_SCHEME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/address.h"
#include "base/cursor.h"

/* The longest message of any scheme: 255 words of RFC 8803, 4.1. */
#define SIGNALLING_MESSAGE_BYTES 1020
/* The longest credential: the Cookie TLV's value in an otherwise empty message with Connect. */
#define SIGNALLING_CREDENTIAL_BYTES 96
#define SIGNALLING_NONCE_BYTES 12   /* of a ticket */
#define SIGNALLING_PROOF_BYTES 16   /* signalling/ticket.h */
#define SIGNALLING_CLAIM_BYTES 24   /* of a session from the server's side: opaque to the client */
#define SIGNALLING_SESSION_BYTES 16 /* names one that comes over several plain connections */
#define SIGNALLING_HOST_MESSAGE_BYTES 992
#define SIGNALLING_KEPT_BYTES 52
#define SIGNALLING_LOGIN_BYTES 255    /* of a user's name, of a password */
#define SIGNALLING_FIRST_BYTES 944  /* of a session from the server's side, told with it */

enum signalling_verdict {
	SIGNALLING_NEED_MORE,   /* the message isn't complete yet */
	SIGNALLING_DONE,        /* client: the peer has connected; server: the request is complete */
	SIGNALLING_ANSWERED,    /* server: the peer asked what we can do, and no more; the answer is in out, or,
				 * without server_offer(), server_answer() writes it */
	SIGNALLING_CREDENTIAL,  /* server: the peer says who it is (user and password of the request): server_admit()
				 * must follow before more is fed */
	SIGNALLING_LISTENING,   /* client: the peer listens as was asked, at result.bound; another verdict follows:
				 * DONE when who was waited for has come */
	SIGNALLING_REFUSED,     /* client: the peer said no (outcome); server: the peer's bytes are not acceptable
				 * (outcome) */
};

/* What became of a connection, in words of no scheme; each scheme maps them to its codes and back. */
enum signalling_outcome {
	OUTCOME_CONNECTED,
	OUTCOME_BAD_VERSION,          /* the peer speaks another version of the scheme */
	OUTCOME_MALFORMED,
	OUTCOME_UNSUPPORTED_MESSAGE,
	OUTCOME_MISSING_CREDENTIAL,
	OUTCOME_NOT_AUTHORISED,
	OUTCOME_BYPASSED,             /* by the converter's policy this connection isn't its to make; others are */
	OUTCOME_UNSUPPORTED_OPTION,   /* a TCP option was asked for that can't be used */
	OUTCOME_OVER_LIMIT,           /* a resource or a limit is used up; retry_after_s says when to ask again */
	OUTCOME_NETWORK_FAILURE,      /* the converter's own network is at fault */
	OUTCOME_REFUSED,              /* the destination answered with RST */
	OUTCOME_UNREACHABLE,          /* no way there, as a router or a host on the way said (icmp_code) */
	OUTCOME_TIMED_OUT,            /* the destination did not answer in time */
	OUTCOME_N
};

/* In the place of an ICMP code (RFC 8803, 6.2.8): nobody has said anything. ICMP has no such code. */
#define SIGNALLING_ICMP_SILENCE 255
/* In the place of the zero that goes with "not authorised" ("administratively prohibited, authorization failure",
 * the same section): the first of these, and this connection alone. Whoever doesn't know it takes it as the error. */
#define SIGNALLING_BYPASSED 1

struct signalling_result {
	enum signalling_outcome outcome;
	uint8_t icmp_code;            /* with OUTCOME_UNREACHABLE: of ICMP, or ICMPv6 for an IPv6 destination */
	bool icmp_v6;                 /* it is ICMPv6's; said by a server's carrier, for schemes with codes of their
				       * own */
	uint8_t retry_after_s;        /* with OUTCOME_OVER_LIMIT, 0 = not said */
	uint16_t mss_bytes;           /* with OUTCOME_CONNECTED on the server: what the destination's SYN+ACK had; 0
				       * = not known */
	uint8_t window_scale;         /* 0xff = the destination has none */
	uint8_t sack;                 /* 0 or 1 */
	uint8_t timestamps;           /* 0 or 1 */
	struct address bound;         /* with OUTCOME_CONNECTED: the server's end toward the destination, or where it
				       * listens for that one, or who has come; unspecified: not said */
};

/* What a client asks for, or what a server was asked for. */
struct signalling_request {
	struct address destination;
	uint8_t own_port;             /* server: the destination has none: the one that the client has connected to
				       * is meant */
	uint8_t probe;                /* client: no destination, only what the peer can do; answered with DONE */
	uint8_t wants_mptcp;          /* the server leg should be MPTCP too (RFC 8803, 6.2.5, option 30) */
	uint8_t dscp;                 /* of the connection's packets, 0..63; to be asked only of a peer that is Braid */
	uint8_t plain;                /* the client knows that its connection to the server is plain TCP; as dscp for
				       * a peer that is Braid */
	uint8_t raced;                /* the client has begun more than one connection like this at once, for one of
				       * them to be served; the same */
	uint8_t instead;              /* its number among those that come in the place of one that was given up (its
				       * link has gone, it became plain TCP) with all that this one was told: the
				       * highest has it; 0: none of these; the same */
	uint8_t n_credential;
	uint8_t credential[SIGNALLING_CREDENTIAL_BYTES];   /* opaque here; see signalling/ticket.h */
	uint8_t takes_inbound;        /* with probe: sessions from the server's side may be told on this connection;
				       * as dscp for a peer that is Braid */
	uint8_t has_leg;              /* with probe: nothing is asked: the connection is a leg of a session; server:
				       * given with DONE, and there is no destination */
	uint8_t leg;                  /* which */
	uint8_t joins;                /* the session has been seen there, and is not to begin anew: where it isn't
				       * there any more, OUTCOME_REFUSED */
	uint8_t wide;                 /* its links aren't slow, but lose packets, or are far apart: its pieces may be
				       * longer, and more under way */
	uint8_t lossy;                /* of these, they lose packets */
	uint8_t session[SIGNALLING_SESSION_BYTES];   /* and whose */
	uint8_t hears_limits;         /* with probe: that the links limit its sessions from the server's side may be
				       * told on this connection; the same */
	uint8_t hears_harm;           /* or that a slow link keeps a better one waiting */
	uint8_t hears_late;           /* or that the server is late with all that it has to do */
	uint8_t has_claim;            /* the destination is there already, as a session from the server's side that
				       * waits by this name */
	uint8_t claim[SIGNALLING_CLAIM_BYTES];
	uint16_t n_first;             /* with has_claim: so many of the first bytes that were told are where they
				       * belong, and aren't to come again */
	struct signalling_result failure;   /* with has_claim: why its host can't be had; OUTCOME_CONNECTED: it can */
	uint64_t watch;               /* where the outcome is to be told too: what the peer offered in its answer to
				       * a probe; 0: nowhere */
	struct address source;        /* the host's own, for a peer that wants it, or has no words to want it;
				       * unspecified: not told */
	uint8_t n_user, n_password;   /* who asks, in a scheme without tickets; 0: nobody by name */
	uint8_t user[SIGNALLING_LOGIN_BYTES], password[SIGNALLING_LOGIN_BYTES];
	struct bytes name;            /* the destination's, in the place of its address, for the server to look up;
				       * empty: there is an address. Borrowed, at the server from in */
	uint8_t listens;              /* the server is to wait for a connection of the destination's, not to make one */
	uint8_t pipelined;            /* client: the peer bears all messages at once, and the connection's data
				       * behind them */
};

/* What a server tells a client of a session from its own side: who is there, whom he wants, what to say to have him,
 * and what he has said so far. */
struct signalling_inbound {
	struct address remote, host;
	uint8_t claim[SIGNALLING_CLAIM_BYTES];
	struct bytes first;           /* SIGNALLING_FIRST_BYTES at most; borrowed, at the client from the message */
	bool again;                   /* without first bytes: it was told before, to this client or another one */
};

/* One conversation; lives in the session while it is being set up. */
struct conversation {
	uint8_t step;                 /* the scheme's own */
	uint8_t option_unsupported;   /* the TCP option kind that the server can't serve, for its answer */
	uint8_t extended;             /* server: the client sent an Extended Connect, which wants the options back */
	uint8_t n_kept, kept[SIGNALLING_KEPT_BYTES];   /* what is to be said again, or heard */
	uint8_t anonymous;            /* server, set by the carrier before it feeds: the client is served without a
				       * credential, too */
	uint8_t question;             /* server: no connection is asked for; client: the peer has understood that */
	const struct signalling_request *asked;   /* client, where it has more to say than at the beginning: borrowed
						   * until the verdict */
};

struct signalling_step {
	enum signalling_verdict verdict;
	size_t n_consumed;            /* bytes of the input that were used up */
	size_t n_out;                 /* bytes written to out, to be sent to the peer */
	struct signalling_result result;   /* with DONE at the client and with REFUSED */
	bool waits;                   /* with the client's first bytes: the connection's own data must not follow
				       * before the verdict */
	bool kin;                     /* with DONE at the client: the peer has proven the credential of its probe,
				       * and knows all that is in this file */
	bool takes_wide;              /* the same: legs of wide streams, too */
	uint64_t watch;               /* with DONE at the client: the peer's name for this connection, on which it
				       * can tell others' outcomes; 0: it doesn't offer that */
	uint8_t wants_source;         /* with DONE at the client: each request is to bear the host's address, where
				       * the destination's is IPv6 */
	bool maps;                    /* with DONE at the client: the peer serves what hosts ask it for on this
				       * connection */
	bool has_proof;               /* with DONE at the client: and shows that it has the credential's key, to be
				       * verified */
	uint8_t proof[SIGNALLING_PROOF_BYTES];
};

/* What a server says in its answer to a probe. */
struct signalling_offer {
	bool kin;                     /* the probe's credential is proven: its client knows what all this is */
	uint64_t watch;               /* to tell others' outcomes on this connection, by this name; 0: not */
	bool wants_source;            /* the wish to be told the hosts' addresses */
	bool maps;                    /* to serve what hosts ask for */
	const uint8_t *proof;         /* SIGNALLING_PROOF_BYTES; NULL: none. Borrowed */
};

/* What a host asks of the converter for mappings, and the answer to it, as it travels on a connection on which a
 * probe was answered (decision 0020). */
struct signalling_host_message {
	uint16_t id;                  /* the client's; the answer has it too */
	struct address host;          /* without a port. To the server: who asks; from it: the external address,
				       * unspecified where there is none */
	struct bytes message;         /* of wire/pcp.h; 1..SIGNALLING_HOST_MESSAGE_BYTES */
};

/* What a server's sessions with a client are limited by: the links that they go over (decision 0027); one of these,
 * that keeps a better one waiting (decision 0031); the server itself, which is late (decision 0039). */
enum signalling_limited { SIGNALLING_LIMITED_BY_LINKS, SIGNALLING_SPOILT, SIGNALLING_LATE };

struct scheme {
	const char *name;
	bool mute;                    /* no outcome has words: whatever isn't success is a reset */
	/* A client's first bytes, the same in all of its conversations. None: it takes, and turns away in its own
	 * words, what is of no other scheme. */
	struct bytes opening;
	bool probes;                  /* a client may ask what the server can do (request.probe) */
	bool tells_bound;             /* an answer says where the server's end is */
	bool tickets;                 /* a request may bear a credential that is good once, so that a server serves
				       * one attempt of a connection alone */
	/* Client: writes what is to be sent first; n_out bytes at out, which holds SIGNALLING_MESSAGE_BYTES. */
	struct signalling_step (*client_begin)(struct conversation *c, const struct signalling_request *request,
					       uint8_t *out);
	struct signalling_step (*client_feed)(struct conversation *c, const uint8_t *in, size_t n_in, uint8_t *out);
	/* Server: with DONE, *request is filled in and server_answer() must follow once the outcome is known. With
	 * REFUSED, the answer to be sent before closing is in out already; where there is none (n_out 0), the
	 * connection is to be reset. */
	struct signalling_step (*server_feed)(struct conversation *c, const uint8_t *in, size_t n_in, uint8_t *out,
					      struct signalling_request *request);
	/* Server, after CREDENTIAL; NULL where no such verdict is given. Returns the length of what is written to
	 * out, to be sent: where it isn't admitted, before closing. Otherwise the rest is fed then, even if there is
	 * none yet. */
	size_t (*server_admit)(struct conversation *c, bool admitted, uint8_t *out);
	/* Returns the length of the answer written to out; 0: there is none. Then signalling_tells_by_reset() says
	 * how the connection ends. */
	size_t (*server_answer)(struct conversation *c, const struct signalling_result *result, uint8_t *out);
	/* Client: what an end in the place of an answer says, a reset or one in order. NULL: nothing, the connection
	 * has failed. */
	struct signalling_result (*client_end)(bool reset);
	/* From here on: of a scheme that tells more on a connection on which a probe (request.probe) was answered;
	 * NULL in the others, all of them. Server: the answer to a probe (ANSWERED) once more, with what is offered. */
	size_t (*server_offer)(const struct signalling_offer *offer, uint8_t *out);
	/* Both, on such a connection. Returns the length. */
	size_t (*host_put)(const struct signalling_host_message *message, uint8_t *out);
	/* Both: DONE: *out borrows from in. REFUSED: no such message. */
	struct signalling_step (*host_get)(const uint8_t *in, size_t n_in, struct signalling_host_message *out);
	/* Server: what is said on such a connection of another one, by the nonce of that one's ticket (decision
	 * 0015). */
	size_t (*server_early)(const uint8_t nonce[SIGNALLING_NONCE_BYTES], const struct signalling_result *result,
			       uint8_t *out);
	/* Client, on such a connection: DONE: nonce and result are there, whatever the outcome. REFUSED: no such
	 * message. */
	struct signalling_step (*client_early)(const uint8_t *in, size_t n_in, uint8_t nonce[SIGNALLING_NONCE_BYTES]);
	/* Server: on such a connection, that this is so just now. Client: DONE: it says so. */
	size_t (*server_limited)(enum signalling_limited what, uint8_t *out);
	struct signalling_step (*client_limited)(const uint8_t *in, size_t n_in, enum signalling_limited *what);
	/* The same two for a session from the server's side (decision 0019). */
	size_t (*server_inbound)(const struct signalling_inbound *inbound, uint8_t *out);
	struct signalling_step (*client_inbound)(const uint8_t *in, size_t n_in, struct signalling_inbound *inbound);
};

extern const struct scheme scheme_convert;      /* RFC 8803 */
extern const struct scheme scheme_plain_mode;   /* draft-boucadair-mptcp-plain-mode-10 */
extern const struct scheme scheme_socks5;       /* RFC 1928, RFC 1929; decision 0024. A request that listens is
						 * answered twice */
extern const struct scheme scheme_route;        /* nothing is said: the connection's own addresses say it all, and
						 * how it goes is its answer; a server alone */

/* Which of the schemes a client's first bytes are of. DONE: *out; NEED_MORE: they may be of several still; REFUSED:
 * of none. */
enum signalling_verdict scheme_by_opening(const struct scheme *const *schemes, size_t n_schemes, struct bytes in,
					  const struct scheme **out);

/* Where a scheme has no words for an outcome: the destination's refusal is a reset, as the destination's own would
 * be; anything else is an end in order, and what it was the client can find out by the ordinary way. */
bool signalling_tells_by_reset(enum signalling_outcome outcome);

/* RFC 8803, 6.2.5, and true of every scheme: multicast, broadcast and loopback are nobody that a server could reach. */
bool signalling_is_never_remote(const struct address *a);

const char *signalling_outcome_name(enum signalling_outcome outcome);   /* "connected", "not authorised", ... */

#endif
