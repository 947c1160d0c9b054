/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOCKS5's client and server talking to each other in memory, and to peers that aren't ours. */
#include "unit_address.h"

#include "signalling/scheme.h"
#include "signalling/socks5_parts.h"

#define CONNECT "05010001 c0000201 01bb"
#define BIND "05020001 c0000201 01bb"
#define LOGIN "01 03626f62 027077"
#define GOOD "05000001 c6336401 1388"

static const struct scheme *const scheme = &scheme_socks5;

struct heard {
	struct conversation conversation;
	struct signalling_step step;
	struct signalling_request request;
	uint8_t out[SIGNALLING_MESSAGE_BYTES];
};

static void feed_server(struct heard *h, const char *hex)
{
	struct unit_bytes in = unit_hex(hex);
	_cleanup_(freep) uint8_t *copy = unit_copy(in.at, in.n);

	h->step = scheme->server_feed(&h->conversation, copy, in.n, h->out, &h->request);
}

static void expect_step(const struct heard *h, enum signalling_verdict verdict, enum signalling_outcome outcome,
			size_t n_consumed, const char *out)
{
	assert_int_equal(h->step.verdict, verdict);
	assert_string_equal(signalling_outcome_name(h->step.result.outcome), signalling_outcome_name(outcome));
	assert_int_equal(h->step.n_consumed, n_consumed);
	unit_expect_bytes("out", out, h->out, h->step.n_out);
}

static void server_hears(struct heard *h, const char *hex, enum signalling_verdict verdict, size_t n_consumed,
			 const char *out)
{
	feed_server(h, hex);
	expect_step(h, verdict, OUTCOME_CONNECTED, n_consumed, out);
}

static void server_refuses(bool anonymous, const char *hex, enum signalling_outcome outcome, const char *out)
{
	struct heard h = { .conversation.anonymous = anonymous };
	size_t n_consumed = anonymous && unit_hex(hex).n > 3 ? 3 : 0;

	feed_server(&h, hex);
	expect_step(&h, SIGNALLING_REFUSED, outcome, n_consumed, out);
}

static void server_serves_step_by_step(void **state)
{
	struct heard h = { .conversation.anonymous = 0 };

	server_hears(&h, "", SIGNALLING_NEED_MORE, 0, "");
	server_hears(&h, "0503", SIGNALLING_NEED_MORE, 0, "");
	server_hears(&h, "0503000102", SIGNALLING_NEED_MORE, 5, "0502");
	server_hears(&h, "01", SIGNALLING_NEED_MORE, 0, "");
	server_hears(&h, LOGIN, SIGNALLING_CREDENTIAL, 8, "");
	assert_int_equal(h.request.n_user, 3);
	assert_memory_equal(h.request.user, "bob", 3);
	assert_int_equal(h.request.n_password, 2);
	assert_memory_equal(h.request.password, "pw", 2);
	unit_expect_bytes("admitted", "0100", h.out, scheme->server_admit(&h.conversation, true, h.out));
	server_hears(&h, "", SIGNALLING_NEED_MORE, 0, "");
	server_hears(&h, "050100", SIGNALLING_NEED_MORE, 0, "");
	server_hears(&h, CONNECT "aa", SIGNALLING_DONE, 10, "");
	unit_expect_address("asked for", "192.0.2.1:443", &h.request.destination);
	assert_int_equal(h.request.name.n, 0);
	assert_int_equal(h.request.listens, 0);
	assert_int_equal(h.request.plain, 1);
	assert_int_equal(h.request.n_user, 0);
}

static void server_serves_all_at_once(void **state)
{
	struct heard h = { .conversation.anonymous = 1 };

	server_hears(&h, "050100" CONNECT "4745", SIGNALLING_DONE, 13, "0500");
	h = (struct heard){ .conversation.anonymous = 0 };
	server_hears(&h, "050102" LOGIN CONNECT, SIGNALLING_CREDENTIAL, 11, "0502");
	unit_expect_bytes("admitted", "0100", h.out, scheme->server_admit(&h.conversation, true, h.out));
	server_hears(&h, BIND "00", SIGNALLING_DONE, 10, "");
	assert_int_equal(h.request.listens, 1);
}

/* With a password, where there may be one: the connection is to be known as its subscriber's. */
static void server_chooses(void **state)
{
	struct heard h = { .conversation.anonymous = 1 };

	server_hears(&h, "05020002", SIGNALLING_NEED_MORE, 4, "0502");
	server_refuses(false, "050100", OUTCOME_MISSING_CREDENTIAL, "05ff");
	server_refuses(true, "050101", OUTCOME_MISSING_CREDENTIAL, "05ff");
	server_refuses(false, "0502b500", OUTCOME_MISSING_CREDENTIAL, "05ff");
	server_refuses(false, "050180", OUTCOME_MISSING_CREDENTIAL, "05ff");
}

