/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/slab.h"
#include "loop/loop.h"

#define MANY_TIMERS 5000u
#define THREADS 4u
#define CALLS 2000u

/* What one test sees; each handler gets it as its context. */
struct seen {
	struct loop *loop;
	uint8_t handler;
	uint32_t n_events, n_timers, n_turns, n_posted;
	uint32_t last_index;
	uint64_t last_at_us;
	const uint64_t *at_us;   /* by index, for timers */
	uint32_t stop_after;
	struct slab slab;
	int pairs[2][2];
	uint32_t n_dropped;
};

static void seen_free(struct seen *seen)
{
	loop_freep(&seen->loop);
}

static struct seen seen_of(const struct loop_handler *handler, struct seen *context)
{
	struct seen seen = { .loop = NULL };
	struct loop_handler with_context = *handler;

	with_context.context = context;
	assert_int_equal(loop_new(&seen.loop), 0);
	seen.handler = loop_handler_add(seen.loop, &with_context);
	return seen;
}

static void timer_in_order(void *context, struct loop_ref ref, uint64_t now_us)
{
	struct seen *seen = context;

	assert_in_range(ref.index, 0, MANY_TIMERS - 1);
	assert_true(now_us >= seen->at_us[ref.index]);
	assert_true(seen->at_us[ref.index] >= seen->last_at_us);
	assert_int_equal(now_us, loop_now_us(seen->loop));
	seen->last_at_us = seen->at_us[ref.index];
	if (++seen->n_timers == seen->stop_after)
		loop_stop(seen->loop);
}

static void timers_fire_in_order_and_not_early(void **state)
{
	const struct loop_handler handler = { .on_timer = timer_in_order };
	_cleanup_(seen_free) struct seen seen = seen_of(&handler, &seen);
	_cleanup_(freep) uint64_t *at_us = calloc(MANY_TIMERS, sizeof(*at_us));
	uint64_t now_us = loop_clock_us();
	uint32_t seed = 3;

	seen.at_us = at_us;
	seen.stop_after = MANY_TIMERS;
	for (uint32_t i = 0; i < MANY_TIMERS; i++) {
		seed = seed * 1664525u + 1013904223u;
		at_us[i] = now_us + (seed >> 8) % (20 * US_PER_MS);
		assert_int_equal(loop_timer_at(seen.loop, at_us[i],
					       (struct loop_ref){ .index = i, .handler = seen.handler }), 0);
	}
	assert_int_equal(loop_run(seen.loop), 0);
	assert_int_equal(seen.n_timers, MANY_TIMERS);
	assert_true(loop_clock_us() >= seen.last_at_us);
}

static void timer_again(void *context, struct loop_ref ref, uint64_t now_us)
{
	struct seen *seen = context;

	seen->n_timers++;
	assert_int_equal(loop_timer_at(seen->loop, now_us, ref), 0);
}

static void event_stops(void *context, struct loop_ref ref, uint32_t events)
{
	struct seen *seen = context;

	seen->n_events++;
	loop_stop(seen->loop);
}

/* A timer set for now from within its own call must not keep the events out. */
static void a_timer_set_for_now_starves_nobody(void **state)
{
	const struct loop_handler handler = { .on_timer = timer_again, .on_event = event_stops };
	_cleanup_(seen_free) struct seen seen = seen_of(&handler, &seen);
	struct loop_ref ref = { .handler = seen.handler };
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(loop_watch(seen.loop, pair[0], EPOLLIN, ref), 0);
	assert_int_equal(loop_timer_at(seen.loop, 0, ref), 0);
	assert_int_equal(write(pair[1], "x", 1), 1);
	assert_int_equal(loop_run(seen.loop), 0);
	assert_in_range(seen.n_events, 1, 2);
	assert_in_range(seen.n_timers, 1, 5);
	close(pair[0]);
	close(pair[1]);
}

static void nothing(void *context, struct loop_ref ref, uint64_t now_us)
{
}

static void end_of_turn(void *context, uint64_t now_us)
{
	struct seen *seen = context;

	if (++seen->n_turns == seen->stop_after)
		loop_stop(seen->loop);
	else
		loop_again(seen->loop);
}

