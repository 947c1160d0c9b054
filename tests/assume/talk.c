/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connections between the places, and what runs over them. */
#include "assume.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/util.h"
#include "loop/loop.h"

#define PIECE_BYTES 16384
#define LOOK_MS 10

static uint64_t limit_us(void)
{
	return loop_clock_us() + ASSUME_LIMIT_MS * US_PER_MS;
}

bool assume_wait(bool (*condition)(void *context), void *context)
{
	for (uint64_t until_us = limit_us(); loop_clock_us() < until_us; poll(NULL, 0, LOOK_MS))
		if (condition(context))
			return true;
	return condition(context);
}

void assume_wait_readable(int fd, const char *what)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	assume_that(poll(&poll_fd, 1, ASSUME_LIMIT_MS) == 1, "%s: nothing to read after %d ms", what, ASSUME_LIMIT_MS);
}

int assume_listen(bool v6, const struct net_listen_options *options)
{
	struct address address = assume_server(v6);
	bool fastopen_missing;
	int fd, r;

	assume_in(ASSUME_FAR);
	r = net_listen(&address, options, &fd, &fastopen_missing);
	assume_that(!r, "listening with %s: %s", options->mptcp ? "MPTCP" : "TCP", strerror(-r));
	assume_that(!fastopen_missing, "TCP_FASTOPEN or TCP_FASTOPEN_NO_COOKIE refused on a listener");
	return fd;
}

int assume_connect_begin(bool v6, struct net_connect_options options, size_t *n_sent)
{
	struct address to = assume_server(v6);
	int fd, r;

	options.source = assume_address(ASSUME_NEAR, 0, v6, 0);
	assume_in(ASSUME_NEAR);
	r = net_connect_begin(&to, &options, &fd, n_sent);
	assume_that(!r, "connecting: %s", net_error_text(r));
	return fd;
}

int assume_connect_host(bool v6)
{
	struct address to = assume_server(v6);
	struct net_connect_options options = { .mptcp = false };
	size_t n_sent;
	int fd, r;

	assume_in(ASSUME_HOST);
	r = net_connect_begin(&to, &options, &fd, &n_sent);
	assume_that(!r, "connecting from the host: %s", net_error_text(r));
	return fd;
}

void assume_wait_connected(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };
	int r;

	assume_that(poll(&poll_fd, 1, ASSUME_LIMIT_MS) == 1, "connecting: no event after %d ms", ASSUME_LIMIT_MS);
	r = net_connect_result(fd);
	assume_that(!r, "connecting: %s", net_error_text(r));
}

int assume_accept(int listener_fd)
{
	struct address peer;
	int fd, r;

	assume_wait_readable(listener_fd, "a listener");
	r = net_accept(listener_fd, &fd, &peer);
	assume_that(!r, "accept: %s", net_error_text(r));
	return fd;
}

static void pass_byte(int from_fd, int to_fd)
{
	int error = 0;
	char byte = 'b';

	assume_that(net_send(from_fd, &byte, 1, &error) == 1, "a first byte is not sent: %s", net_error_text(error));
	assume_wait_readable(to_fd, "a first byte");
	assume_that(net_receive(to_fd, &byte, 1, &error) == 1, "a first byte is not received: %s",
		    net_error_text(error));
}

struct assume_pair assume_pair(bool v6, bool far_mptcp)
{
	struct net_listen_options listen_options = { .mptcp = far_mptcp };
	struct net_connect_options options = { .mptcp = true };
	struct assume_pair pair = { .listener_fd = assume_listen(v6, &listen_options) };
	size_t n_sent;

	pair.near_fd = assume_connect_begin(v6, options, &n_sent);
	assume_wait_connected(pair.near_fd);
	pair.far_fd = assume_accept(pair.listener_fd);
	pass_byte(pair.near_fd, pair.far_fd);
	pass_byte(pair.far_fd, pair.near_fd);
	return pair;
}

void assume_pair_close(struct assume_pair *pair)
{
	fd_closep(&pair->near_fd);
	fd_closep(&pair->far_fd);
	fd_closep(&pair->listener_fd);
}

size_t assume_n_subflows(int fd)
{
	struct mptcp_connection_info info;
	size_t n = 0;
	int r = mptcp_info_read(fd, &info);

	assume_that(!r, "MPTCP_FULL_INFO: %s", r < 0 ? strerror(-r) : "plain TCP");
	for (size_t i = 0; i < info.n_subflows; i++)
		n += info.subflows[i].tcp_state == TCP_ESTABLISHED;
	return n;
}

struct n_subflows {
	int fd;
	size_t n;
};

static bool n_subflows_is(void *context)
{
	const struct n_subflows *wanted = context;

	return assume_n_subflows(wanted->fd) == wanted->n;
}

void assume_wait_subflows(int fd, size_t n, const char *when)
{
	struct n_subflows wanted = { fd, n };

	assume_that(assume_wait(n_subflows_is, &wanted), "%s: expected %zu subflows, seen %zu", when, n,
		    assume_n_subflows(fd));
}

static struct mptcp_pm *open_pm(void)
{
	struct mptcp_pm *pm = NULL;
	int r = mptcp_pm_open(&pm);

	assume_that(!r, "MPTCP path manager: %s", strerror(-r));
	return pm;
}

struct mptcp_pm_endpoint assume_endpoint(unsigned int n, bool v6, bool backup)
{
	char name[IF_NAMESIZE];

	snprintf(name, sizeof(name), "l%u", n);
	return (struct mptcp_pm_endpoint){ .id = (uint8_t)(n + 1), .ip = assume_address(ASSUME_NEAR, n, v6, 0),
					   .ifindex = if_nametoindex(name),
					   .flags = MPTCP_PM_SUBFLOW | (backup ? MPTCP_PM_BACKUP : 0) };
}

