/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How wide receive buffers are on machines of much and of little memory, and what SYNs may say because of it. */
#include "unit.h"

#include "base/util.h"
#include "policy/window.h"

static void test_buffers_follow_the_memory(void **state)
{
	static const struct {
		uint64_t memory_bytes;
		uint32_t begin_bytes, most_bytes;
	} machines[] = {
		{ 0, 512u << 10, 2u << 20 },                 /* not known */
		{ 128ull << 20, 512u << 10, 2u << 20 },
		{ 512ull << 20, 1u << 20, 4u << 20 },
		{ 1ull << 30, 2u << 20, 8u << 20 },
		{ 4ull << 30, 8u << 20, 32u << 20 },
		{ 6ull << 30, 12u << 20, 32u << 20 },
		{ 8ull << 30, 16u << 20, 32u << 20 },
		{ 1ull << 40, 16u << 20, 32u << 20 },
		{ UINT64_MAX, 16u << 20, 32u << 20 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(machines); i++) {
		struct window_buffers buffers = window_buffers(machines[i].memory_bytes);

		assert_int_equal(buffers.begin_bytes, machines[i].begin_bytes);
		assert_int_equal(buffers.most_bytes, machines[i].most_bytes);
	}
}

/* The scale that the kernel chooses for buffers that may grow to most_bytes. */
static unsigned int scale_of(uint32_t most_bytes)
{
	unsigned int scale = 0;

	while (32768u << scale < most_bytes)
		scale++;
	return scale;
}

static void test_what_a_syn_stands_for_is_no_wider_than_the_window(void **state)
{
	static const uint64_t machines_bytes[] = { 0, 512ull << 20, 1ull << 30, 2ull << 30, 4ull << 30, 8ull << 30,
						   1ull << 40 };

	for (size_t i = 0; i < ARRAY_SIZE(machines_bytes); i++) {
		struct window_buffers buffers = window_buffers(machines_bytes[i]);
		uint32_t taken_bytes = WINDOW_OF_SYN << scale_of(buffers.most_bytes);

		assert_in_range(taken_bytes, 10 * 1460, buffers.begin_bytes / 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buffers_follow_the_memory),
		cmocka_unit_test(test_what_a_syn_stands_for_is_no_wider_than_the_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
