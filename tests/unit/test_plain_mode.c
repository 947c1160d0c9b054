/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Plain mode: what is no message, and its client and server. tests/golden/plain_mode.txt has what messages are. */
#include "unit_address.h"

#include "signalling/scheme.h"
#include "wire/plain_mode.h"

#define TO "faa8faa8 000a0001 c0000201 01bb0000"
#define TO_AND_FROM \
	"faa8faa8 00160000 20010db8000000000000000000000001 01bb0000 00140003 20010db8000000000000000000000009"
#define FROM_AND_TO "faa8faa8 00080002 c6336407 000a0001 c0000201 01bb0000"

static const struct scheme *const scheme = &scheme_plain_mode;

static int get(const char *hex, struct plain_mode *out)
{
	struct unit_bytes in = unit_hex(hex);
	_cleanup_(freep) uint8_t *copy = unit_copy(in.at, in.n);

	return plain_mode_get(out, copy, in.n);
}

static void expect_malformed(const char *hex)
{
	struct plain_mode message;
	int r = get(hex, &message);

	if (r != PLAIN_MODE_E_MALFORMED)
		fail_msg("%s: expected that it is malformed, saw %d", hex, r);
}

static void what_breaks_a_rule_is_malformed(void **state)
{
	static const char *const texts[] = {
		"00", "fb", "faa8faa9", "01062263",
		"faa8faa8 010a0001 c0000201 01bb0000",   /* another type */
		"faa8faa8 00000001", "faa8faa8 00040001", "faa8faa8 00070001", "faa8faa8 00090001", "faa8faa8 000b0001",
		"faa8faa8 000c0001", "faa8faa8 00130001",
		"faa8faa8 00150001", "faa8faa8 00170001", "faa8faa8 00ff0001",
		"faa8faa8 000a0005", "faa8faa8 000a8001", "faa8faa8 000a0101",   /* bits that are reserved */
		"faa8faa8 000a0001 c0000201 00000000",   /* a port of none */
		"faa8faa8 000a0001 c0000201 01bb0001", "faa8faa8 000a0001 c0000201 01bb0100",   /* padding */
		"faa8faa8 00140001 00000000000000000000ffffc0000201",   /* IPv4 in the form of IPv6 */
		/* two of a kind */
		"faa8faa8 000a0000 c0000201 01bb0000 000a0001 c0000202 01bb0000",
		"faa8faa8 00080002 c0000201 00080003 c0000202",
		"faa8faa8 000a0000 c0000201 01bb0000 00080002 c0000202",   /* and more to come */
		"faa8faa8 000a0000 c0000201 01bb0000 00080803 c0000202",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		expect_malformed(texts[i]);
}

static void every_beginning_needs_more(void **state)
{
	static const char *const texts[] = { TO, TO_AND_FROM, FROM_AND_TO };
	struct plain_mode message;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct unit_bytes in = unit_hex(texts[i]);

		for (size_t n = 0; n < in.n; n++) {
			_cleanup_(freep) uint8_t *copy = unit_copy(in.at, n);

			assert_int_equal(plain_mode_get(&message, copy, n), PLAIN_MODE_E_SHORT);
		}
		assert_int_equal(plain_mode_get(&message, in.at, in.n), 0);
		assert_int_equal(message.n_bytes, in.n);
	}
}

static struct signalling_step hear(struct conversation *c, const char *hex, struct signalling_request *request)
{
	struct unit_bytes in = unit_hex(hex);
	_cleanup_(freep) uint8_t *copy = unit_copy(in.at, in.n);
	uint8_t out[SIGNALLING_MESSAGE_BYTES];
	struct signalling_step step = scheme->server_feed(c, copy, in.n, out, request);

	assert_int_equal(step.n_out, 0);
	return step;
}

static void server_echoes_what_was_asked(void **state)
{
	static const char *const texts[] = { TO, TO_AND_FROM, FROM_AND_TO };
	static const char *const destinations[] = { "192.0.2.1:443", "[2001:db8::1]:443", "192.0.2.1:443" };
	static const char *const sources[] = { "::", "2001:db8::9", "198.51.100.7" };
	const struct signalling_result connected = { .outcome = OUTCOME_CONNECTED };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct conversation c = { .step = 0 };
		struct signalling_request request;
		uint8_t out[SIGNALLING_MESSAGE_BYTES];
		struct signalling_step step = hear(&c, texts[i], &request);

		assert_int_equal(step.verdict, SIGNALLING_DONE);
		assert_int_equal(step.n_consumed, unit_hex(texts[i]).n);
		unit_expect_address(texts[i], destinations[i], &request.destination);
		unit_expect_address(texts[i], sources[i], &request.source);
		assert_false(request.own_port);
		assert_int_equal(request.n_credential, 0);
		unit_expect_bytes("echo", texts[i], out, scheme->server_answer(&c, &connected, out));
	}
}

