/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is said on a watch beside outcomes and sessions: what hosts ask for, and that the links limit what is sent. */
#include "unit_address.h"

#include "signalling/scheme.h"

static const struct scheme *const scheme = &scheme_convert;

static void that_hosts_are_served_is_offered(void **state)
{
	struct unit_bytes none = unit_hex("01032263 15020000 04081e00"), strange = unit_hex("01022263 c6010000");
	struct signalling_request request = { .probe = 1 };
	uint8_t out[SIGNALLING_MESSAGE_BYTES];
	struct conversation conversation;
	struct signalling_step step;
	size_t n = scheme->server_offer(&(struct signalling_offer){ .maps = true }, out);

	unit_expect_bytes("offer", "01042263 15020000 04081e00 c6010000", out, n);
	scheme->client_begin(&conversation, &request, (uint8_t[SIGNALLING_MESSAGE_BYTES]){ 0 });
	step = scheme->client_feed(&conversation, out, n, out);
	assert_int_equal(step.verdict, SIGNALLING_DONE);
	assert_true(step.maps && !step.watch);
	step = scheme->client_feed(&conversation, none.at, none.n, out);
	assert_int_equal(step.verdict, SIGNALLING_DONE);
	assert_false(step.maps);
	step = scheme->server_feed(&conversation, strange.at, strange.n, out, &request);   /* a request it isn't */
	assert_int_equal(step.result.outcome, OUTCOME_UNSUPPORTED_MESSAGE);
}

static void hosts_messages_arrive(void **state)
{
	uint8_t out[SIGNALLING_MESSAGE_BYTES], bytes[SIGNALLING_HOST_MESSAGE_BYTES + 1] = { 2, 1, 7 };
	struct signalling_host_message message = { .id = 0xabcd, .host = unit_address("10.0.0.7"),
						   .message = { bytes, SIGNALLING_HOST_MESSAGE_BYTES } }, got;
	size_t n = scheme->host_put(&message, out);
	struct signalling_step step;

	assert_int_equal(n, SIGNALLING_MESSAGE_BYTES);
	for (size_t cut = 1; cut <= n; cut++)
		assert_int_equal(scheme->host_get(out, n - cut, &got).verdict, SIGNALLING_NEED_MORE);
	step = scheme->host_get(out, n, &got);
	assert_int_equal(step.verdict, SIGNALLING_DONE);
	assert_int_equal(step.n_consumed, n);
	assert_int_equal(got.id, 0xabcd);
	unit_expect_address("host", "10.0.0.7", &got.host);
	assert_int_equal(got.message.n, message.message.n);
	assert_memory_equal(got.message.at, bytes, got.message.n);
	message.message.n++;
	assert_int_equal(scheme->host_put(&message, out), 0);
}

static void what_is_no_hosts_message_is_refused(void **state)
{
	static const char *const others[] = { "01012263", "01022263 c6010000", "02012263",
					      "01042263 c2030000 00000000 00000000", "00000000" };

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		struct unit_bytes bytes = unit_hex(others[i]);
		struct signalling_host_message got;

		assert_int_equal(scheme->host_get(bytes.at, bytes.n, &got).verdict, SIGNALLING_REFUSED);
	}
}

static void who_wants_to_hear_of_limits_says_so(void **state)
{
	struct unit_bytes without = unit_hex("01022263 01010000"),
			  connect = unit_hex("01072263 0a0501bb 00000000000000000000ffff c0000201 c7010000");
	struct signalling_request request = { .probe = 1, .hears_limits = 1 };
	uint8_t wire[SIGNALLING_MESSAGE_BYTES], out[SIGNALLING_MESSAGE_BYTES];
	struct conversation conversation;
	size_t n = scheme->client_begin(&conversation, &request, wire).n_out;

	unit_expect_bytes("question", "01032263 01010000 c7010000", wire, n);
	assert_int_equal(scheme->server_feed(&conversation, wire, n, out, &request).verdict, SIGNALLING_ANSWERED);
	assert_true(request.hears_limits && !request.hears_harm);
	assert_int_equal(scheme->server_feed(&conversation, without.at, without.n, out, &request).verdict,
			 SIGNALLING_ANSWERED);
	assert_false(request.hears_limits || request.hears_harm);
	assert_int_equal(scheme->server_feed(&conversation, connect.at, connect.n, out, &request).result.outcome,
			 OUTCOME_UNSUPPORTED_MESSAGE);
	request = (struct signalling_request){ .destination = unit_address("192.0.2.1:443"), .hears_limits = 1 };
	n = scheme->client_begin(&conversation, &request, wire).n_out;   /* it goes with a question alone */
	unit_expect_bytes("Connect", "01062263 0a0501bb 00000000000000000000ffff c0000201", wire, n);
}