static void server_answers_questions(void **state)
{
	struct heard h = { .conversation.anonymous = 1 };

	server_hears(&h, "0502b500", SIGNALLING_ANSWERED, 4, "05b5");
	h = (struct heard){ .conversation.anonymous = 0 };
	server_hears(&h, "0502b502", SIGNALLING_NEED_MORE, 4, "05b5");
	server_hears(&h, LOGIN, SIGNALLING_CREDENTIAL, 8, "");
	unit_expect_bytes("admitted", "0100", h.out, scheme->server_admit(&h.conversation, true, h.out));
	server_hears(&h, "", SIGNALLING_ANSWERED, 0, "");
}

static void server_refuses_what_it_cannot(void **state)
{
	struct heard h = { .conversation.anonymous = 0 };

	server_refuses(true, "04", OUTCOME_BAD_VERSION, "");
	server_refuses(true, "0500", OUTCOME_MALFORMED, "");
	server_refuses(true, "050100" "05030001 00000000 0000", OUTCOME_UNSUPPORTED_MESSAGE,
		       "0500" "05070001000000000000");
	server_refuses(true, "050100" "05090001 00000000 0000", OUTCOME_UNSUPPORTED_MESSAGE,
		       "0500" "05070001000000000000");
	server_refuses(true, "050100" "05010002", OUTCOME_UNSUPPORTED_MESSAGE, "0500" "05080001000000000000");
	server_refuses(true, "050100" "050101", OUTCOME_MALFORMED, "0500" "05010001000000000000");
	server_refuses(true, "050100" "04", OUTCOME_MALFORMED, "0500" "05010001000000000000");
	feed_server(&h, "050102" "0100");
	expect_step(&h, SIGNALLING_REFUSED, OUTCOME_MALFORMED, 3, "0502" "0101");
	unit_expect_bytes("not admitted", "0101", h.out, scheme->server_admit(&h.conversation, false, h.out));
}

static void server_looks_names_up(void **state)
{
	struct heard h = { .conversation.anonymous = 1 };
	struct unit_bytes in = unit_hex("050100 05010003 02 6162 0050");

	h.step = scheme->server_feed(&h.conversation, in.at, in.n, h.out, &h.request);
	expect_step(&h, SIGNALLING_DONE, OUTCOME_CONNECTED, in.n, "0500");
	assert_int_equal(h.request.name.n, 2);
	assert_memory_equal(h.request.name.at, "ab", 2);
	assert_true(address_is_unspecified(&h.request.destination));
	assert_int_equal(h.request.destination.port, 80);
}

static void client_hears(struct heard *h, const char *hex, enum signalling_verdict verdict,
			 enum signalling_outcome outcome, size_t n_consumed, const char *out)
{
	struct unit_bytes in = unit_hex(hex);
	_cleanup_(freep) uint8_t *copy = unit_copy(in.at, in.n);

	h->step = scheme->client_feed(&h->conversation, copy, in.n, h->out);
	expect_step(h, verdict, outcome, n_consumed, out);
}

static void client_begins(struct heard *h, const char *out, bool waits)
{
	h->step = scheme->client_begin(&h->conversation, &h->request, h->out);
	expect_step(h, SIGNALLING_NEED_MORE, OUTCOME_CONNECTED, 0, out);
	assert_int_equal(h->step.waits, waits);
}

static struct signalling_request request_of(const char *destination, bool with_password)
{
	struct signalling_request request = { .destination = unit_address(destination) };

	if (with_password) {
		request.n_user = 3;
		request.n_password = 2;
		memcpy(request.user, "bob", 3);
		memcpy(request.password, "pw", 2);
	}
	return request;
}

