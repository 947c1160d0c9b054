/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "signalling/pcp_client.h"

#include <string.h>

#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17
#define V4_AT 12                          /* bytes in front of a mapped address */

bool pcp_epoch_goes_on(struct pcp_epoch *epoch, uint32_t server_s, uint64_t now_s)
{
	struct pcp_epoch before = *epoch;
	uint64_t client_delta = now_s - before.seen_at_s, server_delta;

	*epoch = (struct pcp_epoch){ .known = true, .server_s = server_s, .seen_at_s = now_s };
	if (!before.known)
		return true;
	if ((uint64_t)server_s + 1 < before.server_s)
		return false;
	server_delta = server_s > before.server_s ? server_s - before.server_s : 0;
	return client_delta + 2 >= server_delta - server_delta / 16 &&
	       server_delta + 2 >= client_delta - client_delta / 16;
}

uint32_t pcp_epoch_now(const struct pcp_epoch *epoch, uint64_t now_s)
{
	return epoch->known ? epoch->server_s + (uint32_t)(now_s - epoch->seen_at_s) : 0;
}

size_t pcp_of_natpmp(const struct natpmp_request *request, const struct address *host,
		     const uint8_t nonce[PCP_NONCE_BYTES], uint8_t out[PCP_MESSAGE_BYTES])
{
	struct pcp_request pcp = { .version = PCP_VERSION, .opcode = PCP_ANNOUNCE, .client = *host };

	if (request->opcode != NATPMP_ADDRESS) {
		pcp.opcode = PCP_MAP;
		pcp.lifetime_s = request->lifetime_s;
		pcp.mapping.protocol = request->opcode == NATPMP_MAP_TCP ? PROTOCOL_TCP : PROTOCOL_UDP;
		pcp.mapping.internal_port = request->internal_port;
		pcp.mapping.external = address_from_v4(0, request->lifetime_s ? request->external_port : 0);
		memcpy(pcp.mapping.nonce, nonce, sizeof(pcp.mapping.nonce));
	}
	return pcp_request_put(&pcp, out, PCP_MESSAGE_BYTES);
}

/* UDP has an opcode of its own in NAT-PMP: that one we don't have. */
static uint16_t result_of(uint8_t result)
{
	switch (result) {
	case PCP_SUCCESS:
		return NATPMP_SUCCESS;
	case PCP_NETWORK_FAILURE:
		return NATPMP_NETWORK_FAILURE;
	case PCP_NO_RESOURCES:
	case PCP_USER_EX_QUOTA:
	case PCP_CANNOT_PROVIDE_EXTERNAL:
		return NATPMP_OUT_OF_RESOURCES;
	case PCP_UNSUPP_OPCODE:
	case PCP_UNSUPP_PROTOCOL:
		return NATPMP_UNSUPPORTED_OPCODE;
	default:
		return NATPMP_NOT_AUTHORISED;
	}
}

struct natpmp_response natpmp_of_pcp(const struct natpmp_request *request, const struct pcp_response *response,
				     const struct address *external)
{
	struct natpmp_response out = {
		.opcode = request->opcode, .result = result_of(response->result), .epoch_s = response->epoch_s,
		.internal_port = request->internal_port,
	};

	if (request->opcode == NATPMP_ADDRESS && !out.result &&
	    (!address_is_v4(external) || address_is_unspecified(external)))
		out.result = NATPMP_NETWORK_FAILURE;
	if (out.result)
		return out;
	memcpy(out.external_ip, external->ip + V4_AT, sizeof(out.external_ip));
	out.lifetime_s = response->lifetime_s;
	out.external_port = response->mapping.external.port;
	return out;
}

size_t pcp_refuse(struct bytes request, enum pcp_result result, uint32_t lifetime_s, uint32_t epoch_s,
		  uint8_t out[PCP_MESSAGE_BYTES])
{
	struct pcp_request parsed;
	int r = pcp_request_get(&parsed, request.at, request.n);

	if (r == PCP_E_SILENT)
		return 0;
	return pcp_error_put(request, r == PCP_E_VERSION ? PCP_UNSUPP_VERSION : result, !r, lifetime_s, epoch_s, out,
			     PCP_MESSAGE_BYTES);
}
