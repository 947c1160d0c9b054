/* SPDX-License-Identifier: MIT */
/*
 * The Port Control Protocol (RFC 6887), version 2: messages to and from bytes. No I/O, no memory of its own, no state:
 * what is decoded borrows from the input. A message is one datagram of a multiple of 4 bytes, 1100 at most: a header of
 * 24 bytes, what the opcode has (11.1, 12.1), options (7.3). IPv4 addresses are v4-mapped. Lifetimes and epoch are
 * seconds.
 */
#ifndef BRAID_WIRE_PCP_H
#define BRAID_WIRE_PCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/address.h"
#include "base/cursor.h"

#define PCP_VERSION 2
#define PCP_PORT 5351                     /* of the server; requests go there */
#define PCP_CLIENT_PORT 5350              /* where clients hear what is announced to all */
#define PCP_MESSAGE_BYTES 1100
#define PCP_HEADER_BYTES 24
#define PCP_NONCE_BYTES 12
#define PCP_FILTERS_MOST 43               /* that fit a message with a MAP */

enum pcp_opcode { PCP_ANNOUNCE = 0, PCP_MAP = 1, PCP_PEER = 2 };

enum pcp_option_code {
	PCP_THIRD_PARTY = 1, PCP_PREFER_FAILURE = 2, PCP_FILTER = 3,
	PCP_OPTIONAL = 128   /* from here on whoever doesn't know one goes on without */
};

enum pcp_result {                         /* 7.4 */
	PCP_SUCCESS, PCP_UNSUPP_VERSION, PCP_NOT_AUTHORIZED, PCP_MALFORMED_REQUEST, PCP_UNSUPP_OPCODE,
	PCP_UNSUPP_OPTION, PCP_MALFORMED_OPTION, PCP_NETWORK_FAILURE, PCP_NO_RESOURCES, PCP_UNSUPP_PROTOCOL,
	PCP_USER_EX_QUOTA, PCP_CANNOT_PROVIDE_EXTERNAL, PCP_ADDRESS_MISMATCH, PCP_EXCESSIVE_REMOTE_PEERS, PCP_RESULTS,
};

enum {
	PCP_E_SILENT = 1,        /* no request, or too little of one: it is to be dropped without a word (8.2); or no
				  * response of this version */
	PCP_E_VERSION,
	PCP_E_REQUEST,           /* MALFORMED_REQUEST: too long, no multiple of 4, or too short for its opcode */
	PCP_E_OPCODE,            /* no opcode that this file has a name for */
	PCP_E_OPTION,            /* an option that must be understood and that this file has no name for */
	PCP_E_OPTION_MALFORMED,  /* its length, its value, too many of it, or not with this opcode */
};

/* What MAP and PEER have; external is what is suggested, or assigned. remote is of PEER alone. */
struct pcp_mapping {
	uint8_t nonce[PCP_NONCE_BYTES];
	uint8_t protocol;        /* as IANA numbers them; 0: all */
	uint16_t internal_port;
	struct address external, remote;
};

/* 13.3. */
struct pcp_filter {
	uint8_t n_bits;          /* of the address as it stands here: 96..128 for IPv4; 0: all filters that came
				  * before are removed */
	struct address remote;   /* port 0: all */
};

struct pcp_request {
	uint8_t version, opcode;
	uint32_t lifetime_s;
	struct address client;   /* without a port; as what follows, empty where the message doesn't get that far */
	struct pcp_mapping mapping;
	bool has_third_party, prefer_failure;
	struct address third_party;
	size_t n_filters;
	struct pcp_filter filters[PCP_FILTERS_MOST];
	struct bytes options;    /* as they stand, for pcp_option_next() */
};

struct pcp_response {
	uint8_t opcode;
	uint8_t result;          /* enum pcp_result, or one to come */
	uint32_t lifetime_s, epoch_s;
	struct pcp_mapping mapping;
	struct bytes options;    /* to be read: as they stand; to be written: a multiple of 4 bytes */
};

struct pcp_option {
	uint8_t code;
	struct bytes value;      /* without padding */
};

/* Takes the next option out of the cursor. False at the end, or where the rest is no option (cursor_failed()). */
bool pcp_option_next(struct cursor *options, struct pcp_option *out);

/* A whole datagram. 0 or PCP_E_*; with PCP_E_OPCODE and the two of options all that comes before options is there. */
int pcp_request_get(struct pcp_request *out, const void *bytes, size_t n_bytes);
/* As above; what an error response has of the request's options is not looked at. 0, PCP_E_SILENT, PCP_E_VERSION,
 * PCP_E_REQUEST or PCP_E_OPCODE. */
int pcp_response_get(struct pcp_response *out, const void *bytes, size_t n_bytes);

/* These return the length, or 0 where there is no room. Options of a request are written in the order of their
 * codes. */
size_t pcp_request_put(const struct pcp_request *request, void *room, size_t n_room_bytes);
size_t pcp_response_put(const struct pcp_response *response, void *room, size_t n_room_bytes);
/* The response that repeats the request, cut to 1100 bytes and padded (8.2). request: 2 bytes or more. is_parsed:
 * its form was understood, so that the reserved field is zero (7.2). */
size_t pcp_error_put(struct bytes request, enum pcp_result result, bool is_parsed, uint32_t lifetime_s,
		     uint32_t epoch_s, void *room, size_t n_room_bytes);

#endif