static void client_goes_step_by_step(void **state)
{
	struct heard h = { .request = request_of("192.0.2.1:443", true) };

	client_begins(&h, "050102", true);
	client_hears(&h, "05", SIGNALLING_NEED_MORE, OUTCOME_CONNECTED, 0, "");
	client_hears(&h, "0502", SIGNALLING_NEED_MORE, OUTCOME_CONNECTED, 2, LOGIN);
	client_hears(&h, "01", SIGNALLING_NEED_MORE, OUTCOME_CONNECTED, 0, "");
	client_hears(&h, "0100", SIGNALLING_NEED_MORE, OUTCOME_CONNECTED, 2, CONNECT);
	client_hears(&h, "05000001 c633", SIGNALLING_NEED_MORE, OUTCOME_CONNECTED, 0, "");
	client_hears(&h, GOOD "aa", SIGNALLING_DONE, OUTCOME_CONNECTED, 10, "");
	unit_expect_address("bound", "198.51.100.1:5000", &h.step.result.bound);
	h.request = request_of("192.0.2.1:443", false);
	client_begins(&h, "050100", true);
	client_hears(&h, "0500", SIGNALLING_NEED_MORE, OUTCOME_CONNECTED, 2, CONNECT);
	client_hears(&h, "05000003 02 6162 1388", SIGNALLING_DONE, OUTCOME_CONNECTED, 9, "");
	assert_true(address_is_unspecified(&h.step.result.bound));
	/* Answers to what wasn't said yet: all is said, and all of them are heard. */
	h.request = request_of("192.0.2.1:443", true);
	client_begins(&h, "050102", true);
	client_hears(&h, "0502 0100" GOOD, SIGNALLING_DONE, OUTCOME_CONNECTED, 14, LOGIN CONNECT);
}

static void client_says_all_at_once(void **state)
{
	struct heard h = { .request = request_of("[2001:db8::1]:80", true) };

	h.request.pipelined = 1;
	client_begins(&h, "050102" LOGIN "05010004 20010db8000000000000000000000001 0050", false);
	client_hears(&h, "0502 01", SIGNALLING_NEED_MORE, OUTCOME_CONNECTED, 2, "");
	client_hears(&h, "0100" GOOD "4854", SIGNALLING_DONE, OUTCOME_CONNECTED, 12, "");
	h.request = request_of("192.0.2.1:443", false);
	h.request.pipelined = 1;
	h.request.name = (struct bytes){ (const uint8_t *)"ab", 2 };
	client_begins(&h, "050100" "05010003 02 6162 01bb", false);
	client_hears(&h, "0500" GOOD, SIGNALLING_DONE, OUTCOME_CONNECTED, 12, "");
}

static void client_has_questions(void **state)
{
	struct heard h = { .request = { .probe = 1, .pipelined = 1 } };

	client_begins(&h, "0502b500", true);
	client_hears(&h, "05b5", SIGNALLING_NEED_MORE, OUTCOME_CONNECTED, 2, "");
	client_hears(&h, GOOD, SIGNALLING_DONE, OUTCOME_CONNECTED, 10, "");
	assert_true(h.step.kin);
	client_begins(&h, "0502b500", true);
	client_hears(&h, "05b5" "05010001 00000000 0000", SIGNALLING_REFUSED, OUTCOME_NETWORK_FAILURE, 12, "");
	client_begins(&h, "0502b500", true);
	client_hears(&h, "0500", SIGNALLING_DONE, OUTCOME_CONNECTED, 2, "");
	assert_false(h.step.kin);
	h.request = request_of("0.0.0.0", true);
	h.request.probe = 1;
	client_begins(&h, "0502b502", true);
	client_hears(&h, "05b5", SIGNALLING_NEED_MORE, OUTCOME_CONNECTED, 2, LOGIN);
	client_hears(&h, "0100" GOOD, SIGNALLING_DONE, OUTCOME_CONNECTED, 12, "");
	assert_true(h.step.kin);
	client_begins(&h, "0502b502", true);
	client_hears(&h, "0502", SIGNALLING_NEED_MORE, OUTCOME_CONNECTED, 2, LOGIN);
	client_hears(&h, "0100", SIGNALLING_DONE, OUTCOME_CONNECTED, 2, "");
	assert_false(h.step.kin);
	client_begins(&h, "0502b502", true);
	client_hears(&h, "0502", SIGNALLING_NEED_MORE, OUTCOME_CONNECTED, 2, LOGIN);
	client_hears(&h, "0101", SIGNALLING_REFUSED, OUTCOME_NOT_AUTHORISED, 0, "");
}

static void client_waits_for_somebody(void **state)
{
	struct heard h = { .request = request_of("192.0.2.1:443", false) };

	h.request.listens = 1;
	client_begins(&h, "050100", true);
	client_hears(&h, "0500", SIGNALLING_NEED_MORE, OUTCOME_CONNECTED, 2, BIND);
	client_hears(&h, GOOD, SIGNALLING_LISTENING, OUTCOME_CONNECTED, 10, "");
	unit_expect_address("listens", "198.51.100.1:5000", &h.step.result.bound);
	client_hears(&h, "05000001 c0000201 0014", SIGNALLING_DONE, OUTCOME_CONNECTED, 10, "");
	unit_expect_address("who", "192.0.2.1:20", &h.step.result.bound);
}

