/* SPDX-License-Identifier: MIT */
#include "wire/convert.h"

#define WORD_BYTES 4
#define OPTION_END 0
#define OPTION_NOP 1
#define DSCP_MOST 63

int convert_header_get(struct convert_header *out, const void *bytes, size_t n_bytes)
{
	struct cursor c = cursor_of(bytes, n_bytes);
	uint16_t magic;

	out->version = cursor_get_u8(&c);
	out->n_bytes = (size_t)cursor_get_u8(&c) * WORD_BYTES;
	magic = cursor_get_u16be(&c);
	if (cursor_failed(&c))
		return CONVERT_E_SHORT;
	if (magic != CONVERT_MAGIC || !out->n_bytes)
		return CONVERT_E_MALFORMED;
	return out->version == CONVERT_VERSION ? 0 : CONVERT_E_VERSION;
}

bool convert_tlv_next(struct cursor *tlvs, struct convert_tlv *out)
{
	size_t n_words;

	if (!tlvs->n_left || cursor_failed(tlvs))
		return false;
	out->type = cursor_get_u8(tlvs);
	n_words = cursor_get_u8(tlvs);
	if (!n_words)   /* would never end */
		tlvs->failed = true;
	else
		out->value = cursor_take(tlvs, n_words * WORD_BYTES - CONVERT_TLV_HEAD_BYTES);
	return !cursor_failed(tlvs);
}

bool convert_option_next(struct cursor *options, struct convert_option *out)
{
	uint8_t n_bytes;

	while (options->n_left && !cursor_failed(options)) {
		out->kind = cursor_get_u8(options);
		if (out->kind == OPTION_END || out->kind == OPTION_NOP)   /* padding, and what RFC 8803, 7.1 has us
									   * ignore */
			continue;
		n_bytes = cursor_get_u8(options);
		if (n_bytes < 2) {
			options->failed = true;
			return false;
		}
		out->content = cursor_take(options, n_bytes - 2u);
		return !cursor_failed(options);
	}
	return false;
}

static bool options_are_sound(struct bytes options)
{
	struct cursor c = cursor_of(options.at, options.n);
	struct convert_option option;

	while (convert_option_next(&c, &option))
		;
	return !cursor_failed(&c);
}

static int info_get(struct convert_message *m, struct cursor value)
{
	m->has_info = true;
	return value.n_left == 2 ? 0 : CONVERT_E_MALFORMED;   /* length 1 (6.2.2) */
}

static int connect_get(struct convert_message *m, struct cursor value)
{
	m->has_connect = true;
	m->connect.remote.port = cursor_get_u16be(&value);
	cursor_get_bytes(&value, m->connect.remote.ip, sizeof(m->connect.remote.ip));
	m->connect.options = cursor_rest(&value);
	return cursor_failed(&value) || !options_are_sound(m->connect.options) ? CONVERT_E_MALFORMED : 0;
}

/* A TLV whose value begins with two bytes that are to be zero and ignored. */
static int padded_get(bool *has, struct bytes *out, struct cursor value)
{
	*has = true;
	cursor_skip(&value, 2);
	*out = cursor_rest(&value);
	return cursor_failed(&value) ? CONVERT_E_MALFORMED : 0;
}

static int error_get(struct convert_message *m, struct cursor value)
{
	m->has_error = true;
	m->error.code = cursor_get_u8(&value);
	m->error.value = cursor_rest(&value);
	return cursor_failed(&value) ? CONVERT_E_MALFORMED : 0;
}

/* The value in the lower six bits, then a byte of flags, of which those that we don't know are ignored. */
static int dscp_get(struct convert_message *m, struct cursor value)
{
	uint8_t flags;

	m->has_dscp = true;
	m->dscp = cursor_get_u8(&value);
	flags = cursor_get_u8(&value);
	m->plain = flags & CONVERT_BRAID_PLAIN;
	m->raced = flags & CONVERT_BRAID_RACED;
	m->instead = flags & CONVERT_BRAID_INSTEAD ? (uint8_t)(1 + (flags >> CONVERT_BRAID_INSTEAD_SHIFT & 3)) : 0;
	return cursor_failed(&value) || value.n_left || m->dscp > DSCP_MOST ? CONVERT_E_MALFORMED : 0;
}

static int watch_get(struct convert_message *m, struct cursor value)
{
	m->has_watch = true;
	cursor_skip(&value, 1);
	m->knows = cursor_get_u8(&value);
	m->watch = cursor_get_u64be(&value);
	return cursor_failed(&value) || value.n_left ? CONVERT_E_MALFORMED : 0;
}

/* Two bytes that are to be zero and ignored come first, here and below. */
static int nonce_get(struct convert_message *m, struct cursor value)
{
	m->has_nonce = true;
	cursor_skip(&value, 2);
	m->nonce = cursor_take(&value, CONVERT_NONCE_BYTES);
	return cursor_failed(&value) || value.n_left ? CONVERT_E_MALFORMED : 0;
}

static int source_get(struct convert_message *m, struct cursor value)
{
	m->has_source = true;
	cursor_skip(&value, 2);
	cursor_get_bytes(&value, m->source.ip, sizeof(m->source.ip));
	return cursor_failed(&value) || value.n_left ? CONVERT_E_MALFORMED : 0;
}

/* Nothing behind the two bytes, or a whole one. */
static int claim_get(struct convert_message *m, struct cursor value)
{
	int r = padded_get(&m->has_claim, &m->claim, value);

	return !r && m->claim.n && m->claim.n != CONVERT_CLAIM_BYTES ? CONVERT_E_MALFORMED : r;
}

