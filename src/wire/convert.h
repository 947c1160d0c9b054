/* SPDX-License-Identifier: MIT */
/*
 * The 0-RTT TCP Convert Protocol (RFC 8803): messages to and from bytes. No I/O, no memory of its own, no state:
 * what is decoded borrows from the input.
 *
 * A message is a fixed header and TLVs (6.1, 6.2), counted in 32-bit words: 1..255 words, 1020 bytes at most. It comes
 * first in the bytestream; what follows it is the connection's own data. Everything is in network byte order; lengths
 * in this header are bytes unless a name says otherwise.
 */
#ifndef BRAID_WIRE_CONVERT_H
#define BRAID_WIRE_CONVERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/address.h"
#include "base/cursor.h"

#define CONVERT_VERSION 1
#define CONVERT_MAGIC 0x2263
#define CONVERT_HEADER_BYTES 4
#define CONVERT_MESSAGE_BYTES 1020        /* 255 words (6.1) */
#define CONVERT_TLV_HEAD_BYTES 2          /* type and length; the value follows */
#define CONVERT_NONCE_BYTES 12
#define CONVERT_CLAIM_BYTES 24
#define CONVERT_SESSION_BYTES 16
#define CONVERT_PROOF_BYTES 16
#define CONVERT_PCP_BYTES 992             /* what is left for one when all else has its place */

enum convert_type {                       /* 6.2.2 */
	CONVERT_INFO = 1,
	CONVERT_CONNECT = 10,
	CONVERT_EXTENDED_TCP_HEADER = 20,
	CONVERT_SUPPORTED_TCP_EXTENSIONS = 21,
	CONVERT_COOKIE = 22,
	CONVERT_ERROR = 30,
	CONVERT_BRAID_DSCP = 192,         /* private use (6.2.2, table 1), here and below: doc/wire.md */
	CONVERT_BRAID_WATCH = 193,
	CONVERT_BRAID_NONCE = 194,
	CONVERT_BRAID_CLAIM = 195,
	CONVERT_BRAID_HOST = 196,
	CONVERT_BRAID_SOURCE = 197,
	CONVERT_BRAID_PCP = 198,
	CONVERT_BRAID_LIMITED = 199,
	CONVERT_BRAID_FIRST = 201,
	CONVERT_BRAID_LEG = 204,
	CONVERT_BRAID_PROOF = 207,
};

#define CONVERT_BRAID_JOINS 0x8000u       /* in the number of CONVERT_BRAID_LEG */
#define CONVERT_BRAID_WIDE 0x4000u        /* the same */
#define CONVERT_BRAID_LOSSY 0x2000u       /* the same, with CONVERT_BRAID_WIDE */
#define CONVERT_BRAID_KNOWS_WIDE 2u       /* in the second byte of CONVERT_BRAID_WATCH: and CONVERT_BRAID_LOSSY with
					   * it */
#define CONVERT_BRAID_PLAIN 1u            /* in the second byte of CONVERT_BRAID_DSCP */
#define CONVERT_BRAID_RACED 2u            /* the same, and below */
#define CONVERT_BRAID_INSTEAD 4u
#define CONVERT_BRAID_INSTEAD_SHIFT 3     /* and in two bits how many such were before it */
#define CONVERT_BRAID_INSTEAD_MOST 4u

enum convert_error_code {                 /* 6.2.8, table 2 */
	CONVERT_ERROR_UNSUPPORTED_VERSION = 0,
	CONVERT_ERROR_MALFORMED_MESSAGE = 1,
	CONVERT_ERROR_UNSUPPORTED_MESSAGE = 2,
	CONVERT_ERROR_MISSING_COOKIE = 3,
	CONVERT_ERROR_NOT_AUTHORIZED = 32,
	CONVERT_ERROR_UNSUPPORTED_TCP_OPTION = 33,
	CONVERT_ERROR_RESOURCE_EXCEEDED = 64,
	CONVERT_ERROR_NETWORK_FAILURE = 65,
	CONVERT_ERROR_CONNECTION_RESET = 96,
	CONVERT_ERROR_DESTINATION_UNREACHABLE = 97,
};