static void server_has_no_words_for_the_rest(void **state)
{
	struct conversation c = { .step = 0 };
	struct signalling_request request;
	uint8_t out[SIGNALLING_MESSAGE_BYTES];

	assert_int_equal(hear(&c, TO, &request).verdict, SIGNALLING_DONE);
	for (unsigned int i = OUTCOME_CONNECTED + 1; i < OUTCOME_N; i++)
		assert_int_equal(scheme->server_answer(&c, &(struct signalling_result){ .outcome = i }, out), 0);
}

static void server_takes_the_connections_own_port(void **state)
{
	struct conversation c = { .step = 0 };
	struct signalling_request request;

	assert_int_equal(hear(&c, "faa8faa8 00080001 c0000201 16030100", &request).n_consumed, 12);
	assert_true(request.own_port);
}

static void server_refuses(void **state)
{
	static const struct { const char *hex; enum signalling_outcome outcome; } cases[] = {
		{ "faa8faa8 000a0001 c0000201 01bb0001", OUTCOME_MALFORMED },
		/* where from, and not where to */
		{ "faa8faa8 000a0003 c0000201 01bb0000", OUTCOME_UNSUPPORTED_MESSAGE },
		{ "faa8faa8 000a0001 7f000001 01bb0000", OUTCOME_UNSUPPORTED_MESSAGE },
		{ "faa8faa8 000a0001 e0000001 01bb0000", OUTCOME_UNSUPPORTED_MESSAGE },
		{ "faa8faa8 00160001 00000000000000000000000000000001 01bb0000", OUTCOME_UNSUPPORTED_MESSAGE },
		{ "faa8faa8 00160001 ff020000000000000000000000000001 01bb0000", OUTCOME_UNSUPPORTED_MESSAGE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct conversation c = { .step = 0 };
		struct signalling_request request;
		struct signalling_step step = hear(&c, cases[i].hex, &request);

		assert_int_equal(step.verdict, SIGNALLING_REFUSED);
		assert_int_equal(step.result.outcome, cases[i].outcome);
	}
	assert_int_equal(hear(&(struct conversation){ .step = 0 }, "faa8faa8 000a",
			      &(struct signalling_request){ .probe = 0 }).verdict, SIGNALLING_NEED_MORE);
}

static struct conversation client_of(const char *destination, const char *source, const char *expected)
{
	struct signalling_request request = { .dscp = 46, .watch = 1 };
	struct conversation c;
	uint8_t out[SIGNALLING_MESSAGE_BYTES];
	struct signalling_step step;

	assert_int_equal(address_parse(&request.destination, destination, 0), 0);
	assert_int_equal(address_parse(&request.source, source, 0), 0);
	step = scheme->client_begin(&c, &request, out);
	assert_int_equal(step.verdict, SIGNALLING_NEED_MORE);
	assert_false(step.waits);
	unit_expect_bytes(destination, expected, out, step.n_out);
	return c;
}

static struct signalling_step client_hears(const char *hex)
{
	struct conversation c = client_of("192.0.2.1:443", "::", TO);
	struct unit_bytes in = unit_hex(hex);
	_cleanup_(freep) uint8_t *copy = unit_copy(in.at, in.n);
	uint8_t out[SIGNALLING_MESSAGE_BYTES];

	return scheme->client_feed(&c, copy, in.n, out);
}

static void client_says_both(void **state)
{
	client_of("[2001:db8::1]:443", "2001:db8::9", TO_AND_FROM);
}

static void client_takes_the_echo_alone(void **state)
{
	struct signalling_step step = client_hears(TO " 48545450");

	assert_int_equal(step.verdict, SIGNALLING_DONE);
	assert_int_equal(step.n_consumed, 16);
	assert_int_equal(step.result.outcome, OUTCOME_CONNECTED);
	assert_int_equal(client_hears("").verdict, SIGNALLING_NEED_MORE);
	assert_int_equal(client_hears("faa8faa8 000a").verdict, SIGNALLING_NEED_MORE);
	assert_int_equal(client_hears("48").verdict, SIGNALLING_REFUSED);
	assert_int_equal(client_hears("faa8faa8 000a0001 c0000202").verdict, SIGNALLING_REFUSED);
	assert_int_equal(client_hears("01042263").result.outcome, OUTCOME_MALFORMED);
}

static void client_knows_what_an_end_says(void **state)
{
	assert_int_equal(scheme->client_end(true).outcome, OUTCOME_REFUSED);
	assert_int_equal(scheme->client_end(false).outcome, OUTCOME_BYPASSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_breaks_a_rule_is_malformed),
		cmocka_unit_test(every_beginning_needs_more),
		cmocka_unit_test(server_echoes_what_was_asked),
		cmocka_unit_test(server_has_no_words_for_the_rest),
		cmocka_unit_test(server_takes_the_connections_own_port),
		cmocka_unit_test(server_refuses),
		cmocka_unit_test(client_says_both),
		cmocka_unit_test(client_takes_the_echo_alone),
		cmocka_unit_test(client_knows_what_an_end_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
