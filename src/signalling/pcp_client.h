/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a gateway makes of its hosts' requests, and of the converter's answers to them: NAT-PMP as PCP and back, the
 * epoch, and errors of its own. Pure. */
#ifndef BRAID_SIGNALLING_PCP_CLIENT_H
#define BRAID_SIGNALLING_PCP_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include "wire/natpmp.h"
#include "wire/pcp.h"

/* A server's epoch as it was seen last; zero: never. Times in seconds of a clock that doesn't go back. */
struct pcp_epoch {
	bool known;
	uint32_t server_s;
	uint64_t seen_at_s;
};

/* Notes what the server says now. False: it can't be the same epoch, and what was asked for may be lost (RFC 6887,
 * 8.5). */
bool pcp_epoch_goes_on(struct pcp_epoch *epoch, uint32_t server_s, uint64_t now_s);
uint32_t pcp_epoch_now(const struct pcp_epoch *epoch, uint64_t now_s);

/* The host's request as PCP; its length. The address alone is asked for by ANNOUNCE: each answer says it. nonce: the
 * same for all of a host's. */
size_t pcp_of_natpmp(const struct natpmp_request *request, const struct address *host,
		     const uint8_t nonce[PCP_NONCE_BYTES], uint8_t out[PCP_MESSAGE_BYTES]);
/* And the answer to that as NAT-PMP. external: where mappings are. */
struct natpmp_response natpmp_of_pcp(const struct natpmp_request *request, const struct pcp_response *response,
				     const struct address *external);

/* An answer without the server: its length, 0: none. */
size_t pcp_refuse(struct bytes request, enum pcp_result result, uint32_t lifetime_s, uint32_t epoch_s,
		  uint8_t out[PCP_MESSAGE_BYTES]);

#endif
