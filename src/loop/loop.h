/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The event loop of one thread: descriptors (epoll), timers (microseconds, monotonic), and calls posted by other
 * threads. Everything but loop_post() and loop_stop() belongs to the thread that runs the loop.
 *
 * An event names its receiver by a reference (handler, index, generation), never by a pointer: what was freed in
 * the meantime has another generation, and its handler drops the event.
 */
#ifndef BRAID_LOOP_LOOP_H
#define BRAID_LOOP_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;

/* Whom an event is for. index and generation mean what the handler wants them to mean. */
struct loop_ref {
	uint32_t index;
	uint16_t generation;
	uint8_t handler;       /* from loop_handler_add() */
	uint8_t part;          /* which of the receiver's descriptors or timers */
};

struct loop_handler {
	/* NULL where no descriptor is watched */
	void (*on_event)(void *context, struct loop_ref ref, uint32_t epoll_events);
	void (*on_timer)(void *context, struct loop_ref ref, uint64_t now_us);         /* NULL where no timer is set */
	void (*on_turn_end)(void *context, uint64_t now_us);   /* after all events of a turn: free what was closed.
							        * May be NULL */
	void *context;
};

/* 0 or a negative errno. */
int loop_new(struct loop **out);
void loop_freep(struct loop **loop);

/* Copies the handler, returns its number for loop_ref.handler (at most 31 handlers; more is a programming error). */
uint8_t loop_handler_add(struct loop *loop, const struct loop_handler *handler);

/* Watches fd for epoll_events (EPOLLIN, EPOLLET, ...). Borrows fd: close it after loop_unwatch(). 0 or a negative
 * errno. */
int loop_watch(struct loop *loop, int fd, uint32_t epoll_events, struct loop_ref ref);
int loop_rewatch(struct loop *loop, int fd, uint32_t epoll_events, struct loop_ref ref);
void loop_unwatch(struct loop *loop, int fd);

/* Calls on_timer once at or after at_us. There is no cancel: a receiver that no longer wants it ignores the call. 0
 * or -ENOMEM. */
int loop_timer_at(struct loop *loop, uint64_t at_us, struct loop_ref ref);

/* The instant at which this turn's events were taken from the kernel. */
uint64_t loop_now_us(const struct loop *loop);
/* When the kernel was asked for the events of the turn before: what a receiver finds now, having taken all that
 * there was then, has come since. We may have stood still between that and having them. */
uint64_t loop_before_us(const struct loop *loop);

/* Wants another turn at once, without sleeping (a budget was used up and work is left). */
void loop_again(struct loop *loop);

/* From any thread: calls fn(arg) in the loop's thread. 0, or -ENOMEM and fn is never called. */
int loop_post(struct loop *loop, void (*fn)(void *arg), void *arg);
/* From any thread: loop_run() returns after the turn under way; where it isn't running, the next one after its first
 * turn. */
void loop_stop(struct loop *loop);

/* Runs until loop_stop(). 0 or a negative errno. */
int loop_run(struct loop *loop);

/* After loop_run() has returned: calls what was posted and not called yet, in the caller's thread. */
void loop_flush(struct loop *loop);

/* Monotonic clock, microseconds. */
uint64_t loop_clock_us(void);

#endif
