/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "loop/loop.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include "base/clock.h"
#include "base/util.h"
#include "loop/timers.h"

#define LOOP_HANDLERS 32   /* a worker has 15 from the beginning, and one more for the names of each role */
#define LOOP_EVENTS 512   /* taken from the kernel at once */

struct posted {
	struct posted *next;
	void (*fn)(void *arg);
	void *arg;
};

struct loop {
	int epoll_fd;
	int wake_fd;
	uint64_t now_us;
	uint64_t asked_us, before_us;   /* when the kernel was asked for this turn's events, and for those of the
					 * turn before */
	bool again;
	struct loop_handler handlers[LOOP_HANDLERS];   /* 0 is the loop's own: wake_fd */
	uint8_t n_handlers;
	struct timers timers;

	pthread_mutex_t lock;          /* guards what follows: other threads write it */
	struct posted *posted, **posted_end;
	bool stop;
};

static_assert(sizeof(struct loop_ref) == sizeof(uint64_t), "a reference must fit epoll_data");

union event_data {
	struct loop_ref ref;
	uint64_t u64;
};

uint64_t loop_clock_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * US_PER_S + (uint64_t)t.tv_nsec / 1000;
}

static struct posted *posted_take(struct loop *loop, bool *stop)
{
	struct posted *first;

	pthread_mutex_lock(&loop->lock);
	first = loop->posted;
	loop->posted = NULL;
	loop->posted_end = &loop->posted;
	*stop = loop->stop;
	loop->stop = false;   /* told once: the loop may be run again */
	pthread_mutex_unlock(&loop->lock);
	return first;
}

void loop_freep(struct loop **loop)
{
	struct posted *posted;
	bool stop;

	if (!*loop)
		return;
	posted = posted_take(*loop, &stop);
	while (posted) {   /* too late to be called; its argument is its owner's */
		struct posted *next = posted->next;

		free(posted);
		posted = next;
	}
	fd_closep(&(*loop)->wake_fd);
	fd_closep(&(*loop)->epoll_fd);
	timers_free(&(*loop)->timers);
	pthread_mutex_destroy(&(*loop)->lock);
	free(*loop);
	*loop = NULL;
}

int loop_new(struct loop **out)
{
	_cleanup_(loop_freep) struct loop *loop = calloc(1, sizeof(*loop));
	struct epoll_event event = { .events = EPOLLIN };

	if (!loop)
		return -ENOMEM;
	loop->epoll_fd = loop->wake_fd = -1;
	loop->posted_end = &loop->posted;
	loop->n_handlers = 1;
	pthread_mutex_init(&loop->lock, NULL);
	loop->now_us = loop->asked_us = loop->before_us = loop_clock_us();
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0)
		return -errno;
	loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->wake_fd < 0)
		return -errno;
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->wake_fd, &event))
		return -errno;
	*out = loop;
	loop = NULL;
	return 0;
}

uint8_t loop_handler_add(struct loop *loop, const struct loop_handler *handler)
{
	assert(loop->n_handlers < LOOP_HANDLERS);
	loop->handlers[loop->n_handlers] = *handler;
	return loop->n_handlers++;
}

static int control(struct loop *loop, int op, int fd, uint32_t epoll_events, struct loop_ref ref)
{
	union event_data data = { .ref = ref };
	struct epoll_event event = { .events = epoll_events, .data.u64 = data.u64 };

	return epoll_ctl(loop->epoll_fd, op, fd, &event) ? -errno : 0;
}

int loop_watch(struct loop *loop, int fd, uint32_t epoll_events, struct loop_ref ref)
{
	return control(loop, EPOLL_CTL_ADD, fd, epoll_events, ref);
}

int loop_rewatch(struct loop *loop, int fd, uint32_t epoll_events, struct loop_ref ref)
{
	return control(loop, EPOLL_CTL_MOD, fd, epoll_events, ref);
}