static void note_turn(void *context, uint64_t now_us)
{
	struct seen *seen = context;

	assert_true(loop_before_us(seen->loop) <= seen->last_at_us);
	seen->last_at_us = now_us;
	seen->n_turns++;
}

static void stop_on_timer(void *context, struct loop_ref ref, uint64_t now_us)
{
	loop_stop(((struct seen *)context)->loop);
}

static void ignore(int number)
{
}

static void *interrupt(void *thread)
{
	for (int i = 0; i < 20; i++) {
		pthread_kill(*(pthread_t *)thread, SIGUSR1);
		usleep(1000);
	}
	return NULL;
}

/* As by SIGSTOP and SIGCONT: what came meanwhile is taken by a turn whose one before was before it. */
static void being_interrupted_is_no_turn(void **state)
{
	const struct loop_handler handler = { .on_timer = stop_on_timer, .on_turn_end = note_turn };
	_cleanup_(seen_free) struct seen seen = seen_of(&handler, &seen);
	struct sigaction action = { .sa_handler = ignore }, before;
	pthread_t self = pthread_self(), other;

	seen.last_at_us = loop_clock_us();
	assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
	assert_int_equal(loop_timer_at(seen.loop, loop_clock_us() + 500 * US_PER_MS,
				       (struct loop_ref){ .handler = seen.handler }), 0);
	assert_int_equal(pthread_create(&other, NULL, interrupt, &self), 0);
	assert_int_equal(loop_run(seen.loop), 0);
	assert_int_equal(pthread_join(other, NULL), 0);
	assert_int_equal(sigaction(SIGUSR1, &before, NULL), 0);
	assert_in_range(seen.n_turns, 1, 2);   /* the timer's, and the stop's */
}

static void another_turn_comes_at_once_when_asked_for(void **state)
{
	const struct loop_handler handler = { .on_turn_end = end_of_turn, .on_timer = nothing };
	_cleanup_(seen_free) struct seen seen = seen_of(&handler, &seen);
	uint64_t begun_us = loop_clock_us();

	seen.stop_after = 10;
	/* an hour and more away: the turns don't wait for it, nor does the loop overflow on it */
	assert_int_equal(loop_timer_at(seen.loop, begun_us + 7200 * US_PER_S,
				       (struct loop_ref){ .handler = seen.handler }), 0);
	assert_int_equal(loop_timer_at(seen.loop, CLOCK_NEVER_US - 1, (struct loop_ref){ .handler = seen.handler }), 0);
	loop_again(seen.loop);
	assert_int_equal(loop_run(seen.loop), 0);
	assert_in_range(seen.n_turns, 10, 11);
	assert_in_range(loop_clock_us() - begun_us, 0, 60 * US_PER_S);
}

struct call {
	struct seen *seen;
	uint32_t thread, number;
	uint32_t *last;   /* of its thread */
};

static pthread_t loop_thread;

static void posted(void *arg)
{
	struct call *call = arg;

	assert_true(pthread_equal(pthread_self(), loop_thread));
	assert_int_equal(call->number, call->last[call->thread]++);   /* each thread's calls in its order */
	if (++call->seen->n_posted == THREADS * CALLS)
		loop_stop(call->seen->loop);
	free(call);
}

static void *post_many(void *arg)
{
	struct call *first = arg;

	for (uint32_t i = 0; i < CALLS; i++) {
		struct call *call = malloc(sizeof(*call));

		if (!call)
			abort();
		*call = *first;
		call->number = i;
		if (loop_post(first->seen->loop, posted, call))
			abort();
	}
	return NULL;
}

static void calls_of_other_threads_come_all_and_in_order(void **state)
{
	const struct loop_handler handler = { .on_event = NULL };
	_cleanup_(seen_free) struct seen seen = seen_of(&handler, &seen);
	uint32_t last[THREADS] = { 0 };
	struct call calls[THREADS];
	pthread_t threads[THREADS];

	loop_thread = pthread_self();
	for (uint32_t i = 0; i < THREADS; i++) {
		calls[i] = (struct call){ .seen = &seen, .thread = i, .last = last };
		assert_int_equal(pthread_create(&threads[i], NULL, post_many, &calls[i]), 0);
	}
	assert_int_equal(loop_run(seen.loop), 0);
	for (uint32_t i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(last[i], CALLS);
	}
}

