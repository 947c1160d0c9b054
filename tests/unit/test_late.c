/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A converter that is late tells its gateways: what is posted to a worker, and said on a watch, is counted here. */
#include "unit.h"

#include <errno.h>
#include "base/clock.h"
#include "role/converter/intake.h"
#include "role/converter/late.h"

#define POSTED 8

struct loop {
	void (*posted[POSTED])(void *arg);
	void *args[POSTED];
	size_t n;
	bool short_of_memory;
};

int loop_post(struct loop *loop, void (*fn)(void *arg), void *arg)
{
	if (loop->short_of_memory)
		return -ENOMEM;
	assert_true(loop->n < POSTED);
	loop->posted[loop->n] = fn;
	loop->args[loop->n++] = arg;
	return 0;
}

static unsigned int n_said;

bool intake_tell(struct converter *converter, struct intake *watch, struct bytes message)
{
	assert_int_equal(message.n, 4);
	n_said++;
	return true;
}

static size_t limited(enum signalling_limited what, uint8_t *out)
{
	assert_int_equal(what, SIGNALLING_LATE);
	memset(out, 0, 4);
	return 4;
}

static const struct scheme scheme = { .server_limited = limited };

struct fixture {
	struct shared shared;
	struct loop loop;
	struct worker worker, *workers[1];
	struct converter converter;
	struct intake *watch;
};

static int begin(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f || slab_init(&f->converter.intakes, sizeof(struct intake), 4))
		return -1;
	n_said = 0;
	f->worker.shared = &f->shared;
	f->worker.loop = &f->loop;
	f->worker.converter = &f->converter;
	f->workers[0] = &f->worker;
	f->watch = slab_take(&f->converter.intakes);
	f->watch->state = INTAKE_WAITING;
	f->watch->hears_late = true;
	f->watch->scheme = &scheme;
	*state = f;
	return 0;
}

static int end(void **state)
{
	struct fixture *f = *state;

	slab_fini(&f->converter.intakes);
	free(f);
	return 0;
}

static void turn(struct fixture *f)
{
	size_t n = f->loop.n;

	f->loop.n = 0;
	for (size_t i = 0; i < n; i++)
		f->loop.posted[i](f->loop.args[i]);
}

static void it_is_said_each_time(void **state)
{
	struct fixture *f = *state;

	for (unsigned int i = 1; i <= 3; i++) {
		late_tell(f->workers, 1, true);
		turn(f);
		assert_int_equal(n_said, i);
	}
	assert_int_equal(f->worker.counters.n_late_told, 3);
}

static void who_is_in_time_says_nothing(void **state)
{
	struct fixture *f = *state;

	late_tell(f->workers, 1, false);
	assert_int_equal(f->loop.n, 0);
}

static void after_a_standstill_it_is_said_once(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 100; i++)
		late_tell(f->workers, 1, true);
	assert_int_equal(f->loop.n, 1);
	turn(f);
	assert_int_equal(n_said, 1);
	late_tell(f->workers, 1, true);
	turn(f);
	assert_int_equal(n_said, 2);
}

static void what_is_over_is_not_said(void **state)
{
	struct fixture *f = *state;

	late_tell(f->workers, 1, true);
	late_tell(f->workers, 1, false);
	turn(f);
	assert_int_equal(n_said, 0);
	late_tell(f->workers, 1, true);
	turn(f);
	assert_int_equal(n_said, 1);
}

static void what_could_not_be_posted_is_tried_again(void **state)
{
	struct fixture *f = *state;

	f->loop.short_of_memory = true;
	late_tell(f->workers, 1, true);
	f->loop.short_of_memory = false;
	late_tell(f->workers, 1, true);
	turn(f);
	assert_int_equal(n_said, 1);
}

static void who_has_not_asked_or_still_waits_hears_nothing(void **state)
{
	struct fixture *f = *state;

	f->watch->hears_late = false;
	late_tell(f->workers, 1, true);
	turn(f);
	f->watch->hears_late = f->watch->owes = true;
	late_tell(f->workers, 1, true);
	turn(f);
	assert_int_equal(n_said, 0);
}

static void a_gateway_heeds_it_for_a_while(void **state)
{
	struct fixture *f = *state;

	assert_false(late_is_converter(&f->shared, 5 * US_PER_S));
	late_hear(&f->shared, 5 * US_PER_S);
	assert_true(late_is_converter(&f->shared, 6 * US_PER_S));
	assert_false(late_is_converter(&f->shared, 7 * US_PER_S));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_is_said_each_time, begin, end),
		cmocka_unit_test_setup_teardown(who_is_in_time_says_nothing, begin, end),
		cmocka_unit_test_setup_teardown(after_a_standstill_it_is_said_once, begin, end),
		cmocka_unit_test_setup_teardown(what_is_over_is_not_said, begin, end),
		cmocka_unit_test_setup_teardown(what_could_not_be_posted_is_tried_again, begin, end),
		cmocka_unit_test_setup_teardown(who_has_not_asked_or_still_waits_hears_nothing, begin, end),
		cmocka_unit_test_setup_teardown(a_gateway_heeds_it_for_a_while, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
