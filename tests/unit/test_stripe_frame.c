/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames of striped sessions. */
#include "unit.h"

#include "wire/stripe.h"

static void a_frame_is_what_it_was(void **state)
{
	struct unit_bytes whole = unit_hex("01000003 00000102 fffffffe 414243 99"),
			  m = unit_hex("03000000 00000007 00000000");
	uint8_t *bytes = unit_copy(whole.at, whole.n), head[STRIPE_HEAD_BYTES];
	struct stripe_frame frame;
	size_t n_used = 0;

	assert_int_equal(stripe_frame_get(&frame, bytes, whole.n, &n_used), 0);
	assert_int_equal(n_used, 15);
	assert_true(frame.ends && !frame.resets && frame.offset == 0x102 && frame.acknowledged == 0xfffffffe);
	unit_expect_bytes("payload", "414243", frame.payload.at, frame.payload.n);
	stripe_frame_put_head(&frame, head);
	unit_expect_bytes("head", "01000003 00000102 fffffffe", head, sizeof(head));
	free(bytes);
	assert_int_equal(stripe_frame_get(&frame, m.at, m.n, &n_used), 0);
	assert_true(frame.ends && frame.resets && frame.offset == 7 && !frame.payload.n && n_used == STRIPE_HEAD_BYTES);
	stripe_frame_put_head(&frame, head);
	unit_expect_bytes("reset", "03000000 00000007 00000000", head, sizeof(head));
	m = unit_hex("04ff0000 00000007 00000000");
	assert_int_equal(stripe_frame_get(&frame, m.at, m.n, &n_used), 0);
	assert_true(frame.wants && frame.window == 255 && !frame.ends && !frame.resets);
	stripe_frame_put_head(&frame, head);
	unit_expect_bytes("window", "04ff0000 00000007 00000000", head, sizeof(head));
	frame = (struct stripe_frame){ .resets = true };   /* behind which nothing ends */
	stripe_frame_put_head(&frame, head);
	unit_expect_bytes("neither", "00000000 00000000 00000000", head, sizeof(head));
}

static void half_a_frame_is_short(void **state)
{
	struct unit_bytes whole = unit_hex("00000003 00000102 00000000 414243");

	for (size_t n = 0; n < whole.n; n++) {
		uint8_t *bytes = unit_copy(whole.at, n);
		struct stripe_frame frame;
		size_t n_used;

		assert_int_equal(stripe_frame_get(&frame, bytes, n, &n_used), STRIPE_E_SHORT);
		free(bytes);
	}
}

static void what_is_no_frame(void **state)
{
	static const char *const cases[] = { "08000000 00000000 00000000", "80000000 00000000 00000000",
					     "02000000 00000000 00000000", "06000000 00000000 00000000",
					     "00004001 00000000 00000000" };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct unit_bytes m = unit_hex(cases[i]);
		struct stripe_frame frame;
		size_t n_used;

		assert_int_equal(stripe_frame_get(&frame, m.at, m.n, &n_used), STRIPE_E_MALFORMED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_is_what_it_was),
		cmocka_unit_test(half_a_frame_is_short),
		cmocka_unit_test(what_is_no_frame),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