enum {
	CONVERT_E_SHORT = 1,     /* the message isn't complete: more bytes are needed */
	CONVERT_E_VERSION,       /* a Convert header of another version; convert_header.version tells which */
	CONVERT_E_MALFORMED,     /* no Convert message, or one that breaks the RFC's rules */
	CONVERT_E_RESERVED,      /* holds the reserved TLV type 0 (6.2.2) */
};

struct convert_header {
	uint8_t version;
	size_t n_bytes;          /* of the whole message, this header included: 4..1020 */
};

/* One TLV as it stands: value holds all behind type and length, padding included; 4 * length - 2 bytes. */
struct convert_tlv {
	uint8_t type;
	struct bytes value;
};

struct convert_connect {         /* 6.2.5 */
	struct address remote;   /* IPv4 v4-mapped */
	struct bytes options;    /* TCP options, padded with zeros to words; empty in a Base Connect */
};

struct convert_error {           /* 6.2.8 */
	uint8_t code;
	struct bytes value;      /* behind the code: one byte, or more where the error has more to say */
};

/* A message of the Port Control Protocol (wire/pcp.h) on its way between gateway and converter; CONVERT_PCP_BYTES at
 * most. Empty: that such messages are served. */
struct convert_pcp {
	uint16_t id;             /* of the gateway's choice; comes back with the answer */
	struct address host;     /* without a port. To the converter: whose request it is; from there: the external
				  * address, unspecified where there is none */
	struct bytes message;
};

/* The first bytes of a session from the converter's side. To the gateway: these; from there: how many of them the
 * host has by now. */
struct convert_first {
	uint16_t n;              /* 1 and up with bytes */
	struct bytes bytes;      /* n of them, or none */
};

/* TLV 199. With an Info: what the gateway wants to hear of: that the links limit what is sent to it, unless that bit
 * says no, and that a slow link keeps a better one waiting. Alone: what is so. */
enum { CONVERT_LIMITED_SPOILT = 1, CONVERT_LIMITED_NO_LIMITS = 2, CONVERT_LIMITED_LATE = 4 };

/* A whole message. A TLV that isn't there has its has_ flag down and its field empty. */
struct convert_message {
	size_t n_bytes;
	bool has_info, has_connect, has_extended, has_supported, has_cookie, has_error, has_dscp, has_watch, has_nonce,
		has_claim, has_host, has_source, has_pcp, has_limited, has_first, has_leg, has_proof;
	struct convert_connect connect;
	struct bytes extended;   /* the returned TCP options (6.2.6), behind the two unassigned bytes */
	struct bytes supported;  /* option kinds (6.2.4), padded with zeros */
	struct bytes cookie;     /* 6.2.7, behind the two zero bytes; a multiple of 4 bytes */
	struct convert_error error;
	uint8_t dscp;            /* 0..63, of all packets of the connection */
	uint8_t limited;         /* with has_limited: CONVERT_LIMITED_ bits */
	bool plain;              /* with has_dscp: the client knows that this connection is plain TCP */
	bool raced;              /* with has_dscp: the client has begun more than one like this at once, and wants
				  * one of them served */
	uint8_t instead;         /* with has_dscp: its number among those that come in the place of one that was
				  * given up, CONVERT_BRAID_INSTEAD_MOST at most; 0: it is none of these */
	uint64_t watch;          /* the converter's name for a connection that it keeps for a gateway */
	uint8_t knows;           /* with has_watch: CONVERT_BRAID_KNOWS_* */
	struct bytes nonce;      /* of the ticket of another connection; CONVERT_NONCE_BYTES */
	struct address source;   /* of the host itself, without a port; unspecified: such an address is wanted with
				  * each Connect */
	struct bytes claim;      /* of a session from the converter's side; CONVERT_CLAIM_BYTES, or none: the gateway
				  * takes such sessions */
	struct address host;     /* behind the gateway, that such a session is for */
	struct convert_pcp pcp;
	struct convert_first first;
	uint16_t leg;            /* with has_leg: which of its session's legs the connection is; CONVERT_BRAID_JOINS
				  * with it: the session is there already; CONVERT_BRAID_WIDE: its links lose packets
				  * (CONVERT_BRAID_LOSSY), or are far apart */
	struct bytes session;    /* and whose; CONVERT_SESSION_BYTES */
	struct bytes proof;      /* that the converter has the key of the ticket that it answers; CONVERT_PROOF_BYTES */
	size_t n_unknown;        /* TLVs of types that this file has no name for */
	struct bytes tlvs;       /* all of them, for convert_tlv_next() */
};

