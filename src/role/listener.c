/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/listener.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/counter.h"
#include "base/util.h"

#define ACCEPT_BATCH 64
#define REST_US (100 * US_PER_MS)
#define LONG_TURN_US (100 * US_PER_MS)

static struct loop_ref ref_of(const struct listeners *l, size_t i)
{
	return (struct loop_ref){ .handler = l->handler, .index = (uint32_t)i };
}

/* Level-triggered events would come again and again while there is no descriptor to take the connection with. */
static void rest(struct listeners *l, size_t i, int error)
{
	char left_out[64], address[ADDRESS_TEXT_BYTES];

	counter_add(&l->worker->counters.n_accept_paused, 1);
	if (worker_may_log(l->worker, WORKER_LOG_SHORT, left_out, sizeof(left_out)))
		log_warning("cannot take new connections on %s: %s; those that run go on; raise the limit of open "
			    "files or lower "
			    "limits.max_sessions%s", address_format(&l->each[i].address, address), net_error_text(error), left_out);
	if (loop_timer_at(l->worker->loop, loop_now_us(l->worker->loop) + REST_US, ref_of(l, i)))
		return;   /* no memory for a timer: the level-triggered event is the way out, if a busy one */
	l->each[i].resting = !loop_rewatch(l->worker->loop, l->each[i].fd, 0, ref_of(l, i));
}

/* The kernel has accepted it; it is asked about where others wait, too, or we come late ourselves. */
static void note_wait(const struct listeners *l, size_t i, int fd)
{
	struct worker *worker = l->worker;
	uint64_t us = l->each[i].full || loop_now_us(worker->loop) - loop_before_us(worker->loop) > LONG_TURN_US ?
		      net_silent_us(fd) : 0;

	if (us > __atomic_load_n(&worker->longest_wait_us, __ATOMIC_RELAXED))
		__atomic_store_n(&worker->longest_wait_us, us, __ATOMIC_RELAXED);
}

/* Takes at most n_most connections. False when none is left or none can be taken now. */
static bool take(struct listeners *l, size_t i, size_t n_most)
{
	for (size_t n = 0; n < n_most; n++) {
		struct address peer;
		int fd = -1, r = net_accept(l->each[i].fd, &fd, &peer);

		if (r == NET_E_ABORTED)
			continue;
		if (r && r != NET_E_AGAIN)
			rest(l, i, r);
		if (r)
			return false;
		counter_add(&l->worker->counters.n_accepted, 1);
		if (!n)
			note_wait(l, i, fd);
		l->on_connection(l->context, fd, &l->each[i].address, &peer);
	}
	return true;
}

static void on_event(void *context, struct loop_ref ref, uint32_t events)
{
	struct listeners *l = context;

	if (ref.index < l->n && !l->each[ref.index].resting)
		l->each[ref.index].full = take(l, ref.index, ACCEPT_BATCH);
}

static void on_timer(void *context, struct loop_ref ref, uint64_t now_us)
{
	struct listeners *l = context;

	if (ref.index >= l->n || !l->each[ref.index].resting)
		return;
	l->each[ref.index].resting = false;
	loop_rewatch(l->worker->loop, l->each[ref.index].fd, EPOLLIN, ref);
}

const char *listener_advice(int error)
{
	switch (error) {
	case -EADDRINUSE: return "; another program listens there: 'ss -ltnp' names it";
	case -EADDRNOTAVAIL: return "; this machine doesn't have that address now";
	default: return "";
	}
}

void listeners_init(struct listeners *l, struct worker *worker,
		    void (*on_connection)(void *context, int fd, const struct address *local,
					  const struct address *peer), void *context)
{
	struct loop_handler handler = { .on_event = on_event, .on_timer = on_timer, .context = l };

	*l = (struct listeners){ .worker = worker, .on_connection = on_connection, .context = context };
	l->handler = loop_handler_add(worker->loop, &handler);
}

static void close_one(struct listeners *l, size_t i)
{
	while (take(l, i, ACCEPT_BATCH))
		;
	loop_unwatch(l->worker->loop, l->each[i].fd);
	close(l->each[i].fd);
	l->n--;
	if (i == l->n)
		return;
	l->each[i] = l->each[l->n];
	loop_rewatch(l->worker->loop, l->each[i].fd, EPOLLIN, ref_of(l, i));
	l->each[i].resting = false;
}

void listeners_close(struct listeners *l)
{
	while (l->n)
		close_one(l, l->n - 1);
}

/* False where we don't listen there yet. */
static bool tune_known(const struct listeners *l, const struct address *address,
		       const struct net_listen_options *options)
{
	for (size_t i = 0; i < l->n; i++) {
		if (!address_equal(&l->each[i].address, address))
			continue;
		net_keep_alive(l->each[i].fd, options->keepalive_s);   /* it may have changed */
		return true;
	}
	return false;
}

static int open_one(struct listeners *l, const struct address *address, const struct net_listen_options *options)
{
	_cleanup_(fd_closep) int fd = -1;
	bool fastopen_missing;   /* told by the probe of the kernel at start */
	int r = net_listen(address, options, &fd, &fastopen_missing);

	if (r)
		return r;
	l->each[l->n].address = *address;
	l->each[l->n].resting = l->each[l->n].full = false;
	r = loop_watch(l->worker->loop, fd, EPOLLIN, ref_of(l, l->n));
	if (r)
		return r;
	l->each[l->n++].fd = fd_take(&fd);
	return 0;
}

int listeners_set(struct listeners *l, const struct address *addresses, size_t n_addresses,
		  const struct net_listen_options *options, char *reason, size_t n_reason)
{
	size_t n_before = l->n;
	char text[ADDRESS_TEXT_BYTES];
	int r = 0;

	for (size_t i = 0; i < n_addresses && !r; i++) {
		if (tune_known(l, &addresses[i], options))
			continue;
		r = l->n < LISTENERS ? open_one(l, &addresses[i], options) : -E2BIG;
		if (r)
			snprintf(reason, n_reason, "cannot listen on %s: %s%s", address_format(&addresses[i], text),
				 strerror(-r), listener_advice(r));
	}
	if (r) {
		while (l->n > n_before)
			close_one(l, l->n - 1);
		return r;
	}
	for (size_t i = l->n; i-- > 0;)
		if (!address_among(addresses, n_addresses, &l->each[i].address))
			close_one(l, i);
	return 0;
}
