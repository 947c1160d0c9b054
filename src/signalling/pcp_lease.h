/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A mapping that a gateway asks for itself, for one of its hosts, and keeps: what to ask, and when (RFC 6887, 8.1.1,
 * 11.2.1). Pure; times in seconds of a clock that doesn't go back. */
#ifndef BRAID_SIGNALLING_PCP_LEASE_H
#define BRAID_SIGNALLING_PCP_LEASE_H

#include <stdbool.h>
#include <stdint.h>
#include "wire/pcp.h"

#define PCP_LEASE_S 7200u                /* for which it is asked for */

struct pcp_lease {
	struct address host;             /* with the port that is mapped */
	uint16_t wanted_port;            /* outside; another one is as good */
	uint8_t nonce[PCP_NONCE_BYTES];
	/* Begin with zeros: */
	struct address external;         /* as it was granted; unspecified: it isn't there */
	uint64_t ends_at_s;
	uint64_t again_at_s;             /* when to ask next */
	uint8_t n_unanswered;
	uint8_t result;                  /* enum pcp_result of the last answer */
};

/* The request, to keep it or (ends) to give it back; its length. */
size_t pcp_lease_request(const struct pcp_lease *lease, bool ends, uint8_t out[PCP_MESSAGE_BYTES]);
/* The one that gives back all of the host's that have the nonce. */
size_t pcp_lease_end_all(const struct pcp_lease *lease, uint8_t out[PCP_MESSAGE_BYTES]);
/* It was asked for: again later and later, while no answer comes. */
void pcp_lease_asked(struct pcp_lease *lease, uint64_t now_s);
/* The answer. True: it leads elsewhere than before, or is refused for another reason. One that is about another
 * mapping says nothing. */
bool pcp_lease_hear(struct pcp_lease *lease, const struct pcp_response *response, uint64_t now_s);
/* The server is there again, and may have forgotten all: to be asked for now. */
void pcp_lease_forgotten(struct pcp_lease *lease, uint64_t now_s);
/* Its time is over, and it could not be asked for again. True: it was there until now. */
bool pcp_lease_turn(struct pcp_lease *lease, uint64_t now_s);

#endif