static void *stop_it(void *arg)
{
	loop_stop(arg);
	return NULL;
}

static void another_thread_may_stop_an_idle_loop(void **state)
{
	struct loop *loop;
	pthread_t thread;

	assert_int_equal(loop_new(&loop), 0);
	assert_int_equal(pthread_create(&thread, NULL, stop_it, loop), 0);
	assert_int_equal(loop_run(loop), 0);
	pthread_join(thread, NULL);
	loop_freep(&loop);
	assert_null(loop);
	loop_freep(&loop);
}

static void count_call(void *arg)
{
	++*(uint32_t *)arg;
}

static void post_then_stop(void *arg)
{
	struct seen *seen = arg;

	loop_post(seen->loop, count_call, &seen->n_posted);
	loop_stop(seen->loop);
}

/* A stop is for the run under way or, where none is, the next: not for those after it. */
static void a_stopped_loop_runs_again(void **state)
{
	const struct loop_handler handler = { .on_event = NULL };
	_cleanup_(seen_free) struct seen seen = seen_of(&handler, &seen);

	loop_stop(seen.loop);
	assert_int_equal(loop_run(seen.loop), 0);
	for (uint32_t i = 1; i <= 3; i++) {
		assert_int_equal(loop_post(seen.loop, count_call, &seen.n_posted), 0);
		assert_int_equal(loop_post(seen.loop, post_then_stop, &seen), 0);
		assert_int_equal(loop_run(seen.loop), 0);
		assert_int_equal(seen.n_posted, 2 * i);
	}
}

static void what_was_posted_is_called_at_a_flush(void **state)
{
	struct loop *loop;
	uint32_t n = 0;

	assert_int_equal(loop_new(&loop), 0);
	assert_int_equal(loop_post(loop, count_call, &n), 0);
	assert_int_equal(loop_post(loop, count_call, &n), 0);
	loop_flush(loop);
	assert_int_equal(n, 2);
	loop_flush(loop);
	assert_int_equal(n, 2);
	loop_freep(&loop);
}

static void what_is_posted_too_late_is_never_called(void **state)
{
	struct loop *loop;
	uint32_t n = 0;

	assert_int_equal(loop_new(&loop), 0);
	assert_int_equal(loop_post(loop, count_call, &n), 0);
	assert_int_equal(loop_post(loop, count_call, &n), 0);
	loop_freep(&loop);
	assert_int_equal(n, 0);
}

/* Whichever comes first closes the other and gives its place, and its descriptor's number, to a newcomer. */
static void event_replaces_the_other(void *context, struct loop_ref ref, uint32_t events)
{
	struct seen *seen = context;
	uint32_t *own = slab_get(&seen->slab, (struct slab_name){ ref.index, ref.generation }), *other;
	int fd;

	if (!own) {
		seen->n_dropped++;
		return;
	}
	seen->n_events++;
	other = slab_at(&seen->slab, 1 - ref.index);
	fd = seen->pairs[*other][0];
	loop_unwatch(seen->loop, fd);
	close(fd);
	slab_give(&seen->slab, other);
	other = slab_take(&seen->slab);
	*other = 1 - *own;
	assert_int_equal(slab_name_of(&seen->slab, other).index, 1 - ref.index);
	assert_int_equal(dup(seen->pairs[*own][0]), fd);
	loop_stop(seen->loop);
}

