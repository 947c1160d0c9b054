/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The main thread's looks at a worker, with a loop of ours in the place of both: time passes, and questions are
 * answered, when the test says so. */
#include "unit.h"

#include <errno.h>
#include "base/clock.h"
#include "role/pulse.h"

#define MS US_PER_MS

struct loop {
	struct loop_handler handler;
	struct loop_ref timer;
	uint64_t timer_at_us;
	void (*posted)(void *arg);
	void *arg;
	bool short_of_memory;
};

static uint64_t clock_us;

uint64_t loop_clock_us(void)
{
	return clock_us;
}

uint64_t loop_now_us(const struct loop *loop)
{
	return clock_us;
}

uint8_t loop_handler_add(struct loop *loop, const struct loop_handler *handler)
{
	loop->handler = *handler;
	return 1;
}

int loop_timer_at(struct loop *loop, uint64_t at_us, struct loop_ref ref)
{
	loop->timer_at_us = at_us;
	loop->timer = ref;
	return 0;
}

int loop_post(struct loop *loop, void (*fn)(void *arg), void *arg)
{
	assert_null(loop->posted);   /* who hasn't answered isn't asked twice */
	if (loop->short_of_memory)
		return -ENOMEM;
	loop->posted = fn;
	loop->arg = arg;
	return 0;
}

struct fixture {
	struct loop main_loop, worker_loop;
	struct worker worker, *workers[1];
	struct pulse *pulse;
	unsigned int n_looks, n_late;   /* as was told */
};

static void on_look(void *context, bool late)
{
	struct fixture *f = context;

	f->n_looks++;
	f->n_late += late;
}

static void begin(struct fixture *f)
{
	struct pulse_options options = { .loop = &f->main_loop, .workers = f->workers, .n_workers = 1,
					 .on_look = on_look, .context = f };

	clock_us = 3600 * US_PER_S;
	*f = (struct fixture){ .worker = { .n_peers = 1 } };
	f->worker.loop = &f->worker_loop;
	f->workers[0] = &f->worker;
	assert_int_equal(pulse_new(&options, &f->pulse), 0);
}

static void answer(struct fixture *f)
{
	void (*fn)(void *arg) = f->worker_loop.posted;

	assert_non_null(fn);
	f->worker_loop.posted = NULL;
	fn(f->worker_loop.arg);
}

/* after_us: the main thread had that to do before, in the same turn. */
static enum pulse_word look_after(struct fixture *f, uint64_t after_us)
{
	uint64_t now_us = clock_us < f->main_loop.timer_at_us ? f->main_loop.timer_at_us : clock_us;

	clock_us = now_us + after_us;
	f->main_loop.handler.on_timer(f->main_loop.handler.context, f->main_loop.timer, now_us);
	return pulse_word(f->pulse);
}

static enum pulse_word look(struct fixture *f)
{
	return look_after(f, 0);
}

static void who_answers_is_well(void **state)
{
	struct fixture f;

	begin(&f);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(look(&f), PULSE_WELL);
		clock_us += 10 * MS;
		answer(&f);
	}
	assert_int_equal(f.worker.counters.n_late, 0);
	pulse_freep(&f.pulse);
}

static void a_stall_that_is_over_is_one_look(void **state)
{
	struct fixture f;

	begin(&f);
	look(&f);
	assert_int_equal(look(&f), PULSE_MISSED);
	clock_us += 100 * MS;
	answer(&f);
	assert_int_equal(look(&f), PULSE_WELL);
	answer(&f);
	assert_int_equal(look(&f), PULSE_WELL);
	assert_int_equal(f.worker.counters.n_late, 0);
	assert_int_equal(f.n_looks, 4);
	assert_int_equal(f.n_late, 0);
	pulse_freep(&f.pulse);
}

/* A connection that had come meanwhile is taken after the question, in the same turn or the next. */
static void who_waited_in_the_same_stall_is_no_other_look(void **state)
{
	struct fixture f;

	begin(&f);
	look(&f);
	clock_us += 400 * MS;
	answer(&f);
	f.worker.longest_wait_us = 450 * MS;
	assert_int_equal(look(&f), PULSE_WELL);
	answer(&f);
	assert_int_equal(look(&f), PULSE_WELL);
	assert_int_equal(f.worker.counters.n_late, 0);
	pulse_freep(&f.pulse);
}

static void who_waits_in_a_queue_counts_as_the_question(void **state)
{
	struct fixture f;

	begin(&f);
	look(&f);
	for (int i = 0; i < 2; i++) {
		answer(&f);
		f.worker.longest_wait_us = 300 * MS;
		assert_int_equal(look(&f), i ? PULSE_LATE : PULSE_WELL);
	}
	assert_int_equal(look(&f), PULSE_LATE);
	pulse_freep(&f.pulse);
}

/* However late the main thread came to ask. */
static void two_looks_without_an_answer_are_a_second(void **state)
{
	struct fixture f;

	begin(&f);
	look_after(&f, 20 * MS);
	assert_int_equal(look(&f), PULSE_MISSED);
	assert_int_equal(look(&f), PULSE_LATE);
	assert_int_equal(f.worker.counters.n_late, 1);
	answer(&f);
	assert_int_equal(look(&f), PULSE_LATE);   /* it had waited for so long */
	answer(&f);
	assert_int_equal(look(&f), PULSE_WELL);
	assert_int_equal(f.n_looks, 5);
	assert_int_equal(f.n_late, 2);
	pulse_freep(&f.pulse);
}

static void short_of_memory_it_is_as_late_as_before(void **state)
{
	struct fixture f;

	begin(&f);
	look(&f);
	clock_us += 1500 * MS;
	answer(&f);
	f.worker_loop.short_of_memory = true;
	for (int i = 0; i < 3; i++)
		assert_int_equal(look(&f), PULSE_LATE);
	f.worker_loop.short_of_memory = false;
	assert_int_equal(look(&f), PULSE_LATE);
	answer(&f);
	assert_int_equal(look(&f), PULSE_WELL);
	pulse_freep(&f.pulse);
}

static void one_for_bulk_is_never_late(void **state)
{
	struct fixture f;

	begin(&f);
	f.worker.number = 1;
	look(&f);
	for (int i = 0; i < 10; i++)
		assert_int_equal(look(&f), PULSE_MISSED);
	pulse_freep(&f.pulse);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_answers_is_well),
		cmocka_unit_test(a_stall_that_is_over_is_one_look),
		cmocka_unit_test(who_waited_in_the_same_stall_is_no_other_look),
		cmocka_unit_test(who_waits_in_a_queue_counts_as_the_question),
		cmocka_unit_test(two_looks_without_an_answer_are_a_second),
		cmocka_unit_test(short_of_memory_it_is_as_late_as_before),
		cmocka_unit_test(one_for_bulk_is_never_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
