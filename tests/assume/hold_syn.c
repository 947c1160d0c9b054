/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Faithful accept: a host's SYN waits in a queue while we find out, and is then caught, answered, or let go its
 * ordinary way, as the mark of the verdict says; with nobody at the queue it goes its ordinary way at once.
 */
#include "assume.h"

#include <unistd.h>
#include "held.h"
#include "net/queue.h"

#define MARK 77
#define TABLE 200
#define QUEUE 7

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

static void expect(struct net_queue *queue, bool v6, uint32_t mark)
{
	int host_fd = assume_connect_host(v6);
	struct held held = held_expect(queue, host_fd, v6, mark, 0);

	assume_that(held.from_interface, "the queue does not tell where the packet came from");
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
	listener_fd = held_listen(v6);
	expect(queue, v6, HELD_CATCH);
	close(assume_accept(listener_fd));
	expect(queue, v6, HELD_PASS);
	close(assume_accept(server_fd));
	held_expect_refusals(queue, v6, assume_connect_host);
	close(listener_fd);
	close(server_fd);
}

int main(void)
{
	struct net_queue *queue;

	assume_begin("a SYN can be held in a queue and be caught, answered or let go by the mark of the verdict",
		     "faithful accept: hosts are accepted early");
	assume_make_router(rules);
	queue = held_open("hold", QUEUE);
	look(queue, false);
	look(queue, true);
	net_queue_closep(&queue);
	held_expect_passed_unheld(assume_connect_host);
	return assume_holds();
}