/* Needs 4 bytes. 0, CONVERT_E_SHORT, CONVERT_E_VERSION (*out is filled in), CONVERT_E_MALFORMED (magic number,
 * length of zero). */
int convert_header_get(struct convert_header *out, const void *bytes, size_t n_bytes);

/* Decodes the message at the start of the bytes; what follows it isn't looked at. Unknown types are fine and
 * counted; a type that comes twice, a TLV of length 0 or beyond the message's end, wrong sizes and broken TCP
 * options in a Connect are CONVERT_E_MALFORMED. 0 or CONVERT_E_*. */
int convert_message_get(struct convert_message *out, const void *bytes, size_t n_bytes);

/* Takes the next TLV out of the cursor (cursor_of(message.tlvs)). False at the end, or where the rest is no TLV
 * (cursor_failed()). */
bool convert_tlv_next(struct cursor *tlvs, struct convert_tlv *out);

/* Kinds of the TCP options in an option field, kinds 0 and 1 skipped wherever they stand (7.1): the next one with
 * its content, false at the end or where the rest is malformed (cursor_failed()). */
struct convert_option {
	uint8_t kind;
	struct bytes content;    /* behind kind and length */
};
bool convert_option_next(struct cursor *options, struct convert_option *out);

/* Writing: begin, TLVs in any order, end. Too long a message, or too small a room, fails at the end. */
struct convert_writer {
	struct cursor_out out;
	uint8_t *start;
};

struct convert_writer convert_begin(void *room, size_t n_room_bytes);
void convert_put_info(struct convert_writer *w);
void convert_put_connect(struct convert_writer *w, const struct convert_connect *connect);      /* pads the options */
void convert_put_extended(struct convert_writer *w, struct bytes options);                      /* pads */
void convert_put_supported(struct convert_writer *w, struct bytes kinds);                       /* pads */
void convert_put_cookie(struct convert_writer *w, struct bytes cookie);                         /* pads */
void convert_put_error(struct convert_writer *w, const struct convert_error *error);            /* pads */
/* instead of struct convert_message as flags, below; more than CONVERT_BRAID_INSTEAD_MOST is said as that. */
uint8_t convert_instead_flags(uint8_t instead);
void convert_put_dscp(struct convert_writer *w, uint8_t dscp, uint8_t flags);   /* CONVERT_BRAID_PLAIN, ... */
void convert_put_watch(struct convert_writer *w, uint64_t watch, uint8_t knows);
void convert_put_nonce(struct convert_writer *w, const uint8_t nonce[CONVERT_NONCE_BYTES]);
void convert_put_source(struct convert_writer *w, const struct address *source);   /* its port isn't written */
void convert_put_claim(struct convert_writer *w, struct bytes claim);           /* CONVERT_CLAIM_BYTES, or none */
void convert_put_host(struct convert_writer *w, const struct address *host);
void convert_put_pcp(struct convert_writer *w, const struct convert_pcp *pcp);                 /* pads */
void convert_put_limited(struct convert_writer *w, uint8_t limited);            /* CONVERT_LIMITED_ bits */
void convert_put_first(struct convert_writer *w, const struct convert_first *first);             /* pads */
void convert_put_leg(struct convert_writer *w, uint16_t leg, const uint8_t session[CONVERT_SESSION_BYTES]);
void convert_put_proof(struct convert_writer *w, const uint8_t proof[CONVERT_PROOF_BYTES]);
/* Errors 1 and 2 echo the message that caused them (figure 23), cut to what fits. */
void convert_put_error_echo(struct convert_writer *w, uint8_t code, struct bytes message);
void convert_put_tlv(struct convert_writer *w, const struct convert_tlv *tlv);                  /* any type; pads */
/* A TLV of a decoded message once more, as its type's function writes it; one of an unknown type as it stands. */
void convert_put_again(struct convert_writer *w, const struct convert_message *message, const struct convert_tlv *tlv);
/* The length of the message in bytes, or 0 where it did not fit. */
size_t convert_end(struct convert_writer *w);

#endif
