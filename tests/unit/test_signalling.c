/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Convert's client and server talking to each other in memory, and to peers that aren't ours. */
#include "unit_convert.h"

#define COOKIE "16050000 a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"
#define CONNECT "0a0501bb 00000000000000000000ffff c0000201"
#define WATCH "c1030000 01234567 89abcdef"
#define OFFERED "c1030002 01234567 89abcdef"
#define SOURCE "c5050000 20010db8 00000000 00000000 00000009"
#define NONCE "c2040000 000102030405060708090a0b"

static const struct scheme *const scheme = &scheme_convert;

static struct signalling_request request_of(const char *destination)
{
	struct signalling_request request = { .probe = 0 };

	assert_int_equal(address_parse(&request.destination, destination, 0), 0);
	return request;
}

static void expect_destination(const struct heard *h, const char *expected)
{
	char text[ADDRESS_TEXT_BYTES];

	assert_string_equal(address_format(&h->request.destination, text), expected);
}

static size_t begin(const struct signalling_request *request, uint8_t *out)
{
	struct conversation conversation;
	struct signalling_step step = scheme->client_begin(&conversation, request, out);

	assert_int_equal(step.verdict, SIGNALLING_NEED_MORE);
	return step.n_out;
}

static void client_asks_as_the_rfc_says(void **state)
{
	struct signalling_request request = request_of("192.0.2.1:443");
	struct unit_bytes cookie = unit_hex("a0a1a2a3a4a5a6a7a8a9aaabacadaeaf");
	uint8_t out[SIGNALLING_MESSAGE_BYTES];

	unit_expect_bytes("Connect", "01062263" CONNECT, out, begin(&request, out));
	request.n_credential = (uint8_t)cookie.n;
	memcpy(request.credential, cookie.at, cookie.n);
	unit_expect_bytes("Cookie, Connect", "010b2263" COOKIE CONNECT, out, begin(&request, out));
	request.dscp = 46;
	unit_expect_bytes("Cookie, Connect, DSCP", "010c2263" COOKIE CONNECT "c0012e00", out, begin(&request, out));
	request.plain = request.raced = 1, request.instead = 3;
	unit_expect_bytes("Cookie, Connect, DSCP, every flag", "010c2263" COOKIE CONNECT "c0012e17", out,
			  begin(&request, out));
	request.dscp = 0;
	unit_expect_bytes("Cookie, Connect, every flag", "010c2263" COOKIE CONNECT "c0010017", out,
			  begin(&request, out));
	request.dscp = 46;
	request.plain = request.raced = request.instead = 0;
	request.watch = 0x0123456789abcdef;
	unit_expect_bytes("Cookie, Connect, DSCP, watch", "010f2263" COOKIE CONNECT "c0012e00" WATCH, out,
			  begin(&request, out));
	request.source = unit_address("[2001:db8::9]:1234");
	unit_expect_bytes("all", "01142263" COOKIE CONNECT "c0012e00" WATCH SOURCE, out, begin(&request, out));
	request.probe = 1;
	unit_expect_bytes("Cookie, Info", "01072263" COOKIE "01010000", out, begin(&request, out));
	request.n_credential = 0;
	unit_expect_bytes("Info", "01022263 01010000", out, begin(&request, out));
	request = request_of("[2001:db8::1]:8080");
	unit_expect_bytes("Connect, IPv6", "01062263 0a051f90 20010db8 00000000 00000000 00000001", out,
			  begin(&request, out));
}

/* Every length of credential, byte at a time and in one piece, with data of the connection behind. */
static void server_hears_what_client_asks(void **state)
{
	struct signalling_request request = request_of("[2001:db8::1]:443");
	uint8_t wire[SIGNALLING_MESSAGE_BYTES + 5];

	for (size_t i = 0; i < sizeof(request.credential); i++)
		request.credential[i] = (uint8_t)(i + 1);
	for (request.n_credential = 0; request.n_credential <= SIGNALLING_CREDENTIAL_BYTES; request.n_credential += 4) {
		size_t n = begin(&request, wire);

		memcpy(wire + n, "hello", 5);
		for (size_t n_piece = 1; n_piece <= n + 5; n_piece += n_piece == 1 ? 6 : n) {
			struct heard h = unit_server_hears_in(wire, n + 5, n_piece);

			unit_expect_step(&h, SIGNALLING_DONE, OUTCOME_CONNECTED, n);
			assert_true(h.n_fed >= n && h.n_fed < n + n_piece);
			assert_int_equal(h.step.n_out, 0);
			assert_true(address_equal(&h.request.destination, &request.destination));
			assert_int_equal(h.request.n_credential, request.n_credential);
			assert_memory_equal(h.request.credential, request.credential, request.n_credential);
			assert_int_equal(h.request.wants_mptcp, 0);
		}
	}
}

