/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Faithful accept: a host's SYN waits in a queue while we find out, and is then caught, answered, or let go its ordinary way, as the mark of
 * the verdict says; with nobody at the queue it goes its ordinary way at once.
 */
#include "assume.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include "base/cursor.h"
#include "net/nft_queue.h"
#include "net/queue.h"
#include "wire/syn.h"

#define MARK 77
#define TABLE 200
#define INTERCEPT_PORT 7001
#define QUEUE 7
enum { PASS = 1, CATCH, RESET, HOST_UNREACHABLE, NO_ROUTE, PROHIBITED };

static const char rules[] =
	"table inet hold {\n"
	"	chain waiting { }\n"
	"	chain first {\n"
	"		type filter hook prerouting priority -160; policy accept;\n"
	"		iifname l2 tcp flags & (fin|syn|rst|ack) == syn jump waiting\n"
	"	}\n"
	"	chain second {\n"
	"		type filter hook prerouting priority -150; policy accept;\n"
	"		iifname != l2 return\n"
	"		meta l4proto tcp tcp flags & (fin|syn|rst|ack) != syn socket transparent 1 meta mark set 77 accept\n"
	"		meta mark 2 meta nfproto ipv4 meta l4proto tcp tproxy ip to 127.51.24.1:7001 meta mark set 77 accept\n"
	"		meta mark 2 meta nfproto ipv6 meta l4proto tcp tproxy ip6 to [100::5124:1]:7001 meta mark set 77 accept\n"
	"		meta mark 3 reject with tcp reset\n"
	"		meta mark 4 reject with icmpx host-unreachable\n"
	"		meta mark 5 reject with icmpx no-route\n"
	"		meta mark 6 reject with icmpx admin-prohibited\n"
	"	}\n"
	"}\n";

struct held {
	uint32_t id;
	bool there;
	struct syn syn;
};

static void on_packet(void *context, const struct net_queue_packet *packet)
{
	struct held *held = context;

	assume_that(!syn_get((struct bytes){ packet->bytes, packet->n_bytes }, &held->syn), "the queue's packet is no SYN");
	assume_that(packet->ifindex && packet->has_mac, "the queue does not tell where the packet came from");
	held->id = packet->id;
	held->there = true;
}

static int listen_transparent(bool v6)
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

/* What the host's connect() comes to. */
static int outcome(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };

	assume_that(poll(&poll_fd, 1, ASSUME_LIMIT_MS) == 1, "the host's connection comes to nothing");
	return net_connect_result(fd);
}

static struct held hold(struct net_queue *queue, const char *family)
{
	struct held held = { 0 };
	struct pollfd poll_fd = { .fd = net_queue_fd(queue), .events = POLLIN };

	while (!held.there) {
		assume_that(poll(&poll_fd, 1, ASSUME_LIMIT_MS) == 1, "%s: no SYN comes to the queue", family);
		net_queue_take(queue, on_packet, &held);
	}
	return held;
}

static void expect(struct net_queue *queue, bool v6, uint32_t mark, int wanted)
{
	const char *family = v6 ? "IPv6" : "IPv4";
	struct address server = assume_server(v6);
	int host_fd = assume_connect_host(v6), result;
	struct held held = hold(queue, family);
	char text[ADDRESS_TEXT_BYTES];

	assume_that(address_equal(&held.syn.destination, &server), "%s: the SYN goes to %s", family, address_format(&held.syn.destination, text));
	assume_that(net_connect_result(host_fd) == NET_E_AGAIN, "%s: the host's connection does not wait", family);
	net_queue_pass(queue, held.id, mark);
	result = outcome(host_fd);
	assume_that(result == wanted, "%s: mark %u gives the host '%s', not '%s'", family, mark, net_error_text(result), net_error_text(wanted));
	close(host_fd);
}

static void look(struct net_queue *queue, bool v6)
{
	struct net_listen_options options = { .mptcp = false };
	int server_fd, listener_fd;

	assume_default_route(ASSUME_HOST, 2, v6);
	assume_default_route(ASSUME_FAR, 0, v6);
	assume_local_route(MARK, TABLE, v6);
	server_fd = assume_listen(v6, &options);
	listener_fd = listen_transparent(v6);
	expect(queue, v6, CATCH, 0);
	close(assume_accept(listener_fd));
	expect(queue, v6, PASS, 0);
	close(assume_accept(server_fd));
	expect(queue, v6, RESET, NET_E_REFUSED);
	expect(queue, v6, HOST_UNREACHABLE, NET_E_UNREACHABLE);
	expect(queue, v6, NO_ROUTE, NET_E_NO_ROUTE);
	expect(queue, v6, PROHIBITED, v6 ? NET_E_PROHIBITED : NET_E_UNREACHABLE);
	close(listener_fd);
	close(server_fd);
}

static void expect_passed_unheld(void)
{
	struct net_listen_options options = { .mptcp = false };
	int server_fd = assume_listen(false, &options), host_fd = assume_connect_host(false);

	assume_that(!outcome(host_fd), "with nobody at the queue, the host's connection does not go its way");
	close(host_fd);
	close(server_fd);
}

int main(void)
{
	struct net_queue *queue;
	int r;

	assume_begin("a SYN can be held in a queue and be caught, answered or let go by the mark of the verdict",
		     "faithful accept: hosts are accepted early");
	assume_make_router(rules);
	r = nft_queue_put("hold", "waiting", QUEUE, 1);
	assume_that(!r, "no rule that queues can be had: %s", strerror(-r));
	r = net_queue_open(QUEUE, &queue);
	assume_that(!r, "the queue cannot be opened: %s", strerror(-r));
	look(queue, false);
	look(queue, true);
	net_queue_closep(&queue);
	expect_passed_unheld();
	return assume_holds();
}
