/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writing Convert messages. */
#include "unit.h"

#include "wire/convert.h"

#define COOKIE "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"
#define REMOTE "01bb 00000000000000000000ffff c0000201"

static uint8_t room[CONVERT_MESSAGE_BYTES];

static struct convert_connect connect_of(struct bytes options)
{
	struct convert_connect connect = { .options = options };

	assert_int_equal(address_parse(&connect.remote, "192.0.2.1:443", 0), 0);
	return connect;
}

static void expect_written(const char *what, const char *hex, struct convert_writer *w)
{
	size_t n = convert_end(w);
	struct convert_message message;

	unit_expect_bytes(what, hex, w->start, n);
	assert_int_equal(convert_message_get(&message, w->start, n), 0);
	assert_int_equal(message.n_bytes, n);
}

static void each_tlv_is_written(void **state)
{
	struct unit_bytes cookie = unit_hex(COOKIE), options = unit_hex("020405b4 04020101"),
			  kinds = unit_hex("04081e22");
	struct unit_bytes mptcp = unit_hex("1e02");
	struct convert_connect plain = connect_of((struct bytes){ 0 }),
			       extended = connect_of((struct bytes){ mptcp.at, mptcp.n });
	struct convert_writer w = convert_begin(room, sizeof(room));

	expect_written("success", "01012263", &w);
	w = convert_begin(room, sizeof(room));
	convert_put_connect(&w, &plain);
	expect_written("Base Connect", "01062263 0a05" REMOTE, &w);
	w = convert_begin(room, sizeof(room));
	convert_put_connect(&w, &extended);
	expect_written("Extended Connect", "01072263 0a06" REMOTE "1e020000", &w);
	w = convert_begin(room, sizeof(room));
	convert_put_extended(&w, (struct bytes){ options.at, options.n });
	expect_written("Extended TCP Header", "01042263 14030000 020405b4 04020101", &w);
	w = convert_begin(room, sizeof(room));
	convert_put_info(&w);
	expect_written("Info", "01022263 01010000", &w);
	w = convert_begin(room, sizeof(room));
	convert_put_supported(&w, (struct bytes){ kinds.at, kinds.n });
	expect_written("Supported", "01032263 15020000 04081e22", &w);
	w = convert_begin(room, sizeof(room));
	convert_put_cookie(&w, (struct bytes){ cookie.at, cookie.n });
	convert_put_connect(&w, &plain);
	expect_written("Cookie, Connect", "010b2263 16050000" COOKIE "0a05" REMOTE, &w);
}