/* The whole way there and back for every outcome: the RFC's code on the wire, and what the client makes of it. */
static void every_outcome_has_its_code(void **state)
{
	static const struct {
		struct signalling_result result;
		const char *answer;
		enum signalling_outcome heard;
	} cases[] = {
		{ { OUTCOME_CONNECTED }, "01012263", OUTCOME_CONNECTED },
		{ { OUTCOME_BAD_VERSION }, "01022263 1e010001", OUTCOME_BAD_VERSION },
		{ { OUTCOME_MALFORMED }, "01022263 1e010100", OUTCOME_MALFORMED },
		{ { OUTCOME_UNSUPPORTED_MESSAGE }, "01022263 1e010200", OUTCOME_UNSUPPORTED_MESSAGE },
		{ { OUTCOME_MISSING_CREDENTIAL }, "01022263 1e012000", OUTCOME_NOT_AUTHORISED },
		{ { OUTCOME_NOT_AUTHORISED }, "01022263 1e012000", OUTCOME_NOT_AUTHORISED },
		{ { OUTCOME_BYPASSED }, "01022263 1e012001", OUTCOME_BYPASSED },
		{ { OUTCOME_UNSUPPORTED_OPTION }, "01022263 1e012100", OUTCOME_UNSUPPORTED_OPTION },
		{ { OUTCOME_OVER_LIMIT, .retry_after_s = 60 }, "01022263 1e01403c", OUTCOME_OVER_LIMIT },
		{ { OUTCOME_OVER_LIMIT }, "01022263 1e014000", OUTCOME_OVER_LIMIT },
		{ { OUTCOME_NETWORK_FAILURE, .retry_after_s = 7 }, "01022263 1e014107", OUTCOME_NETWORK_FAILURE },
		{ { OUTCOME_REFUSED }, "01022263 1e016000", OUTCOME_REFUSED },
		{ { OUTCOME_UNREACHABLE, .icmp_code = 3 }, "01022263 1e016103", OUTCOME_UNREACHABLE },
		{ { OUTCOME_TIMED_OUT }, "01022263 1e0161ff", OUTCOME_TIMED_OUT },
	};
	bool tried[OUTCOME_N] = { false };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct heard server = unit_server_hears("01062263" CONNECT);
		size_t n = scheme->server_answer(&server.conversation, &cases[i].result, server.out);

		tried[cases[i].result.outcome] = true;
		unit_expect_bytes(signalling_outcome_name(cases[i].result.outcome), cases[i].answer, server.out, n);
		for (size_t n_piece = 1; n_piece <= n; n_piece += n - 1) {
			struct heard client = unit_client_hears_in(server.out, n, n_piece);

			unit_expect_step(&client, i ? SIGNALLING_REFUSED : SIGNALLING_DONE, cases[i].heard, n);
			assert_int_equal(client.n_fed, n);
			assert_int_equal(client.step.result.retry_after_s, cases[i].result.retry_after_s);
			assert_int_equal(client.step.result.icmp_code, cases[i].result.icmp_code);
		}
	}
	for (size_t i = 0; i < OUTCOME_N; i++)
		assert_true(tried[i]);
}

static void client_knows_every_code(void **state)
{
	static const struct { uint8_t code; enum signalling_outcome outcome; } cases[] = {
		{ 0, OUTCOME_BAD_VERSION }, { 1, OUTCOME_MALFORMED }, { 2, OUTCOME_UNSUPPORTED_MESSAGE },
		{ 3, OUTCOME_MISSING_CREDENTIAL }, { 32, OUTCOME_NOT_AUTHORISED }, { 33, OUTCOME_UNSUPPORTED_OPTION },
		{ 64, OUTCOME_OVER_LIMIT }, { 65, OUTCOME_NETWORK_FAILURE }, { 96, OUTCOME_REFUSED },
		{ 97, OUTCOME_UNREACHABLE },
	};
	enum signalling_outcome expected[256];
	struct unit_bytes m = unit_hex("01022263 1e010000");

	for (size_t code = 0; code < 256; code++)
		expected[code] = OUTCOME_NETWORK_FAILURE;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expected[cases[i].code] = cases[i].outcome;
	for (size_t code = 0; code < 256; code++) {
		struct heard h;

		m.at[6] = (uint8_t)code;
		h = unit_client_hears_in(m.at, m.n, m.n);
		unit_expect_step(&h, SIGNALLING_REFUSED, expected[code], m.n);
	}
}