static int host_get(struct convert_message *m, struct cursor value)
{
	m->has_host = true;
	m->host.port = cursor_get_u16be(&value);
	cursor_get_bytes(&value, m->host.ip, sizeof(m->host.ip));
	return cursor_failed(&value) || value.n_left ? CONVERT_E_MALFORMED : 0;
}

/* Without more than the two bytes that a TLV has at least: an offer. What pads the message has no meaning. */
static int pcp_get(struct convert_message *m, struct cursor value)
{
	uint16_t n_bytes;

	m->has_pcp = true;
	m->pcp.id = cursor_get_u16be(&value);
	if (!value.n_left)
		return cursor_failed(&value) ? CONVERT_E_MALFORMED : 0;
	cursor_get_bytes(&value, m->pcp.host.ip, sizeof(m->pcp.host.ip));
	n_bytes = cursor_get_u16be(&value);
	cursor_skip(&value, 2);
	m->pcp.message = cursor_take(&value, n_bytes);
	return cursor_failed(&value) || !n_bytes || value.n_left >= WORD_BYTES ? CONVERT_E_MALFORMED : 0;
}

static int limited_get(struct convert_message *m, struct cursor value)
{
	m->has_limited = true;
	if (value.n_left != 2)
		return CONVERT_E_MALFORMED;
	cursor_skip(&value, 1);   /* to be zero and ignored */
	m->limited = cursor_get_u8(&value) & (CONVERT_LIMITED_SPOILT | CONVERT_LIMITED_NO_LIMITS |
					      CONVERT_LIMITED_LATE);
	return 0;
}

/* Behind the number all of the bytes, or none. */
static int first_get(struct convert_message *m, struct cursor value)
{
	m->has_first = true;
	m->first.n = cursor_get_u16be(&value);
	if (!value.n_left)
		return cursor_failed(&value) ? CONVERT_E_MALFORMED : 0;
	m->first.bytes = cursor_take(&value, m->first.n);
	return cursor_failed(&value) || !m->first.n || value.n_left >= WORD_BYTES ? CONVERT_E_MALFORMED : 0;
}

static int leg_get(struct convert_message *m, struct cursor value)
{
	m->has_leg = true;
	m->leg = cursor_get_u16be(&value);
	m->session = cursor_take(&value, CONVERT_SESSION_BYTES);
	return cursor_failed(&value) || value.n_left ? CONVERT_E_MALFORMED : 0;
}

static int proof_get(struct convert_message *m, struct cursor value)
{
	m->has_proof = true;
	cursor_skip(&value, 2);
	m->proof = cursor_take(&value, CONVERT_PROOF_BYTES);
	return cursor_failed(&value) || value.n_left ? CONVERT_E_MALFORMED : 0;
}

static int tlv_get(struct convert_message *m, const struct convert_tlv *tlv)
{
	struct cursor value = cursor_of(tlv->value.at, tlv->value.n);

	switch (tlv->type) {
	case 0:
		return CONVERT_E_RESERVED;
	case CONVERT_INFO:
		return info_get(m, value);
	case CONVERT_CONNECT:
		return connect_get(m, value);
	case CONVERT_EXTENDED_TCP_HEADER:
		return padded_get(&m->has_extended, &m->extended, value);
	case CONVERT_SUPPORTED_TCP_EXTENSIONS:
		return padded_get(&m->has_supported, &m->supported, value);
	case CONVERT_COOKIE:
		return padded_get(&m->has_cookie, &m->cookie, value);
	case CONVERT_ERROR:
		return error_get(m, value);
	case CONVERT_BRAID_DSCP:
		return dscp_get(m, value);
	case CONVERT_BRAID_WATCH:
		return watch_get(m, value);
	case CONVERT_BRAID_NONCE:
		return nonce_get(m, value);
	case CONVERT_BRAID_SOURCE:
		return source_get(m, value);
	case CONVERT_BRAID_CLAIM:
		return claim_get(m, value);
	case CONVERT_BRAID_HOST:
		return host_get(m, value);
	case CONVERT_BRAID_PCP:
		return pcp_get(m, value);
	case CONVERT_BRAID_LIMITED:
		return limited_get(m, value);
	case CONVERT_BRAID_FIRST:
		return first_get(m, value);
	case CONVERT_BRAID_LEG:
		return leg_get(m, value);
	case CONVERT_BRAID_PROOF:
		return proof_get(m, value);
	default:
		m->n_unknown++;
		return 0;
	}
}

/* A type may come once on a connection (6.2.1). seen: a bit a type. */
static bool seen_before(uint8_t seen[32], uint8_t type)
{
	bool before = seen[type / 8] & 1u << type % 8;

	seen[type / 8] |= (uint8_t)(1u << type % 8);
	return before;
}

int convert_message_get(struct convert_message *out, const void *bytes, size_t n_bytes)
{
	struct convert_header header;
	struct convert_tlv tlv;
	uint8_t seen[32] = { 0 };
	struct cursor c;
	int r = convert_header_get(&header, bytes, n_bytes);

	*out = (struct convert_message){ 0 };
	if (r)
		return r;
	out->n_bytes = header.n_bytes;
	if (n_bytes < header.n_bytes)
		return CONVERT_E_SHORT;
	c = cursor_of((const uint8_t *)bytes + CONVERT_HEADER_BYTES, header.n_bytes - CONVERT_HEADER_BYTES);
	out->tlvs = (struct bytes){ c.at, c.n_left };
	while (!r && convert_tlv_next(&c, &tlv))
		r = seen_before(seen, tlv.type) ? CONVERT_E_MALFORMED : tlv_get(out, &tlv);
	return r ? r : cursor_failed(&c) ? CONVERT_E_MALFORMED : 0;
}