static void each_tlv_for_private_use_is_written(void **state)
{
	struct convert_connect plain = connect_of((struct bytes){ 0 });
	struct convert_writer w = convert_begin(room, sizeof(room));

	convert_put_dscp(&w, 46, 0);
	expect_written("DSCP", "01022263 c0012e00", &w);
	w = convert_begin(room, sizeof(room));
	convert_put_dscp(&w, 0, CONVERT_BRAID_PLAIN);
	expect_written("DSCP, plain", "01022263 c0010001", &w);
	w = convert_begin(room, sizeof(room));
	convert_put_dscp(&w, 46, CONVERT_BRAID_PLAIN | CONVERT_BRAID_RACED | CONVERT_BRAID_INSTEAD);
	expect_written("DSCP and every flag", "01022263 c0012e07", &w);
	w = convert_begin(room, sizeof(room));
	convert_put_watch(&w, 0x0123456789abcdef, 0);
	expect_written("watch", "01042263 c1030000 01234567 89abcdef", &w);
	w = convert_begin(room, sizeof(room));
	convert_put_watch(&w, 0, CONVERT_BRAID_KNOWS_WIDE);
	expect_written("watch without a name", "01042263 c1030002 00000000 00000000", &w);
	w = convert_begin(room, sizeof(room));
	convert_put_pcp(&w, &(struct convert_pcp){ .id = 0 });
	expect_written("PCP is served", "01022263 c6010000", &w);
	w = convert_begin(room, sizeof(room));
	convert_put_pcp(&w, &(struct convert_pcp){ .id = 7, .host = address_from_v4(htonl(0x0a000007), 0),
						   .message = { (const uint8_t *)"\x02\x01", 2 } });
	expect_written("PCP", "01082263 c6070007 00000000000000000000ffff0a000007 00020000 02010000", &w);
	w = convert_begin(room, sizeof(room));
	convert_put_limited(&w, 0);
	expect_written("limited", "01022263 c7010000", &w);
	w = convert_begin(room, sizeof(room));
	convert_put_proof(&w, (const uint8_t *)"0123456789abcdef");
	expect_written("proof", "01062263 cf050000 30313233343536373839616263646566", &w);
	w = convert_begin(room, sizeof(room));
	convert_put_nonce(&w, (const uint8_t *)"0123456789ab");
	expect_written("nonce", "01052263 c2040000 303132333435363738396162", &w);
	w = convert_begin(room, sizeof(room));
	convert_put_source(&w, &(struct address){ .ip = { 0x20, 1, [15] = 9 }, .port = 443 });
	expect_written("source", "01062263 c5050000 20010000 00000000 00000000 00000009", &w);
	w = convert_begin(room, sizeof(room));
	convert_put_claim(&w, (struct bytes){ (const uint8_t *)"0123456789abcdefghijklmn", CONVERT_CLAIM_BYTES });
	expect_written("claim", "01082263 c3070000 303132333435363738396162636465666768696a6b6c6d6e", &w);
	w = convert_begin(room, sizeof(room));
	convert_put_claim(&w, (struct bytes){ 0 });
	expect_written("offer", "01022263 c3010000", &w);
	w = convert_begin(room, sizeof(room));
	convert_put_host(&w, &plain.remote);
	expect_written("host", "01062263 c405" REMOTE, &w);
}