static void client_takes_foreign_answers(void **state)
{
	struct heard h = unit_client_hears("01042263 14030000 020405b4 04020101" "48545450");

	unit_expect_step(&h, SIGNALLING_DONE, OUTCOME_CONNECTED, 16);
	h = unit_client_hears("01032263 15020000 04081e22");
	unit_expect_step(&h, SIGNALLING_DONE, OUTCOME_CONNECTED, 12);
	h = unit_client_hears("01032263 14010000 c8010000");   /* a TLV to come */
	unit_expect_step(&h, SIGNALLING_DONE, OUTCOME_CONNECTED, 12);
	h = unit_client_hears("01062263 1e050300 a0a1a2a3a4a5a6a7a8a9aaabacadaeaf");
	unit_expect_step(&h, SIGNALLING_REFUSED, OUTCOME_MISSING_CREDENTIAL, 24);
	h = unit_client_hears("01032263 14010000 1e016000");   /* an error beside anything is an error */
	unit_expect_step(&h, SIGNALLING_REFUSED, OUTCOME_REFUSED, 12);
	h = unit_client_hears("0101226348545450");
	unit_expect_step(&h, SIGNALLING_DONE, OUTCOME_CONNECTED, 4);
}

static void client_turns_down_nonsense(void **state)
{
	static const struct { const char *hex; enum signalling_outcome outcome; } cases[] = {
		{ "474554202f", OUTCOME_MALFORMED }, { "01002263", OUTCOME_MALFORMED },
		{ "02012263", OUTCOME_BAD_VERSION }, { "00012263", OUTCOME_BAD_VERSION },
		{ "01022263 00010000", OUTCOME_MALFORMED }, { "01032263 14010000 14010000", OUTCOME_MALFORMED },
		{ "01022263 1e006000", OUTCOME_MALFORMED },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct heard h = unit_client_hears(cases[i].hex);

		unit_expect_step(&h, SIGNALLING_REFUSED, cases[i].outcome, 0);
		assert_int_equal(h.step.n_out, 0);
	}
}

/* Other people's clients: Connect alone, Cookie before or behind it, data behind the message. */
static void server_takes_foreign_clients(void **state)
{
	static const struct { const char *hex; size_t n_consumed; uint8_t n_credential; } cases[] = {
		{ "01062263" CONNECT, 24, 0 },
		{ "01062263" CONNECT "474554202f", 24, 0 },
		{ "010b2263" COOKIE CONNECT, 44, 16 },
		{ "010b2263" CONNECT COOKIE, 44, 16 },
		{ "010b2263" CONNECT COOKIE "1603010200", 44, 16 },
		{ "01072263" CONNECT "16010000", 28, 0 },       /* a Cookie TLV without a cookie */
		{ "01072263 01010000" CONNECT, 28, 0 },         /* Info with Connect: the Connect counts */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct unit_bytes in = unit_hex(cases[i].hex);

		for (size_t n_piece = 1; n_piece <= in.n; n_piece += in.n - 1) {
			struct heard h = unit_server_hears_in(in.at, in.n, n_piece);

			unit_expect_step(&h, SIGNALLING_DONE, OUTCOME_CONNECTED, cases[i].n_consumed);
			expect_destination(&h, "192.0.2.1:443");
			assert_int_equal(h.request.n_credential, cases[i].n_credential);
			unit_expect_bytes("credential", cases[i].n_credential ? "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf" : "",
					  h.request.credential, h.request.n_credential);
		}
	}
}

static void a_cookie_too_long_is_none(void **state)
{
	struct unit_bytes m = unit_hex("01002263 16000000");
	struct heard h;

	memset(m.at + m.n, 0xc0, SIGNALLING_CREDENTIAL_BYTES + 4);
	m.n += SIGNALLING_CREDENTIAL_BYTES + 4;
	m.at[5] = (uint8_t)((m.n - 4) / 4);
	unit_hex_add(&m, CONNECT);
	m.at[1] = (uint8_t)(m.n / 4);
	h = unit_server_hears_in(m.at, m.n, m.n);
	unit_expect_step(&h, SIGNALLING_DONE, OUTCOME_CONNECTED, m.n);
	assert_int_equal(h.request.n_credential, 0);
}