void assume_endpoint_add(unsigned int n, bool v6, bool backup)
{
	_cleanup_(mptcp_pm_closep) struct mptcp_pm *pm = NULL;
	struct mptcp_pm_endpoint endpoint;
	int r;

	assume_in(ASSUME_NEAR);
	pm = open_pm();
	endpoint = assume_endpoint(n, v6, backup);
	r = mptcp_pm_add(pm, &endpoint);
	assume_that(!r, "adding endpoint %u: %s %s", endpoint.id, strerror(-r), mptcp_pm_error_text(pm));
}

void assume_endpoint_delete(unsigned int n, bool v6)
{
	_cleanup_(mptcp_pm_closep) struct mptcp_pm *pm = NULL;
	struct mptcp_pm_endpoint endpoint;
	int r;

	assume_in(ASSUME_NEAR);
	pm = open_pm();
	endpoint = assume_endpoint(n, v6, false);
	r = mptcp_pm_delete(pm, &endpoint);
	assume_that(!r, "deleting endpoint %u: %s %s", endpoint.id, strerror(-r), mptcp_pm_error_text(pm));
}

void assume_limits(void)
{
	static const enum assume_place places[] = { ASSUME_FAR, ASSUME_NEAR };
	struct mptcp_pm_limits limits = { .subflows = MPTCP_PM_MOST, .add_addr_accepted = MPTCP_PM_MOST };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		_cleanup_(mptcp_pm_closep) struct mptcp_pm *pm = NULL;
		int r;

		assume_in(places[i]);
		pm = open_pm();
		r = mptcp_pm_set_limits(pm, &limits);
		assume_that(!r, "limits of %d subflows and addresses: %s", MPTCP_PM_MOST, strerror(-r));
	}
}

struct assume_pair assume_pair_of_two(void)
{
	struct assume_pair pair;

	assume_make_link(0);
	assume_make_link(1);
	assume_route_from_link(1);
	assume_limits();
	assume_endpoint_add(1, false, false);
	pair = assume_pair(false, true);
	assume_wait_subflows(pair.near_fd, 2, "a second endpoint");
	assume_wait_subflows(pair.far_fd, 2, "a second endpoint, seen by the peer");
	return pair;
}

static uint8_t pattern(uint64_t at)
{
	return (uint8_t)(at ^ at >> 8 ^ at >> 16 ^ at >> 24);
}

void assume_stream_fill(struct assume_stream *s, uint8_t *out, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = pattern(s->n_sent + i);
}

void assume_stream_check(struct assume_stream *s, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assume_that(bytes[i] == pattern(s->n_received + i), "byte %llu: expected 0x%02x, seen 0x%02x",
			    (unsigned long long)(s->n_received + i), pattern(s->n_received + i), bytes[i]);
	s->n_received += n;
	assume_that(s->n_received <= s->n_sent, "%llu bytes received, %llu sent", (unsigned long long)s->n_received,
		    (unsigned long long)s->n_sent);
}

bool assume_stream_send(struct assume_stream *s, uint64_t n_most)
{
	uint8_t bytes[PIECE_BYTES];
	int error = 0;

	while (n_most) {
		size_t n_piece = size_min(sizeof(bytes), n_most);
		ssize_t n;

		assume_stream_fill(s, bytes, n_piece);
		n = net_send(s->from_fd, bytes, n_piece, &error);
		assume_that(n >= 0 || error == NET_E_AGAIN, "send after %llu bytes: %s", (unsigned long long)s->n_sent,
			    net_error_text(error));
		if (n < 0)
			return false;
		s->n_sent += (uint64_t)n;
		n_most -= (uint64_t)n;
	}
	return true;
}

bool assume_stream_receive(struct assume_stream *s)
{
	uint8_t bytes[PIECE_BYTES];
	int error = 0;
	ssize_t n = net_receive(s->to_fd, bytes, sizeof(bytes), &error);

	assume_that(n || s->n_received == s->n_sent, "the stream ended after %llu bytes of %llu",
		    (unsigned long long)s->n_received, (unsigned long long)s->n_sent);
	assume_that(n >= 0 || error == NET_E_AGAIN, "recv after %llu bytes: %s", (unsigned long long)s->n_received,
		    net_error_text(error));
	if (n > 0)
		assume_stream_check(s, bytes, (size_t)n);
	return n > 0;
}

/* Polls with a short limit: events of MPTCP are a fact of their own (epoll_edges). */
void assume_stream_run(struct assume_stream *s, uint64_t n_sent_to, uint64_t n_received_to, const char *what)
{
	uint64_t until_us = limit_us();

	while (s->n_sent < n_sent_to || s->n_received < n_received_to) {
		struct pollfd fds[] = { { .fd = s->to_fd, .events = POLLIN },
					{ .fd = s->n_sent < n_sent_to ? s->from_fd : -1, .events = POLLOUT } };

		assume_that(loop_clock_us() < until_us,
			    "%s: after %d ms %llu bytes sent of %llu, %llu received of %llu", what,
			    ASSUME_LIMIT_MS, (unsigned long long)s->n_sent, (unsigned long long)n_sent_to,
			    (unsigned long long)s->n_received, (unsigned long long)n_received_to);
		poll(fds, ARRAY_SIZE(fds), LOOK_MS);
		assume_stream_send(s, n_sent_to - s->n_sent);
		while (s->n_received < n_received_to && assume_stream_receive(s))
			;
	}
}
