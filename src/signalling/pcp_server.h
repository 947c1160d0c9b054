/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The server's side of PCP (RFC 6887): a request, who asks, the table of mappings and the time give the response. TCP
 * alone; FILTER and PREFER_FAILURE are served, THIRD_PARTY is not. PEER is understood and refused: which port an
 * outgoing connection gets is the converter's kernel's choice (decision 0020). Pure.
 */
#ifndef BRAID_SIGNALLING_PCP_SERVER_H
#define BRAID_SIGNALLING_PCP_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include "policy/mappings.h"
#include "wire/pcp.h"

#define PCP_SHORT_S 30                   /* how long an error holds that may be gone soon (7.4) */
#define PCP_LONG_S 1800                  /* and one that will stay */

struct pcp_asker {
	uint32_t subscriber;
	uint32_t most;                   /* mappings that he may have; 0: he may have none */
	uint32_t most_of_host;           /* and that the one who asks may have; 0: as many */
	struct address source;           /* of the request, without a port */
	bool proven;                     /* the transport says for sure whose request it is */
};

struct pcp_server {
	struct mappings *table;          /* borrowed */
	struct address external;         /* without a port; unspecified: there is none now */
	uint64_t began_s;                /* when the epoch began, by the clock of now_s */
};

/* out has the response; returns its length, 0: no answer. */
size_t pcp_server_answer(const struct pcp_server *server, const struct pcp_asker *asker, struct bytes request,
			 uint64_t now_s, uint8_t out[PCP_MESSAGE_BYTES]);
/* How long the error holds, where nothing else says so. */
uint32_t pcp_error_lifetime_s(enum pcp_result result);
uint32_t pcp_server_epoch(const struct pcp_server *server, uint64_t now_s);

#endif
