/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A connection that is a leg of a striped session (TLV 204, doc/wire.md). */
#include "unit.h"

#include "signalling/scheme.h"

#define SESSION "000102030405060708090a0b0c0d0e0f"
#define INFO "01010000"

static struct signalling_step server_hears(const char *hex, struct signalling_request *request, uint8_t *out)
{
	struct unit_bytes m = unit_hex(hex);
	struct conversation c = { 0 };
	uint8_t *bytes = unit_copy(m.at, m.n);
	struct signalling_step step = scheme_convert.server_feed(&c, bytes, m.n, out, request);

	free(bytes);
	return step;
}

static void a_leg_says_whose_it_is(void **state)
{
	struct signalling_request request = { .probe = 1, .has_leg = 1, .leg = 3 }, heard;
	const struct signalling_result fine = { .outcome = OUTCOME_CONNECTED };
	uint8_t out[SIGNALLING_MESSAGE_BYTES];
	struct conversation c;
	struct signalling_step step;

	for (size_t i = 0; i < sizeof(request.session); i++)
		request.session[i] = (uint8_t)i;
	request.joins = 1;
	step = scheme_convert.client_begin(&c, &request, out);
	unit_expect_bytes("leg of a known one", "01072263" INFO "cc058003" SESSION, out, step.n_out);
	step = server_hears("01072263" INFO "cc058003" SESSION, &heard, out);
	assert_true(step.verdict == SIGNALLING_DONE && heard.leg == 3 && heard.joins);
	assert_false(heard.wide);
	request.wide = 1;
	step = scheme_convert.client_begin(&c, &request, out);
	unit_expect_bytes("leg of a wide one that is known", "01072263" INFO "cc05c003" SESSION, out, step.n_out);
	step = server_hears("01072263" INFO "cc05c003" SESSION, &heard, out);
	assert_true(step.verdict == SIGNALLING_DONE && heard.leg == 3 && heard.joins && heard.wide && !heard.lossy);
	request.lossy = 1;
	step = scheme_convert.client_begin(&c, &request, out);
	unit_expect_bytes("leg of one whose links lose packets", "01072263" INFO "cc05e003" SESSION, out, step.n_out);
	step = server_hears("01072263" INFO "cc05e003" SESSION, &heard, out);
	assert_true(step.verdict == SIGNALLING_DONE && heard.leg == 3 && heard.joins && heard.wide && heard.lossy);
	request.joins = request.wide = request.lossy = 0;
	step = scheme_convert.client_begin(&c, &request, out);
	unit_expect_bytes("leg", "01072263" INFO "cc050003" SESSION, out, step.n_out);
	step = server_hears("01072263" INFO "cc050003" SESSION "aa", &heard, out);
	assert_int_equal(step.verdict, SIGNALLING_DONE);
	assert_int_equal(step.n_consumed, 28);
	assert_true(heard.has_leg && heard.leg == 3 && !heard.probe && !heard.joins);
	assert_memory_equal(heard.session, request.session, sizeof(heard.session));
	c = (struct conversation){ 0 };
	unit_expect_bytes("answer", "01012263", out, scheme_convert.server_answer(&c, &fine, out));
	step = scheme_convert.client_feed(&c, out, 4, out);
	assert_int_equal(step.verdict, SIGNALLING_DONE);
}

static void legs_that_make_no_sense(void **state)
{
	static const struct { const char *hex; enum signalling_outcome outcome; } cases[] = {
		/* no Info */
		{ "01062263 cc050003" SESSION, OUTCOME_UNSUPPORTED_MESSAGE },
		/* a Connect */
		{ "010b2263 0a0501bb 00000000000000000000ffff c0000201 cc050003" SESSION, OUTCOME_UNSUPPORTED_MESSAGE },
		/* and an Info */
		{ "010c2263" INFO "0a0501bb 00000000000000000000ffff c0000201 cc050003" SESSION,
		  OUTCOME_UNSUPPORTED_MESSAGE },
		/* takes sessions */
		{ "01082263" INFO "c3010000 cc050003" SESSION, OUTCOME_UNSUPPORTED_MESSAGE },
		/* hears of limits */
		{ "01082263" INFO "c7010000 cc050003" SESSION, OUTCOME_UNSUPPORTED_MESSAGE },
		/* a bit that has no name */
		{ "01072263" INFO "cc051003" SESSION, OUTCOME_UNSUPPORTED_MESSAGE },
		/* losses, and not wide */
		{ "01072263" INFO "cc052003" SESSION, OUTCOME_UNSUPPORTED_MESSAGE },
		/* number 256 */
		{ "01072263" INFO "cc050100" SESSION, OUTCOME_UNSUPPORTED_MESSAGE },
		{ "01062263" INFO "cc040003 0001020304050607 08090a0b", OUTCOME_MALFORMED },
		{ "01082263" INFO "cc060003" SESSION "00000000", OUTCOME_MALFORMED },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint8_t out[SIGNALLING_MESSAGE_BYTES];
		struct signalling_request heard;
		struct signalling_step step = server_hears(cases[i].hex, &heard, out);

		assert_int_equal(step.verdict, SIGNALLING_REFUSED);
		assert_int_equal(step.result.outcome, cases[i].outcome);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_leg_says_whose_it_is),
		cmocka_unit_test(legs_that_make_no_sense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
