/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit_control.h"

/* ask() blocks: it runs in a thread of its own, and stops the loop when it has its answer. */
struct asking {
	struct fixture *fixture;
	const char *path, *command;
	json_t *arguments, *result;
	char reason[256];
	int r;
	bool done;
};

static void *ask_it(void *arg)
{
	struct asking *asking = arg;

	asking->r = ask(asking->path, asking->command, asking->arguments, &asking->result, asking->reason,
			sizeof(asking->reason));
	__atomic_store_n(&asking->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static struct asking *asked;

static bool has_answer(struct fixture *fixture)
{
	return __atomic_load_n(&asked->done, __ATOMIC_ACQUIRE);
}

static struct asking asking_of(struct fixture *fixture, const char *command, json_t *arguments)
{
	struct asking asking = { .fixture = fixture, .path = fixture->path, .command = command,
				 .arguments = arguments };
	pthread_t thread;

	asked = &asking;
	assert_int_equal(pthread_create(&thread, NULL, ask_it, &asking), 0);
	run_until(fixture, "an answer to ask()", has_answer);
	pthread_join(thread, NULL);
	return asking;
}

static void asking_gets_results_and_refusals(void **state)
{
	struct fixture *fixture = *state;
	struct asking asking = asking_of(fixture, "echo", json_pack("{s:[i,i]}", "list", 1, 2));

	assert_int_equal(asking.r, 0);
	assert_int_equal(json_array_size(json_object_get(asking.result, "list")), 2);
	json_decref(asking.result);
	asking = asking_of(fixture, "large", NULL);
	assert_int_equal(asking.r, 0);
	assert_int_equal(json_string_length(asking.result), LARGE_BYTES);
	json_decref(asking.result);
	asking = asking_of(fixture, "dance", NULL);
	assert_int_equal(asking.r, ASK_E_REFUSED);
	assert_null(asking.result);
	assert_string_equal(asking.reason, "there is no command 'dance'");
}

static void asking_nobody_is_told(void **state)
{
	struct fixture *fixture = *state;
	json_t *result = NULL;
	char reason[256] = "";

	control_freep(&fixture->control);
	assert_int_equal(ask(fixture->path, "echo", json_object(), &result, reason, sizeof(reason)), ASK_E_NO_DAEMON);
	if (!strstr(reason, "no daemon answers at") || !strstr(reason, fixture->path))
		fail_msg("expected a reason that names the path, saw '%s'", reason);
}

/* What a daemon might do that isn't one, or is dying: takes a part of the request, says the text, and goes. */
static void answer_with(struct fixture *fixture, json_t *arguments, const char *text, struct asking *asking)
{
	int listener = bind_at(fixture->path), fd;
	pthread_t thread;
	char request[256];

	assert_int_equal(listen(listener, 1), 0);
	*asking = (struct asking){ .path = fixture->path, .command = "echo", .arguments = arguments };
	assert_int_equal(pthread_create(&thread, NULL, ask_it, asking), 0);
	fd = accept(listener, NULL, NULL);
	assert_true(recv(fd, request, sizeof(request), 0) > 0);
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
	close(fd);
	close(listener);
	pthread_join(thread, NULL);
	unlink(fixture->path);
}

static void expect_no_answer(const struct asking *asking, const char *what)
{
	if (asking->r != ASK_E_BROKEN || asking->result || !strstr(asking->reason, "did not answer"))
		fail_msg("%s: expected %d, 'did not answer', saw %d, '%s'", what, ASK_E_BROKEN, asking->r,
			 asking->reason);
}

static void answers_that_are_none_are_broken(void **state)
{
	static const char *const texts[] = { "", "{\"result\": ", "{}\n", "[]\n", "ha\n", "{\"error\": 7}\n" };
	struct fixture *fixture = *state;
	struct asking asking;

	control_freep(&fixture->control);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		answer_with(fixture, NULL, texts[i], &asking);
		expect_no_answer(&asking, texts[i]);
	}
	answer_with(fixture, NULL, "{\"result\": 1}}", &asking);
	assert_int_equal(asking.r, 0);   /* what comes behind the first object isn't looked at */
	json_decref(asking.result);
}

/* The rest of the request meets a closed socket: that must be a result, not a signal. */
static void a_daemon_that_goes_within_the_request_is_broken(void **state)
{
	struct fixture *fixture = *state;
	char *large = calloc(1, LARGE_BYTES + 1);
	struct asking asking;

	memset(large, 'x', LARGE_BYTES);
	control_freep(&fixture->control);
	answer_with(fixture, json_pack("{s:s}", "large", large), "", &asking);
	expect_no_answer(&asking, "gone");
	free(large);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(asking_gets_results_and_refusals),
		TEST(asking_nobody_is_told),
		TEST(answers_that_are_none_are_broken),
		TEST(a_daemon_that_goes_within_the_request_is_broken),
	};

	alarm(120);   /* a loop that never ends is a failure, too */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
