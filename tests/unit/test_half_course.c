/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What becomes of a direction whose source was Multipath TCP, and is plain TCP now. The sockets are plain TCP; what
 * the kernel says of them, the test does. */
#include "unit_half.h"

#include <signal.h>
#include <sys/syscall.h>
#include "net/mptcp_abi.h"

static bool says_mptcp;
static unsigned int n_asked;

int getsockopt(int fd, int level, int name, void *value, socklen_t *n_value)
{
	n_asked += level == SOL_MPTCP;
	if (level == SOL_MPTCP && says_mptcp) {
		memset(value, 0, *n_value);
		return 0;
	}
	return (int)syscall(SYS_getsockopt, fd, level, name, value, n_value);
}

static int set_up(void **state)
{
	says_mptcp = false;
	n_asked = 0;
	*state = unit_half_begin(false);
	return 0;
}

/* 1000 bytes more come in. */
static int pass(struct fixture *f)
{
	uint64_t end = f->n_in + 1000;

	while (f->n_in < end)
		unit_stream_send(f->in[0], &f->n_in, (size_t)(end - f->n_in));
	unit_wait_readable(f->in[1]);
	return unit_half_step_ready(f);
}

/* Something on the way has altered its first bytes: they go no further, nor does what comes behind them. */
static void what_has_become_plain_tcp_amid_its_bytes_is_broken(void **state)
{
	struct fixture *f = *state;
	char byte;

	f->half.course = HALF_COURSE_WHOLE;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pass(f), -ECONNRESET);
		assert_int_equal(f->half.course, HALF_COURSE_BROKEN);
	}
	assert_int_equal(recv(f->out[1], &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(f->half.n_bytes, 0);
}

static void what_is_whole_is_asked_for_once(void **state)
{
	struct fixture *f = *state;

	f->half.course = HALF_COURSE_WHOLE;
	says_mptcp = true;
	assert_int_equal(pass(f), HALF_WANT_READ);
	assert_int_equal(f->half.course, HALF_COURSE_LOOKED);
	says_mptcp = false;   /* from here on those look who look over all sessions */
	assert_int_equal(pass(f), HALF_WANT_READ);
	assert_int_equal(f->half.n_bytes, 2000);
	assert_int_equal(n_asked, 1);
}

/* Plain TCP from its beginning is as good as any. */
static void the_first_bytes_show_what_it_is(void **state)
{
	struct fixture *f = *state;

	f->half.course = HALF_COURSE_SHOWN_BY_BYTES;
	assert_int_equal(pass(f), HALF_WANT_READ);
	assert_int_equal(f->half.course, HALF_COURSE_UNKNOWN);
	f->half.course = HALF_COURSE_SHOWN_BY_BYTES;
	says_mptcp = true;
	assert_int_equal(pass(f), HALF_WANT_READ);
	assert_int_equal(f->half.course, HALF_COURSE_LOOKED);
	assert_int_equal(f->half.n_bytes, 2000);
	assert_int_equal(n_asked, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, unit_half_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_has_become_plain_tcp_amid_its_bytes_is_broken),
		TEST(what_is_whole_is_asked_for_once),
		TEST(the_first_bytes_show_what_it_is),
	};

	signal(SIGPIPE, SIG_IGN);   /* as in the daemon */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