static void a_probe_is_answered(void **state)
{
	struct signalling_request request = { .probe = 1 };
	uint8_t wire[SIGNALLING_MESSAGE_BYTES];
	size_t n = begin(&request, wire);

	for (size_t n_piece = 1; n_piece <= n; n_piece += n - 1) {
		struct heard server = unit_server_hears_in(wire, n, n_piece), client;

		unit_expect_step(&server, SIGNALLING_ANSWERED, OUTCOME_CONNECTED, n);
		unit_expect_bytes("Supported", "01032263 15020000 04081e00", server.out, server.step.n_out);
		client = unit_client_hears_in(server.out, server.step.n_out, n_piece);
		unit_expect_step(&client, SIGNALLING_DONE, OUTCOME_CONNECTED, server.step.n_out);
	}
}

static void a_probe_carries_its_cookie(void **state)
{
	struct heard h = unit_server_hears("01072263" COOKIE "01010000");

	unit_expect_step(&h, SIGNALLING_ANSWERED, OUTCOME_CONNECTED, 28);
	assert_int_equal(h.request.n_credential, 16);
	assert_true(address_is_unspecified(&h.request.destination));
}

static void an_offer_is_heard_and_taken_up(void **state)
{
	uint8_t out[SIGNALLING_MESSAGE_BYTES];
	size_t n = scheme->server_offer(&(struct signalling_offer){ .kin = true, .watch = 0x0123456789abcdef }, out);
	struct heard h = unit_client_hears_in(out, n, 1);

	unit_expect_bytes("offer", "01062263 15020000 04081e00" OFFERED, out, n);
	unit_expect_step(&h, SIGNALLING_DONE, OUTCOME_CONNECTED, n);
	assert_true(h.step.watch == 0x0123456789abcdef && h.step.kin && h.step.takes_wide);
	h = unit_client_hears_in(out, scheme->server_offer(&(struct signalling_offer){ .kin = false }, out), 1);
	unit_expect_bytes("none", "01032263 15020000 04081e00", out, 12);
	assert_true(!h.step.watch && !h.step.kin);
	n = scheme->server_offer(&(struct signalling_offer){ .kin = true }, out);
	unit_expect_bytes("of the same kind, and no place for us",
			  "01062263 15020000 04081e00 c1030002 00000000 00000000", out, n);
	h = unit_client_hears_in(out, n, 1);
	assert_true(!h.step.watch && h.step.kin);
	h = unit_client_hears("01052263 1e016000" WATCH);
	unit_expect_step(&h, SIGNALLING_REFUSED, OUTCOME_REFUSED, 20);
	assert_true(!h.step.watch);   /* a refusal offers nothing */
	h = unit_server_hears("01092263" CONNECT WATCH);
	unit_expect_step(&h, SIGNALLING_DONE, OUTCOME_CONNECTED, 36);
	assert_true(h.request.watch == 0x0123456789abcdef);
	n = scheme->server_offer(&(struct signalling_offer){ .kin = true, .watch = 0x0123456789abcdef,
							     .wants_source = true }, out);
	unit_expect_bytes("offer, with the wish for sources",
			  "010b2263 15020000 04081e00" OFFERED "c5050000 00000000 00000000 00000000 00000000", out, n);
	h = unit_client_hears("01062263 15020000 04081e00" WATCH);   /* of an older kind */
	assert_true(h.step.kin && !h.step.takes_wide && !h.step.wants_source &&
		    unit_client_hears_in(out, n, 1).step.wants_source);
	h = unit_server_hears("010b2263" CONNECT SOURCE);
	unit_expect_address("source", "2001:db8::9", &h.request.source);
}

static struct signalling_step hears_early(const uint8_t *in, size_t n, uint8_t nonce[SIGNALLING_NONCE_BYTES])
{
	uint8_t *copy = unit_copy(in, n);
	struct signalling_step step = scheme->client_early(copy, n, nonce);

	free(copy);
	return step;
}

