/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "signalling/pcp_server.h"

#include <string.h>
#include "base/util.h"

#define PROTOCOL_TCP 6

/* One request on its way through. */
struct asked {
	const struct pcp_server *server;
	const struct pcp_asker *asker;
	const struct pcp_request *request;
	uint64_t now_s;
	uint32_t lifetime_s;             /* of the answer; 0 with an error: as long as such an error holds */
	struct address external;         /* of the answer */
};

uint32_t pcp_server_epoch(const struct pcp_server *server, uint64_t now_s)
{
	return now_s > server->began_s ? (uint32_t)(now_s - server->began_s) : 0;
}

uint32_t pcp_error_lifetime_s(enum pcp_result result)
{
	return result == PCP_NETWORK_FAILURE || result == PCP_NO_RESOURCES || result == PCP_USER_EX_QUOTA ?
	       PCP_SHORT_S : PCP_LONG_S;
}

/* How long it still goes on. */
static uint32_t left_s(const struct asked *asked, const struct mapping *mapping)
{
	return mapping->is_static ? UINT32_MAX : (uint32_t)(mapping->ends_at_s - asked->now_s);
}

/* Bits beyond the prefix are the client's to leave there. */
static struct mapping_filter filter_of(const struct pcp_filter *filter)
{
	struct mapping_filter out = { .from.n_bits = filter->n_bits, .port = filter->remote.port };

	for (unsigned int bit = 0; bit < filter->n_bits; bit++)
		out.from.ip[bit / 8] |= filter->remote.ip[bit / 8] & (uint8_t)(0x80 >> bit % 8);
	return out;
}

/* In their order: one that removes removes those before it, too (13.3). */
static void take_filters(const struct pcp_request *request, struct mapping_filter room[PCP_FILTERS_MOST],
			 struct mappings_request *out)
{
	out->filters = room;
	for (size_t i = 0; i < request->n_filters; i++) {
		if (request->filters[i].n_bits) {
			room[out->n_filters++] = filter_of(&request->filters[i]);
		} else {
			out->clear_filters = true;
			out->n_filters = 0;
		}
	}
}

static enum pcp_result result_of(struct asked *asked, int r, const struct mapping *mapping)
{
	switch (r) {
	case 0:
		return PCP_SUCCESS;
	case MAPPINGS_E_NONCE:
		asked->lifetime_s = left_s(asked, mapping);
		return PCP_NOT_AUTHORIZED;
	case MAPPINGS_E_STATIC:
		return PCP_NOT_AUTHORIZED;
	case MAPPINGS_E_EXTERNAL:
		asked->lifetime_s = PCP_SHORT_S;
		return PCP_CANNOT_PROVIDE_EXTERNAL;
	case MAPPINGS_E_QUOTA:
		return PCP_USER_EX_QUOTA;
	case MAPPINGS_E_FILTERS:
		return PCP_EXCESSIVE_REMOTE_PEERS;
	default:
		return PCP_NO_RESOURCES;
	}
}

static struct mappings_request request_of(const struct asked *asked)
{
	const struct pcp_mapping *wanted = &asked->request->mapping;
	struct mappings_request out = {
		.subscriber = asked->asker->subscriber, .most = asked->asker->most,
		.most_of_host = asked->asker->most_of_host, .protocol = wanted->protocol,
		.internal = asked->request->client,
		.suggested = wanted->external, .lifetime_s = asked->request->lifetime_s,
		.prefer_failure = asked->request->prefer_failure,
	};

	static_assert(sizeof(out.nonce) == sizeof(wanted->nonce), "a nonce");
	out.internal.port = wanted->internal_port;
	memcpy(out.nonce, wanted->nonce, sizeof(out.nonce));
	return out;
}

static enum pcp_result end_mapping(struct asked *asked)
{
	struct mappings_request wanted = request_of(asked);
	struct mapping mapping;

	asked->external = asked->request->mapping.external;   /* comes back as it came (15.1) */
	return result_of(asked, mappings_unmap(asked->server->table, &wanted, asked->now_s, &mapping), &mapping);
}

static enum pcp_result make_mapping(struct asked *asked)
{
	struct mapping_filter filters[PCP_FILTERS_MOST];
	struct mappings_request wanted = request_of(asked);
	struct mapping mapping;
	int r;

	if (wanted.protocol != PROTOCOL_TCP || !wanted.internal.port)
		return PCP_UNSUPP_PROTOCOL;
	if (address_is_unspecified(&asked->server->external))
		return PCP_NETWORK_FAILURE;
	/* the host is to see who comes, and couldn't */
	if (address_is_v4(&wanted.internal) != address_is_v4(&asked->server->external))
		return PCP_NOT_AUTHORIZED;
	take_filters(asked->request, filters, &wanted);
	r = mappings_map(asked->server->table, &wanted, asked->now_s, &mapping);
	if (!r) {
		asked->lifetime_s = left_s(asked, &mapping);
		asked->external = mapping.external;
	}
	return result_of(asked, r, &mapping);
}

