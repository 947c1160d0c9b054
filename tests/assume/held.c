/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "held.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include "assume.h"
#include "base/cursor.h"
#include "base/util.h"
#include "net/nft_queue.h"
#include "net/queue.h"

#define INTERCEPT_PORT 7001

struct net_queue *held_open(const char *table, uint16_t number)
{
	struct net_queue *queue;
	int r = nft_queue_put(table, "waiting", number, 1);

	assume_that(!r, "no rule that queues can be had: %s", strerror(-r));
	r = net_queue_open(number, &queue);
	assume_that(!r, "the queue cannot be opened: %s", strerror(-r));
	return queue;
}

int held_listen(bool v6)
{
	struct address at = address_from_v4(htonl(0x7f331801), INTERCEPT_PORT);
	struct net_listen_options options = { .transparent = true };
	bool fastopen_missing;
	int fd, r;

	if (v6)
		assume_that(!address_parse(&at, "[100::5124:1]:7001", 0), "an address");
	assume_in(ASSUME_NEAR);
	r = net_listen(&at, &options, &fd, &fastopen_missing);
	assume_that(!r, "a transparent listener at an address that nobody has: %s", net_error_text(-r));
	return fd;
}

int held_outcome(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };

	assume_that(poll(&poll_fd, 1, ASSUME_LIMIT_MS) == 1, "a connection comes to nothing");
	return net_connect_result(fd);
}

static void on_packet(void *context, const struct net_queue_packet *packet)
{
	struct held *held = context;

	assume_that(!syn_get((struct bytes){ packet->bytes, packet->n_bytes }, &held->syn),
		    "the queue's packet is no SYN");
	held->from_interface = packet->ifindex && packet->has_mac;
	held->id = packet->id;
}

static struct held take(struct net_queue *queue, const char *family)
{
	struct pollfd poll_fd = { .fd = net_queue_fd(queue), .events = POLLIN };
	struct held held = { 0 };

	while (!held.id) {
		assume_that(poll(&poll_fd, 1, ASSUME_LIMIT_MS) == 1, "%s: no SYN comes to the queue", family);
		net_queue_take(queue, on_packet, &held);
	}
	return held;
}

struct held held_expect(struct net_queue *queue, int fd, bool v6, uint32_t mark, int wanted)
{
	const char *family = v6 ? "IPv6" : "IPv4";
	struct address server = assume_server(v6);
	struct held held = take(queue, family);
	char text[ADDRESS_TEXT_BYTES];
	int result;

	assume_that(address_equal(&held.syn.destination, &server), "%s: the SYN goes to %s", family,
		    address_format(&held.syn.destination, text));
	assume_that(net_connect_result(fd) == NET_E_AGAIN, "%s: the connection does not wait", family);
	net_queue_pass(queue, held.id, mark);
	result = held_outcome(fd);
	assume_that(result == wanted, "%s: by mark %u the connection comes to '%s', not '%s'", family, mark,
		    net_error_text(result), net_error_text(wanted));
	return held;
}

void held_expect_refusals(struct net_queue *queue, bool v6, held_connect begin)
{
	const struct {
		uint32_t mark;
		int outcome;
	} refusals[] = {
		{ HELD_RESET, NET_E_REFUSED }, { HELD_HOST_UNREACHABLE, NET_E_UNREACHABLE },
		{ HELD_NO_ROUTE, NET_E_NO_ROUTE }, { HELD_PROHIBITED, v6 ? NET_E_PROHIBITED : NET_E_UNREACHABLE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		int fd = begin(v6);

		held_expect(queue, fd, v6, refusals[i].mark, refusals[i].outcome);
		close(fd);
	}
}

void held_expect_passed_unheld(held_connect begin)
{
	struct net_listen_options options = { .mptcp = false };
	int server_fd = assume_listen(false, &options), fd = begin(false);

	assume_that(!held_outcome(fd), "with nobody at the queue, a connection does not go its way");
	close(fd);
	close(server_fd);
}
