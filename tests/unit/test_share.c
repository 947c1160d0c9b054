/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How much of many transfers each may move. */
#include "unit.h"

#include "policy/share.h"

#define MOST_BYTES (64ull << 20)

static size_t stride(uint32_t n_others, uint64_t held_bytes, uint64_t held_most_bytes)
{
	struct share_facts facts = { .n_others = n_others, .held_bytes = held_bytes,
				     .held_most_bytes = held_most_bytes };

	return share_stride_bytes(&facts);
}

static void test_one_alone_goes_far(void **state)
{
	assert_int_equal(stride(0, 0, MOST_BYTES), SHARE_ALONE_BYTES);
}

static void test_others_shorten_it(void **state)
{
	assert_int_equal(stride(1, 0, MOST_BYTES), SHARE_ALONE_BYTES / 2);
	assert_int_equal(stride(10000, 0, MOST_BYTES), SHARE_AMONG_BYTES);
}

static void test_little_memory_shortens_it_never_to_nothing(void **state)
{
	assert_int_equal(stride(0, MOST_BYTES - (1 << 20), MOST_BYTES), 128 << 10);
	assert_int_equal(stride(0, MOST_BYTES - 1000, MOST_BYTES), SHARE_LEAST_BYTES);
	assert_int_equal(stride(0, MOST_BYTES, MOST_BYTES), SHARE_LEAST_BYTES);
	assert_int_equal(stride(0, MOST_BYTES + 1, MOST_BYTES), SHARE_LEAST_BYTES);
	assert_int_equal(stride(0, 0, 0), SHARE_LEAST_BYTES);
}

/* Readers that stop one after the other, each with a full stride in hand. */
static void test_stalled_readers_hold_no_more_than_the_limit_and_a_little_each(void **state)
{
	uint64_t held_bytes = 0;

	for (unsigned int i = 0; i < 1000; i++) {
		held_bytes += stride(255, held_bytes, MOST_BYTES);
		if (held_bytes > MOST_BYTES + (i + 1ull) * SHARE_LEAST_BYTES)
			fail_msg("expected at most %llu bytes held by %u, saw %llu",
				 MOST_BYTES + (i + 1ull) * SHARE_LEAST_BYTES, i + 1, (unsigned long long)held_bytes);
	}
	assert_true(held_bytes > MOST_BYTES / 2);
}

static void test_send_buffers_of_many_are_small(void **state)
{
	assert_int_equal(share_send_bytes(0, 16 << 20), 16 << 20);
	assert_int_equal(share_send_bytes(1, 16 << 20), 16 << 20);
	assert_int_equal(share_send_bytes(16, 16 << 20), 3 << 20);
	assert_int_equal(share_send_bytes(16, 1 << 20), 1 << 20);
	assert_int_equal(share_send_bytes(10000, 16 << 20), 384 << 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_alone_goes_far),
		cmocka_unit_test(test_others_shorten_it),
		cmocka_unit_test(test_little_memory_shortens_it_never_to_nothing),
		cmocka_unit_test(test_stalled_readers_hold_no_more_than_the_limit_and_a_little_each),
		cmocka_unit_test(test_send_buffers_of_many_are_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
