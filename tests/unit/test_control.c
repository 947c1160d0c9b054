/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit_control.h"

static void several_requests_in_one_write(void **state)
{
	struct fixture *fixture = *state;

	client_connect(fixture);
	client_say(fixture, "{\"command\": \"echo\", \"arguments\": {\"n\": 1}}\n{\"command\": \"echo\"}\n"
			    "{\"command\":\"refuse\",\"arguments\":{\"words\":\"no\"}}\n{\"command\": \"echo\", \"arguments\": [3]}\n");
	expect_lines(fixture, 4, "{\"result\":{\"n\":1}}\n{\"result\":{}}\n{\"error\":\"no\"}\n{\"result\":{}}\n");
}

/* More in one write than the daemon reads at once. */
static void very_many_requests_in_one_write(void **state)
{
	enum { N = 200 };
	struct fixture *fixture = *state;
	_cleanup_(freep) char *text = calloc(N, 64), *expected = calloc(N, 64);

	for (unsigned int i = 0; i < N; i++) {
		sprintf(text + strlen(text), "{\"command\": \"echo\", \"arguments\": {\"n\": %u}}\n", i);
		sprintf(expected + strlen(expected), "{\"result\":{\"n\":%u}}\n", i);
	}
	client_connect(fixture);
	client_say(fixture, text);
	fixture->n_wanted = N;
	run_until(fixture, "all to run, though nobody reads", ran);
	expect_lines(fixture, N, expected);
}

static void a_request_may_come_a_byte_at_a_time(void **state)
{
	static const char text[] = "{\"command\": \"echo\", \"arguments\": {\"a\": \"b\"}}\n";
	struct fixture *fixture = *state;

	client_connect(fixture);
	fixture->n_wanted = 0;
	for (size_t i = 0; i < strlen(text); i++) {
		assert_int_equal(fixture->n_runs, 0);
		assert_int_equal(send(fixture->fd, text + i, 1, 0), 1);
		run_until(fixture, "a turn", ran);
	}
	expect_lines(fixture, 1, "{\"result\":{\"a\":\"b\"}}\n");
}

static void what_is_no_request_is_told_so(void **state)
{
	static const char *const broken[] = { "{\"command\": ", "", "[]", "null", "\"echo\"", "{\"command\": 7}",
					      "{\"Command\": \"echo\"}", "\xff",
					      "{\"command\": \"echo\"} {}", "{\"command\": \"e\\u0000cho\"}" };
	struct fixture *fixture = *state;
	char line[64];

	client_connect(fixture);
	for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
		snprintf(line, sizeof(line), "%s\n", broken[i]);
		client_say(fixture, line);
		expect_lines(fixture, 1,
			     "{\"error\":\"a request is a line {\\\"command\\\": NAME, \\\"arguments\\\": {...}}\"}\n");
	}
	client_say(fixture, "{\"command\": \"dance\"}\n{\"command\": \"\"}\n{\"command\": \"echo\"}\n");
	expect_lines(fixture, 3,
		     "{\"error\":\"there is no command 'dance'\"}\n{\"error\":\"there is no command ''\"}\n{\"result\":{}}\n");
	assert_int_equal(fixture->n_runs, 1);
}

/* Words that are cut within a character, or never were UTF-8, are still told. */
static void any_words_can_be_told(void **state)
{
	struct fixture *fixture = *state;

	client_connect(fixture);
	client_say(fixture, "{\"command\": \"123456789012345678901234567890123456789\xc3\xa9 and more\"}\n"
			    "{\"command\": \"odd\"}\n"
			    "{\"command\": \"nothing\"}\n");
	expect_lines(fixture, 3, "{\"error\":\"there is no command '123456789012345678901234567890123456789?'\"}\n"
				 "{\"error\":\"no UTF-8: ??\"}\n{\"error\":\"out of memory\"}\n");
}