/* As it would be heard on the connection itself; and nothing before it is complete. */
static void every_outcome_can_be_told_early(void **state)
{
	static const uint8_t nonce[SIGNALLING_NONCE_BYTES] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 };
	uint8_t out[SIGNALLING_MESSAGE_BYTES], answer[SIGNALLING_MESSAGE_BYTES], heard[SIGNALLING_NONCE_BYTES];
	struct signalling_step step;

	for (unsigned int i = 0; i < OUTCOME_N; i++) {
		struct signalling_result result = { .outcome = i, .icmp_code = 3, .retry_after_s = 7, .mss_bytes = 1460,
						    .window_scale = 7, .sack = 1 };
		struct conversation plain = { 0 };
		size_t n = scheme->server_early(nonce, &result, out),
		       n_answer = scheme->server_answer(&plain, &result, answer);
		struct heard itself = unit_client_hears_in(answer, n_answer, n_answer);

		for (size_t n_in = 0; n_in < n; n_in++)
			assert_int_equal(hears_early(out, n_in, heard).verdict, SIGNALLING_NEED_MORE);
		step = hears_early(out, n, heard);
		assert_int_equal(step.verdict, SIGNALLING_DONE);
		assert_int_equal(step.n_consumed, n);
		assert_string_equal(signalling_outcome_name(step.result.outcome),
				    signalling_outcome_name(itself.step.result.outcome));
		assert_int_equal(step.result.icmp_code, itself.step.result.icmp_code);
		assert_int_equal(step.result.retry_after_s, itself.step.result.retry_after_s);
		assert_memory_equal(heard, nonce, sizeof(nonce));
	}
	unit_expect_bytes("accepted", "01052263" NONCE, out,
			  scheme->server_early(nonce, &(struct signalling_result){ .outcome = OUTCOME_CONNECTED },
					       out));
	unit_expect_bytes("refused", "01062263" NONCE "1e016000", out,
			  scheme->server_early(nonce, &(struct signalling_result){ .outcome = OUTCOME_REFUSED }, out));
}

static void what_is_no_early_answer(void **state)
{
	static const char *const messages[] = { "01012263", "01022263 1e016000", "01042263" WATCH, "02052263" NONCE,
						"01052263 c2030000 0001020304050607 00010000", "47455420" };
	uint8_t nonce[SIGNALLING_NONCE_BYTES] = { 0xee };

	for (size_t i = 0; i < ARRAY_SIZE(messages); i++) {
		struct unit_bytes m = unit_hex(messages[i]);
		struct signalling_step step = hears_early(m.at, m.n, nonce);

		assert_int_equal(step.verdict, SIGNALLING_REFUSED);
		assert_int_equal(step.n_consumed, 0);
		assert_int_equal(nonce[0], 0xee);
	}
	unit_expect_refused("010a2263" CONNECT NONCE, OUTCOME_UNSUPPORTED_MESSAGE,
			    "010c2263 1e0b0200 010a2263" CONNECT NONCE);
}

static void server_refuses_with_the_rfcs_code(void **state)
{
	/* another version: the one we speak (6.2.8, error 0), as soon as the header is there */
	unit_expect_refused("02062263", OUTCOME_BAD_VERSION, "01022263 1e010001");
	unit_expect_refused("00ff2263 474554", OUTCOME_BAD_VERSION, "01022263 1e010001");
	/* malformed: with its echo (error 1) and no more than the message */
	unit_expect_refused("01022263 1e006000 474554", OUTCOME_MALFORMED, "01042263 1e030100 01022263 1e006000");
	unit_expect_refused("01032263 01010000 01010000", OUTCOME_MALFORMED,
			    "01052263 1e040100 01032263 01010000 01010000");
	unit_expect_refused("0101ffff 01020304", OUTCOME_MALFORMED, "01042263 1e030100 0101ffff 01020304");
	unit_expect_refused("47455420", OUTCOME_MALFORMED, "01032263 1e020100 47455420");
	/* a reserved type, or nothing that we serve: unsupported (error 2), with its echo */
	unit_expect_refused("01022263 00010000", OUTCOME_UNSUPPORTED_MESSAGE, "01042263 1e030200 01022263 00010000");
	unit_expect_refused("01022263 c8010000 00", OUTCOME_UNSUPPORTED_MESSAGE, "01042263 1e030200 01022263 c8010000");
	unit_expect_refused("01012263", OUTCOME_UNSUPPORTED_MESSAGE, "01032263 1e020200 01012263");
	unit_expect_refused("01062263" COOKIE, OUTCOME_UNSUPPORTED_MESSAGE, "01082263 1e070200 01062263" COOKIE);
	unit_expect_refused("01072263 c8010000" CONNECT, OUTCOME_UNSUPPORTED_MESSAGE,
			    "01092263 1e080200 01072263 c8010000" CONNECT);
	unit_expect_refused("01032263 01010000 80010000", OUTCOME_UNSUPPORTED_MESSAGE,
			    "01052263 1e040200 01032263 01010000 80010000");
}

