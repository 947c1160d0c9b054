/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One direction of a session, over sockets. */
#include "unit_half.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* What the next calls of splice() do: kernels are seldom short of memory when a test wants it. */
static int splice_fails_with;
static unsigned int n_splices;

ssize_t splice(int from, off_t *from_at, int to, off_t *to_at, size_t n_bytes, unsigned int flags)
{
	n_splices++;
	if (splice_fails_with) {
		errno = splice_fails_with;
		splice_fails_with = 0;
		return -1;
	}
	return syscall(SYS_splice, from, from_at, to, to_at, n_bytes, flags);
}

static unsigned int n_receives;

ssize_t recv(int fd, void *bytes, size_t n_bytes, int flags)
{
	n_receives++;
	return syscall(SYS_recvfrom, fd, bytes, n_bytes, flags, NULL, NULL);
}

static int set_up_with(void **state, bool small)
{
	struct fixture *f = unit_half_begin(small);

	f->tools.pipes.n_most = 4;
	n_splices = 0;
	*state = f;
	return 0;
}

static int set_up(void **state)
{
	return set_up_with(state, false);
}

static int set_up_small(void **state)
{
	return set_up_with(state, true);
}

static int step(struct fixture *f)
{
	return half_step(&f->half, &f->tools, BUDGET_BYTES);
}

/* Moves until all of n_bytes came out, in whatever pieces. slow: how much the reader takes at once. */
static void move_all(struct fixture *f, uint64_t n_bytes, size_t slow)
{
	for (unsigned int turns = 0; f->n_out < n_bytes; turns++) {
		int r;

		if (turns > 200000)
			fail_msg("expected %llu bytes, saw %llu", (unsigned long long)n_bytes,
				 (unsigned long long)f->n_out);
		unit_stream_send(f->in[0], &f->n_in, (size_t)(n_bytes - f->n_in));
		r = unit_half_step_ready(f);
		assert_in_range(r, HALF_DONE, HALF_AGAIN);
		unit_stream_receive(f->out[1], &f->n_out, slow);
	}
}

static void expect_ended(struct fixture *f)
{
	unit_wait_readable(f->out[1]);
	assert_int_equal(unit_stream_receive(f->out[1], &f->n_out, 1), UNIT_STREAM_ENDED);
}

static void a_few_bytes_need_no_pipe(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(step(f), HALF_WANT_READ);
	assert_false(f->half.readable);
	assert_int_equal(step(f), HALF_WANT_READ);   /* nothing is asked of the kernel */
	move_all(f, 1000, 4096);
	assert_int_equal(f->half.n_bytes, 1000);
	assert_int_equal(n_splices, 0);
	assert_int_equal(f->tools.pipes.n_open, 0);
	assert_int_equal(shutdown(f->in[0], SHUT_WR), 0);
	unit_wait_readable(f->in[1]);
	assert_int_equal(unit_half_step_ready(f), HALF_DONE);
	expect_ended(f);
	assert_true(f->half.done);
	assert_int_equal(unit_half_step_ready(f), HALF_DONE);   /* and stays so */
	assert_int_equal(f->half.n_bytes, 1000);
}

/* Who closes dst behind it tells of the end as well. */
static void the_last_end_is_left_to_the_close(void **state)
{
	struct fixture *f = *state;
	char byte;

	f->half.last = true;
	move_all(f, 1000, 4096);
	assert_int_equal(shutdown(f->in[0], SHUT_WR), 0);
	unit_wait_readable(f->in[1]);
	assert_int_equal(unit_half_step_ready(f), HALF_DONE);
	assert_true(f->half.done);
	assert_int_equal(recv(f->out[1], &byte, 1, MSG_DONTWAIT), -1);
	fd_closep(&f->out[0]);
	f->out[0] = -1;
	expect_ended(f);
}

/* What its peer takes for Multipath TCP, and is plain TCP: the peer's kernel has taken a subflow away. */
static void an_end_of_what_has_become_plain_tcp_is_none(void **state)
{
	struct fixture *f = *state;
	char byte;

	f->half.ends_multipath = true;
	move_all(f, 1000, 4096);
	assert_int_equal(shutdown(f->in[0], SHUT_WR), 0);
	unit_wait_readable(f->in[1]);
	assert_int_equal(unit_half_step_ready(f), -ECONNRESET);
	assert_false(f->half.ended || f->half.done);
	assert_int_equal(recv(f->out[1], &byte, 1, MSG_DONTWAIT), -1);
}

