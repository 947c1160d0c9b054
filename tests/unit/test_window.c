/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How wide receive buffers are on machines of much and of little memory. */
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
		{ 1ull << 40, 8u << 20, 32u << 20 },
		{ UINT64_MAX, 8u << 20, 32u << 20 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(machines); i++) {
		struct window_buffers buffers = window_buffers(machines[i].memory_bytes);

		assert_int_equal(buffers.begin_bytes, machines[i].begin_bytes);
		assert_int_equal(buffers.most_bytes, machines[i].most_bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_buffers_follow_the_memory) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
