/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading Convert messages. Whole messages with their meaning stand in tests/golden/convert.txt. */
#include "unit.h"

#include "wire/convert.h"

/* One TLV of each type that RFC 8803 names, and two that it leaves to others. */
static const char *const parts[] = {
	"01010000",
	"0a0601bb 00000000000000000000ffff c0000201 1e020000",
	"14020000 020405b4",
	"15020000 04081e22",
	"16030000 a0a1a2a3a4a5a6a7",
	"1e016103",
	"80010000",
	"ff02aabb ccddeeff",
};

static struct unit_bytes message_of(const char *const *tlvs, size_t n_tlvs)
{
	struct unit_bytes m = unit_hex("01 00 2263");

	for (size_t i = 0; i < n_tlvs; i++)
		unit_hex_add(&m, tlvs[i]);
	m.at[1] = (uint8_t)(m.n / 4);
	return m;
}

/* From a block that ends where the message ends. */
static int get(struct convert_message *out, const void *bytes, size_t n)
{
	uint8_t *copy = unit_copy(bytes, n);
	int r = convert_message_get(out, copy, n);

	free(copy);   /* *out borrows from it: only its numbers and flags are good */
	return r;
}

static void expect(int expected, const char *hex)
{
	struct unit_bytes m = unit_hex(hex);
	struct convert_message message;
	int r = get(&message, m.at, m.n);

	if (r != expected)
		fail_msg("%s: expected %d, saw %d", hex, expected, r);
}

static void a_message_comes_byte_at_a_time(void **state)
{
	struct unit_bytes m = message_of(parts, ARRAY_SIZE(parts));
	struct convert_message message;

	for (size_t n = 0; n < m.n; n++)
		assert_int_equal(get(&message, m.at, n), CONVERT_E_SHORT);
	assert_int_equal(get(&message, m.at, m.n), 0);
	assert_int_equal(message.n_bytes, m.n);
	unit_hex_add(&m, "474554");
	assert_int_equal(get(&message, m.at, m.n), 0);
	assert_int_equal(message.n_bytes, m.n - 3);
}

/* The total length lowered by each number of words: whole TLVs less are a message, anything else is malformed. */
static void a_message_cut_short_inside_is_malformed(void **state)
{
	struct unit_bytes m = message_of(parts, ARRAY_SIZE(parts));
	bool is_edge[64] = { [1] = true };
	struct convert_message message;
	unsigned int n_edges = 0;

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		is_edge[message_of(parts, i).n / 4] = true;
	for (size_t n_words = 1; n_words < m.n / 4; n_words++) {
		m.at[1] = (uint8_t)n_words;
		assert_int_equal(get(&message, m.at, m.n), is_edge[n_words] ? 0 : CONVERT_E_MALFORMED);
		assert_int_equal(get(&message, m.at, 4 * n_words), is_edge[n_words] ? 0 : CONVERT_E_MALFORMED);
		n_edges += is_edge[n_words];
	}
	assert_int_equal(n_edges, ARRAY_SIZE(parts));
}

static void expect_all_parts(const struct convert_message *m)
{
	assert_true(m->has_info && m->has_connect && m->has_extended && m->has_supported && m->has_cookie &&
		    m->has_error);
	assert_int_equal(m->connect.remote.port, 443);
	assert_true(address_is_v4(&m->connect.remote));
	unit_expect_bytes("Connect options", "1e020000", m->connect.options.at, m->connect.options.n);
	unit_expect_bytes("extended", "020405b4", m->extended.at, m->extended.n);
	unit_expect_bytes("supported", "04081e22", m->supported.at, m->supported.n);
	unit_expect_bytes("cookie", "a0a1a2a3a4a5a6a7", m->cookie.at, m->cookie.n);
	assert_int_equal(m->error.code, 97);
	unit_expect_bytes("error", "03", m->error.value.at, m->error.value.n);
	assert_int_equal(m->n_unknown, 2);
}