static void bulk_goes_by_pipe_and_gives_it_back(void **state)
{
	struct fixture *f = *state;

	move_all(f, 20 << 20, 1 << 20);
	assert_true(n_splices > 0);
	assert_int_equal(unit_half_step_ready(f), HALF_WANT_READ);
	assert_null(f->half.pipe);
	assert_int_equal(f->tools.pipes.n_lent, 0);
	assert_int_equal(f->tools.pipes.n_open, 1);
	assert_int_equal(shutdown(f->in[0], SHUT_WR), 0);
	unit_wait_readable(f->in[1]);
	assert_int_equal(unit_half_step_ready(f), HALF_DONE);
	expect_ended(f);
}

static void without_a_pipe_bulk_goes_all_the_same(void **state)
{
	struct fixture *f = *state;

	f->tools.pipes.n_most = 0;
	move_all(f, 4 << 20, 1 << 20);
	assert_int_equal(n_splices, 0);
	assert_int_equal(f->half.n_bytes, 4 << 20);
}

static void what_comes_by_multipath_tcp_takes_no_pipe(void **state)
{
	struct fixture *f = *state;

	f->half.src_multipath = true;
	move_all(f, 4 << 20, 1 << 20);
	assert_int_equal(n_splices, 0);
	assert_int_equal(f->tools.pipes.n_made, 0);
	assert_true(f->half.bulk);
}

/* The last byte of a slow reader's stream comes before its end. */
static void the_end_waits_for_all_bytes(void **state)
{
	struct fixture *f = *state;
	const uint64_t n_bytes = 3 << 20;
	enum unit_stream stream = UNIT_STREAM_OPEN;
	int r = HALF_AGAIN;

	for (unsigned int turns = 0; stream == UNIT_STREAM_OPEN && turns < 1000000; turns++) {
		unit_stream_send(f->in[0], &f->n_in, (size_t)(n_bytes - f->n_in));
		if (f->n_in == n_bytes)
			shutdown(f->in[0], SHUT_WR);
		r = unit_half_step_ready(f);
		assert_in_range(r, HALF_DONE, HALF_AGAIN);
		if (r == HALF_DONE)
			assert_int_equal(f->half.n_bytes, n_bytes);
		stream = unit_stream_receive(f->out[1], &f->n_out, 3000);
	}
	assert_int_equal(r, HALF_DONE);
	assert_int_equal(stream, UNIT_STREAM_ENDED);
	assert_true(f->n_out == n_bytes);
}

static void what_the_reader_does_not_take_waits(void **state)
{
	struct fixture *f = *state;
	uint64_t n_waiting;
	int r = 0;

	f->tools.pipes.n_most = 0;   /* in memory */
	for (unsigned int turns = 0; r != HALF_WANT_WRITE && turns < 1000; turns++) {
		unit_stream_send(f->in[0], &f->n_in, 1 << 20);
		r = step(f);
		f->half.readable = true;
	}
	n_waiting = half_waiting_bytes(&f->half);
	assert_int_equal(r, HALF_WANT_WRITE);
	assert_non_null(f->half.residue);
	assert_in_range(n_waiting, 1, SCRATCH_BYTES);
	assert_int_equal(f->tools.n_held_bytes, n_waiting);
	assert_int_equal(step(f), HALF_WANT_WRITE);   /* no event, no try */
	assert_int_equal(half_waiting_bytes(&f->half), n_waiting);
	move_all(f, f->n_in, 1000);
	assert_int_equal(f->tools.n_held_bytes, 0);
}

static void fill_until_blocked(struct fixture *f)
{
	int r = 0;

	for (unsigned int turns = 0; r != HALF_WANT_WRITE && turns < 1000; turns++) {
		unit_stream_send(f->in[0], &f->n_in, 1 << 20);
		f->half.readable = true;
		r = step(f);
	}
	assert_int_equal(r, HALF_WANT_WRITE);
}

/* Bulk to a reader that stops: bytes stay in the lent pipe. */
static void fill_pipe(struct fixture *f)
{
	for (unsigned int turns = 0; !f->half.n_piped_bytes && turns < 1000; turns++) {
		unit_stream_send(f->in[0], &f->n_in, 4 << 20);
		unit_half_step_ready(f);
		if (!f->half.n_piped_bytes)
			unit_stream_receive(f->out[1], &f->n_out, 1 << 20);
	}
	assert_true(f->half.n_piped_bytes > 0);
}

