/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <errno.h>
#include "base/counter.h"
#include "metrics/metrics.h"

struct counters {
	uint64_t n_made, n_open, unused;
};

static const struct metric table[] = {
	{ METRIC_COUNTER, "made", "things made", offsetof(struct counters, n_made) },
	{ METRIC_GAUGE, "open", "things that are open now", offsetof(struct counters, n_open) },
};

static void expect_json(const char *expected, json_t *seen)
{
	char *text = json_dumps(seen, JSON_COMPACT);

	assert_non_null(text);
	if (strcmp(text, expected))
		fail_msg("expected %s, saw %s", expected, text);
	free(text);
}

static void rows_are_summed_over_the_structs(void **state)
{
	struct counters each[3] = { { 1, 10, 7 }, { 2, 0, 7 }, { 3, 5, 7 } };
	const void *structs[] = { &each[0], &each[1], &each[2] };
	json_t *array = json_array();

	assert_int_equal(metrics_append(array, table, ARRAY_SIZE(table), structs, ARRAY_SIZE(structs)), 0);
	expect_json("[{\"name\":\"made\",\"kind\":\"counter\",\"help\":\"things "
		    "made\",\"value\":6},{\"name\":\"open\",\"kind\":\"gauge\",\"help\":\"things that are open "
		    "now\",\"value\":15}]", array);
	json_decref(array);
}

/* One thread may take a thing that another one opened: its own gauge then lies below zero, their sum doesn't. */
static void a_gauge_may_fall_in_another_thread(void **state)
{
	struct counters each[2] = { { 0 } };
	const void *structs[] = { &each[0], &each[1] };
	json_t *array = json_array();

	counter_add(&each[0].n_open, 5);
	counter_add(&each[1].n_open, (uint64_t)-3);
	assert_true(counter_read(&each[1].n_open) == UINT64_MAX - 2);
	assert_int_equal(metrics_append(array, table + 1, 1, structs, ARRAY_SIZE(structs)), 0);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(array, 0), "value")), 2);
	json_decref(array);
}

static void it_appends_and_counts_nothing_as_zero(void **state)
{
	json_t *array = json_pack("[s]", "before");

	assert_int_equal(metrics_append(array, table, 0, NULL, 0), 0);
	expect_json("[\"before\"]", array);
	assert_int_equal(metrics_append(array, table, 1, NULL, 0), 0);
	expect_json("[\"before\",{\"name\":\"made\",\"kind\":\"counter\",\"help\":\"things made\",\"value\":0}]",
		    array);
	json_decref(array);
}

static void what_jansson_refuses_is_a_failure(void **state)
{
	const struct metric broken = { METRIC_COUNTER, "\xff", "no UTF-8", offsetof(struct counters, n_made) };
	struct counters counters = { 0 };
	const void *structs[] = { &counters };
	json_t *array = json_array();

	assert_int_equal(metrics_append(array, &broken, 1, structs, 1), -ENOMEM);
	assert_int_equal(json_array_size(array), 0);
	json_decref(array);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_summed_over_the_structs),
		cmocka_unit_test(a_gauge_may_fall_in_another_thread),
		cmocka_unit_test(it_appends_and_counts_nothing_as_zero),
		cmocka_unit_test(what_jansson_refuses_is_a_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
