// SPDX-License-Identifier: GPL-2.0-or-later
/* The clients: bulk transfers, requests over new or kept connections, and connections that only stand. Each prints
 * one JSON object. */
#include "load.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 256
#define SAMPLES_MAX (1 << 22)

static unsigned char block[LOAD_BLOCK_BYTES];

static void watch(int epoll_fd, int fd, uint32_t events, void *ptr)
{
	struct epoll_event event = { .events = events, .data.ptr = ptr };

	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event))
		load_die("epoll_ctl");
}

struct progress {
	uint64_t at_us, up_bytes, down_bytes;
};

static struct progress progress(const struct load_options *options, uint64_t down_bytes)
{
	return (struct progress){ load_now_us(), atomic_load(&options->counters->received_bytes), down_bytes };
}

static int bulk_open(const struct load_options *options)
{
	uint32_t events = (options->kind != LOAD_DOWN ? EPOLLOUT : 0) | (options->kind != LOAD_UP ? EPOLLIN : 0);
	struct load_head head = load_head(options);
	struct linger reset = { .l_onoff = 1 };
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);

	for (unsigned int i = 0; i < options->connections; i++) {
		int fd = load_connect(options);

		if (send(fd, &head, sizeof(head), MSG_NOSIGNAL) != sizeof(head))
			load_die("send");
		/* What is under way at the end is nobody's business: it must not weigh on the next run. */
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		watch(epoll_fd, fd, events, (void *)(intptr_t)fd);
	}
	return epoll_fd;
}

