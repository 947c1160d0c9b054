/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A message that is accepted is written back as it was, TLV by TLV; and what the fields say agrees with what the
 * TLVs say. */
#include "fuzz.h"

#include "wire/convert.h"

static void check_fields(const struct convert_message *m)
{
	struct cursor c = cursor_of(m->tlvs.at, m->tlvs.n);
	unsigned int n_named = m->has_info + m->has_connect + m->has_extended + m->has_supported + m->has_cookie +
			       m->has_error + m->has_dscp + m->has_watch + m->has_nonce + m->has_claim + m->has_host +
			       m->has_source + m->has_pcp + m->has_first + m->has_limited + m->has_leg + m->has_proof;
	struct convert_tlv tlv;
	size_t n_tlvs = 0;

	while (convert_tlv_next(&c, &tlv)) {
		expect(tlv.type);
		expect(tlv.value.n % 4 == 2);
		n_tlvs++;
	}
	expect(!cursor_failed(&c));
	expect(n_tlvs == n_named + m->n_unknown);
	expect(m->pcp.message.n <= CONVERT_PCP_BYTES && (m->has_pcp || !m->pcp.message.n));
	expect(!m->first.bytes.n || (m->has_first && m->first.bytes.n == m->first.n));
	expect(m->nonce.n == (m->has_nonce ? CONVERT_NONCE_BYTES : 0) && (m->has_watch || !m->watch) &&
	       !m->source.port);
	expect(m->proof.n == (m->has_proof ? CONVERT_PROOF_BYTES : 0));
	expect(!m->claim.n || (m->has_claim && m->claim.n == CONVERT_CLAIM_BYTES));
	expect(m->session.n == (m->has_leg ? CONVERT_SESSION_BYTES : 0) && (m->has_leg || !m->leg));
	expect(m->cookie.n % 4 == 0 && m->extended.n % 4 == 0 && m->supported.n % 4 == 0 &&
	       m->connect.options.n % 4 == 0);
}

/* Info, Extended TCP Header, Supported, Cookie and three of Braid's own begin with two bytes that are read as
 * anything and written as zeros. */
static bool has_ignored_bytes(uint8_t type)
{
	return type == CONVERT_INFO || type == CONVERT_EXTENDED_TCP_HEADER ||
	       type == CONVERT_SUPPORTED_TCP_EXTENSIONS || type == CONVERT_COOKIE || type == CONVERT_BRAID_WATCH ||
	       type == CONVERT_BRAID_NONCE || type == CONVERT_BRAID_CLAIM || type == CONVERT_BRAID_SOURCE ||
	       type == CONVERT_BRAID_PROOF;
}

/* Two bytes behind the length, and what pads. value: in the bytes that are expected. */
static void clear_ignored_of_pcp(uint8_t *value, size_t n_value, size_t n_message)
{
	const size_t to_ignored = 20, to_message = 22;

	if (!n_message)
		return;
	memset(value + to_ignored, 0, to_message - to_ignored);
	memset(value + to_message + n_message, 0, n_value - to_message - n_message);
}

/* The first byte, and flags that have no meaning yet. */
static void clear_ignored_of_limited(uint8_t value[2])
{
	value[0] = 0;
	value[1] &= CONVERT_LIMITED_SPOILT | CONVERT_LIMITED_NO_LIMITS;
}

static void check_written_back(const struct convert_message *m, const uint8_t *bytes)
{
	struct cursor c = cursor_of(m->tlvs.at, m->tlvs.n);
	uint8_t typed[CONVERT_MESSAGE_BYTES], plain[CONVERT_MESSAGE_BYTES], expected[CONVERT_MESSAGE_BYTES];
	struct convert_writer w_typed = convert_begin(typed, sizeof(typed)),
			      w_plain = convert_begin(plain, sizeof(plain));
	struct convert_tlv tlv;

	memcpy(expected, bytes, m->n_bytes);
	while (convert_tlv_next(&c, &tlv)) {
		convert_put_again(&w_typed, m, &tlv);
		convert_put_tlv(&w_plain, &tlv);
		if (has_ignored_bytes(tlv.type))
			memset(expected + (tlv.value.at - bytes), 0, 2);
		if (tlv.type == CONVERT_BRAID_PCP)
			clear_ignored_of_pcp(expected + (tlv.value.at - bytes), tlv.value.n, m->pcp.message.n);
		if (tlv.type == CONVERT_BRAID_FIRST && m->first.bytes.n)   /* what pads */
			memset(expected + (tlv.value.at - bytes) + 2 + m->first.n, 0, tlv.value.n - 2 - m->first.n);
		if (tlv.type == CONVERT_BRAID_DSCP)   /* the flags that have no meaning yet */
			expected[tlv.value.at - bytes + 1] &= CONVERT_BRAID_PLAIN | CONVERT_BRAID_RACED |
			CONVERT_BRAID_INSTEAD;
		if (tlv.type == CONVERT_BRAID_LIMITED)
			clear_ignored_of_limited(expected + (tlv.value.at - bytes));
	}
	expect(convert_end(&w_plain) == m->n_bytes);
	expect(!memcmp(plain, bytes, m->n_bytes));
	expect(convert_end(&w_typed) == m->n_bytes);
	expect(!memcmp(typed, expected, m->n_bytes));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct convert_header header;
	struct convert_message m, again;
	int r_header = convert_header_get(&header, bytes, n), r = convert_message_get(&m, bytes, n);

	expect(!r_header || r == r_header);
	if (r == CONVERT_E_SHORT)
		expect(n < CONVERT_HEADER_BYTES || n < header.n_bytes);
	if (r)
		return 0;
	expect(m.n_bytes == header.n_bytes && m.n_bytes <= n && m.n_bytes <= CONVERT_MESSAGE_BYTES);
	check_fields(&m);
	check_written_back(&m, bytes);
	expect(convert_message_get(&again, bytes, m.n_bytes) == 0);             /* what follows doesn't matter */
	expect(convert_message_get(&again, bytes, m.n_bytes - 1) == CONVERT_E_SHORT);
	return 0;
}