/* What it wants to hear is in the second byte, which older ones pass over. */
static void who_wants_to_hear_of_more_says_so(void **state)
{
	static const struct {
		uint8_t limits, harm, late;
		const char *question;
	} table[] = {
		{ 1, 1, 0, "01032263 01010000 c7010001" }, { 0, 1, 0, "01032263 01010000 c7010003" },
		{ 0, 0, 1, "01032263 01010000 c7010006" }, { 1, 0, 1, "01032263 01010000 c7010004" },
		{ 1, 1, 1, "01032263 01010000 c7010005" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct signalling_request request = { .probe = 1, .hears_limits = table[i].limits,
						      .hears_harm = table[i].harm, .hears_late = table[i].late };
		uint8_t wire[SIGNALLING_MESSAGE_BYTES], out[SIGNALLING_MESSAGE_BYTES];
		struct conversation conversation;
		size_t n = scheme->client_begin(&conversation, &request, wire).n_out;

		unit_expect_bytes("question", table[i].question, wire, n);
		assert_int_equal(scheme->server_feed(&conversation, wire, n, out, &request).verdict,
				 SIGNALLING_ANSWERED);
		assert_int_equal(request.hears_limits, table[i].limits);
		assert_int_equal(request.hears_harm, table[i].harm);
		assert_int_equal(request.hears_late, table[i].late);
	}
}

static void what_limits_sessions_is_heard(void **state)
{
	static const struct {
		enum signalling_limited what;
		const char *message;
	} table[] = { { SIGNALLING_LIMITED_BY_LINKS, "01022263 c7010000" }, { SIGNALLING_SPOILT, "01022263 c7010001" },
		      { SIGNALLING_LATE, "01022263 c7010004" } };

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		uint8_t out[SIGNALLING_MESSAGE_BYTES];
		size_t n = scheme->server_limited(table[i].what, out);
		enum signalling_limited what;
		struct signalling_step step;

		unit_expect_bytes("message", table[i].message, out, n);
		for (size_t n_in = 0; n_in < n; n_in++)
			assert_int_equal(scheme->client_limited(out, n_in, &what).verdict, SIGNALLING_NEED_MORE);
		step = scheme->client_limited(out, n, &what);
		assert_true(step.verdict == SIGNALLING_DONE && step.n_consumed == n);
		assert_int_equal(what, table[i].what);
	}
}

static void what_says_something_else_is_no_limit(void **state)
{
	static const char *const others[] = { "01012263", "01022263 01010000", "02022263 c7010000",
					      "01022263 c6010000" };
	enum signalling_limited what;

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		struct unit_bytes m = unit_hex(others[i]);

		assert_int_equal(scheme->client_limited(m.at, m.n, &what).verdict, SIGNALLING_REFUSED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(that_hosts_are_served_is_offered),
		cmocka_unit_test(hosts_messages_arrive),
		cmocka_unit_test(what_is_no_hosts_message_is_refused),
		cmocka_unit_test(who_wants_to_hear_of_limits_says_so),
		cmocka_unit_test(who_wants_to_hear_of_more_says_so),
		cmocka_unit_test(what_limits_sessions_is_heard),
		cmocka_unit_test(what_says_something_else_is_no_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
