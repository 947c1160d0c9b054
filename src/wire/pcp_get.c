/* SPDX-License-Identifier: MIT */
#include "wire/pcp.h"

#define WORD_BYTES 4
#define RESPONSE 0x80u
#define V4_BITS 96u              /* before those of an IPv4 address */
#define ALL_BITS 128u

static struct address get_ip(struct cursor *c)
{
	struct address a = { .port = 0 };

	cursor_get_bytes(c, a.ip, sizeof(a.ip));
	return a;
}

bool pcp_option_next(struct cursor *options, struct pcp_option *out)
{
	size_t n_bytes;

	if (!options->n_left || cursor_failed(options))
		return false;
	out->code = cursor_get_u8(options);
	cursor_skip(options, 1);
	n_bytes = cursor_get_u16be(options);
	out->value = cursor_take(options, n_bytes);
	cursor_skip(options, (WORD_BYTES - n_bytes % WORD_BYTES) % WORD_BYTES);
	return !cursor_failed(options);
}

static void mapping_get(struct pcp_mapping *out, bool is_peer, struct cursor *c)
{
	cursor_get_bytes(c, out->nonce, sizeof(out->nonce));
	out->protocol = cursor_get_u8(c);
	cursor_skip(c, 3);
	out->internal_port = cursor_get_u16be(c);
	out->external.port = cursor_get_u16be(c);
	cursor_get_bytes(c, out->external.ip, sizeof(out->external.ip));
	if (!is_peer)
		return;
	out->remote.port = cursor_get_u16be(c);
	cursor_skip(c, 2);
	cursor_get_bytes(c, out->remote.ip, sizeof(out->remote.ip));
}

/* What follows the header, up to the options. 0, PCP_E_REQUEST or PCP_E_OPCODE. */
static int body_get(struct pcp_mapping *out, uint8_t opcode, struct cursor *c)
{
	switch (opcode) {
	case PCP_ANNOUNCE:
		return 0;
	case PCP_MAP:
	case PCP_PEER:
		mapping_get(out, opcode == PCP_PEER, c);
		return cursor_failed(c) ? PCP_E_REQUEST : 0;
	default:
		return PCP_E_OPCODE;
	}
}

static int third_party_get(struct pcp_request *request, struct cursor value)
{
	bool again = request->has_third_party;

	request->has_third_party = true;
	request->third_party = get_ip(&value);
	return again || cursor_failed(&value) || value.n_left || request->opcode == PCP_ANNOUNCE ?
	       PCP_E_OPTION_MALFORMED : 0;
}

/* Without a suggested port there is nothing that could be preferred (13.2), nor where a mapping is to end (11.3). */
static int prefer_failure_get(struct pcp_request *request, struct cursor value)
{
	bool again = request->prefer_failure;

	request->prefer_failure = true;
	return again || value.n_left || request->opcode != PCP_MAP || !request->mapping.external.port ||
	       !request->lifetime_s ? PCP_E_OPTION_MALFORMED : 0;
}

static int filter_get(struct pcp_request *request, struct cursor value)
{
	/* more than there is room for don't fit a message */
	struct pcp_filter *filter = &request->filters[request->n_filters];

	cursor_skip(&value, 1);
	filter->n_bits = cursor_get_u8(&value);
	filter->remote.port = cursor_get_u16be(&value);
	cursor_get_bytes(&value, filter->remote.ip, sizeof(filter->remote.ip));
	if (cursor_failed(&value) || value.n_left || request->opcode != PCP_MAP || !request->lifetime_s ||
	    filter->n_bits > ALL_BITS || (filter->n_bits && filter->n_bits < V4_BITS && address_is_v4(&filter->remote)))
		return PCP_E_OPTION_MALFORMED;
	request->n_filters++;
	return 0;
}

static int option_get(struct pcp_request *request, const struct pcp_option *option)
{
	struct cursor value = cursor_of(option->value.at, option->value.n);

	switch (option->code) {
	case PCP_THIRD_PARTY:
		return third_party_get(request, value);
	case PCP_PREFER_FAILURE:
		return prefer_failure_get(request, value);
	case PCP_FILTER:
		return filter_get(request, value);
	default:
		return option->code < PCP_OPTIONAL ? PCP_E_OPTION : 0;
	}
}

/* What is malformed comes before what isn't known, wherever it stands: the form of all is looked at first. */
static int options_get(struct pcp_request *request)
{
	struct cursor c = cursor_of(request->options.at, request->options.n);
	struct pcp_option option;
	int r = 0, one;

	while (pcp_option_next(&c, &option)) {
		one = option_get(request, &option);
		r = r == PCP_E_OPTION_MALFORMED || !one ? r : one;
	}
	return cursor_failed(&c) ? PCP_E_OPTION_MALFORMED : r;
}

int pcp_request_get(struct pcp_request *out, const void *bytes, size_t n_bytes)
{
	struct cursor c = cursor_of(bytes, n_bytes);
	uint8_t opcode;
	int r;

	*out = (struct pcp_request){ 0 };
	out->version = cursor_get_u8(&c);
	opcode = cursor_get_u8(&c);
	if (cursor_failed(&c) || opcode & RESPONSE)
		return PCP_E_SILENT;
	out->opcode = opcode;
	if (out->version != PCP_VERSION)
		return PCP_E_VERSION;
	cursor_skip(&c, 2);
	out->lifetime_s = cursor_get_u32be(&c);
	out->client = get_ip(&c);
	if (cursor_failed(&c))
		return PCP_E_SILENT;
	if (n_bytes > PCP_MESSAGE_BYTES || n_bytes % WORD_BYTES)
		return PCP_E_REQUEST;
	r = body_get(&out->mapping, opcode, &c);
	if (r)
		return r;
	out->options = cursor_rest(&c);
	return options_get(out);
}

int pcp_response_get(struct pcp_response *out, const void *bytes, size_t n_bytes)
{
	struct cursor c = cursor_of(bytes, n_bytes);
	uint8_t version = cursor_get_u8(&c), opcode = cursor_get_u8(&c);
	int r;

	*out = (struct pcp_response){ .opcode = (uint8_t)(opcode & ~RESPONSE) };
	cursor_skip(&c, 1);
	out->result = cursor_get_u8(&c);
	out->lifetime_s = cursor_get_u32be(&c);
	out->epoch_s = cursor_get_u32be(&c);
	cursor_skip(&c, 12);
	if (cursor_failed(&c) || !(opcode & RESPONSE))
		return PCP_E_SILENT;
	if (version != PCP_VERSION)
		return PCP_E_VERSION;
	if (n_bytes > PCP_MESSAGE_BYTES || n_bytes % WORD_BYTES)
		return PCP_E_REQUEST;
	r = body_get(&out->mapping, out->opcode, &c);
	if (!r)
		out->options = cursor_rest(&c);
	return r;
}
