/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which scheme a client speaks, by its first bytes; and what an outcome is without words. */
#include "unit.h"

#include "signalling/scheme.h"

static const uint8_t five[] = { 5 }, magic[] = { 0xfa, 0xa8, 0xfa, 0xa8 };
static const struct scheme short_one = { .name = "short", .opening = { five, sizeof(five) } };
static const struct scheme long_one = { .name = "long", .opening = { magic, sizeof(magic) } };
static const struct scheme other_one = { .name = "other" };

static void expect(const struct scheme *const *schemes, size_t n_schemes, const char *hex,
		   enum signalling_verdict verdict, const struct scheme *scheme)
{
	struct unit_bytes in = unit_hex(hex);
	const struct scheme *out = NULL;

	assert_int_equal(scheme_by_opening(schemes, n_schemes, (struct bytes){ in.at, in.n }, &out), verdict);
	assert_ptr_equal(out, scheme);
}

static void the_first_bytes_tell(void **state)
{
	const struct scheme *const all[] = { &other_one, &short_one, &long_one };

	expect(all, 3, "", SIGNALLING_NEED_MORE, NULL);
	expect(all, 3, "05", SIGNALLING_DONE, &short_one);
	expect(all, 3, "0501 00", SIGNALLING_DONE, &short_one);
	expect(all, 3, "fa", SIGNALLING_NEED_MORE, NULL);
	expect(all, 3, "faa8fa", SIGNALLING_NEED_MORE, NULL);
	expect(all, 3, "faa8faa8", SIGNALLING_DONE, &long_one);
	expect(all, 3, "faa8faa8 00", SIGNALLING_DONE, &long_one);
}

static void what_is_of_no_other_is_convert(void **state)
{
	const struct scheme *const all[] = { &short_one, &other_one, &long_one };

	expect(all, 3, "01", SIGNALLING_DONE, &other_one);
	expect(all, 3, "04", SIGNALLING_DONE, &other_one);
	expect(all, 3, "fb", SIGNALLING_DONE, &other_one);
	expect(all, 3, "faa7", SIGNALLING_DONE, &other_one);
	expect(all, 3, "faa8faa9", SIGNALLING_DONE, &other_one);
	assert_int_equal(scheme_convert.opening.n, 0);   /* so that another version of it has its answer */
}

static void what_is_accepted_alone_counts(void **state)
{
	const struct scheme *const two[] = { &short_one, &long_one };

	expect(two, 2, "01", SIGNALLING_REFUSED, NULL);
	expect(two, 2, "faa7", SIGNALLING_REFUSED, NULL);
	expect(two, 1, "fa", SIGNALLING_REFUSED, NULL);
	expect(two, 0, "05", SIGNALLING_REFUSED, NULL);
	expect(two, 0, "", SIGNALLING_NEED_MORE, NULL);
}

static void a_reset_is_the_destinations(void **state)
{
	for (unsigned int i = 0; i < OUTCOME_N; i++)
		assert_int_equal(signalling_tells_by_reset(i), i == OUTCOME_REFUSED);
}

static void what_was_taken_on_its_way_is_told_nothing(void **state)
{
	struct signalling_result result = { .outcome = OUTCOME_CONNECTED };
	struct conversation c = { 0 };
	uint8_t out[SIGNALLING_MESSAGE_BYTES];

	for (; result.outcome < OUTCOME_N; result.outcome++)
		assert_int_equal(scheme_route.server_answer(&c, &result, out), 0);
	assert_true(scheme_route.mute);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_bytes_tell),
		cmocka_unit_test(what_is_of_no_other_is_convert),
		cmocka_unit_test(what_is_accepted_alone_counts),
		cmocka_unit_test(a_reset_is_the_destinations),
		cmocka_unit_test(what_was_taken_on_its_way_is_told_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