static void no_more_is_read_at_once_than_the_budget(void **state)
{
	struct fixture *f = *state;

	unit_stream_send(f->in[0], &f->n_in, 5000);
	unit_wait_readable(f->in[1]);
	assert_int_equal(half_step(&f->half, &f->tools, 1000), HALF_AGAIN);
	assert_int_equal(f->half.n_bytes, 1000);
	move_all(f, f->n_in, 4096);
	fill_pipe(f);
	move_all(f, f->n_in, 1 << 20);
	f->tools.pipes.n_most = 0;
	pipes_close(&f->tools.pipes);
	fill_until_blocked(f);
	assert_in_range(f->tools.n_held_bytes, 1, SCRATCH_BYTES);
	move_all(f, f->n_in, 4096);
}

static void a_read_that_brings_less_is_the_last(void **state)
{
	struct fixture *f = *state;

	unit_stream_send(f->in[0], &f->n_in, 100);
	unit_wait_readable(f->in[1]);
	n_receives = 0;
	assert_int_equal(step(f), HALF_WANT_READ);
	assert_false(f->half.readable);
	assert_int_equal(f->half.n_bytes, 100);
	assert_int_equal(n_receives, 1);
}

static void but_not_where_an_end_may_follow(void **state)
{
	struct fixture *f = *state;

	unit_stream_send(f->in[0], &f->n_in, 100);
	shutdown(f->in[0], SHUT_WR);
	unit_wait_ended(f->in[1]);
	f->half.more_follows = true;
	assert_int_equal(step(f), HALF_DONE);
	assert_int_equal(f->half.n_bytes, 100);
}

static void bytes_waiting_in_a_pipe_are_counted_and_dropped(void **state)
{
	struct fixture *f = *state;
	struct pipe *pipe;

	fill_pipe(f);
	assert_int_equal(half_waiting_bytes(&f->half), f->half.n_piped_bytes);
	assert_int_equal(f->tools.n_held_bytes, f->half.n_piped_bytes);
	assert_int_equal(f->tools.pipes.n_lent, 1);
	assert_int_equal(pipes_lend(&f->tools.pipes, &pipe), 0);   /* another one's */
	half_free(&f->half, &f->tools);
	assert_int_equal(f->tools.pipes.n_lent, 1);
	assert_int_equal(f->tools.pipes.n_open, 1);   /* the one with bytes in it is closed, never lent again */
	pipes_return(&f->tools.pipes, pipe);
}

static void the_first_bytes_go_ahead(void **state)
{
	struct fixture *f = *state;
	uint8_t first[100];

	for (size_t i = 0; i < sizeof(first); i++)
		first[i] = unit_stream_byte(i);
	f->n_in = sizeof(first);
	assert_int_equal(half_prepend(&f->half, &f->tools, NULL, 0), 0);
	assert_null(f->half.residue);
	assert_int_equal(half_prepend(&f->half, &f->tools, first, sizeof(first)), 0);
	memset(first, 0, sizeof(first));   /* they were copied */
	assert_int_equal(half_waiting_bytes(&f->half), sizeof(first));
	move_all(f, 5000, 4096);
	assert_int_equal(f->half.n_bytes, 5000);
}

static void what_is_kept_goes_to_another_from_the_beginning(void **state)
{
	struct fixture *f = *state;
	struct bytes kept;

	half_keep(&f->half);
	move_all(f, 40000, 65536);   /* several reads */
	assert_int_equal(shutdown(f->in[0], SHUT_WR), 0);
	assert_int_equal(unit_half_step_ready(f), HALF_DONE);
	assert_true(half_kept(&f->half, &kept) && kept.n == 40000);
	close(f->out[0]);
	close(f->out[1]);
	unit_tcp_pair(f->out, false);
	f->half.dst_fd = f->out[0];
	half_say_again(&f->half);
	f->n_out = 0;
	move_all(f, 40000, 65536);
	expect_ended(f);
}

static void much_is_not_kept(void **state)
{
	struct fixture *f = *state;
	struct bytes kept;

	half_keep(&f->half);
	move_all(f, 2 * HALF_KEPT_MOST_BYTES, 65536);
	assert_false(half_kept(&f->half, &kept));
	assert_true(f->tools.pipes.n_made);
}

static void what_came_another_way_is_left_out(void **state)
{
	struct fixture *f = *state;

	f->half.n_skip_bytes = 3 * SCRATCH_BYTES + 1;
	f->n_out = f->half.n_skip_bytes;
	move_all(f, 200000, 65536);
	assert_int_equal(f->half.n_bytes, 200000 - 3 * SCRATCH_BYTES - 1);
}

static void send_urgent(struct fixture *f)
{
	uint8_t byte = unit_stream_byte(f->n_in++);

	assert_int_equal(send(f->in[0], &byte, 1, MSG_OOB), 1);
}

