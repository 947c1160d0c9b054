/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TCP options that a Convert client asks for, or is told, and messages as long as can be. */
#include "unit_convert.h"

static void the_echo_of_a_long_message_is_cut(void **state)
{
	struct unit_bytes m = unit_hex("01ff2263 16f90000");
	struct heard h;

	memset(m.at + m.n, 0xa5, SIGNALLING_MESSAGE_BYTES - 8);
	m.n = SIGNALLING_MESSAGE_BYTES;
	memcpy(m.at + 4 + 4 * 0xf9, unit_hex("0a0501bb").at, 4);
	memcpy(m.at + 4 + 4 * 0xf9 + 4, unit_hex("00000000000000000000ffff 7f000001").at, 16);
	h = unit_server_hears_in(m.at, m.n, m.n);
	unit_expect_step(&h, SIGNALLING_REFUSED, OUTCOME_MALFORMED, 0);
	assert_int_equal(h.step.n_out, SIGNALLING_MESSAGE_BYTES);
	assert_memory_equal(h.out + 8, m.at, SIGNALLING_MESSAGE_BYTES - 8);
	h = unit_client_hears_in(h.out, h.step.n_out, 1);
	unit_expect_step(&h, SIGNALLING_REFUSED, OUTCOME_MALFORMED, SIGNALLING_MESSAGE_BYTES);
}

static void options_are_served_or_named(void **state)
{
	struct heard h = unit_server_hears("01072263 0a0601bb 00000000000000000000ffff c0000201 1e020000");

	unit_expect_step(&h, SIGNALLING_DONE, OUTCOME_CONNECTED, 28);
	assert_int_equal(h.request.wants_mptcp, 1);
	h = unit_server_hears("010a2263 0a0901bb 00000000000000000000ffff c0000201 01000204 05b40303 07040205 "
			      "02080200");
	unit_expect_step(&h, SIGNALLING_DONE, OUTCOME_CONNECTED, 40);
	assert_int_equal(h.request.wants_mptcp, 0);
	/* Fast Open and TCP-AO can't be had, the list names both once (6.2.8, error 33) */
	unit_expect_refused("010a2263 0a0901bb 00000000000000000000ffff c0000201 22021e02 1d042222 22041d1d 02040000",
		       OUTCOME_UNSUPPORTED_OPTION, "01032263 1e022122 1d000000");
	unit_expect_refused("01072263 0a0601bb 00000000000000000000ffff c0000201 22020000", OUTCOME_UNSUPPORTED_OPTION,
			    "01022263 1e012122");
}

/* For who has to refuse an option later than feed() does. */
static void an_option_can_be_refused_late(void **state)
{
	struct heard h = unit_server_hears("01072263 0a0601bb 00000000000000000000ffff c0000201 1d022202");
	const struct signalling_result result = { .outcome = OUTCOME_UNSUPPORTED_OPTION };
	size_t n = scheme_convert.server_answer(&h.conversation, &result, h.out);

	unit_expect_bytes("the first", "01022263 1e01211d", h.out, n);
}

static void all_option_kinds_fit_the_error(void **state)
{
	struct unit_bytes m = unit_hex("01002263 0a0001bb 00000000000000000000ffff c0000201");
	struct heard h;

	for (unsigned int kind = 2; kind < 256; kind++) {
		m.at[m.n++] = (uint8_t)kind;
		m.at[m.n++] = 2;
	}
	m.at[1] = (uint8_t)(m.n / 4);
	m.at[5] = (uint8_t)(m.n / 4 - 1);
	assert_int_equal(m.n % 4, 0);
	h = unit_server_hears_in(m.at, m.n, m.n);
	unit_expect_step(&h, SIGNALLING_REFUSED, OUTCOME_UNSUPPORTED_OPTION, 0);
	assert_int_equal(h.out[6], 33);
	assert_int_equal(h.out[7], 6);             /* the first that we don't serve */
	assert_int_equal(h.out[7 + 247], 255);     /* 254 kinds, less 2, 3, 4, 5, 8 and 30 */
	assert_int_equal(h.out[7 + 248], 0);
	assert_int_equal(h.step.n_out, 4 + (3 + 248 + 3) / 4 * 4);
}

static void an_extended_connect_is_told_the_options(void **state)
{
	struct heard h = unit_server_hears("01072263 0a0601bb 00000000000000000000ffff c0000201 1e020000");
	struct signalling_result result = { .outcome = OUTCOME_CONNECTED, .mss_bytes = 1460, .window_scale = 7,
					    .sack = 1, .timestamps = 1 };
	size_t n = scheme_convert.server_answer(&h.conversation, &result, h.out);

	unit_expect_bytes("all options", "01052263 14040000 020405b4 04020802 03030700", h.out, n);
	result = (struct signalling_result){ .outcome = OUTCOME_CONNECTED, .window_scale = 0xff };
	n = scheme_convert.server_answer(&h.conversation, &result, h.out);
	unit_expect_bytes("no options", "01022263 14010000", h.out, n);
	h = unit_client_hears_in(h.out, n, 1);
	unit_expect_step(&h, SIGNALLING_DONE, OUTCOME_CONNECTED, n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_echo_of_a_long_message_is_cut),
		cmocka_unit_test(options_are_served_or_named),
		cmocka_unit_test(an_option_can_be_refused_late),
		cmocka_unit_test(all_option_kinds_fit_the_error),
		cmocka_unit_test(an_extended_connect_is_told_the_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