static void events_for_those_that_are_gone_are_dropped(void **state)
{
	const struct loop_handler handler = { .on_event = event_replaces_the_other };
	_cleanup_(seen_free) struct seen seen = seen_of(&handler, &seen);

	assert_int_equal(slab_init(&seen.slab, sizeof(uint32_t), 2), 0);
	for (uint32_t i = 0; i < 2; i++) {
		uint32_t *which = slab_take(&seen.slab);
		struct slab_name name = slab_name_of(&seen.slab, which);

		*which = i;
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, seen.pairs[i]), 0);
		assert_int_equal(write(seen.pairs[i][1], "x", 1), 1);
		assert_int_equal(loop_watch(seen.loop, seen.pairs[i][0], EPOLLIN | EPOLLET, (struct loop_ref){
			.index = name.index, .generation = name.generation, .handler = seen.handler }), 0);
	}
	assert_int_equal(loop_run(seen.loop), 0);
	assert_int_equal(seen.n_events, 1);
	assert_int_equal(seen.n_dropped, 1);
	for (uint32_t i = 0; i < 2; i++) {
		close(seen.pairs[i][0]);
		close(seen.pairs[i][1]);
	}
	slab_fini(&seen.slab);
}

static void event_tells(void *context, struct loop_ref ref, uint32_t events)
{
	struct seen *seen = context;

	seen->n_events |= events;
	seen->last_index = ref.index;
	assert_int_equal(ref.part, 3);
	loop_stop(seen->loop);
}

static void watching_changes_and_ends(void **state)
{
	const struct loop_handler handler = { .on_event = event_tells, .on_timer = nothing };
	_cleanup_(seen_free) struct seen seen = seen_of(&handler, &seen);
	struct loop_ref ref = { .index = 1, .handler = seen.handler, .part = 3 };
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(write(pair[1], "x", 1), 1);
	assert_int_equal(loop_watch(seen.loop, pair[0], EPOLLOUT, ref), 0);
	assert_int_equal(loop_watch(seen.loop, pair[0], EPOLLOUT, ref), -EEXIST);
	assert_int_equal(loop_run(seen.loop), 0);
	assert_int_equal(seen.n_events, EPOLLOUT);
	assert_int_equal(seen.last_index, 1);
	ref.index = 2;
	assert_int_equal(loop_rewatch(seen.loop, pair[0], EPOLLIN, ref), 0);
	assert_int_equal(loop_run(seen.loop), 0);
	assert_int_equal(seen.n_events, EPOLLOUT | EPOLLIN);
	assert_int_equal(seen.last_index, 2);
	loop_unwatch(seen.loop, pair[0]);
	assert_int_equal(loop_rewatch(seen.loop, pair[0], EPOLLIN, ref), -ENOENT);
	assert_int_equal(loop_watch(seen.loop, -1, EPOLLIN, ref), -EBADF);
	seen.n_events = 0;
	loop_stop(seen.loop);
	assert_int_equal(loop_run(seen.loop), 0);
	assert_int_equal(seen.n_events, 0);
	close(pair[0]);
	close(pair[1]);
}

static void handlers_get_numbers_of_their_own(void **state)
{
	struct loop *loop;
	struct loop_handler handler = { .on_event = NULL };

	assert_int_equal(loop_new(&loop), 0);
	for (uint8_t i = 1; i <= 31; i++)
		assert_int_equal(loop_handler_add(loop, &handler), i);
	/* timers of handlers that want none are dropped */
	assert_int_equal(loop_timer_at(loop, 0, (struct loop_ref){ .handler = 5 }), 0);
	loop_stop(loop);
	assert_int_equal(loop_run(loop), 0);
	loop_freep(&loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timers_fire_in_order_and_not_early),
		cmocka_unit_test(a_timer_set_for_now_starves_nobody),
		cmocka_unit_test(being_interrupted_is_no_turn),
		cmocka_unit_test(another_turn_comes_at_once_when_asked_for),
		cmocka_unit_test(calls_of_other_threads_come_all_and_in_order),
		cmocka_unit_test(another_thread_may_stop_an_idle_loop),
		cmocka_unit_test(a_stopped_loop_runs_again),
		cmocka_unit_test(what_is_posted_too_late_is_never_called),
		cmocka_unit_test(what_was_posted_is_called_at_a_flush),
		cmocka_unit_test(events_for_those_that_are_gone_are_dropped),
		cmocka_unit_test(watching_changes_and_ends),
		cmocka_unit_test(handlers_get_numbers_of_their_own),
	};

	alarm(60);   /* a loop that never ends is a failure, too */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