/* splice() never gets past an urgent byte, and says so as if the stream had ended, or had nothing for now. */
static void urgent_data_within_bulk_stays_in_the_stream(void **state)
{
	struct fixture *f = *state;
	int on = 1;

	assert_int_equal(setsockopt(f->in[1], SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on)), 0);
	f->half.more_follows = true;   /* as its event told */
	for (int ends = 0; ends < 2; ends++) {
		uint64_t n_before = f->n_in;

		unit_stream_send(f->in[0], &f->n_in, 3 * SCRATCH_BYTES);
		unit_wait_bytes(f->in[1], 3 * SCRATCH_BYTES);
		f->half.readable = true;
		assert_int_equal(half_step(&f->half, &f->tools, SCRATCH_BYTES), HALF_AGAIN);
		assert_non_null(f->half.pipe);
		send_urgent(f);
		unit_stream_send(f->in[0], &f->n_in, 5000);
		assert_true(f->n_in == n_before + 3 * SCRATCH_BYTES + 5001);
		if (ends) {
			assert_int_equal(shutdown(f->in[0], SHUT_WR), 0);
			unit_wait_ended(f->in[1]);
		}
		move_all(f, f->n_in, 1 << 20);
	}
	assert_int_equal(unit_half_step_ready(f), HALF_DONE);
	expect_ended(f);
}

static void a_budget_ends_a_step(void **state)
{
	struct fixture *f = *state;
	uint64_t n_before = 0;

	unit_stream_send(f->in[0], &f->n_in, 200000);
	unit_wait_readable(f->in[1]);
	assert_int_equal(half_step(&f->half, &f->tools, 1), HALF_AGAIN);
	assert_int_equal(f->half.n_bytes, 1);
	assert_null(f->half.pipe);   /* so little at once is no bulk */
	assert_int_equal(half_step(&f->half, &f->tools, SCRATCH_BYTES), HALF_AGAIN);
	assert_int_equal(f->half.n_bytes, 1 + SCRATCH_BYTES);
	assert_non_null(f->half.pipe);
	assert_int_equal(half_step(&f->half, &f->tools, 10), HALF_AGAIN);
	n_before = f->half.n_bytes;
	assert_int_equal(n_before, 1 + SCRATCH_BYTES + 10);
	assert_int_equal(half_step(&f->half, &f->tools, 0), HALF_AGAIN);
	assert_int_equal(f->half.n_bytes, n_before);
	move_all(f, f->n_in, 1 << 20);
}

static void a_sender_that_resets_is_a_failure(void **state)
{
	struct fixture *f = *state;

	unit_stream_send(f->in[0], &f->n_in, 10);
	unit_wait_readable(f->in[1]);
	assert_int_equal(unit_half_step_ready(f), HALF_WANT_READ);
	unit_reset(&f->in[0]);
	unit_wait_readable(f->in[1]);
	assert_int_equal(unit_half_step_ready(f), -ECONNRESET);
	assert_int_equal(f->half.n_bytes, 10);
}

static void a_reader_that_resets_is_a_failure(void **state)
{
	struct fixture *f = *state;

	unit_reset(&f->out[1]);
	unit_wait_readable(f->out[0]);
	unit_stream_send(f->in[0], &f->n_in, 10);
	unit_wait_readable(f->in[1]);
	assert_int_equal(unit_half_step_ready(f), -ECONNRESET);
}

static void a_reader_that_resets_within_bulk_is_a_failure(void **state)
{
	struct fixture *f = *state;
	int r = 0;

	fill_pipe(f);
	unit_reset(&f->out[1]);
	unit_wait_readable(f->out[0]);
	r = unit_half_step_ready(f);
	assert_int_equal(r, -ECONNRESET);
	assert_non_null(f->half.pipe);   /* half_free() in unit_half_end() closes it */
}

static void the_end_meets_a_reset(void **state)
{
	struct fixture *f = *state;

	unit_reset(&f->out[1]);
	unit_wait_readable(f->out[0]);
	assert_int_equal(shutdown(f->in[0], SHUT_WR), 0);
	unit_wait_readable(f->in[1]);
	assert_int_equal(unit_half_step_ready(f), -ECONNRESET);
	assert_false(f->half.done);
}

/* Short of memory is not the end: it is tried again by the relay's timer, which looks after those that wait to
 * write. */
