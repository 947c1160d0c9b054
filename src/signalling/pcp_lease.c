/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "signalling/pcp_lease.h"

#include <string.h>

#define PROTOCOL_TCP 6
#define AGAIN_S 3u                       /* without an answer, at first; each time twice as long */
#define AGAIN_DOUBLINGS 6
#define REFUSED_LEAST_S 30u
#define REFUSED_MOST_S 1800u
#define RENEWAL_LEAST_S 4u               /* RFC 6887, 11.2.1 */

static size_t put(const struct pcp_lease *lease, uint32_t lifetime_s, uint16_t port, const struct address *external,
		  uint8_t out[PCP_MESSAGE_BYTES])
{
	struct pcp_request request = { .version = PCP_VERSION, .opcode = PCP_MAP, .lifetime_s = lifetime_s,
				       .client = lease->host };

	request.client.port = 0;
	request.mapping.protocol = PROTOCOL_TCP;
	request.mapping.internal_port = port;
	request.mapping.external = *external;
	memcpy(request.mapping.nonce, lease->nonce, sizeof(request.mapping.nonce));
	return pcp_request_put(&request, out, PCP_MESSAGE_BYTES);
}

static struct address none(const struct pcp_lease *lease, uint16_t port)
{
	struct address any = { .port = port };

	return address_is_v4(&lease->host) ? address_from_v4(0, port) : any;
}

size_t pcp_lease_request(const struct pcp_lease *lease, bool ends, uint8_t out[PCP_MESSAGE_BYTES])
{
	struct address suggested = none(lease, ends ? 0 : lease->wanted_port);

	if (!ends && lease->external.port)   /* the one that others know by now, also of a server that has lost it */
		suggested = lease->external;
	return put(lease, ends ? 0 : PCP_LEASE_S, lease->host.port, &suggested, out);
}

size_t pcp_lease_end_all(const struct pcp_lease *lease, uint8_t out[PCP_MESSAGE_BYTES])
{
	struct address any = none(lease, 0);

	return put(lease, 0, 0, &any, out);
}

void pcp_lease_asked(struct pcp_lease *lease, uint64_t now_s)
{
	lease->again_at_s = now_s + (AGAIN_S << lease->n_unanswered);
	if (lease->n_unanswered < AGAIN_DOUBLINGS)
		lease->n_unanswered++;
}

/* Between a half and five eighths of its time, by the nonce: not all at the same moment. */
static uint64_t renewal_s(const struct pcp_lease *lease, uint32_t lifetime_s)
{
	uint64_t after_s = lifetime_s / 2 + (uint64_t)lifetime_s * lease->nonce[0] / (8 * 256);

	return after_s < RENEWAL_LEAST_S ? RENEWAL_LEAST_S : after_s;
}

static bool take(struct pcp_lease *lease, const struct pcp_response *response, uint64_t now_s)
{
	bool is_other = lease->result || !address_equal(&lease->external, &response->mapping.external);

	lease->result = PCP_SUCCESS;
	lease->external = response->mapping.external;
	lease->ends_at_s = now_s + response->lifetime_s;
	lease->again_at_s = now_s + renewal_s(lease, response->lifetime_s);
	return is_other;
}

bool pcp_lease_hear(struct pcp_lease *lease, const struct pcp_response *response, uint64_t now_s)
{
	uint32_t lifetime_s = response->lifetime_s;
	bool is_other;

	if (response->opcode != PCP_MAP || response->mapping.protocol != PROTOCOL_TCP ||
	    response->mapping.internal_port != lease->host.port ||
	    memcmp(response->mapping.nonce, lease->nonce, sizeof(lease->nonce)))
		return false;
	lease->n_unanswered = 0;
	if (!response->result)
		return take(lease, response, now_s);
	is_other = lease->result != response->result;
	lease->result = response->result;
	lease->again_at_s = now_s +
		(lifetime_s < REFUSED_LEAST_S ? REFUSED_LEAST_S : lifetime_s > REFUSED_MOST_S ? REFUSED_MOST_S :
		 lifetime_s);
	return is_other;
}

void pcp_lease_forgotten(struct pcp_lease *lease, uint64_t now_s)
{
	lease->n_unanswered = 0;
	lease->again_at_s = now_s;
}

bool pcp_lease_turn(struct pcp_lease *lease, uint64_t now_s)
{
	bool is_over = !address_is_unspecified(&lease->external) && now_s >= lease->ends_at_s;

	if (is_over)
		lease->external = (struct address){ .port = lease->external.port };   /* which is to be had again */
	return is_over;
}
