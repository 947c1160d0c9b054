/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host role: a SYN that a program of this machine sends can wait in a queue in the output hook, and is then
 * answered, let go its ordinary way, or led by its mark over lo, to where tproxy catches it; a set with the
 * connection's addresses and ports leads the packets after it there, too. With nobody at the queue it goes its ordinary
 * way at once.
 */
#include "assume.h"

#include <net/if.h>
#include <string.h>
#include <unistd.h>
#include "base/util.h"
#include "held.h"
#include "net/queue.h"
#include "net/route.h"

#define TABLE 200
#define PRIORITY 100
#define QUEUE 8
#define LEAD 0x10002            /* the mark that leads to lo, of which a rule of routing looks at the upper half
				 * alone */
#define LEAD_MASK 0xffff0000u

static const char rules[] =
	"table inet own {\n"
	"	set taken_4 { type ipv4_addr . inet_service . ipv4_addr . inet_service; flags dynamic,timeout; timeout 60s; size 64; }\n"
	"	set taken_6 { type ipv6_addr . inet_service . ipv6_addr . inet_service; flags dynamic,timeout; timeout 60s; size 64; }\n"
	"	chain waiting { }\n"
	"	chain take {\n"
	"		add @taken_4 { ip saddr . tcp sport . ip daddr . tcp dport } meta mark set 0x10002 accept\n"
	"		add @taken_6 { ip6 saddr . tcp sport . ip6 daddr . tcp dport } meta mark set 0x10002 accept\n"
	"	}\n"
	"	chain first {\n"
	"		type route hook output priority -160; policy accept;\n"
	"		oifname != l0 return\n"
	"		meta l4proto tcp tcp flags & (fin|syn|rst|ack) == syn jump waiting\n"
	"	}\n"
	"	chain second {\n"
	"		type route hook output priority -150; policy accept;\n"
	"		meta l4proto != tcp return\n"
	"		tcp flags & (fin|syn|rst|ack) != syn ip saddr . tcp sport . ip daddr . tcp dport @taken_4 goto take\n"
	"		tcp flags & (fin|syn|rst|ack) != syn ip6 saddr . tcp sport . ip6 daddr . tcp dport @taken_6 goto take\n"
	"		meta mark 2 goto take\n"
	"		meta mark 3 reject with tcp reset\n"
	"		meta mark 4 reject with icmpx host-unreachable\n"
	"		meta mark 5 reject with icmpx no-route\n"
	"		meta mark 6 reject with icmpx admin-prohibited\n"
	"	}\n"
	"	chain caught {\n"
	"		type filter hook prerouting priority -150; policy accept;\n"
	"		iifname != lo return\n"
	"		meta mark 0x10002 tcp flags & (fin|syn|rst|ack) == syn meta nfproto ipv4 tproxy ip to 127.51.24.1:7001 accept\n"
	"		meta mark 0x10002 tcp flags & (fin|syn|rst|ack) == syn meta nfproto ipv6 tproxy ip6 to [100::5124:1]:7001 accept\n"
	"	}\n"
	"}\n";

static int connect_here(bool v6)
{
	struct address to = assume_server(v6);
	struct net_connect_options options = { .mptcp = false };
	size_t n_sent;
	int fd, r;

	assume_in(ASSUME_NEAR);
	r = net_connect_begin(&to, &options, &fd, &n_sent);
	assume_that(!r, "connecting: %s", net_error_text(r));
	return fd;
}

static int expect(struct net_queue *queue, bool v6, uint32_t mark)
{
	int fd = connect_here(v6);

	held_expect(queue, fd, v6, mark, 0);
	return fd;
}

static void expect_caught(struct net_queue *queue, bool v6, int listener_fd)
{
	struct address wanted = assume_server(v6), local = { 0 };
	int here_fd = expect(queue, v6, HELD_CATCH), fd = assume_accept(listener_fd);
	struct assume_stream up = { .from_fd = here_fd, .to_fd = fd }, down = { .from_fd = fd, .to_fd = here_fd };
	char text[ADDRESS_TEXT_BYTES];

	assume_that(!net_local_address(fd, &local) && address_equal(&local, &wanted),
		    "the caught connection's local address is %s, not what was wanted",
		    address_format(&local, text));
	assume_stream_run(&up, 1000000, 1000000, "from the program");
	assume_stream_run(&down, 1000000, 1000000, "to the program");
	close(fd);
	close(here_fd);
}

static void lead_to_lo(bool v6)
{
	_cleanup_(netlink_closep) struct netlink *netlink = NULL;
	struct route_rule rule = { .v6 = v6, .fwmark = LEAD & LEAD_MASK, .fwmask = LEAD_MASK, .table = TABLE,
				   .priority = PRIORITY };
	struct route_entry entry = { .v6 = v6, .local = true, .table = TABLE, .to = { .n_bits = v6 ? 0 : 96 } };
	int r;

	assume_in(ASSUME_NEAR);
	entry.ifindex = if_nametoindex("lo");
	r = netlink_open(NETLINK_ROUTE, &netlink);
	if (!r)
		r = route_add(netlink, &entry);
	if (!r)
		r = route_add_rule(netlink, &rule);
	if (r)
		assume_not_looked_at("a route and a rule: %s", strerror(-r));
}

static void look(struct net_queue *queue, bool v6)
{
	struct net_listen_options options = { .mptcp = false };
	int server_fd = assume_listen(v6, &options), listener_fd = held_listen(v6);

	assume_default_route(ASSUME_FAR, 0, v6);
	lead_to_lo(v6);
	expect_caught(queue, v6, listener_fd);
	close(expect(queue, v6, HELD_PASS));
	close(assume_accept(server_fd));
	held_expect_refusals(queue, v6, connect_here);
	close(listener_fd);
	close(server_fd);
}

int main(void)
{
	struct net_queue *queue;

	assume_begin("a SYN of this machine can be held in the output hook and be caught, answered or let go by the "
		     "mark of the verdict",
		     "[host]: programs of the machine itself are not bonded");
	assume_make_link(0);
	assume_in(ASSUME_NEAR);
	assume_nft(rules);
	queue = held_open("own", QUEUE);
	look(queue, false);
	look(queue, true);
	net_queue_closep(&queue);
	held_expect_passed_unheld(connect_here);
	return assume_holds();
}