/* All 40320 orders, by Heap's way of exchanging two at a time. */
static void tlvs_come_in_any_order(void **state)
{
	const char *order[ARRAY_SIZE(parts)];
	size_t turns[ARRAY_SIZE(parts)] = { 0 }, i = 0;
	unsigned int n_orders = 0;

	memcpy(order, parts, sizeof(parts));
	while (i < ARRAY_SIZE(parts)) {
		if (!n_orders || turns[i] < i) {
			struct unit_bytes m;
			struct convert_message message;

			if (n_orders) {
				size_t j = i & 1 ? turns[i] : 0;
				const char *other = order[j];

				order[j] = order[i];
				order[i] = other;
				turns[i]++;
				i = 0;
			}
			n_orders++;
			m = message_of(order, ARRAY_SIZE(order));
			assert_int_equal(convert_message_get(&message, m.at, m.n), 0);
			expect_all_parts(&message);
		} else {
			turns[i++] = 0;
		}
	}
	assert_int_equal(n_orders, 40320);
}

static void messages_follow_each_other(void **state)
{
	struct unit_bytes all = { .n = 0 }, one;
	struct convert_message message;
	struct cursor c;

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		one = message_of(&parts[i], 1);
		memcpy(all.at + all.n, one.at, one.n);
		all.n += one.n;
	}
	c = cursor_of(all.at, all.n);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		assert_int_equal(convert_message_get(&message, c.at, c.n_left), 0);
		assert_int_equal(message.n_bytes, message_of(&parts[i], 1).n);
		assert_int_equal(message.has_info + message.has_connect + message.has_extended + message.has_supported +
				 message.has_cookie + message.has_error + message.n_unknown, 1);
		cursor_skip(&c, message.n_bytes);
	}
	assert_int_equal(c.n_left, 0);
	assert_int_equal(convert_message_get(&message, c.at, 0), CONVERT_E_SHORT);
}

static void a_message_has_255_words_at_most(void **state)
{
	struct unit_bytes m = unit_hex("01ff2263 16fe0000");
	struct convert_message message;

	memset(m.at + m.n, 0xa5, CONVERT_MESSAGE_BYTES);
	for (m.n = 8; m.n < CONVERT_MESSAGE_BYTES; m.n++)
		assert_int_equal(get(&message, m.at, m.n), CONVERT_E_SHORT);
	assert_int_equal(get(&message, m.at, m.n), 0);
	assert_int_equal(message.n_bytes, CONVERT_MESSAGE_BYTES);
	assert_int_equal(message.cookie.n, CONVERT_MESSAGE_BYTES - 8);
	m.at[5] = 0xff;   /* one word beyond the message, although the bytes are there */
	assert_int_equal(get(&message, m.at, m.n + 4), CONVERT_E_MALFORMED);
}

static bool is_longer_than_a_word(unsigned int type)
{
	return type == CONVERT_CONNECT || type == CONVERT_BRAID_WATCH || type == CONVERT_BRAID_NONCE ||
	       type == CONVERT_BRAID_HOST || type == CONVERT_BRAID_SOURCE || type == CONVERT_BRAID_LEG ||
	       type == CONVERT_BRAID_PROOF;
}

static void a_message_may_hold_248_tlvs(void **state)
{
	struct unit_bytes m = unit_hex("01f92263");
	struct convert_message message;

	for (unsigned int type = 255; type; type--) {
		if (is_longer_than_a_word(type))
			continue;
		m.at[m.n] = (uint8_t)type;
		m.at[m.n + 1] = 1;
		m.n += 4;
	}
	assert_int_equal(get(&message, m.at, m.n), 0);
	assert_int_equal(message.n_unknown, 248 - 10);
	m.at[5] = 2;   /* the first swallows the second */
	assert_int_equal(get(&message, m.at, m.n), 0);
	assert_int_equal(message.n_unknown, 248 - 11);
}

static void every_type_may_come_once(void **state)
{
	struct unit_bytes m = unit_hex("01032263 00010000 00010000");
	struct convert_message message;

	for (unsigned int type = 1; type < 256; type++) {
		m.at[4] = m.at[8] = (uint8_t)type;
		m.at[1] = 2;
		assert_int_equal(get(&message, m.at, m.n), is_longer_than_a_word(type) ? CONVERT_E_MALFORMED : 0);
		m.at[1] = 3;
		assert_int_equal(get(&message, m.at, m.n), CONVERT_E_MALFORMED);
	}
}