static void a_line_too_long_ends_the_client(void **state)
{
	struct fixture *fixture = *state;
	char line[4097];

	memset(line, ' ', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	memcpy(line, "{\"command\":\"echo\"}", 18);
	client_connect(fixture);
	client_say(fixture, line);
	run_until(fixture, "the connection closed", was_closed);
	assert_int_equal(fixture->n_runs, 0);
	line[4095] = '\n';   /* the longest that is taken, on a new connection */
	client_connect(fixture);
	client_say(fixture, line);
	expect_lines(fixture, 1, "{\"result\":{}}\n");
}

static void answers_that_come_later_keep_the_order(void **state)
{
	struct fixture *fixture = *state;

	client_connect(fixture);
	client_say(fixture, "{\"command\": \"later\"}\n{\"command\": \"echo\"}\n{\"command\": \"later\"}\n");
	fixture->n_wanted = 1;
	run_until(fixture, "the first to run", ran);
	assert_int_equal(fixture->n_runs, 1);   /* the others wait for its answer */
	control_answer(fixture->later[0], json_string("first"));
	fixture->n_wanted = 3;
	run_until(fixture, "the rest to run", ran);
	control_refuse(fixture->later[1], "third, %s", "refused");
	expect_lines(fixture, 3, "{\"result\":\"first\"}\n{\"result\":{}}\n{\"error\":\"third, refused\"}\n");
}

static void a_client_may_go_before_its_answer(void **state)
{
	struct fixture *fixture = *state;

	client_connect(fixture);
	client_say(fixture, "{\"command\": \"later\"}\n");
	fixture->n_wanted = 1;
	run_until(fixture, "the request to run", ran);
	fd_closep(&fixture->fd);
	fixture->fd = -1;
	control_answer(fixture->later[0], json_string("to nobody"));
	client_connect(fixture);   /* gets the place of the one before, perhaps, never its answer */
	client_say(fixture, "{\"command\": \"echo\"}\n");
	expect_lines(fixture, 1, "{\"result\":{}}\n");
	control_answer(fixture->later[0], json_string("a second time, to nobody"));
	client_say(fixture, "{\"command\": \"echo\"}\n");
	expect_lines(fixture, 1, "{\"result\":{}}\n");
}

static void who_ends_its_side_gets_its_answers(void **state)
{
	struct fixture *fixture = *state;

	client_connect(fixture);
	client_say(fixture, "{\"command\": \"later\"}\n{\"command\": \"echo\"}\n");
	assert_int_equal(shutdown(fixture->fd, SHUT_WR), 0);
	fixture->n_wanted = 1;
	run_until(fixture, "the request to run", ran);
	control_answer(fixture->later[0], json_string("late"));
	run_until(fixture, "the connection closed", was_closed);
	assert_string_equal(fixture->said, "{\"result\":\"late\"}\n{\"result\":{}}\n");
}

static void a_slow_reader_gets_a_large_answer_and_the_next(void **state)
{
	static const char tail[] = "x\"}\n{\"result\":{\"next\":1}}\n";
	struct fixture *fixture = *state;

	client_connect(fixture);
	client_say(fixture, "{\"command\": \"large\"}\n{\"command\": \"echo\", \"arguments\": {\"next\": 1}}\n");
	fixture->n_wanted = 1;
	run_until(fixture, "the request to run", ran);
	assert_int_equal(fixture->n_runs, 1);   /* the next waits until this answer is sent */
	fixture->n_wanted = strlen("{\"result\":\"") + LARGE_BYTES - 1 + strlen(tail);
	run_until(fixture, "both answers", heard_slowly);
	assert_int_equal(fixture->n_said, fixture->n_wanted);
	assert_string_equal(fixture->said + fixture->n_said - strlen(tail), tail);
	assert_int_equal(fixture->said[fixture->n_said / 2], 'x');
}

static void a_reader_that_goes_within_an_answer_is_dropped(void **state)
{
	struct fixture *fixture = *state;

	client_connect(fixture);
	client_say(fixture, "{\"command\": \"large\"}\n");
	fixture->n_wanted = 100000;
	run_until(fixture, "a part of the answer", heard_slowly);
	client_connect(fixture);
	client_say(fixture, "{\"command\": \"echo\"}\n");
	expect_lines(fixture, 1, "{\"result\":{}}\n");
}

static bool is_closed(int fd)
{
	struct pollfd p = { .fd = fd };

	return poll(&p, 1, 0) && p.revents & POLLHUP;
}

/* One more client, whose request has run. */
static int other_says(struct fixture *fixture, const char *text)
{
	int fd;

	assert_int_equal(unix_connect(fixture->path, &fd), 0);
	assert_int_equal(send(fd, text, strlen(text), 0), strlen(text));
	fixture->n_wanted = fixture->n_runs + 1;
	run_until(fixture, "the request to run", ran);
	return fd;
}

static void every_place_taken(struct fixture *fixture, const char *text)
{
	for (size_t i = 0; i < UNIT_PLACES; i++)
		fixture->others[i] = other_says(fixture, text);
}

static void clients_beyond_the_limit_are_turned_away_while_all_wait_for_answers(void **state)
{
	struct fixture *fixture = *state;
	size_t n_before = unit_n_descriptors();

	every_place_taken(fixture, "{\"command\": \"later\"}\n");
	client_connect(fixture);
	run_until(fixture, "the 33rd client closed", was_closed);
	control_answer(fixture->later[7], json_string("late"));
	client_connect(fixture);
	client_say(fixture, "{\"command\": \"echo\"}\n");
	expect_lines(fixture, 1, "{\"result\":{}}\n");
	for (size_t i = 0; i < UNIT_PLACES; i++) {
		close(fixture->others[i]);
		fixture->others[i] = 0;
		if (i != 7)
			control_answer(fixture->later[i], json_string("to nobody"));
	}
	assert_int_equal(shutdown(fixture->fd, SHUT_WR), 0);
	run_until(fixture, "the connection closed", was_closed);
	fd_closep(&fixture->fd);
	fixture->fd = -1;
	assert_int_equal(unit_n_descriptors(), n_before);
}

static void whoever_was_quiet_longest_makes_room(void **state)
{
	struct fixture *fixture = *state;

	every_place_taken(fixture, "{\"command\": \"echo\"}\n");
	assert_int_equal(send(fixture->others[0], "{\"command\": \"echo\"}\n", 20, 0), 20);
	fixture->n_wanted = fixture->n_runs + 1;
	run_until(fixture, "the request to run", ran);
	client_connect(fixture);
	client_say(fixture, "{\"command\": \"echo\"}\n");
	expect_lines(fixture, 1, "{\"result\":{}}\n");
	for (size_t i = 0; i < UNIT_PLACES; i++)
		if (is_closed(fixture->others[i]) != (i == 1))
			fail_msg("client %zu: expected the second alone to be closed", i);
}

enum { SILENT, BEGUN, DEAF, QUIET, SERVED, N_OTHERS };

static bool three_closed(struct fixture *fixture)
{
	return is_closed(fixture->others[SILENT]) && is_closed(fixture->others[BEGUN]) &&
	       is_closed(fixture->others[DEAF]);
}

static int set_up_impatient(void **state)
{
	return set_up_patient(state, 50 * US_PER_MS);
}

static void whoever_lets_the_daemon_wait_is_closed(void **state)
{
	struct fixture *fixture = *state;
	uint64_t begun_us = loop_clock_us();

	fixture->calm = true;
	assert_int_equal(unix_connect(fixture->path, &fixture->others[SILENT]), 0);
	fixture->others[BEGUN] = other_says(fixture, "{\"command\": \"echo\"}\n{\"comm");
	fixture->others[DEAF] = other_says(fixture, "{\"command\": \"large\"}\n");
	fixture->others[QUIET] = other_says(fixture, "{\"command\": \"echo\"}\n");
	fixture->others[SERVED] = other_says(fixture, "{\"command\": \"later\"}\n{\"comm");
	run_until(fixture, "three clients closed", three_closed);
	assert_true(loop_clock_us() - begun_us >= fixture->daemon_patience_us);
	assert_false(is_closed(fixture->others[SERVED]));
	assert_int_equal(send(fixture->others[QUIET], "{\"command\": \"echo\"}\n", 20, 0), 20);
	fixture->n_wanted = fixture->n_runs + 1;
	run_until(fixture, "the quiet client's second request to run", ran);
}

static void a_second_daemon_at_the_path_is_refused(void **state)
{
	struct fixture *fixture = *state;
	struct control *second = NULL;
	char reason[256] = "";

	assert_int_equal(start(fixture, &second, reason), -EADDRINUSE);
	assert_null(second);
	if (!strstr(reason, "another daemon answers") || !strstr(reason, fixture->path))
		fail_msg("expected a reason that names the path, saw '%s'", reason);
	client_connect(fixture);   /* the first one still has it */
	client_say(fixture, "{\"command\": \"echo\"}\n");
	expect_lines(fixture, 1, "{\"result\":{}}\n");
}

static void the_socket_is_for_user_and_group_and_goes_at_the_end(void **state)
{
	struct fixture *fixture = *state;
	struct stat st;

	assert_int_equal(stat(fixture->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	control_freep(&fixture->control);
	assert_null(fixture->control);
	assert_int_equal(stat(fixture->path, &st), -1);
	control_freep(&fixture->control);
}

static void what_an_earlier_run_left_is_replaced(void **state)
{
	struct fixture *fixture = *state;
	char reason[256] = "";

	control_freep(&fixture->control);
	close(bind_at(fixture->path));
	assert_int_equal(start(fixture, &fixture->control, reason), 0);
	client_connect(fixture);
	client_say(fixture, "{\"command\": \"echo\"}\n");
	expect_lines(fixture, 1, "{\"result\":{}}\n");
}

static void a_file_that_is_no_socket_is_left_alone(void **state)
{
	struct fixture *fixture = *state;
	char reason[256] = "";
	struct stat st;
	FILE *file;

	control_freep(&fixture->control);
	file = fopen(fixture->path, "w");
	fputs("somebody's", file);
	fclose(file);
	assert_int_equal(start(fixture, &fixture->control, reason), -EADDRINUSE);
	assert_null(fixture->control);
	if (!strstr(reason, fixture->path))
		fail_msg("expected a reason that names the path, saw '%s'", reason);
	assert_int_equal(stat(fixture->path, &st), 0);
	assert_int_equal(st.st_size, strlen("somebody's"));
}

static void paths_that_cannot_be_are_told(void **state)
{
	struct fixture *fixture = *state;
	struct control_options options = { .commands = commands };
	struct control *other = NULL;
	char path[200], reason[256];

	memset(path, 'p', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	options.path = path;
	assert_int_equal(control_new(fixture->loop, &options, &other, reason, sizeof(reason)), -ENAMETOOLONG);
	assert_non_null(strstr(reason, "too long"));
	snprintf(path, sizeof(path), "%s/no/such/control", fixture->folder);
	assert_int_equal(control_new(fixture->loop, &options, &other, reason, sizeof(reason)), -ENOENT);
	assert_non_null(strstr(reason, "cannot listen"));
	assert_null(other);
}

static bool waited(struct fixture *fixture)
{
	return loop_now_us(fixture->loop) > fixture->patience_us - PATIENCE_US + 50 * US_PER_MS;
}

/* This process may have none from this one on; returns what to give back. */
static struct rlimit no_more_descriptors_from(int lowest)
{
	struct rlimit before, none;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){ .rlim_cur = (rlim_t)lowest, .rlim_max = before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	return before;
}

static struct rlimit no_more_descriptors(void)
{
	int lowest = dup(0);

	close(lowest);
	return no_more_descriptors_from(lowest);
}

static void out_of_descriptors_clients_are_served_past_the_limit(void **state)
{
	struct fixture *fixture = *state;
	struct rlimit before, after;

	for (size_t i = 0; i < 3; i++)
		assert_int_equal(unix_connect(fixture->path, &fixture->others[i]), 0);
	client_connect(fixture);
	client_say(fixture, "{\"command\": \"echo\"}\n");
	before = no_more_descriptors();
	expect_lines(fixture, 1, "{\"result\":{}}\n");   /* those before it say nothing, and have their descriptors */
	assert_int_equal(dup(0), -1);   /* nobody else gets one */
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &after), 0);
	assert_true(after.rlim_cur < before.rlim_cur);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	for (size_t i = 0; i < 3; i++)
		assert_false(is_closed(fixture->others[i]));
	assert_int_equal(fixture->n_short, 0);
}

/* Nor beyond it: every number that a client could have is taken. */
static struct rlimit no_descriptors_at_all(int taken[CONTROL_DESCRIPTORS])
{
	for (size_t i = 0; i < CONTROL_DESCRIPTORS; i++)
		assert_true((taken[i] = dup(0)) >= 0);
	return no_more_descriptors_from(taken[0]);
}

static void whoever_says_nothing_gives_its_descriptor_up(void **state)
{
	struct fixture *fixture = *state;
	int taken[CONTROL_DESCRIPTORS];
	struct rlimit before;

	assert_int_equal(unix_connect(fixture->path, &fixture->others[0]), 0);
	client_connect(fixture);
	client_say(fixture, "{\"command\": \"echo\"}\n");
	expect_lines(fixture, 1, "{\"result\":{}}\n");
	fixture->others[1] = fd_take(&fixture->fd);
	client_connect(fixture);
	client_say(fixture, "{\"command\": \"echo\"}\n");
	before = no_descriptors_at_all(taken);
	expect_lines(fixture, 1, "{\"result\":{}}\n");
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	for (size_t i = 0; i < CONTROL_DESCRIPTORS; i++)
		close(taken[i]);
	assert_true(is_closed(fixture->others[0]));
	assert_int_equal(fixture->n_short, 1);
}

static void out_of_descriptors_it_rests_and_comes_back(void **state)
{
	struct fixture *fixture = *state;
	int taken[CONTROL_DESCRIPTORS];
	struct rlimit before;

	assert_int_equal(unix_connect(fixture->path, &fixture->others[0]), 0);
	assert_int_equal(send(fixture->others[0], "{\"command\": \"later\"}\n", 21, 0), 21);
	fixture->n_wanted = 1;
	run_until(fixture, "one to wait for its answer", ran);   /* whose descriptor isn't to be had */
	client_connect(fixture);
	client_say(fixture, "{\"command\": \"echo\"}\n");
	before = no_descriptors_at_all(taken);
	fixture->calm = true;
	fixture->n_turns = 0;
	assert_int_equal(loop_timer_at(fixture->loop, loop_clock_us() + 60 * US_PER_MS,
				       (struct loop_ref){ .handler = fixture->handler }), 0);
	run_until(fixture, "60 ms to pass", waited);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	for (size_t i = 0; i < CONTROL_DESCRIPTORS; i++)
		close(taken[i]);
	assert_int_equal(fixture->n_runs, 1);
	assert_in_range(fixture->n_turns, 1, 10);
	assert_in_range(fixture->n_short, 1, 2);
	fixture->calm = false;
	expect_lines(fixture, 1, "{\"result\":{}}\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(several_requests_in_one_write),
		TEST(very_many_requests_in_one_write),
		TEST(a_request_may_come_a_byte_at_a_time),
		TEST(what_is_no_request_is_told_so),
		TEST(any_words_can_be_told),
		TEST(a_line_too_long_ends_the_client),
		TEST(answers_that_come_later_keep_the_order),
		TEST(a_client_may_go_before_its_answer),
		TEST(who_ends_its_side_gets_its_answers),
		TEST(a_slow_reader_gets_a_large_answer_and_the_next),
		TEST(a_reader_that_goes_within_an_answer_is_dropped),
		TEST(clients_beyond_the_limit_are_turned_away_while_all_wait_for_answers),
		TEST(whoever_was_quiet_longest_makes_room),
		cmocka_unit_test_setup_teardown(whoever_lets_the_daemon_wait_is_closed, set_up_impatient, tear_down),
		TEST(a_second_daemon_at_the_path_is_refused),
		TEST(the_socket_is_for_user_and_group_and_goes_at_the_end),
		TEST(what_an_earlier_run_left_is_replaced),
		TEST(a_file_that_is_no_socket_is_left_alone),
		TEST(paths_that_cannot_be_are_told),
		TEST(out_of_descriptors_clients_are_served_past_the_limit),
		TEST(whoever_says_nothing_gives_its_descriptor_up),
		TEST(out_of_descriptors_it_rests_and_comes_back),
	};

	alarm(120);   /* a loop that never ends is a failure, too */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
