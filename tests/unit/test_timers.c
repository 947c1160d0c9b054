/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "base/clock.h"
#include "loop/timers.h"

#define MANY 20000u

static void add(struct timers *timers, uint64_t at_us, uint32_t index)
{
	assert_int_equal(timers_add(timers, at_us, (struct loop_ref){ .index = index }), 0);
}

static void an_empty_heap_is_never_due(void **state)
{
	_cleanup_(timers_free) struct timers timers = { 0 };
	struct loop_ref ref;

	assert_true(timers_next_us(&timers) == CLOCK_NEVER_US);
	assert_false(timers_pop(&timers, CLOCK_NEVER_US, &ref));
}

static void a_timer_is_due_at_its_instant_and_not_before(void **state)
{
	_cleanup_(timers_free) struct timers timers = { 0 };
	const struct loop_ref given = { .index = 0xdeadbeef, .generation = 0xabcd, .handler = 7, .part = 9 };
	struct loop_ref ref = { 0 };

	assert_int_equal(timers_add(&timers, 1000, given), 0);
	assert_int_equal(timers_next_us(&timers), 1000);
	assert_false(timers_pop(&timers, 999, &ref));
	assert_true(timers_pop(&timers, 1000, &ref));
	assert_memory_equal(&ref, &given, sizeof(ref));
	assert_false(timers_pop(&timers, CLOCK_NEVER_US, &ref));
	assert_true(timers_next_us(&timers) == CLOCK_NEVER_US);
}

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static void many_come_out_in_their_order(void **state)
{
	_cleanup_(timers_free) struct timers timers = { 0 };
	_cleanup_(freep) uint64_t *at_us = calloc(MANY, sizeof(*at_us));
	_cleanup_(freep) bool *out = calloc(MANY, sizeof(*out));
	uint64_t last_us = 0;
	uint32_t seed = 1;
	struct loop_ref ref;

	for (uint32_t i = 0; i < MANY; i++) {
		at_us[i] = next_random(&seed) % 5000;   /* many equal ones */
		add(&timers, at_us[i], i);
	}
	for (uint32_t i = 0; i < MANY; i++) {
		uint64_t next_us = timers_next_us(&timers);

		assert_true(timers_pop(&timers, CLOCK_NEVER_US, &ref));
		assert_in_range(ref.index, 0, MANY - 1);
		assert_int_equal(at_us[ref.index], next_us);
		assert_true(next_us >= last_us);
		assert_false(out[ref.index]);   /* each once */
		out[ref.index] = true;
		last_us = next_us;
	}
	assert_false(timers_pop(&timers, CLOCK_NEVER_US, &ref));
}

/* Adding and taking by turns, as the loop does. */
static void adding_between_keeps_the_order(void **state)
{
	_cleanup_(timers_free) struct timers timers = { 0 };
	uint32_t seed = 7, n_added = 0, n_popped = 0;
	struct loop_ref ref;

	for (uint64_t now_us = 0; now_us < 5000 || timers.n; now_us++) {
		for (uint32_t i = next_random(&seed) % 4; now_us < 5000 && i > 0; i--, n_added++)
			add(&timers, now_us + next_random(&seed) % 300, (uint32_t)now_us);
		while (timers_pop(&timers, now_us, &ref)) {
			assert_in_range(ref.index, now_us > 300 ? now_us - 300 : 0, now_us);
			n_popped++;
		}
		assert_true(timers_next_us(&timers) > now_us);
	}
	assert_int_equal(n_popped, n_added);
	assert_in_range(n_added, 5000, 10000);
}

static void rising_and_falling_instants(void **state)
{
	_cleanup_(timers_free) struct timers timers = { 0 };
	struct loop_ref ref;

	for (uint32_t i = 0; i < 1000; i++)
		add(&timers, i, i);
	for (uint32_t i = 2000; i-- > 1000;)
		add(&timers, i, i);
	for (uint32_t i = 0; i < 2000; i++) {
		assert_int_equal(timers_next_us(&timers), i);
		assert_true(timers_pop(&timers, i, &ref));
		assert_int_equal(ref.index, i);
		assert_false(timers_pop(&timers, i, &ref));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_heap_is_never_due),
		cmocka_unit_test(a_timer_is_due_at_its_instant_and_not_before),
		cmocka_unit_test(many_come_out_in_their_order),
		cmocka_unit_test(adding_between_keeps_the_order),
		cmocka_unit_test(rising_and_falling_instants),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