static void a_length_of_zero_is_reset_without_an_answer(void **state)
{
	unit_expect_refused("01002263", OUTCOME_MALFORMED, "");
	unit_expect_refused("01002263 01010000", OUTCOME_MALFORMED, "");
}

static void some_addresses_are_malformed(void **state)
{
	static const struct { const char *ip; bool never; } cases[] = {
		{ "127.0.0.1", true }, { "127.255.255.255", true }, { "126.255.255.255", false },
		{ "128.0.0.0", false }, { "224.0.0.1", true }, { "239.255.255.255", true },
		{ "223.255.255.255", false }, { "255.255.255.255", true }, { "::1", true }, { "::2", false },
		{ "ff02::1", true }, { "fe80::1", false }, { "2001:db8::1", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct signalling_request request = { .probe = 0 };
		uint8_t wire[SIGNALLING_MESSAGE_BYTES];
		struct heard h;
		size_t n;

		assert_int_equal(address_parse(&request.destination, cases[i].ip, 443), 0);
		n = begin(&request, wire);
		h = unit_server_hears_in(wire, n, n);
		if (h.step.verdict != (cases[i].never ? SIGNALLING_REFUSED : SIGNALLING_DONE))
			fail_msg("%s: expected it to be %s", cases[i].ip, cases[i].never ? "refused" : "taken");
		if (!cases[i].never)
			continue;
		assert_int_equal(h.step.result.outcome, OUTCOME_MALFORMED);
		assert_int_equal(h.out[6], 1);
		assert_int_equal(h.step.n_out, 8 + n);
		assert_memory_equal(h.out + 8, wire, n);
	}
}

/* Nothing is decided before the message is complete. */
static void every_truncation_needs_more(void **state)
{
	struct unit_bytes m = unit_hex("010b2263" COOKIE CONNECT);

	for (size_t n = 0; n < m.n; n++) {
		struct heard h = unit_server_hears_in(m.at, n, n + 1);

		unit_expect_step(&h, SIGNALLING_NEED_MORE, OUTCOME_CONNECTED, 0);
		assert_int_equal(h.step.n_out, 0);
		h = unit_client_hears_in(m.at, n, n + 1);
		unit_expect_step(&h, SIGNALLING_NEED_MORE, OUTCOME_CONNECTED, 0);
	}
}

static void outcomes_have_names(void **state)
{
	for (unsigned int i = 0; i < OUTCOME_N; i++)
		for (unsigned int j = 0; j < i; j++)
			assert_string_not_equal(signalling_outcome_name(i), signalling_outcome_name(j));
	assert_string_equal(signalling_outcome_name(OUTCOME_N), "unknown");
	assert_string_equal(signalling_outcome_name((enum signalling_outcome)-1), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(client_asks_as_the_rfc_says),
		cmocka_unit_test(server_hears_what_client_asks),
		cmocka_unit_test(every_outcome_has_its_code),
		cmocka_unit_test(client_knows_every_code),
		cmocka_unit_test(client_takes_foreign_answers),
		cmocka_unit_test(client_turns_down_nonsense),
		cmocka_unit_test(server_takes_foreign_clients),
		cmocka_unit_test(a_cookie_too_long_is_none),
		cmocka_unit_test(a_probe_is_answered),
		cmocka_unit_test(a_probe_carries_its_cookie),
		cmocka_unit_test(an_offer_is_heard_and_taken_up),
		cmocka_unit_test(every_outcome_can_be_told_early),
		cmocka_unit_test(what_is_no_early_answer),
		cmocka_unit_test(server_refuses_with_the_rfcs_code),
		cmocka_unit_test(a_length_of_zero_is_reset_without_an_answer),
		cmocka_unit_test(some_addresses_are_malformed),
		cmocka_unit_test(every_truncation_needs_more),
		cmocka_unit_test(outcomes_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