static void errors_are_written(void **state)
{
	static const struct { uint8_t code; const char *value, *message; } cases[] = {
		{ CONVERT_ERROR_UNSUPPORTED_VERSION, "01", "01022263 1e010001" },
		{ CONVERT_ERROR_MISSING_COOKIE, "00" COOKIE, "01062263 1e050300" COOKIE },
		{ CONVERT_ERROR_NOT_AUTHORIZED, "00", "01022263 1e012000" },
		{ CONVERT_ERROR_UNSUPPORTED_TCP_OPTION, "1d2245", "01032263 1e02211d 22450000" },
		{ CONVERT_ERROR_RESOURCE_EXCEEDED, "3c", "01022263 1e01403c" },
		{ CONVERT_ERROR_NETWORK_FAILURE, "", "01022263 1e014100" },
		{ CONVERT_ERROR_CONNECTION_RESET, "00", "01022263 1e016000" },
		{ CONVERT_ERROR_DESTINATION_UNREACHABLE, "03", "01022263 1e016103" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct unit_bytes value = unit_hex(cases[i].value);
		struct convert_error error = { .code = cases[i].code, .value = { value.at, value.n } };
		struct convert_writer w = convert_begin(room, sizeof(room));

		convert_put_error(&w, &error);
		expect_written("Error", cases[i].message, &w);
	}
}

static void an_error_echoes_its_cause(void **state)
{
	struct unit_bytes cause = unit_hex("01022263 c8010000"), odd = unit_hex("0102226301");
	struct convert_writer w = convert_begin(room, sizeof(room));

	convert_put_error_echo(&w, CONVERT_ERROR_UNSUPPORTED_MESSAGE, (struct bytes){ cause.at, cause.n });
	expect_written("echo", "01042263 1e030200 01022263 c8010000", &w);
	w = convert_begin(room, sizeof(room));
	convert_put_error_echo(&w, CONVERT_ERROR_MALFORMED_MESSAGE, (struct bytes){ odd.at, odd.n });
	expect_written("echo, padded", "01042263 1e030100 01022263 01000000", &w);
	w = convert_begin(room, sizeof(room));
	convert_put_error_echo(&w, CONVERT_ERROR_MALFORMED_MESSAGE, (struct bytes){ 0 });
	expect_written("echo of nothing", "01022263 1e010100", &w);
}

/* The longest message does not fit behind the error's own 8 bytes; in less room there is less echo, but never no
 * error. */
static void an_echo_is_cut_to_what_fits(void **state)
{
	uint8_t cause[CONVERT_MESSAGE_BYTES];

	memset(cause, 0x5a, sizeof(cause));
	for (size_t n_room = 0; n_room <= CONVERT_MESSAGE_BYTES; n_room++) {
		uint8_t *small = unit_copy(room, n_room);
		struct convert_writer w = convert_begin(small, n_room);
		struct convert_message message;
		size_t n;

		convert_put_error_echo(&w, CONVERT_ERROR_MALFORMED_MESSAGE, (struct bytes){ cause, sizeof(cause) });
		n = convert_end(&w);
		if (n_room < 8) {
			assert_int_equal(n, 0);
		} else {
			assert_int_equal(n, n_room / 4 * 4);
			assert_int_equal(convert_message_get(&message, small, n), 0);
			assert_int_equal(message.error.code, CONVERT_ERROR_MALFORMED_MESSAGE);
			assert_int_equal(message.error.value.n, n - 8 + 1);
			assert_memory_equal(message.error.value.at + 1, cause, n - 8);
		}
		free(small);
	}
}

static void too_small_a_room_fails(void **state)
{
	struct convert_connect connect = connect_of((struct bytes){ 0 });

	for (size_t n_room = 0; n_room <= 32; n_room++) {
		uint8_t *small = unit_copy(room, n_room);
		struct convert_writer w = convert_begin(small, n_room);

		convert_put_info(&w);
		convert_put_connect(&w, &connect);
		assert_int_equal(convert_end(&w), n_room < 28 ? 0 : 28);
		free(small);
	}
}

static void a_message_has_255_words_at_most(void **state)
{
	static const uint8_t cookie[2000];
	uint8_t big[4096];

	for (size_t n_cookie = 1000; n_cookie < sizeof(cookie); n_cookie++) {
		struct convert_writer w = convert_begin(big, sizeof(big));
		bool fits = n_cookie <= CONVERT_MESSAGE_BYTES - 8;

		convert_put_cookie(&w, (struct bytes){ cookie, n_cookie });
		assert_int_equal(convert_end(&w), fits ? 8 + (n_cookie + 3) / 4 * 4 : 0);
	}
}

static void any_type_is_written_and_read_back(void **state)
{
	uint8_t value[40];

	for (size_t i = 0; i < sizeof(value); i++)
		value[i] = (uint8_t)(i + 1);
	for (size_t n = 0; n <= sizeof(value); n++) {
		struct convert_tlv tlv = { .type = 200, .value = { value, n } }, back;
		struct convert_writer w = convert_begin(room, sizeof(room));
		struct convert_message message;
		struct cursor c;

		convert_put_tlv(&w, &tlv);
		convert_put_info(&w);
		assert_int_equal(convert_message_get(&message, room, convert_end(&w)), 0);
		c = cursor_of(message.tlvs.at, message.tlvs.n);
		assert_true(convert_tlv_next(&c, &back));
		assert_int_equal(back.type, 200);
		assert_int_equal(back.value.n, (n + 2 + 3) / 4 * 4 - 2);
		assert_memory_equal(back.value.at, value, n);
		for (size_t i = n; i < back.value.n; i++)
			assert_int_equal(back.value.at[i], 0);
		assert_true(convert_tlv_next(&c, &back));
		assert_int_equal(back.type, CONVERT_INFO);
		assert_false(convert_tlv_next(&c, &back));
		assert_false(cursor_failed(&c));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_tlv_is_written),
		cmocka_unit_test(each_tlv_for_private_use_is_written),
		cmocka_unit_test(errors_are_written),
		cmocka_unit_test(an_error_echoes_its_cause),
		cmocka_unit_test(an_echo_is_cut_to_what_fits),
		cmocka_unit_test(too_small_a_room_fails),
		cmocka_unit_test(a_message_has_255_words_at_most),
		cmocka_unit_test(any_type_is_written_and_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