static void expect_client_refuses(const char *before, const char *hex, enum signalling_outcome outcome)
{
	struct heard h = { .request = request_of("192.0.2.1:443", false) };
	struct unit_bytes in = unit_hex(before);

	client_begins(&h, "050100", true);
	if (in.n)
		scheme->client_feed(&h.conversation, in.at, in.n, h.out);
	in = unit_hex(hex);
	h.step = scheme->client_feed(&h.conversation, in.at, in.n, h.out);
	assert_int_equal(h.step.verdict, SIGNALLING_REFUSED);
	assert_string_equal(signalling_outcome_name(h.step.result.outcome), signalling_outcome_name(outcome));
}

static void client_takes_no_nonsense(void **state)
{
	expect_client_refuses("", "04", OUTCOME_BAD_VERSION);
	expect_client_refuses("", "05ff", OUTCOME_MISSING_CREDENTIAL);
	expect_client_refuses("", "0502", OUTCOME_MALFORMED);
	expect_client_refuses("", "05b5", OUTCOME_MALFORMED);
	expect_client_refuses("0500", "04", OUTCOME_BAD_VERSION);
	expect_client_refuses("0500", "05000002", OUTCOME_MALFORMED);
	expect_client_refuses("0500", "050001", OUTCOME_MALFORMED);
}

static void client_knows_the_version_of_the_status(void **state)
{
	struct heard h = { .request = request_of("192.0.2.1:443", true) };

	client_begins(&h, "050102", true);
	client_hears(&h, "0502", SIGNALLING_NEED_MORE, OUTCOME_CONNECTED, 2, LOGIN);
	client_hears(&h, "0500", SIGNALLING_REFUSED, OUTCOME_BAD_VERSION, 0, "");
}

/* What a client hears of each outcome that a server says. */
static void outcomes_are_told(void **state)
{
	static const struct { enum signalling_outcome said; uint8_t icmp_code, reply; enum signalling_outcome heard;
			      uint8_t v4_code, v6_code; } all[] = {
		{ OUTCOME_CONNECTED, 0, 0, OUTCOME_CONNECTED, 0, 0 },
		{ OUTCOME_BAD_VERSION, 0, 1, OUTCOME_NETWORK_FAILURE, 0, 0 },
		{ OUTCOME_MALFORMED, 0, 1, OUTCOME_NETWORK_FAILURE, 0, 0 },
		{ OUTCOME_UNSUPPORTED_MESSAGE, 0, 7, OUTCOME_UNSUPPORTED_MESSAGE, 0, 0 },
		{ OUTCOME_MISSING_CREDENTIAL, 0, 2, OUTCOME_BYPASSED, 0, 0 },
		{ OUTCOME_NOT_AUTHORISED, 0, 2, OUTCOME_BYPASSED, 0, 0 },
		{ OUTCOME_BYPASSED, 0, 2, OUTCOME_BYPASSED, 0, 0 },
		{ OUTCOME_UNSUPPORTED_OPTION, 0, 7, OUTCOME_UNSUPPORTED_MESSAGE, 0, 0 },
		{ OUTCOME_OVER_LIMIT, 0, 1, OUTCOME_NETWORK_FAILURE, 0, 0 },
		{ OUTCOME_NETWORK_FAILURE, 0, 1, OUTCOME_NETWORK_FAILURE, 0, 0 },
		{ OUTCOME_REFUSED, 0, 5, OUTCOME_REFUSED, 0, 0 },
		{ OUTCOME_UNREACHABLE, 0, 3, OUTCOME_UNREACHABLE, 0, 0 },
		{ OUTCOME_UNREACHABLE, 6, 3, OUTCOME_UNREACHABLE, 0, 0 },
		{ OUTCOME_UNREACHABLE, 1, 4, OUTCOME_UNREACHABLE, 1, 3 },
		{ OUTCOME_UNREACHABLE, 3, 4, OUTCOME_UNREACHABLE, 1, 3 },
		{ OUTCOME_UNREACHABLE, 9, 2, OUTCOME_BYPASSED, 0, 0 },
		{ OUTCOME_UNREACHABLE, 10, 2, OUTCOME_BYPASSED, 0, 0 },
		{ OUTCOME_UNREACHABLE, 13, 2, OUTCOME_BYPASSED, 0, 0 },
		{ OUTCOME_TIMED_OUT, 0, 6, OUTCOME_TIMED_OUT, 0, 0 },
		{ OUTCOME_N, 0, 1, OUTCOME_NETWORK_FAILURE, 0, 0 },
	};
	static const uint8_t v6_replies[] = { 3, 2, 4, 4, 4, 2, 2, 4 };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		struct signalling_result said = { .outcome = all[i].said, .icmp_code = all[i].icmp_code },
		v4 = socks5_result_of(all[i].reply, false),
					 v6 = socks5_result_of(all[i].reply, true);

		assert_int_equal(socks5_reply_of(&said), all[i].reply);
		assert_int_equal(v4.outcome, all[i].heard);
		assert_int_equal(v6.outcome, all[i].heard);
		assert_int_equal(v4.icmp_code, all[i].v4_code);
		assert_int_equal(v6.icmp_code, all[i].v6_code);
	}
	for (uint8_t code = 0; code < ARRAY_SIZE(v6_replies); code++)
		assert_int_equal(socks5_reply_of(&(struct signalling_result){ .outcome = OUTCOME_UNREACHABLE,
									      .icmp_code = code, .icmp_v6 = true }),
				 v6_replies[code]);
	assert_int_equal(socks5_result_of(SOCKS5_UNKNOWN_ADDRESS_TYPE, false).outcome, OUTCOME_UNSUPPORTED_MESSAGE);
	assert_int_equal(socks5_result_of(9, false).outcome, OUTCOME_NETWORK_FAILURE);
	assert_int_equal(socks5_result_of(255, false).outcome, OUTCOME_NETWORK_FAILURE);
}