/* left: what is still to be sent of a transfer with an end; of one without, it isn't looked at. */
static void bulk_send(const struct load_options *options, int epoll_fd, int fd, uint64_t *left)
{
	struct epoll_event from_now_on = { .events = options->kind == LOAD_UP ? 0 : EPOLLIN,
					   .data.ptr = (void *)(intptr_t)fd };
	size_t due = options->bulk_bytes && *left < sizeof(block) ? *left : sizeof(block);
	ssize_t n = due ? send(fd, block, due, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;

	if (n < 0 && errno != EAGAIN)
		load_die("send");
	*left -= n > 0 ? n : 0;
	if (options->bulk_bytes && !*left && epoll_ctl(epoll_fd, EPOLL_CTL_MOD, fd, &from_now_on))
		load_die("epoll_ctl");
}

static uint64_t bulk_step(const struct load_options *options, int epoll_fd, int fd, uint32_t events, uint64_t *left)
{
	ssize_t n = 0;

	if (events & EPOLLERR)
		load_die("a connection was reset");
	if (events & EPOLLOUT)
		bulk_send(options, epoll_fd, fd, left);
	if (events & EPOLLIN) {
		n = recv(fd, block, sizeof(block), MSG_DONTWAIT);
		if (!n || (n < 0 && errno != EAGAIN))
			load_die("recv");
	}
	return n > 0 ? n : 0;
}

/* Whether all has arrived, of the transfers with an end. */
static bool bulk_is_whole(const struct load_options *options, const struct progress *begin, uint64_t down_bytes)
{
	uint64_t whole = options->bulk_bytes * options->connections,
		 heads = sizeof(struct load_head) * options->connections;

	return whole && (options->kind == LOAD_UP || down_bytes >= whole) &&
	       (options->kind == LOAD_DOWN ||
		atomic_load(&options->counters->received_bytes) - begin->up_bytes >= whole + heads);
}

int load_bulk(const struct load_options *options)
{
	struct epoll_event events[EVENTS];
	struct progress begin = progress(options, 0), from = begin, to;
	int epoll_fd = bulk_open(options);
	uint64_t start_us = load_now_us(), from_us = start_us + options->skip_ms * 1000ull,
		 to_us = from_us + options->time_ms * 1000ull, down = 0;
	uint64_t left = options->bulk_bytes * options->connections;
	bool measuring = options->bulk_bytes;   /* with an end: from before connect() on */
	double seconds;

	for (;;) {
		int n = epoll_wait(epoll_fd, events, EVENTS, 10);
		uint64_t now_us = load_now_us();

		if (!measuring && now_us >= from_us) {
			from = progress(options, down);
			measuring = true;
		}
		if (now_us >= to_us || bulk_is_whole(options, &begin, down))
			break;
		for (int i = 0; i < n; i++)
			down += bulk_step(options, epoll_fd, (intptr_t)events[i].data.ptr, events[i].events, &left);
	}
	to = progress(options, down);
	seconds = (to.at_us - from.at_us) / 1e6;
	printf("{\"up_bps\": %.0f, \"down_bps\": %.0f, \"bytes\": %" PRIu64 "}\n",
	       8 * (to.up_bytes - from.up_bytes) / seconds, 8 * (to.down_bytes - from.down_bytes) / seconds,
	       to.up_bytes - begin.up_bytes + to.down_bytes);
	return 0;
}

struct client {
	int fd;
	bool asked;
	uint32_t answer_left;
	uint64_t begun_us, first_us;
};

struct run {
	const struct load_options *options;
	int epoll_fd;
	uint64_t until_us, errors;
	uint32_t n, *whole_us, *first_us;
};

static void client_begin(struct run *run, struct client *client)
{
	bool fresh = client->fd < 0;

	client->begun_us = load_now_us();
	client->first_us = 0;
	client->asked = false;
	client->answer_left = run->options->answer_bytes;
	if (!fresh)
		return;
	client->fd = load_socket(run->options, SOCK_NONBLOCK);
	if (client->fd < 0)
		load_die("socket");
	if (connect(client->fd, (const struct sockaddr *)&run->options->address, sizeof(run->options->address)) &&
	    errno != EINPROGRESS)
		load_die("connect");
	watch(run->epoll_fd, client->fd, EPOLLIN | EPOLLOUT | EPOLLET, client);
}

static void client_fail(struct run *run, struct client *client)
{
	run->errors++;
	close(client->fd);
	client->fd = -1;
}

static bool client_ask(struct run *run, struct client *client)
{
	unsigned char request[LOAD_REQUEST_BYTES_MAX] = { 0 };
	struct load_head head = load_head(run->options);
	ssize_t n;

	memcpy(request, &head, sizeof(head));
	n = send(client->fd, request, run->options->request_bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
	client->asked = n == (ssize_t)run->options->request_bytes;
	return client->asked || (n < 0 && errno == EAGAIN);
}

static void client_answered(struct run *run, struct client *client)
{
	if (run->n < SAMPLES_MAX) {
		run->whole_us[run->n] = load_now_us() - client->begun_us;
		run->first_us[run->n++] = client->first_us - client->begun_us;
	}
	if (run->options->kind == LOAD_NEW) {
		close(client->fd);
		client->fd = -1;
	}
}

/* Reads what is there. 1: the answer is whole, 0: not yet, -1: failed. */
static int client_read(struct run *run, struct client *client)
{
	for (;;) {
		ssize_t n = recv(client->fd, block, sizeof(block), MSG_DONTWAIT);

		if (n < 0)
			return errno == EAGAIN ? 0 : -1;
		if (!n)
			return run->options->kind == LOAD_NEW && !client->answer_left ? 1 : -1;
		if (!client->first_us)
			client->first_us = load_now_us();
		if ((size_t)n > client->answer_left)
			return -1;
		client->answer_left -= n;
		if (!client->answer_left && run->options->kind == LOAD_KEPT)
			return 1;
	}
}

static void client_step(struct run *run, struct client *client, uint32_t events)
{
	int r;

	if ((events & EPOLLERR) || (!client->asked && (events & EPOLLOUT) && !client_ask(run, client)))
		r = -1;
	else
		r = (events & (EPOLLIN | EPOLLHUP)) ? client_read(run, client) : 0;
	if (!r)
		return;
	if (r < 0)
		client_fail(run, client);
	else
		client_answered(run, client);
	if (load_now_us() < run->until_us) {
		bool kept = client->fd >= 0;

		client_begin(run, client);
		if (kept && !client_ask(run, client))
			client_fail(run, client);
	}
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static uint32_t quantile(uint32_t *us, uint32_t n, double share)
{
	if (!n)
		return 0;
	qsort(us, n, sizeof(*us), compare);
	return us[(uint32_t)(share * (n - 1))];
}

int load_requests(const struct load_options *options)
{
	struct run run = { .options = options, .epoll_fd = epoll_create1(EPOLL_CLOEXEC) };
	struct client *clients = calloc(options->connections, sizeof(*clients));
	struct epoll_event events[EVENTS];
	uint64_t begin_us = load_now_us();
	double seconds;

	run.whole_us = malloc(SAMPLES_MAX * sizeof(uint32_t));
	run.first_us = malloc(SAMPLES_MAX * sizeof(uint32_t));
	if (!clients || !run.whole_us || !run.first_us)
		load_die("malloc");
	run.until_us = begin_us + options->time_ms * 1000ull;
	for (unsigned int i = 0; i < options->connections; i++) {
		clients[i].fd = -1;
		client_begin(&run, &clients[i]);
	}
	while (load_now_us() < run.until_us) {
		int n = epoll_wait(run.epoll_fd, events, EVENTS, 10);

		for (int i = 0; i < n; i++)
			client_step(&run, events[i].data.ptr, events[i].events);
	}
	seconds = (load_now_us() - begin_us) / 1e6;
	printf("{\"per_second\": %.1f, \"n\": %u, \"errors\": %" PRIu64 ", \"median_us\": %u, \"p99_us\": %u, "
	       "\"first_median_us\": %u}\n",
	       run.n / seconds, run.n, run.errors, quantile(run.whole_us, run.n, 0.5),
	       quantile(run.whole_us, run.n, 0.99), quantile(run.first_us, run.n, 0.5));
	return 0;
}

/* Opens connections, lets each carry one request, says so, and keeps them until its input ends. */
int load_idle(const struct load_options *options)
{
	struct load_head head = load_head(options);
	unsigned char request[LOAD_REQUEST_BYTES_MAX] = { 0 };

	memcpy(request, &head, sizeof(head));
	for (unsigned int i = 0; i < options->connections; i++) {
		int fd = load_connect(options);

		if (send(fd, request, options->request_bytes, MSG_NOSIGNAL) != (ssize_t)options->request_bytes)
			load_die("send");
		if (recv(fd, block, options->answer_bytes, MSG_WAITALL) != (ssize_t)options->answer_bytes) {
			fprintf(stderr, "braid-load: connection %u got no whole answer\n", i + 1);
			return 1;
		}
	}
	puts("ready");
	fflush(stdout);
	while (read(STDIN_FILENO, block, sizeof(block)) > 0)
		;
	return 0;
}
