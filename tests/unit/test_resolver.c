/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the resolver makes of c-ares, which is this file: it answers when it is destroyed, and not before. Its header
 * isn't included, as it says const in some versions where it doesn't in others. */
#include "unit_address.h"

#include <sys/time.h>
#include <unistd.h>
#include "loop/loop.h"
#include "net/resolver.h"

#define MANY 60u

typedef void found_fn(void *arg, int status, int n_timeouts, void *found);
int ares_init_options(void **channel, const void *options, int given);
void ares_getaddrinfo(void *channel, const char *name, const char *service, const void *hints, found_fn *callback,
		      void *arg);
void ares_destroy(void *channel);
struct timeval *ares_timeout(const void *channel, struct timeval *most, struct timeval *left);
void ares_process_fd(void *channel, int reads, int writes);

struct seen {
	struct loop *loop;
	struct resolver *resolver;
	uint32_t n_answers, n_left, n_turns;
	uint32_t stop_at_answers, stop_at_turns;   /* 0: not */
	int r;
	struct address address;
	unsigned int n_most_in_turn;
};

static unsigned int n_asked, n_in_turn;
static found_fn *asked_by;
static void *asked_with;

int ares_init_options(void **channel, const void *options, int given)
{
	*channel = &n_asked;
	return 0;
}

void ares_getaddrinfo(void *channel, const char *name, const char *service, const void *hints, found_fn *callback,
		      void *arg)
{
	assert_int_equal(n_asked++, 0);
	asked_by = callback;
	asked_with = arg;
}

void ares_destroy(void *channel)
{
	if (n_asked)
		asked_by(asked_with, 16, 0, NULL);   /* ARES_EDESTRUCTION */
}

struct timeval *ares_timeout(const void *channel, struct timeval *most, struct timeval *left)
{
	*left = (struct timeval){ .tv_usec = 5000 };
	return left;
}

void ares_process_fd(void *channel, int reads, int writes)
{
	n_in_turn++;
}

static struct bytes text(const char *name)
{
	return (struct bytes){ (const uint8_t *)name, strlen(name) };
}

static int ask(struct seen *seen, const char *name)
{
	return resolver_ask(seen->resolver, text(name), (struct loop_ref){ .index = 7 });
}

static void on_answer(void *context, struct loop_ref asker, int r, const struct address *all, size_t n)
{
	struct seen *seen = context;

	assert_int_equal(asker.index, 7);
	seen->r = r;
	if (n)
		seen->address = all[0];
	if (++seen->n_answers == seen->stop_at_answers)
		loop_stop(seen->loop);
}

/* One more name a turn, whose answer is there at once. */
static void on_turn_end(void *context, uint64_t now_us)
{
	struct seen *seen = context;

	if (n_in_turn > seen->n_most_in_turn)
		seen->n_most_in_turn = n_in_turn;
	n_in_turn = 0;
	if (seen->n_left && seen->n_left--)
		assert_int_equal(ask(seen, "192.0.2.1"), 0);
	if (++seen->n_turns == seen->stop_at_turns)
		loop_stop(seen->loop);
}

static int begin(void **state)
{
	struct seen *seen = calloc(1, sizeof(*seen));
	struct loop_handler handler = { .on_turn_end = on_turn_end, .context = seen };

	*state = seen;
	n_asked = n_in_turn = 0;
	if (!seen || loop_new(&seen->loop))
		return -1;
	loop_handler_add(seen->loop, &handler);
	return resolver_new(seen->loop, on_answer, seen, &seen->resolver);
}

static int end(void **state)
{
	struct seen *seen = *state;

	resolver_freep(&seen->resolver);
	loop_freep(&seen->loop);
	free(seen);
	return 0;
}

static void what_is_no_name_is_not_asked_for(void **state)
{
	static const char *const names[] = { "", "a b", "a\\098", "::1", "a/b", "a\x7f" };
	struct seen *seen = *state;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(ask(seen, names[i]), RESOLVER_E_NAME);
	assert_int_equal(n_asked, 0);
}

static void an_address_is_its_own_answer_and_comes_later(void **state)
{
	struct seen *seen = *state;
	struct address expected = unit_address("93.10.20.2");

	seen->stop_at_answers = 1;
	assert_int_equal(ask(seen, "93.10.20.2"), 0);
	assert_int_equal(seen->n_answers, 0);
	assert_int_equal(loop_run(seen->loop), 0);
	assert_int_equal(seen->r, 0);
	assert_true(address_equal(&seen->address, &expected));
	assert_int_equal(n_asked, 0);
}

static void no_more_are_under_way_than_there_may_be(void **state)
{
	struct seen *seen = *state;

	for (size_t i = 0; i < RESOLVER_QUERIES; i++)
		assert_int_equal(ask(seen, "192.0.2.1"), 0);
	assert_int_equal(ask(seen, "192.0.2.1"), RESOLVER_E_FAILED);
	assert_int_equal(ask(seen, "silent.example"), RESOLVER_E_FAILED);
	seen->stop_at_answers = RESOLVER_QUERIES;
	assert_int_equal(loop_run(seen->loop), 0);
	assert_int_equal(ask(seen, "silent.example"), 0);
	assert_int_equal(n_asked, 1);
}

/* Each answer that is there at once sets a sooner timer than that of the name that waits. */
static void timers_do_not_multiply(void **state)
{
	struct seen *seen = *state;

	assert_int_equal(ask(seen, "silent.example"), 0);
	seen->n_left = MANY;
	seen->stop_at_turns = 2 * MANY;
	assert_int_equal(ask(seen, "192.0.2.1"), 0);
	assert_int_equal(loop_run(seen->loop), 0);
	assert_int_equal(seen->n_answers, MANY + 1);
	assert_int_equal(seen->n_most_in_turn, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_no_name_is_not_asked_for, begin, end),
		cmocka_unit_test_setup_teardown(an_address_is_its_own_answer_and_comes_later, begin, end),
		cmocka_unit_test_setup_teardown(no_more_are_under_way_than_there_may_be, begin, end),
		cmocka_unit_test_setup_teardown(timers_do_not_multiply, begin, end),
	};

	alarm(60);   /* a loop that never ends is a failure, too */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
