/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a half does that has no credit: nothing more is written, and nothing read that would have to wait. */
#include "unit_half.h"

#include <signal.h>

#define CREDIT_BYTES 100000u
#define MORE_BYTES 20000u

static int set_up(void **state)
{
	struct fixture *f = unit_half_begin(false);

	f->tools.pipes.n_most = 1;
	f->half.steadied = f->half.steady.begun = true;
	f->half.credit.until_bytes = CREDIT_BYTES;
	*state = f;
	return 0;
}

static void bring(struct fixture *f, uint64_t n_bytes)
{
	while (f->n_in < n_bytes)
		unit_stream_send(f->in[0], &f->n_in, (size_t)(n_bytes - f->n_in));
	unit_wait_readable(f->in[1]);
}

/* Until so many have come out, or nothing moves any more. */
static int move(struct fixture *f, uint64_t n_bytes)
{
	int r = HALF_AGAIN;

	for (unsigned int turns = 0; turns < 1000 && f->half.n_bytes < n_bytes; turns++) {
		r = unit_half_step_ready(f);
		while (f->n_out < f->half.n_bytes) {
			unit_wait_readable(f->out[1]);
			unit_stream_receive(f->out[1], &f->n_out, (size_t)(f->half.n_bytes - f->n_out));
		}
	}
	return r;
}

static void expect_no_credit(struct fixture *f, uint64_t n_bytes)
{
	assert_int_equal(half_step(&f->half, &f->tools, BUDGET_BYTES), HALF_WANT_WRITE);
	assert_int_equal(f->half.n_bytes, n_bytes);
	assert_int_equal(half_credit_bytes(&f->half), 0);
	assert_int_equal(half_waiting_bytes(&f->half), 0);
	assert_true(f->half.writable);
	assert_true(f->half.readable);
}

static void nothing_is_written_beyond_it(void **state)
{
	struct fixture *f = *state;

	bring(f, CREDIT_BYTES + MORE_BYTES);
	move(f, CREDIT_BYTES);
	expect_no_credit(f, CREDIT_BYTES);
	expect_no_credit(f, CREDIT_BYTES);
	f->half.credit.until_bytes = CREDIT_BYTES + 1;
	move(f, CREDIT_BYTES + 1);
	expect_no_credit(f, CREDIT_BYTES + 1);
	f->half.credit.until_bytes = UINT64_MAX;
	assert_int_equal(move(f, CREDIT_BYTES + MORE_BYTES), HALF_WANT_READ);
	assert_int_equal(f->n_out, CREDIT_BYTES + MORE_BYTES);
}

static void what_waits_is_not_written_either(void **state)
{
	struct fixture *f = *state;
	uint8_t first[CREDIT_FIRST_BYTES + MORE_BYTES] = { 0 };

	f->half.credit.until_bytes = 0;
	assert_int_equal(half_prepend(&f->half, &f->tools, first, sizeof(first)), 0);
	while (f->half.n_bytes < CREDIT_FIRST_BYTES)
		assert_int_equal(unit_half_step_ready(f), HALF_WANT_WRITE);
	assert_int_equal(f->half.n_bytes, CREDIT_FIRST_BYTES);
	assert_int_equal(half_waiting_bytes(&f->half), MORE_BYTES);
	f->half.steadied = false;   /* it has become plain TCP, which needs none */
	assert_int_equal(half_credit_bytes(&f->half), SIZE_MAX);
	while (half_waiting_bytes(&f->half))
		unit_half_step_ready(f);
	assert_int_equal(f->half.n_bytes, sizeof(first));
}

/* An end needs no credit, once it has been read. */
static void the_end_comes_when_there_is_some(void **state)
{
	struct fixture *f = *state;

	bring(f, CREDIT_BYTES);
	assert_int_equal(shutdown(f->in[0], SHUT_WR), 0);
	move(f, CREDIT_BYTES);
	assert_int_equal(half_step(&f->half, &f->tools, BUDGET_BYTES), HALF_WANT_WRITE);
	assert_false(f->half.done);
	f->half.credit.until_bytes++;
	assert_int_equal(unit_half_step_ready(f), HALF_DONE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, unit_half_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_written_beyond_it),
		TEST(what_waits_is_not_written_either),
		TEST(the_end_comes_when_there_is_some),
	};

	signal(SIGPIPE, SIG_IGN);   /* as in the daemon */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
