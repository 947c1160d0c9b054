/* SPDX-License-Identifier: MIT */
/*
 * NAT-PMP (RFC 6886), the elder of the Port Control Protocol, whose version 0 it is: same port, IPv4 alone. No I/O, no
 * memory, no state. Lifetimes and epoch are seconds.
 */
#ifndef BRAID_WIRE_NATPMP_H
#define BRAID_WIRE_NATPMP_H

#include <stddef.h>
#include <stdint.h>

#define NATPMP_VERSION 0
#define NATPMP_RESPONSE_BYTES 16          /* the longest */

enum natpmp_opcode { NATPMP_ADDRESS = 0, NATPMP_MAP_UDP = 1, NATPMP_MAP_TCP = 2 };

enum natpmp_result {                      /* 3.5 */
	NATPMP_SUCCESS, NATPMP_UNSUPPORTED_VERSION, NATPMP_NOT_AUTHORISED, NATPMP_NETWORK_FAILURE,
	NATPMP_OUT_OF_RESOURCES, NATPMP_UNSUPPORTED_OPCODE,
};

enum {
	NATPMP_E_SILENT = 1,     /* no request, or too short for its opcode */
	NATPMP_E_VERSION,
	NATPMP_E_OPCODE,
};

struct natpmp_request {
	uint8_t opcode;
	uint16_t internal_port, external_port;   /* of the two that map; external: suggested, or 0 */
	uint32_t lifetime_s;                     /* 0: the mapping is to end; with internal port 0 all of the host's
						  * are */
};

struct natpmp_response {
	uint8_t opcode;                          /* the request's */
	uint16_t result;
	uint32_t epoch_s;
	uint8_t external_ip[4];                  /* of NATPMP_ADDRESS */
	uint16_t internal_port, external_port;   /* of the two that map, as is the lifetime */
	uint32_t lifetime_s;
};

/* A whole datagram; bytes behind the request are ignored. 0 or NATPMP_E_*; the opcode is there but with
 * NATPMP_E_SILENT. */
int natpmp_request_get(struct natpmp_request *out, const void *bytes, size_t n_bytes);
/* Returns the length. A result of NATPMP_UNSUPPORTED_* is the head alone. */
size_t natpmp_response_put(const struct natpmp_response *response, uint8_t room[NATPMP_RESPONSE_BYTES]);

#endif