static void dscp_is_six_bits(void **state)
{
	struct unit_bytes m = unit_hex("01022263 c0010000"), longer = unit_hex("01032263 c0020000 00000000");
	struct convert_message message;

	for (unsigned int dscp = 0; dscp < 256; dscp++) {
		m.at[6] = (uint8_t)dscp;
		assert_int_equal(get(&message, m.at, m.n), dscp < 64 ? 0 : CONVERT_E_MALFORMED);
		assert_true(message.has_dscp);
		assert_true(dscp >= 64 || message.dscp == dscp);
	}
	m.at[6] = 46;
	for (unsigned int flags = 0; flags < 256; flags++) {   /* all but these are to be ignored */
		m.at[7] = (uint8_t)flags;
		assert_int_equal(get(&message, m.at, m.n), 0);
		assert_int_equal(message.plain, flags & 1);
		assert_int_equal(message.raced, flags >> 1 & 1);
		assert_int_equal(message.instead, flags & 4 ? 1 + (flags >> 3 & 3) : 0);
		assert_int_equal(convert_instead_flags(message.instead), flags & 4 ? flags & 28 : 0);
	}
	assert_int_equal(convert_instead_flags(200), convert_instead_flags(CONVERT_BRAID_INSTEAD_MOST));
	assert_int_equal(get(&message, longer.at, longer.n), CONVERT_E_MALFORMED);
}

static void a_source_is_read(void **state)
{
	struct unit_bytes m = unit_hex("01062263 c505ffff 20010db8 00000000 00000000 00000009");
	struct unit_bytes faults[] = { unit_hex("01052263 c5040000 20010db8 00000000 00000000"),
				       unit_hex("01072263 c5060000 20010db8 00000000 00000000 00000009 00000000") };
	struct convert_message message;
	char text[ADDRESS_TEXT_BYTES];

	assert_int_equal(get(&message, m.at, m.n), 0);
	assert_true(message.has_source && !message.n_unknown);
	assert_string_equal(address_format(&message.source, text), "2001:db8::9");
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
		assert_int_equal(get(&message, faults[i].at, faults[i].n), CONVERT_E_MALFORMED);
}

static void watch_and_nonce_are_read(void **state)
{
	struct unit_bytes watch = unit_hex("01042263 c103ffff 01234567 89abcdef"),
			  nonce = unit_hex("01052263 c204ffff 000102030405060708090a0b");
	struct convert_message message;

	assert_int_equal(get(&message, watch.at, watch.n), 0);
	assert_true(message.has_watch && !message.has_nonce && !message.n_unknown);
	assert_true(message.watch == 0x0123456789abcdef);
	assert_int_equal(convert_message_get(&message, nonce.at, nonce.n), 0);   /* which borrows */
	assert_true(message.has_nonce && !message.has_watch && !message.n_unknown);
	unit_expect_bytes("nonce", "000102030405060708090a0b", message.nonce.at, message.nonce.n);
}

static void claim_and_host_are_read(void **state)
{
	struct unit_bytes claim = unit_hex("01082263 c307ffff 000102030405060708090a0b0c0d0e0f1011121314151617"),
			  offer = unit_hex("01022263 c301ffff");
	struct unit_bytes host = unit_hex("01062263 c4050050 00000000000000000000ffff c0a8010a");
	struct convert_message message;
	char text[ADDRESS_TEXT_BYTES];

	assert_int_equal(convert_message_get(&message, claim.at, claim.n), 0);   /* which borrows */
	assert_true(message.has_claim && !message.has_host && !message.n_unknown);
	unit_expect_bytes("claim", "000102030405060708090a0b0c0d0e0f1011121314151617", message.claim.at,
			  message.claim.n);
	assert_int_equal(get(&message, offer.at, offer.n), 0);
	assert_true(message.has_claim && !message.claim.n);
	assert_int_equal(get(&message, host.at, host.n), 0);
	assert_true(message.has_host && !message.has_claim && !message.n_unknown);
	assert_string_equal(address_format(&message.host, text), "192.168.1.10:80");
}