void loop_unwatch(struct loop *loop, int fd)
{
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

int loop_timer_at(struct loop *loop, uint64_t at_us, struct loop_ref ref)
{
	return timers_add(&loop->timers, at_us, ref);
}

uint64_t loop_now_us(const struct loop *loop)
{
	return loop->now_us;
}

uint64_t loop_before_us(const struct loop *loop)
{
	return loop->before_us;
}

void loop_again(struct loop *loop)
{
	loop->again = true;
}

static void wake(struct loop *loop)
{
	uint64_t one = 1;
	ssize_t n = write(loop->wake_fd, &one, sizeof(one));

	(void)n;   /* a full counter wakes just as well */
}

int loop_post(struct loop *loop, void (*fn)(void *arg), void *arg)
{
	struct posted *posted = malloc(sizeof(*posted));

	if (!posted)
		return -ENOMEM;
	*posted = (struct posted){ .fn = fn, .arg = arg };
	pthread_mutex_lock(&loop->lock);
	*loop->posted_end = posted;
	loop->posted_end = &posted->next;
	pthread_mutex_unlock(&loop->lock);
	wake(loop);
	return 0;
}

void loop_stop(struct loop *loop)
{
	pthread_mutex_lock(&loop->lock);
	loop->stop = true;
	pthread_mutex_unlock(&loop->lock);
	wake(loop);
}

/* Runs what was posted. Returns whether the loop was told to stop. */
static bool run_posted(struct loop *loop)
{
	struct posted *posted;
	uint64_t count;
	bool stop;
	ssize_t n = read(loop->wake_fd, &count, sizeof(count));

	(void)n;
	posted = posted_take(loop, &stop);
	while (posted) {
		struct posted *next = posted->next;

		posted->fn(posted->arg);
		free(posted);
		posted = next;
	}
	return stop;
}

void loop_flush(struct loop *loop)
{
	run_posted(loop);
}

static int wait_events(struct loop *loop, struct epoll_event *events, uint64_t now_us)
{
	uint64_t at_us = timers_next_us(&loop->timers), wait_us = 0;
	struct timespec timeout;
	int n;

	if (!loop->again && at_us > now_us)
		wait_us = at_us == CLOCK_NEVER_US ? CLOCK_NEVER_US : at_us - now_us;
	if (wait_us > 3600 * US_PER_S && wait_us != CLOCK_NEVER_US)
		wait_us = 3600 * US_PER_S;
	timeout.tv_sec = (time_t)(wait_us / US_PER_S);
	timeout.tv_nsec = (long)(wait_us % US_PER_S) * 1000;
	loop->again = false;
	n = epoll_pwait2(loop->epoll_fd, events, LOOP_EVENTS, wait_us == CLOCK_NEVER_US ? NULL : &timeout, NULL);
	return n < 0 ? -errno : n;
}

static void run_timers(struct loop *loop)
{
	size_t n_most = loop->timers.n;   /* one that is set for now by another's call waits a turn: events come
					   * between */
	struct loop_ref ref;

	while (n_most-- && timers_pop(&loop->timers, loop->now_us, &ref))
		if (loop->handlers[ref.handler].on_timer)
			loop->handlers[ref.handler].on_timer(loop->handlers[ref.handler].context, ref, loop->now_us);
}

static void end_turn(struct loop *loop)
{
	for (uint8_t i = 1; i < loop->n_handlers; i++)
		if (loop->handlers[i].on_turn_end)
			loop->handlers[i].on_turn_end(loop->handlers[i].context, loop->now_us);
}

int loop_run(struct loop *loop)
{
	struct epoll_event events[LOOP_EVENTS];
	bool stop = false;

	while (!stop) {
		uint64_t asked_us = loop_clock_us();
		int n = wait_events(loop, events, asked_us);

		if (n == -EINTR)   /* stopped and continued, say: nothing was taken, so it is no turn */
			continue;
		if (n < 0)
			return n;
		loop->before_us = loop->asked_us;
		loop->asked_us = asked_us;
		loop->now_us = loop_clock_us();
		for (int i = 0; i < n; i++) {
			union event_data data = { .u64 = events[i].data.u64 };
			struct loop_handler *handler = &loop->handlers[data.ref.handler];

			if (!data.ref.handler)
				stop = run_posted(loop);
			else if (handler->on_event)
				handler->on_event(handler->context, data.ref, events[i].events);
		}
		run_timers(loop);
		end_turn(loop);
	}
	return 0;
}