static enum pcp_result on_map(struct asked *asked)
{
	const struct pcp_mapping *wanted = &asked->request->mapping;

	if (!wanted->protocol && wanted->internal_port)
		return PCP_MALFORMED_REQUEST;
	return asked->request->lifetime_s ? make_mapping(asked) : end_mapping(asked);
}

/* Whom nothing connects to. */
static bool is_no_peer(const struct address *a)
{
	static const uint8_t loopback_v6[16] = { [15] = 1 };

	if (!a->port || address_is_unspecified(a))
		return true;
	if (address_is_v4(a))
		return a->ip[12] == 127 || a->ip[12] >= 224;
	return a->ip[0] == 0xff || !memcmp(a->ip, loopback_v6, sizeof(loopback_v6));
}

static enum pcp_result on_peer(struct asked *asked)
{
	const struct pcp_mapping *wanted = &asked->request->mapping;
	struct mappings_request key = request_of(asked);
	struct mapping mapping;

	if (!wanted->protocol || !wanted->internal_port || is_no_peer(&wanted->remote))
		return PCP_MALFORMED_REQUEST;
	if (wanted->protocol != PROTOCOL_TCP)
		return PCP_UNSUPP_PROTOCOL;
	mappings_turn(asked->server->table, asked->now_s);
	if (mappings_find(asked->server->table, key.subscriber, key.protocol, &key.internal, &mapping) &&
	    !mapping.is_static && memcmp(mapping.nonce, key.nonce, sizeof(key.nonce)))
		return result_of(asked, MAPPINGS_E_NONCE, &mapping);
	return PCP_CANNOT_PROVIDE_EXTERNAL;
}

/* Of a request that was understood. */
static enum pcp_result decide(struct asked *asked)
{
	const struct pcp_request *request = asked->request;

	if (request->opcode == PCP_ANNOUNCE)
		return PCP_SUCCESS;
	if (request->has_third_party)
		return address_equal_ip(&request->third_party, &asked->asker->source) ? PCP_MALFORMED_REQUEST :
		PCP_UNSUPP_OPTION;
	if (!asked->asker->proven || !asked->asker->most)
		return PCP_NOT_AUTHORIZED;
	return request->opcode == PCP_MAP ? on_map(asked) : on_peer(asked);
}

/* Of the request's options those that were served, as they stand (7.3). */
static size_t copy_options(struct bytes options, uint8_t room[PCP_MESSAGE_BYTES])
{
	struct cursor c = cursor_of(options.at, options.n);
	struct cursor_out out = cursor_into(room, PCP_MESSAGE_BYTES);
	const uint8_t *from = c.at;
	struct pcp_option option;

	for (; pcp_option_next(&c, &option); from = c.at)
		if (option.code < PCP_OPTIONAL)
			cursor_put_bytes(&out, from, (size_t)(c.at - from));
	return out.n_written;
}

static size_t succeed(const struct asked *asked, uint32_t epoch_s, uint8_t out[PCP_MESSAGE_BYTES])
{
	uint8_t options[PCP_MESSAGE_BYTES];
	struct pcp_response response = {
		.opcode = asked->request->opcode, .lifetime_s = asked->lifetime_s, .epoch_s = epoch_s,
		.mapping = asked->request->mapping,
		.options = { options, copy_options(asked->request->options, options) },
	};

	response.mapping.external = asked->external;
	return pcp_response_put(&response, out, PCP_MESSAGE_BYTES);
}

static enum pcp_result result_of_form(int r)
{
	switch (r) {
	case PCP_E_VERSION:
		return PCP_UNSUPP_VERSION;
	case PCP_E_REQUEST:
		return PCP_MALFORMED_REQUEST;
	case PCP_E_OPCODE:
		return PCP_UNSUPP_OPCODE;
	case PCP_E_OPTION:
		return PCP_UNSUPP_OPTION;
	default:
		return PCP_MALFORMED_OPTION;
	}
}

size_t pcp_server_answer(const struct pcp_server *server, const struct pcp_asker *asker, struct bytes bytes,
			 uint64_t now_s, uint8_t out[PCP_MESSAGE_BYTES])
{
	struct pcp_request request;
	struct asked asked = { .server = server, .asker = asker, .request = &request, .now_s = now_s };
	int r = pcp_request_get(&request, bytes.at, bytes.n);
	uint32_t epoch_s = pcp_server_epoch(server, now_s);
	enum pcp_result result;

	if (r == PCP_E_SILENT)
		return 0;
	if (r == PCP_E_VERSION || r == PCP_E_REQUEST)   /* before the address is looked at (8.2) */
		result = result_of_form(r);
	else if (!address_equal_ip(&request.client, &asker->source))
		result = PCP_ADDRESS_MISMATCH;
	else
		result = r ? result_of_form(r) : decide(&asked);
	if (result == PCP_SUCCESS)
		return succeed(&asked, epoch_s, out);
	return pcp_error_put(bytes, result, !r, asked.lifetime_s ? asked.lifetime_s : pcp_error_lifetime_s(result),
			     epoch_s, out, PCP_MESSAGE_BYTES);
}