static void pcp_is_read(void **state)
{
	struct unit_bytes offer = unit_hex("01022263 c601ffff"),
			  request = unit_hex("01082263 c607abcd 00000000000000000000ffff0a000007 0003ffff 020100ff");
	struct convert_message message;

	assert_int_equal(get(&message, offer.at, offer.n), 0);
	assert_true(message.has_pcp && !message.pcp.message.n && !message.n_unknown);
	assert_int_equal(convert_message_get(&message, request.at, request.n), 0);   /* which borrows */
	assert_true(message.has_pcp && message.pcp.id == 0xabcd && address_is_v4(&message.pcp.host));
	unit_expect_bytes("message", "020100", message.pcp.message.at, message.pcp.message.n);
}

static void what_the_links_limit_is_read(void **state)
{
	struct unit_bytes plain = unit_hex("01022263 c701ffff"), longer = unit_hex("01032263 c7020000 00000000");
	struct convert_message message;

	assert_int_equal(get(&message, plain.at, plain.n), 0);
	assert_true(message.has_limited && !message.n_unknown);
	assert_int_equal(get(&message, longer.at, longer.n), CONVERT_E_MALFORMED);
}

static void a_proof_is_read(void **state)
{
	struct unit_bytes plain = unit_hex("01062263 cf05ffff 000102030405060708090a0b0c0d0e0f"),
	shorter = unit_hex("01052263 cf040000 000102030405060708090a0b"),
			  longer = unit_hex("01072263 cf060000 000102030405060708090a0b0c0d0e0f 00000000");
	struct convert_message message;

	assert_int_equal(convert_message_get(&message, plain.at, plain.n), 0);   /* which borrows */
	assert_true(message.has_proof && !message.n_unknown);
	unit_expect_bytes("proof", "000102030405060708090a0b0c0d0e0f", message.proof.at, message.proof.n);
	assert_int_equal(get(&message, shorter.at, shorter.n), CONVERT_E_MALFORMED);
	assert_int_equal(get(&message, longer.at, longer.n), CONVERT_E_MALFORMED);
}

static void first_bytes_are_read(void **state)
{
	struct unit_bytes number = unit_hex("01022263 c90103e8"), bytes = unit_hex("01032263 c9020003 474554ff"),
	none = unit_hex("01032263 c9020000 00000000"),
			  long_ones = unit_hex("01032263 c9020005 47455420"),
			  short_ones = unit_hex("01042263 c9030002 47450000 00000000");
	struct convert_message message;

	assert_int_equal(get(&message, number.at, number.n), 0);
	assert_true(message.has_first && message.first.n == 1000 && !message.first.bytes.n && !message.n_unknown);
	assert_int_equal(convert_message_get(&message, bytes.at, bytes.n), 0);   /* which borrows */
	assert_true(message.has_first && message.first.n == 3);
	unit_expect_bytes("first", "474554", message.first.bytes.at, message.first.bytes.n);
	assert_int_equal(get(&message, none.at, none.n), CONVERT_E_MALFORMED);
	assert_int_equal(get(&message, long_ones.at, long_ones.n), CONVERT_E_MALFORMED);
	assert_int_equal(get(&message, short_ones.at, short_ones.n), CONVERT_E_MALFORMED);
}

static void types_without_a_name_are_counted(void **state)
{
	struct unit_bytes m = unit_hex("01022263 00010000");
	unsigned int n_unknown = 0;
	struct convert_message message;

	for (unsigned int type = 1; type < 256; type++) {
		m.at[4] = (uint8_t)type;
		if (!get(&message, m.at, m.n))
			n_unknown += (unsigned int)message.n_unknown;
	}
	assert_int_equal(n_unknown, 255 - 17);
}