static void answers_have_the_address(void **state)
{
	struct signalling_result result = { .outcome = OUTCOME_CONNECTED, .bound = unit_address("[2001:db8::9]:4000") };
	struct conversation c = { .step = 0 };
	uint8_t out[SIGNALLING_MESSAGE_BYTES];

	unit_expect_bytes("bound", "05000004 20010db8000000000000000000000009 0fa0", out,
			  scheme->server_answer(&c, &result, out));
	result = (struct signalling_result){ .outcome = OUTCOME_REFUSED };
	unit_expect_bytes("refused", "05050001 00000000 0000", out, scheme->server_answer(&c, &result, out));
}

/* The longest that there is fits, both ways. */
static void the_longest_fits(void **state)
{
	struct heard client = { .request = request_of("0.0.0.0:443", false) }, server = { .conversation.anonymous = 0 };
	uint8_t name[SOCKS5_STRING_BYTES];
	size_t n, n_login;

	memset(name, 'n', sizeof(name));
	memset(client.request.user, 'u', sizeof(client.request.user));
	memset(client.request.password, 'p', sizeof(client.request.password));
	client.request.n_user = client.request.n_password = SIGNALLING_LOGIN_BYTES;
	client.request.name = (struct bytes){ name, sizeof(name) };
	client.request.pipelined = 1;
	client.step = scheme->client_begin(&client.conversation, &client.request, client.out);
	n = client.step.n_out;
	assert_int_equal(n, 3 + SOCKS5_PASSWORD_BYTES + SOCKS5_ENDPOINT_BYTES);
	server.step = scheme->server_feed(&server.conversation, client.out, n, server.out, &server.request);
	assert_int_equal(server.step.verdict, SIGNALLING_CREDENTIAL);
	assert_memory_equal(server.request.password, client.request.password, SIGNALLING_LOGIN_BYTES);
	n_login = server.step.n_consumed;
	scheme->server_admit(&server.conversation, true, server.out);
	server.step = scheme->server_feed(&server.conversation, client.out + n_login, n - n_login, server.out,
					  &server.request);
	assert_int_equal(server.step.verdict, SIGNALLING_DONE);
	assert_int_equal(server.request.name.n, sizeof(name));
	assert_int_equal(server.step.n_consumed, n - n_login);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(server_serves_step_by_step),
		cmocka_unit_test(server_serves_all_at_once),
		cmocka_unit_test(server_chooses),
		cmocka_unit_test(server_answers_questions),
		cmocka_unit_test(server_refuses_what_it_cannot),
		cmocka_unit_test(server_looks_names_up),
		cmocka_unit_test(client_goes_step_by_step),
		cmocka_unit_test(client_says_all_at_once),
		cmocka_unit_test(client_has_questions),
		cmocka_unit_test(client_waits_for_somebody),
		cmocka_unit_test(client_takes_no_nonsense),
		cmocka_unit_test(client_knows_the_version_of_the_status),
		cmocka_unit_test(outcomes_are_told),
		cmocka_unit_test(answers_have_the_address),
		cmocka_unit_test(the_longest_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