static void short_of_memory_is_tried_again(void **state)
{
	struct fixture *f = *state;

	unit_stream_send(f->in[0], &f->n_in, 200000);
	unit_wait_readable(f->in[1]);
	assert_int_equal(half_step(&f->half, &f->tools, SCRATCH_BYTES), HALF_AGAIN);   /* has lent a pipe */
	assert_non_null(f->half.pipe);
	splice_fails_with = ENOMEM;
	assert_int_equal(step(f), HALF_WANT_WRITE);
	assert_int_equal(splice_fails_with, 0);
	assert_true(f->half.readable);   /* no event will come for bytes that are there already */
	move_all(f, f->n_in, 1 << 20);
}

static void other_failures_are_handed_up(void **state)
{
	struct fixture *f = *state;

	unit_stream_send(f->in[0], &f->n_in, 200000);
	unit_wait_readable(f->in[1]);
	assert_int_equal(half_step(&f->half, &f->tools, SCRATCH_BYTES), HALF_AGAIN);
	splice_fails_with = ESPIPE;
	assert_int_equal(step(f), -ESPIPE);
}

static void out_of_descriptors_there_is_no_pipe(void **state)
{
	struct fixture *f = *state;
	struct rlimit before, none;
	struct pipe *pipe = NULL;
	int lowest = dup(f->in[0]);

	close(lowest);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){ .rlim_cur = (rlim_t)lowest, .rlim_max = before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(pipes_lend(&f->tools.pipes, &pipe), PIPES_E_NONE);
	move_all(f, 1 << 20, 1 << 20);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(n_splices, 0);
	assert_int_equal(f->tools.pipes.n_open, 0);
}

static void a_pool_lends_what_it_has(void **state)
{
	struct fixture *f = *state;
	struct pipe *pipes[5] = { NULL };

	for (int i = 0; i < 4; i++) {
		assert_int_equal(pipes_lend(&f->tools.pipes, &pipes[i]), 0);
		assert_true(pipes[i]->n_room_bytes >= 4096);
	}
	assert_int_equal(pipes_lend(&f->tools.pipes, &pipes[4]), PIPES_E_NONE);
	pipes_return(&f->tools.pipes, pipes[2]);
	assert_int_equal(pipes_lend(&f->tools.pipes, &pipes[4]), 0);
	assert_ptr_equal(pipes[4], pipes[2]);
	pipes_discard(&f->tools.pipes, pipes[4]);
	assert_int_equal(f->tools.pipes.n_open, 3);
	pipes_return(&f->tools.pipes, pipes[0]);
	pipes_return(&f->tools.pipes, pipes[1]);
	pipes_close(&f->tools.pipes);   /* the idle ones alone */
	assert_int_equal(f->tools.pipes.n_open, 1);
	assert_int_equal(f->tools.pipes.n_lent, 1);
	pipes_return(&f->tools.pipes, pipes[3]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, unit_half_end)
#define TEST_SMALL(name) cmocka_unit_test_setup_teardown(name, set_up_small, unit_half_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_few_bytes_need_no_pipe),
		TEST(the_last_end_is_left_to_the_close),
		TEST(an_end_of_what_has_become_plain_tcp_is_none),
		TEST(bulk_goes_by_pipe_and_gives_it_back),
		TEST(without_a_pipe_bulk_goes_all_the_same),
		TEST(what_comes_by_multipath_tcp_takes_no_pipe),
		TEST_SMALL(the_end_waits_for_all_bytes),
		TEST_SMALL(what_the_reader_does_not_take_waits),
		TEST_SMALL(no_more_is_read_at_once_than_the_budget),
		TEST(a_read_that_brings_less_is_the_last),
		TEST(but_not_where_an_end_may_follow),
		TEST_SMALL(bytes_waiting_in_a_pipe_are_counted_and_dropped),
		TEST(the_first_bytes_go_ahead),
		TEST(what_is_kept_goes_to_another_from_the_beginning),
		TEST(much_is_not_kept),
		TEST(what_came_another_way_is_left_out),
		TEST(urgent_data_within_bulk_stays_in_the_stream),
		TEST(a_budget_ends_a_step),
		TEST(a_sender_that_resets_is_a_failure),
		TEST(a_reader_that_resets_is_a_failure),
		TEST_SMALL(a_reader_that_resets_within_bulk_is_a_failure),
		TEST(the_end_meets_a_reset),
		TEST(short_of_memory_is_tried_again),
		TEST(other_failures_are_handed_up),
		TEST(out_of_descriptors_there_is_no_pipe),
		TEST(a_pool_lends_what_it_has),
	};

	signal(SIGPIPE, SIG_IGN);   /* as in the daemon */
	alarm(120);                 /* a loop that never ends is a failure, too */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