static void headers_are_told_apart(void **state)
{
	struct unit_bytes m = unit_hex("01012263");
	struct convert_header header;

	for (unsigned int version = 0; version < 256; version++) {
		m.at[0] = (uint8_t)version;
		assert_int_equal(convert_header_get(&header, m.at, m.n), version == 1 ? 0 : CONVERT_E_VERSION);
		assert_int_equal(header.version, version);
	}
	m.at[0] = 1;
	for (unsigned int bit = 0; bit < 16; bit++) {
		m.at[2 + bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(convert_header_get(&header, m.at, m.n), CONVERT_E_MALFORMED);
		m.at[2 + bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (unsigned int n_words = 0; n_words < 256; n_words++) {
		m.at[1] = (uint8_t)n_words;
		assert_int_equal(convert_header_get(&header, m.at, m.n), n_words ? 0 : CONVERT_E_MALFORMED);
		assert_int_equal(header.n_bytes, 4 * n_words);
	}
}

static void every_length_of_each_tlv(void **state)
{
	static const struct { uint8_t type; unsigned int least, most; } shapes[] = {
		{ CONVERT_INFO, 1, 1 }, { CONVERT_CONNECT, 5, 254 }, { CONVERT_EXTENDED_TCP_HEADER, 1, 254 },
		{ CONVERT_SUPPORTED_TCP_EXTENSIONS, 1, 254 }, { CONVERT_COOKIE, 1, 254 }, { CONVERT_ERROR, 1, 254 },
		{ CONVERT_BRAID_DSCP, 1, 1 }, { CONVERT_BRAID_WATCH, 3, 3 }, { CONVERT_BRAID_NONCE, 4, 4 },
		{ CONVERT_BRAID_SOURCE, 5, 5 }, { 200, 1, 254 },
	};
	struct unit_bytes m = unit_hex("01002263 00000000");
	struct convert_message message;

	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++)
		for (unsigned int n_words = 0; n_words < 255; n_words++) {
			bool fits = n_words >= shapes[i].least && n_words <= shapes[i].most;

			m.at[1] = (uint8_t)(n_words ? n_words + 1 : 2);
			m.at[4] = shapes[i].type;
			m.at[5] = (uint8_t)n_words;
			if (get(&message, m.at, 4u * m.at[1]) != (fits ? 0 : CONVERT_E_MALFORMED))
				fail_msg("type %u of %u words: expected it to be %s", shapes[i].type, n_words,
					 fits ? "taken" : "malformed");
		}
}

static void connect_names_both_families(void **state)
{
	struct unit_bytes v4 = unit_hex("01062263 0a0501bb 00000000000000000000ffff c0000201");
	struct unit_bytes v6 = unit_hex("01062263 0a05ffff 20010db8 00000000 00000000 00000001");
	struct unit_bytes compatible = unit_hex("01062263 0a050001 00000000 00000000 00000000 c0000201");
	char text[ADDRESS_TEXT_BYTES];
	struct convert_message message;

	assert_int_equal(get(&message, v4.at, v4.n), 0);
	assert_string_equal(address_format(&message.connect.remote, text), "192.0.2.1:443");
	assert_int_equal(get(&message, v6.at, v6.n), 0);
	assert_string_equal(address_format(&message.connect.remote, text), "[2001:db8::1]:65535");
	assert_int_equal(get(&message, compatible.at, compatible.n), 0);
	assert_string_equal(address_format(&message.connect.remote, text), "[::192.0.2.1]:1");
}

static void options_are_listed(void **state)
{
	struct unit_bytes bytes = unit_hex("00 01 020405b4 01 1e02 0402 00 2206a0a1a2a3 0000");
	static const struct { uint8_t kind; const char *content; } expected[] = {
		{ 2, "05b4" }, { 30, "" }, { 4, "" }, { 34, "a0a1a2a3" },
	};
	struct cursor c = cursor_of(bytes.at, bytes.n);
	struct convert_option option;

	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		assert_true(convert_option_next(&c, &option));
		assert_int_equal(option.kind, expected[i].kind);
		unit_expect_bytes("content", expected[i].content, option.content.at, option.content.n);
	}
	assert_false(convert_option_next(&c, &option));
	assert_false(cursor_failed(&c));
}

static void broken_options_end_the_list(void **state)
{
	static const struct { const char *hex; unsigned int n_sound; } cases[] = {
		{ "02", 0 }, { "0200", 0 }, { "0201", 0 }, { "020405", 0 }, { "02ff0000", 0 }, { "0402 1e", 1 },
		{ "0402 1e02 0301", 2 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct unit_bytes bytes = unit_hex(cases[i].hex);
		unsigned int n_sound = 0;
		uint8_t *copy = unit_copy(bytes.at, bytes.n);
		struct cursor c = cursor_of(copy, bytes.n);
		struct convert_option option;

		while (convert_option_next(&c, &option))
			n_sound++;
		if (!cursor_failed(&c) || n_sound != cases[i].n_sound)
			fail_msg("%s: expected it to be broken behind %u, saw %u", cases[i].hex, cases[i].n_sound,
				 n_sound);
		free(copy);
	}
}

/* The faults of a public codec, each as it was. */
static void error_of_length_zero_ends(void **state)
{
	expect(CONVERT_E_MALFORMED, "01022263 1e006000");
}

static void cookie_of_length_zero_does_not_underflow(void **state)
{
	expect(CONVERT_E_MALFORMED, "01032263 16000000 00000000");
}

static void info_of_length_zero_ends(void **state)
{
	expect(CONVERT_E_MALFORMED, "01022263 01000000");
}

static void connect_of_length_zero_ends(void **state)
{
	expect(CONVERT_E_MALFORMED, "01062263 0a0001bb 00000000 00000000 00000000 00000000");
}

static void unknown_of_length_zero_ends(void **state)
{
	expect(CONVERT_E_MALFORMED, "01022263 c8000000");
}

static void unknown_behind_extended_header_is_skipped(void **state)
{
	expect(0, "01042263 14020000 020405b4 c8010000");
}

static void unknown_of_length_zero_behind_extended_header_ends(void **state)
{
	expect(CONVERT_E_MALFORMED, "01042263 14020000 020405b4 c8000000");
}

static void last_tlv_beyond_the_message(void **state)
{
	expect(CONVERT_E_MALFORMED, "01022263 16ff0000 00000000");
}

static void reserved_type_is_named(void **state)
{
	expect(CONVERT_E_RESERVED, "01032263 01010000 00010000");
}

static void header_is_split_over_reads(void **state)
{
	static const char *const reads[] = { "", "01", "0106", "010622", "01062263", "01062263 0a" };
	struct convert_header header;

	for (size_t i = 0; i < ARRAY_SIZE(reads); i++) {
		struct unit_bytes m = unit_hex(reads[i]);

		expect(CONVERT_E_SHORT, reads[i]);
		assert_int_equal(convert_header_get(&header, m.at, m.n), i < 4 ? CONVERT_E_SHORT : 0);
	}
}

static void data_behind_the_tlvs_is_not_read(void **state)
{
	struct unit_bytes m = unit_hex("01022263 01010000 1e006000 ffffffff 00");
	struct convert_message message;

	assert_int_equal(get(&message, m.at, m.n), 0);
	assert_int_equal(message.n_bytes, 8);
	assert_true(message.has_info);
	assert_false(message.has_error);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_comes_byte_at_a_time),
		cmocka_unit_test(a_message_cut_short_inside_is_malformed),
		cmocka_unit_test(tlvs_come_in_any_order),
		cmocka_unit_test(messages_follow_each_other),
		cmocka_unit_test(a_message_has_255_words_at_most),
		cmocka_unit_test(a_message_may_hold_248_tlvs),
		cmocka_unit_test(every_type_may_come_once),
		cmocka_unit_test(dscp_is_six_bits),
		cmocka_unit_test(watch_and_nonce_are_read),
		cmocka_unit_test(a_source_is_read),
		cmocka_unit_test(claim_and_host_are_read),
		cmocka_unit_test(pcp_is_read),
		cmocka_unit_test(what_the_links_limit_is_read),
		cmocka_unit_test(a_proof_is_read), cmocka_unit_test(first_bytes_are_read),
		cmocka_unit_test(types_without_a_name_are_counted),
		cmocka_unit_test(headers_are_told_apart),
		cmocka_unit_test(every_length_of_each_tlv),
		cmocka_unit_test(connect_names_both_families),
		cmocka_unit_test(options_are_listed),
		cmocka_unit_test(broken_options_end_the_list),
		cmocka_unit_test(error_of_length_zero_ends),
		cmocka_unit_test(cookie_of_length_zero_does_not_underflow),
		cmocka_unit_test(info_of_length_zero_ends),
		cmocka_unit_test(connect_of_length_zero_ends),
		cmocka_unit_test(unknown_of_length_zero_ends),
		cmocka_unit_test(unknown_behind_extended_header_is_skipped),
		cmocka_unit_test(unknown_of_length_zero_behind_extended_header_ends),
		cmocka_unit_test(last_tlv_beyond_the_message),
		cmocka_unit_test(reserved_type_is_named),
		cmocka_unit_test(header_is_split_over_reads),
		cmocka_unit_test(data_behind_the_tlvs_is_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
